//! Stations behind remote ends, and flood lists.

use crate::lab::{ALL, behind, frame, host, lab, out_of, ways};
use ferroute_control::model::bridge::{DomainError, RemotePlace, RemoteStation, StationKind};
use ferroute_control::model::overlay::OverlayError;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::bridge::{domain_spec, remote_end};

#[test]
fn b_01_the_higher_mobility_sequence_wins() {
    let mut bench = lab();
    let to = frame(host(2), host(8));
    let mac = Mac::new(host(8));
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 3))
        .unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    let stale = bench.remote_station("blue", host(8), behind("192.0.2.3", 2));
    assert_eq!(stale, Err(DomainError::StaleSequence { mac, sequence: 3 }));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    bench
        .remote_station("blue", host(8), behind("192.0.2.3", 4))
        .unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
    assert_eq!(bench.tunnels().len(), 1, "the other end has no user");
    bench.delete_station("blue", host(8)).unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0", "p3"]);
    assert_eq!(bench.tunnels().len(), 0);
}

#[test]
fn b_01_a_station_moves_here_and_away_again() {
    let mut bench = lab();
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 3))
        .unwrap();
    bench.receive("p0", &frame(host(8), ALL));
    let here = bench.station("blue", host(8)).unwrap();
    assert_eq!((here.kind, here.sequence), (StationKind::Learned, 4));
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    // The old place says so once more; then the station moves on.
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 3))
        .unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    bench
        .remote_station("blue", host(8), behind("192.0.2.3", 5))
        .unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
    assert_eq!(bench.domain_view("blue").counters.stations.moves, 2);
}

#[test]
fn b_01_of_two_with_the_same_sequence_the_lower_address_wins() {
    let mut bench = lab();
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 3))
        .unwrap();
    bench.receive("p0", &frame(host(8), ALL));
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 4))
        .unwrap();
    let kind = bench.station("blue", host(8)).unwrap().kind;
    assert_eq!(kind, StationKind::Learned, "192.0.2.1 is lower");
    bench
        .remote_station("blue", host(8), behind("192.0.2.0", 4))
        .unwrap();
    let kind = bench.station("blue", host(8)).unwrap().kind;
    assert_eq!(kind, StationKind::Remote);
}

#[test]
fn b_01_a_sticky_station_does_not_move() {
    let mut bench = lab();
    let sticky = RemoteStation {
        sticky: true,
        ..behind("192.0.2.2", 0)
    };
    bench.remote_station("blue", host(8), sticky).unwrap();
    bench.receive("p0", &frame(host(8), ALL));
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    assert_eq!(bench.domain_view("blue").counters.stations.violations, 1);
    let moved = bench.remote_station("blue", host(8), behind("192.0.2.3", 9));
    let mac = Mac::new(host(8));
    assert_eq!(moved, Err(DomainError::Sticky { mac }));
}

#[test]
fn b_02_the_flood_list_grows_and_shrinks() {
    let mut bench = lab();
    let all = frame(host(1), ALL);
    let (two, three) = (remote_end("192.0.2.2", None), remote_end("192.0.2.3", None));
    bench.flood_to("blue", &[two, three], false);
    let everywhere = ["2 100", "3 100", "p2", "p3"];
    assert_eq!(ways(&bench.receive("p0", &all), &all), everywhere);
    bench.flood_to("blue", &[two], true);
    let left = ["3 100", "p2", "p3"];
    assert_eq!(ways(&bench.receive("p0", &all), &all), left);
    bench.flood_to("blue", &[three], true);
    assert_eq!(ways(&bench.receive("p0", &all), &all), ["p2", "p3"]);
    assert_eq!(bench.tunnels().len(), 0);
}

#[test]
fn x_09_each_remote_end_gets_one_copy_and_tunnels_none() {
    let mut bench = lab();
    let ends: Vec<_> = (0..1000)
        .map(|n| remote_end(&format!("192.0.2.{}", 2 + n % 250), Some(1000 + n)))
        .collect();
    bench.flood_to("blue", &ends, false);
    let all = frame(host(1), ALL);
    let sent = ways(&bench.receive("p0", &all), &all);
    assert_eq!(sent.len(), 1002);
    let mut vnis: Vec<_> = sent.iter().filter_map(|w| w.split(' ').nth(1)).collect();
    vnis.sort_unstable();
    vnis.dedup();
    assert_eq!(vnis.len(), 1000, "each once");
    let far = frame(host(8), ALL);
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    assert_eq!(ways(&sent, &far), ["p0", "p2", "p3"], "split horizon");
    bench
        .remote_station("blue", host(9), behind("192.0.2.3", 0))
        .unwrap();
    let across = frame(host(8), host(9));
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &across));
    assert!(sent.is_empty());
    assert_eq!(bench.dropped(DropReason::BridgeSplitHorizon), 1);
}

#[test]
fn b_10_a_remote_end_may_expect_a_vni_of_its_own() {
    let mut bench = lab();
    let elsewhere = RemoteStation {
        place: RemotePlace::End(remote_end("192.0.2.2", Some(7000))),
        sequence: 0,
        sticky: false,
    };
    bench.remote_station("blue", host(8), elsewhere).unwrap();
    bench.flood_to("blue", &[remote_end("192.0.2.3", Some(7001))], false);
    let to = frame(host(1), host(8));
    assert_eq!(ways(&bench.receive("p0", &to), &to), ["2 7000"]);
    let all = frame(host(1), ALL);
    let sent = ways(&bench.receive("p0", &all), &all);
    assert_eq!(sent, ["3 7001", "p2", "p3"]);
    let back = frame(host(8), host(1));
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &back));
    assert_eq!(ways(&sent, &back), ["p0"], "our own VNI on receipt");
}

#[test]
fn a_domain_without_a_vni_has_nothing_remote() {
    let mut bench = lab();
    bench.domain(domain_spec("green", &[]));
    let domain = "green".parse().unwrap();
    let refused = bench.remote_station("green", host(8), behind("192.0.2.2", 0));
    assert_eq!(refused, Err(DomainError::NoVni { domain }));
    let refused = bench.remote_station("blue", host(8), behind("2001:db8::2", 0));
    assert!(
        matches!(refused, Err(DomainError::EndpointFamily { .. })),
        "{refused:?}"
    );
}

#[test]
fn what_is_remote_goes_with_the_vni() {
    let mut bench = lab();
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 0))
        .unwrap();
    bench.flood_to("blue", &[remote_end("192.0.2.3", None)], false);
    let refused = bench.delete_domain("blue");
    assert!(matches!(refused, Err(DomainError::DomainInUse { .. })));
    bench.delete_vni(100).unwrap();
    assert_eq!((bench.stations("blue"), bench.tunnels()), (vec![], vec![]));
    let all = frame(host(1), ALL);
    assert_eq!(ways(&bench.receive("p0", &all), &all), ["p2", "p3"]);
    let unknown: Result<(), OverlayError> = bench.delete_vni(100);
    assert!(unknown.is_err());
    bench.delete_domain("blue").unwrap();
    assert!(bench.receive("p0", &all).is_empty());
}
