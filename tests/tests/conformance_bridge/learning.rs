//! Stations behind members: learned, aged, moved, bounded.

use crate::lab::{ALL, GROUP, blue, frame, ground, host, lab, out_of, ways};
use ferroute_control::model::bridge::{
    DomainError, FdbChange, FloodRate, StationCause, StationKind,
};
use ferroute_control::model::event::{Change, Happening};
use ferroute_control::model::interface::InterfaceError;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::{Bench, SECOND, Shape};
use std::num::{NonZeroU16, NonZeroU32};

#[test]
fn a_station_is_learned_from_its_first_frame() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    let first = frame(host(1), ALL);
    assert_eq!(ways(&bench.receive("p0", &first), &first), ["p2", "p3"]);
    let station = bench.station("blue", host(1)).unwrap();
    assert_eq!(station.kind, StationKind::Learned);
    assert_eq!(station.interface.unwrap().as_str(), "p0");
    let answer = frame(host(2), host(1));
    assert_eq!(ways(&bench.receive("p2", &answer), &answer), ["p0"]);
    let event = events.try_recv().unwrap();
    let Happening::Station {
        change,
        cause,
        station,
        previous_interface,
    } = &event.what
    else {
        panic!("{event:?}");
    };
    assert_eq!((*change, *cause), (Change::Added, StationCause::Learned));
    assert_eq!(
        (station.mac, *previous_interface),
        (Mac::new(host(1)), None)
    );
    let view = bench.domain_view("blue");
    assert_eq!(
        (view.stations.learned, view.counters.frames.packets),
        (2, 2)
    );
    assert_eq!((view.counters.flooded, view.counters.copies), (1, 1));
}

#[test]
fn a_station_that_moves_is_followed_and_told_of() {
    let mut bench = lab();
    bench.receive("p0", &frame(host(1), ALL));
    let mut events = bench.core().watch();
    bench.receive("p2", &frame(host(1), ALL));
    let to = frame(host(3), host(1));
    assert_eq!(ways(&bench.receive("p3", &to), &to), ["p2"]);
    let event = events.try_recv().unwrap();
    assert!(
        matches!(
            &event.what,
            Happening::Station {
                change: Change::Changed,
                cause: StationCause::Moved,
                previous_interface: Some(from),
                ..
            } if from.as_str() == "p0"
        ),
        "{event:?}"
    );
}

#[test]
fn a_silent_station_ages() {
    let mut bench = lab();
    let mut spec = blue();
    spec.policy.ageing_seconds = NonZeroU16::new(20).unwrap();
    bench.change_domain(spec).unwrap();
    bench.receive("p0", &frame(host(1), ALL));
    bench.receive("p2", &frame(host(2), ALL));
    bench.advance(12 * SECOND);
    bench.receive("p2", &frame(host(2), ALL));
    bench.advance(12 * SECOND);
    bench.wait_until("the silent station is forgotten", |bench| {
        bench.station("blue", host(1)).is_none()
    });
    assert!(bench.station("blue", host(2)).is_some(), "it spoke since");
    let to = frame(host(2), host(1));
    assert_eq!(
        ways(&bench.receive("p2", &to), &to),
        ["p0", "p3"],
        "unknown"
    );
}

#[test]
fn b_09_unknown_unicast_and_groups_are_flooded_or_not_as_told() {
    let mut bench = lab();
    let unknown = frame(host(1), host(9));
    let (all, group) = (frame(host(1), ALL), frame(host(1), GROUP));
    assert_eq!(ways(&bench.receive("p0", &unknown), &unknown), ["p2", "p3"]);
    assert_eq!(ways(&bench.receive("p0", &group), &group), ["p2", "p3"]);
    let mut spec = blue();
    spec.policy.unknown_unicast = false;
    bench.change_domain(spec.clone()).unwrap();
    assert!(bench.receive("p0", &unknown).is_empty());
    assert_eq!(ways(&bench.receive("p0", &all), &all), ["p2", "p3"]);
    spec.policy.broadcast = false;
    bench.change_domain(spec.clone()).unwrap();
    assert!(bench.receive("p0", &all).is_empty());
    assert_eq!(ways(&bench.receive("p0", &group), &group), ["p2", "p3"]);
    spec.policy.multicast = false;
    bench.change_domain(spec).unwrap();
    assert!(bench.receive("p0", &group).is_empty());
}

