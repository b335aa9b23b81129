//! What is refused, with what is in the way, and how much fits.

use std::time::{Duration, Instant};

use ferroute_control::core::request::{InterfaceRequest, PortRequest};
use ferroute_control::model::interface::InterfaceError;
use ferroute_control::model::overlay::OverlayError;
use ferroute_control::model::port::PortError;
use ferroute_control::model::refusal::RouteError;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::overlay::{endpoint_spec, vni_spec};

use super::lab::{FAR, P1, RMAC, from_host, lab, outer};

const VIA: &str = "via 192.0.2.2 vxlan 100/02:00:00:00:02:02";

/// The circle that a refusal names.
fn said(outcome: Result<(), RouteError>) -> String {
    match outcome {
        Err(RouteError::NextHopLoop { path }) => path.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_tunnel_that_resolves_through_itself_is_refused() {
    let mut bench = lab();
    bench.unroute("192.0.2.2/32");
    let itself = bench.try_route("", "192.0.2.2/32", VIA);
    assert_eq!(said(itself), "192.0.2.2 → 192.0.2.2");
    // In a circle of two.
    bench.route("192.0.2.0/24", "via 198.51.100.1");
    let circle = bench.try_route("", "198.51.100.0/24", VIA);
    assert_eq!(said(circle), "192.0.2.2 → 198.51.100.1 → 192.0.2.2");
}

#[test]
fn a_tunnel_in_a_tunnel_is_unresolved() {
    let mut bench = lab();
    bench.route("198.51.100.1/32", VIA);
    bench.route_in("red", "203.0.113.0/24", "via 198.51.100.1 ip");
    let problems: Vec<_> = bench
        .tunnels()
        .into_iter()
        .map(|tunnel| tunnel.problem)
        .collect();
    assert_eq!(problems.len(), 2);
    let sent = bench.receive("p0", &from_host(FAR).frame());
    assert!(sent.iter().all(|sent| sent.port == "p0"), "{sent:02x?}");
}

#[test]
fn what_is_not_there_is_named() {
    let mut bench = lab();
    bench
        .endpoint_of(endpoint_spec(&["192.0.2.1"]))
        .unwrap_err();
    assert_eq!(
        bench.try_vni(vni_spec(100, "nowhere", RMAC)),
        Err(OverlayError::UnknownVrf {
            vrf: "nowhere".parse().unwrap()
        })
    );
    bench.vni(100, "red", RMAC);
    assert!(matches!(
        bench.try_vni(vni_spec(100, "red", RMAC)),
        Err(OverlayError::VniTaken { .. })
    ));
    assert!(matches!(
        bench.delete_vni(101),
        Err(OverlayError::UnknownVni { .. })
    ));
    assert!(matches!(
        bench.delete_label(99),
        Err(OverlayError::UnknownLabel { .. })
    ));
    assert!(matches!(
        bench.try_label(99, "vrf nowhere"),
        Err(OverlayError::UnknownVrf { .. })
    ));
}

#[test]
fn what_is_in_use_stays() {
    let mut bench = lab();
    bench
        .vni(100, "red", RMAC)
        .route_in("red", "203.0.113.0/24", VIA);
    let in_use = bench.delete_endpoint();
    assert!(
        matches!(
            in_use,
            Err(OverlayError::InUse {
                vnis: 1,
                tunnels: 1,
                ..
            })
        ),
        "{in_use:?}"
    );
    let narrower = bench.change_endpoint(endpoint_spec(&["2001:db8::1"]));
    assert!(
        matches!(narrower, Err(OverlayError::InUse { tunnels: 1, .. })),
        "{narrower:?}"
    );
    let gone = bench.call(|reply| InterfaceRequest::Delete("lo0".parse().unwrap(), reply).into());
    assert!(
        matches!(gone, Err(InterfaceError::UsedByEndpoint { .. })),
        "{gone:?}"
    );
    let gone =
        bench.call(|reply| InterfaceRequest::Delete("vni100".parse().unwrap(), reply).into());
    assert!(
        matches!(gone, Err(InterfaceError::BelongsToOverlay { .. })),
        "{gone:?}"
    );
    outer(&bench.receive("p0", &from_host(FAR).frame()));

    let withdrawn = ferroute_tests::bench::world::withdraw("203.0.113.0/24");
    assert!(bench.routes("red", vec![withdrawn]).refused.is_empty());
    bench.delete_vni(100).unwrap();
    bench.delete_endpoint().unwrap();
    bench
        .call(|reply| InterfaceRequest::Delete("lo0".parse().unwrap(), reply).into())
        .unwrap();
}

#[test]
fn a_port_with_the_address_of_an_endpoint_stays() {
    let mut bench = Bench::new();
    bench.port("p1", P1, &["10.0.1.1/24"]);
    bench.endpoint(&["10.0.1.1"]);
    let remove = |bench: &mut Bench| {
        bench.call(|reply| PortRequest::Remove("p1".parse().unwrap(), reply).into())
    };
    let refused = remove(&mut bench);
    assert!(
        matches!(refused, Err(PortError::UsedByEndpoint { .. })),
        "{refused:?}"
    );
    bench.delete_endpoint().unwrap();
    remove(&mut bench).unwrap();
}

#[test]
fn five_hundred_vnis_with_a_vrf_each_are_added_in_a_second() {
    let mut bench = lab();
    let started = Instant::now();
    for number in 0..500_u32 {
        let vrf = format!("tenant{number}");
        bench.vrf(&vrf);
        bench.vni(10_000 + number, &vrf, RMAC);
    }
    let took = started.elapsed();
    eprintln!("500 VNIs with a VRF each: {took:?}");
    // Without optimisation, and with others on the machine, it may take longer than it does for real.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
