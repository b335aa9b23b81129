//! Stations learned out of tunnels, where no control plane says which way they are.

use crate::lab::{ALL, behind, blue, frame, host, lab, out_of, ways};
use ferroute_control::model::bridge::{
    DomainSpec, FdbChange, RemotePlace, StationCause, StationKind,
};
use ferroute_control::model::event::{Change, Happening};
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::bridge::remote_end;
use ferroute_tests::bench::{Bench, SECOND};
use std::num::{NonZeroU16, NonZeroU32};

fn hearing() -> DomainSpec {
    let mut spec = blue();
    spec.policy.learn_remote = true;
    spec
}

fn hearing_lab() -> Bench {
    let mut bench = lab();
    bench.change_domain(hearing()).unwrap();
    bench
}

#[test]
fn x_10_sources_out_of_tunnels_are_learned_where_the_domain_says_so() {
    let mut bench = hearing_lab();
    let mut events = bench.core().watch();
    let far = frame(host(8), ALL);
    bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    let seen = bench.station("blue", host(8)).unwrap();
    assert_eq!((seen.kind, seen.interface), (StationKind::Learned, None));
    let place = RemotePlace::End(remote_end("192.0.2.2", None));
    assert_eq!(seen.remote.unwrap().place, place);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Happening::Station { change, cause, .. } = event.what {
            told.push((change, cause));
        }
    }
    assert_eq!(told, [(Change::Added, StationCause::Learned)]);
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    let all = frame(host(2), ALL);
    let sent = ways(&bench.receive("p2", &all), &all);
    assert_eq!(sent, ["p0", "p3"], "the flood list stays the clients'");
    // It moves, to another remote end and here.
    bench.receive("p1", &out_of("192.0.2.3", 100, &far));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
    bench.receive("p0", &far);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    assert_eq!(bench.domain_view("blue").counters.stations.moves, 2);
    bench.wait_until("the tunnels are let go", |bench| bench.tunnels().is_empty());
    bench.change_domain(blue()).unwrap();
    assert!(bench.station("blue", host(8)).is_some(), "it is here");
    bench.receive("p1", &out_of("192.0.2.3", 100, &frame(host(9), ALL)));
    assert_eq!(bench.station("blue", host(9)), None);
}

#[test]
fn x_10_what_clients_say_counts_more_than_what_comes_out_of_a_tunnel() {
    let mut bench = hearing_lab();
    let far = frame(host(8), ALL);
    let to = frame(host(2), host(8));
    bench
        .remote_station("blue", host(8), behind("192.0.2.3", 0))
        .unwrap();
    bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
    bench.delete_station("blue", host(8)).unwrap();
    bench.advance(SECOND);
    bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    bench
        .remote_station("blue", host(8), behind("192.0.2.3", 0))
        .unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
    let kind = bench.station("blue", host(8)).unwrap().kind;
    assert_eq!(kind, StationKind::Remote);
    let fixed = bench.fdb(vec![FdbChange::PutStatic {
        domain: "blue".parse().unwrap(),
        mac: Mac::new(host(9)),
        interface: "p3".parse().unwrap(),
    }]);
    assert!(fixed.is_empty(), "{fixed:?}");
    bench.receive("p1", &out_of("192.0.2.2", 100, &frame(host(9), ALL)));
    let fixed = bench.station("blue", host(9)).unwrap();
    assert_eq!(fixed.interface.unwrap().as_str(), "p3");
    assert_eq!(bench.domain_view("blue").counters.stations.violations, 1);
}

#[test]
fn x_10_stations_out_of_tunnels_age_and_are_as_many_as_may_be() {
    let mut bench = lab();
    let mut spec = hearing();
    spec.policy.ageing_seconds = NonZeroU16::new(20).unwrap();
    spec.policy.max_learned = NonZeroU32::new(2);
    bench.change_domain(spec).unwrap();
    for number in 1..=4 {
        let far = frame(host(number), ALL);
        bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    }
    let view = bench.domain_view("blue");
    assert_eq!(
        (view.stations.learned, view.counters.stations.over_limit),
        (2, 2)
    );
    bench.advance(12 * SECOND);
    let speaks = frame(host(1), ALL);
    bench.receive("p1", &out_of("192.0.2.2", 100, &speaks));
    bench.advance(12 * SECOND);
    bench.wait_until("the silent station is forgotten", |bench| {
        bench.station("blue", host(2)).is_none()
    });
    assert!(bench.station("blue", host(1)).is_some(), "it spoke since");
    bench.delete_vni(100).unwrap();
    assert_eq!((bench.stations("blue"), bench.tunnels()), (vec![], vec![]));
}

#[test]
fn x_10_invented_remote_ends_are_bounded() {
    let mut bench = hearing_lab();
    for number in 0..1100u16 {
        let [a, b] = number.to_be_bytes();
        let far = frame([2, 0, 0, 9, a, b], ALL);
        let end = format!("10.9.{a}.{b}");
        bench.receive("p1", &out_of(&end, 100, &far));
    }
    assert_eq!(bench.domain_view("blue").stations.learned, 1024);
    assert_eq!(bench.domain_view("blue").counters.stations.over_limit, 76);
    assert_eq!(
        bench.call(|reply| {
            ferroute_control::core::request::BridgeRequest::FlushFdb(None, None, reply).into()
        }),
        Ok(1024)
    );
    bench.wait_until("the tunnels are let go", |bench| bench.tunnels().is_empty());
}

#[test]
fn x_10_a_domain_without_a_vni_has_nobody_to_hear() {
    let mut bench = hearing_lab();
    let far = frame(host(8), ALL);
    bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    bench.delete_vni(100).unwrap();
    assert_eq!(bench.station("blue", host(8)), None);
    bench.bridged_vni(200, "blue");
    bench.advance(SECOND);
    bench.receive("p1", &out_of("192.0.2.2", 200, &far));
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 200"]);
}