#[test]
fn x_10_sources_out_of_tunnels_are_not_learned() {
    let mut bench = lab();
    let far = frame(host(8), ALL);
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    assert_eq!(ways(&sent, &far), ["p0", "p2", "p3"]);
    assert_eq!(bench.station("blue", host(8)), None);
}

#[test]
fn a_domain_learns_no_more_than_it_may() {
    let mut bench = lab();
    let mut spec = blue();
    spec.policy.max_learned = NonZeroU32::new(2);
    bench.change_domain(spec).unwrap();
    for number in 1..=5 {
        bench.receive("p0", &frame(host(number), ALL));
    }
    let view = bench.domain_view("blue");
    assert_eq!(
        (view.stations.learned, view.counters.stations.over_limit),
        (2, 3)
    );
    bench.receive("p2", &frame(host(1), ALL));
    let moved = bench.station("blue", host(1)).unwrap();
    assert_eq!(moved.interface.unwrap().as_str(), "p2", "known ones move");
}

#[test]
fn a_full_fdb_keeps_what_it_has() {
    let mut bench = Bench::shaped(Shape {
        max_stations: 3,
        ..Shape::default()
    });
    ground(&mut bench);
    bench.domain(blue());
    for number in 1..=5 {
        bench.receive("p0", &frame(host(number), ALL));
    }
    let view = bench.domain_view("blue");
    assert_eq!(
        (view.stations.learned, view.counters.stations.fdb_full),
        (3, 2)
    );
    let to = frame(host(9), host(1));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    let refused = bench.fdb(vec![FdbChange::PutStatic {
        domain: "blue".parse().unwrap(),
        mac: Mac::new(host(7)),
        interface: "p3".parse().unwrap(),
    }]);
    assert_eq!(refused, [(0, DomainError::FdbFull { limit: 3 })]);
}

#[test]
fn a_station_that_moves_too_often_stays_where_it_is() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    for turn in 0..1000 {
        let port = ["p0", "p2"][turn % 2];
        bench.receive(port, &frame(host(1), ALL));
        // A worker tells of a station at a place again after ten milliseconds.
        if turn % 2 == 1 {
            bench.advance(SECOND / 100);
        }
    }
    let station = bench.station("blue", host(1)).unwrap();
    assert!(station.damped);
    let counters = bench.domain_view("blue").counters.stations;
    assert_eq!(counters.moves, 5, "RFC 7432 section 15.1");
    assert!(counters.damped > 100, "{counters:?}");
    let mut causes = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Happening::Station { cause, .. } = event.what {
            causes.push(cause);
        }
    }
    let told = |cause| causes.iter().filter(|c| **c == cause).count();
    assert_eq!(
        (told(StationCause::Moved), told(StationCause::Damped)),
        (5, 1),
        "few events, whatever the station does"
    );
}

#[test]
fn a_static_station_does_not_move() {
    let mut bench = lab();
    bench.receive("p0", &frame(host(1), ALL));
    let refused = bench.fdb(vec![FdbChange::PutStatic {
        domain: "blue".parse().unwrap(),
        mac: Mac::new(host(1)),
        interface: "p3".parse().unwrap(),
    }]);
    assert!(refused.is_empty(), "{refused:?}");
    // A worker tells of a station at a place again after ten milliseconds.
    bench.advance(SECOND / 50);
    bench.receive("p0", &frame(host(1), ALL));
    let to = frame(host(2), host(1));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p3"]);
    let counters = bench.domain_view("blue").counters.stations;
    assert_eq!((counters.violations, counters.moves), (1, 0));
    bench.delete_station("blue", host(1)).unwrap();
    assert_eq!(bench.station("blue", host(1)), None);
}

