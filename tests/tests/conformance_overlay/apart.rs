//! Tenants with the same addresses, and tunnels of both: nobody's packets come to anybody else.

use etherparse::IpNumber;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::frames::{MacBytes, V4};
use ferroute_tests::bench::overlay::endpoint_spec;

use super::lab::{
    FAR, GATEWAY_MAC, HOST, P1, REMOTE_RMAC, RMAC, inner_frame, lab, stack, tunneled, vxlan,
};

const BLUE_MAC: MacBytes = [2, 0, 0, 0, 0, 0x91];
/// An address that only this tenant has.
const ONLY: [(&str, &str); 2] = [("red", "10.7.0.9"), ("blue", "10.8.0.9")];

/// The lab's tenant `red`, whose own are p0 and p3, and `blue` with p2 and p4.
fn two_tenants() -> Bench {
    let mut bench = lab();
    bench
        .vrf("blue")
        .port_in("blue", "p2", [2, 0, 0, 0, 0, 0x12], &["10.0.0.1/24"])
        .port_in("red", "p3", [2, 0, 0, 0, 0, 0x13], &["10.7.0.1/24"])
        .port_in("blue", "p4", [2, 0, 0, 0, 0, 0x14], &["10.8.0.1/24"])
        .neighbour("p2", HOST, BLUE_MAC)
        .neighbour("p3", ONLY[0].1, BLUE_MAC)
        .neighbour("p4", ONLY[1].1, BLUE_MAC)
        .vni(100, "red", RMAC)
        .vni(200, "blue", RMAC)
        .label(1000, "vrf red")
        .label(2000, "vrf blue");
    let mut spec = endpoint_spec(&["192.0.2.1", "2001:db8::1"]);
    spec.ip_vrf = Some("blue".parse().unwrap());
    bench.change_endpoint(spec).unwrap();
    bench
}

/// A packet from the remote site in every tunnel, and into which VRF that leads.
fn wrapped(to: &str) -> [(&'static str, Vec<u8>); 6] {
    let packet = V4::udp(FAR, to, b"data").packet();
    let remote = "192.0.2.2";
    let in_vni = |vni| {
        tunneled(
            remote,
            4789,
            &[&vxlan(vni)[..], &inner_frame(RMAC, &packet)].concat(),
        )
    };
    let labelled = |label| tunneled(remote, 6635, &[&stack(&[label])[..], &packet].concat());
    let ip_in_ip = V4::new(remote, "192.0.2.1", IpNumber::IPV4, &packet);
    [
        ("red", in_vni(100)),
        ("blue", in_vni(200)),
        ("red", labelled(1000)),
        ("blue", labelled(2000)),
        ("blue", ip_in_ip.link(GATEWAY_MAC, P1).frame()),
        (
            "blue",
            tunneled(remote, 6080, &[&[0, 4, 0, 0], &packet[..]].concat()),
        ),
    ]
}

#[test]
fn what_comes_out_of_a_tunnel_stays_in_its_vrf() {
    let mut bench = two_tenants();
    for (vrf, frame) in wrapped(HOST) {
        let sent = bench.receive("p1", &frame);
        let ports: Vec<_> = sent.iter().map(|sent| sent.port.as_str()).collect();
        assert_eq!(ports, [if vrf == "red" { "p0" } else { "p2" }]);
    }
    for (owner, address) in ONLY {
        for (vrf, frame) in wrapped(address) {
            let mut sent = Vec::new();
            let drops = bench.drops_of(|bench| sent = bench.receive("p1", &frame));
            let ports: Vec<_> = sent.iter().map(|sent| sent.port.as_str()).collect();
            if vrf == owner {
                assert_eq!(ports, [if vrf == "red" { "p3" } else { "p4" }], "{address}");
            } else {
                // There is no way to its sender either, whom an error could be told.
                assert_eq!(ports, [""; 0], "{address} of {owner} out of {vrf}");
                assert_eq!(drops.get("no_route"), Some(&1), "{drops:?}");
            }
        }
    }
}

#[test]
fn the_same_destination_of_two_tenants_goes_into_two_tunnels() {
    let mut bench = two_tenants();
    let rmac = REMOTE_RMAC.map(|byte| format!("{byte:02x}")).join(":");
    for (vrf, vni) in [("red", 100), ("blue", 200)] {
        bench.route_in(
            vrf,
            "203.0.113.0/24",
            &format!("via 192.0.2.2 vxlan {vni}/{rmac}"),
        );
    }
    let from = |mac, own| V4::udp(HOST, FAR, b"data").link(mac, own).frame();
    let red = bench.receive("p0", &from(super::lab::HOST_MAC, super::lab::P0));
    let blue = bench.receive("p2", &from(BLUE_MAC, [2, 0, 0, 0, 0, 0x12]));
    assert_eq!(super::lab::outer(&red).payload[..8], vxlan(100));
    assert_eq!(super::lab::outer(&blue).payload[..8], vxlan(200));
}