#[test]
fn a_member_is_no_routed_interface_for_as_long_as_it_is_one() {
    let mut bench = lab();
    let refused = bench.call(|reply| {
        ferroute_control::core::request::InterfaceRequest::AddAddress(
            "p0".parse().unwrap(),
            "10.9.0.1/24"
                .parse::<ipnet::IpNet>()
                .unwrap()
                .try_into()
                .unwrap(),
            reply,
        )
        .into()
    });
    let interface = "p0".parse().unwrap();
    assert_eq!(refused, Err(InterfaceError::BridgeMember { interface }));
    assert!(bench.interface("p0").addresses.is_empty(), "no link-local");
    bench.receive("p0", &frame(host(1), ALL));
    let mut spec = blue();
    spec.members.remove(0);
    bench.change_domain(spec).unwrap();
    assert_eq!(bench.station("blue", host(1)), None);
    let all = frame(host(2), ALL);
    assert_eq!(ways(&bench.receive("p2", &all), &all), ["p3"]);
    bench.address("p0", "10.9.0.1/24");
    assert_eq!(bench.interface("p0").addresses.len(), 2);
    let taken = bench.change_domain(blue());
    assert_eq!(taken, Err(DomainError::MemberAddresses { interface }));
}

#[test]
fn a_port_takes_frames_for_all_stations_for_as_long_as_a_member_is_on_it() {
    let mut bench = lab();
    bench.vlan("p1.7", "p1", 7, "", &[]);
    assert!(bench.is_promiscuous("p0") && !bench.is_promiscuous("p1"));
    let mut spec = blue();
    spec.members[0] = "p1.7".parse().unwrap();
    bench.change_domain(spec).unwrap();
    assert!(bench.is_promiscuous("p1") && !bench.is_promiscuous("p0"));
    bench.mtu("p1", 9000);
    assert!(bench.is_promiscuous("p1"), "also set up anew");
    bench.change_domain(blue()).unwrap();
    assert!(bench.is_promiscuous("p0") && !bench.is_promiscuous("p1"));
}

#[test]
fn what_is_not_to_be_learned_is_flooded() {
    let mut bench = lab();
    let mut spec = blue();
    spec.policy.learn = false;
    bench.change_domain(spec).unwrap();
    bench.receive("p0", &frame(host(1), ALL));
    let to = frame(host(2), host(1));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0", "p3"]);
    let view = bench.domain_view("blue");
    assert_eq!((view.stations.learned, bench.stations("blue")), (0, vec![]));
}

#[test]
fn a_storm_is_bounded_and_known_stations_are_not() {
    let mut bench = lab();
    let mut spec = blue();
    spec.policy.flood = Some(FloodRate {
        packets_per_second: 100,
        burst_packets: 10,
    });
    bench.change_domain(spec).unwrap();
    bench.receive("p2", &frame(host(2), ALL));
    bench.advance(SECOND);
    let storm = vec![frame(host(1), ALL); 64];
    assert_eq!(bench.receive_all("p0", &storm).len(), 2 * 10);
    assert_eq!(bench.dropped(DropReason::BridgeStorm), 54);
    let known = vec![frame(host(1), host(2)); 64];
    assert_eq!(bench.receive_all("p0", &known).len(), 64);
    bench.advance(SECOND / 20);
    assert_eq!(bench.receive_all("p0", &storm).len(), 2 * 5);
    assert_eq!(bench.domain_view("blue").counters.flooded, 16);
}

#[test]
fn a_port_that_goes_leaves_its_domain() {
    let mut bench = lab();
    bench.receive("p0", &frame(host(1), ALL));
    bench.remove_port("p0");
    assert_eq!(bench.station("blue", host(1)), None);
    let all = frame(host(2), ALL);
    assert_eq!(ways(&bench.receive("p2", &all), &all), ["p3"]);
}
