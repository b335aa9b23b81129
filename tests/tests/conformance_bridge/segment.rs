//! Ethernet segments: who gets what is flooded, and which way stations behind them are.

use crate::lab::{ALL, behind, blue, frame, host, inside, lab, out_of, ways};
use ferroute_control::model::bridge::{DomainError, RemotePlace, RemoteStation, StationKind};
use ferroute_control::model::event::{Change, Happening};
use ferroute_control::model::segment::{
    Redundancy, SegmentError, SegmentId, SegmentLeads, SegmentSpec,
};
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::bridge::{domain_spec, remote_end};
use ferroute_tests::bench::frames::{MacBytes, V4};
use ferroute_tests::bench::segment::{esi, segment_spec};
use ferroute_tests::bench::{Bench, Sent};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a client says of a station behind a segment.
pub(crate) fn on(number: u8, sequence: u32) -> RemoteStation {
    RemoteStation {
        place: RemotePlace::Segment {
            id: esi(number),
            primary: None,
        },
        sequence,
        sticky: false,
    }
}

fn designated(mut spec: SegmentSpec) -> SegmentSpec {
    spec.designation.general = true;
    spec
}

fn single_active(mut spec: SegmentSpec) -> SegmentSpec {
    spec.redundancy = Redundancy::SingleActive;
    spec
}

/// Where a group frame goes that remote ends 192.0.2.2 and 192.0.2.3 send.
fn from_tunnels(bench: &mut Bench) -> [Vec<String>; 2] {
    let far = frame(host(8), ALL);
    ["192.0.2.2", "192.0.2.3"].map(|end| {
        let sent = bench.receive("p1", &out_of(end, 100, &far));
        ways(&sent, &far)
    })
}

#[test]
fn b_08_what_a_peer_of_a_segment_floods_does_not_reach_it_again() {
    let mut bench = lab();
    bench.segment(designated(segment_spec(1, &["p0"], &["192.0.2.2"])));
    let [peer, other] = from_tunnels(&mut bench);
    assert_eq!(peer, ["p2", "p3"], "local bias");
    assert_eq!(other, ["p0", "p2", "p3"], "the designated forwarder");
    let counters = bench.domain_view("blue").counters;
    assert_eq!((counters.local_bias, counters.not_designated), (1, 0));
    let unknown = frame(host(8), host(9));
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &unknown));
    assert_eq!(ways(&sent, &unknown), ["p2", "p3"], "unknown unicast too");
}

#[test]
fn b_08_only_the_designated_forwarder_floods_out_of_tunnels_to_a_segment() {
    let mut bench = lab();
    let spec = segment_spec(1, &["p0"], &["192.0.2.2"]);
    bench.segment(spec.clone());
    assert_eq!(from_tunnels(&mut bench)[1], ["p2", "p3"]);
    assert_eq!(bench.domain_view("blue").counters.not_designated, 1);
    let mut only_here = spec.clone();
    only_here.designation.exceptions = vec!["blue".parse().unwrap()];
    bench.change_segment(only_here.clone()).unwrap();
    assert_eq!(from_tunnels(&mut bench)[1], ["p0", "p2", "p3"]);
    bench.change_segment(designated(only_here)).unwrap();
    assert_eq!(from_tunnels(&mut bench)[1], ["p2", "p3"]);
    bench.receive("p0", &frame(host(1), ALL));
    let known = frame(host(8), host(1));
    let sent = bench.receive("p1", &out_of("192.0.2.3", 100, &known));
    assert_eq!(ways(&sent, &known), ["p0"], "known unicast is anybody's");
    bench.delete_segment(1).unwrap();
    assert_eq!(from_tunnels(&mut bench)[0], ["p0", "p2", "p3"]);
}

#[test]
fn b_08_what_members_flood_reaches_all_but_their_own_segment() {
    let mut bench = lab();
    let ends = [remote_end("192.0.2.2", None), remote_end("192.0.2.3", None)];
    bench.flood_to("blue", &ends, false);
    bench.segment(segment_spec(1, &["p0", "p2"], &["192.0.2.2"]));
    let all = frame(host(3), ALL);
    let everywhere = ["2 100", "3 100", "p0", "p2"];
    assert_eq!(ways(&bench.receive("p3", &all), &all), everywhere);
    let all = frame(host(1), ALL);
    let sent = ways(&bench.receive("p0", &all), &all);
    assert_eq!(sent, ["2 100", "3 100", "p3"], "p2 is on the same segment");
    assert_eq!(bench.domain_view("blue").counters.local_bias, 1);
}

#[test]
fn b_08_a_frame_that_nobody_is_due_has_a_reason() {
    let mut bench = lab();
    let mut spec = blue();
    spec.members.truncate(1);
    bench.change_domain(spec).unwrap();
    bench.segment(segment_spec(1, &["p0"], &["192.0.2.2"]));
    assert_eq!(from_tunnels(&mut bench), [vec![""; 0], vec![]]);
    assert_eq!(bench.dropped(DropReason::BridgeLocalBias), 1);
    assert_eq!(bench.dropped(DropReason::BridgeNotDesignated), 1);
}

/// The remote end that each of 64 flows to a station goes to.
fn flows(bench: &mut Bench, to: MacBytes) -> BTreeMap<u16, u8> {
    let flows = (0..64).map(|flow| {
        let datagram = V4::udp_ports("10.0.0.1", "10.0.0.9", flow, 53, &[7; 30]);
        let frame = datagram.link(host(2), to).frame();
        let sent = bench.receive("p2", &frame);
        let [Sent { .. }] = &sent[..] else {
            panic!("{sent:02x?}");
        };
        let (end, vni, inner) = inside(&sent[0]);
        assert_eq!((vni, inner), (100, frame));
        (flow, end)
    });
    flows.collect()
}

#[test]
fn b_08_traffic_to_a_segment_spreads_over_its_routers_and_moves_at_once() {
    let mut bench = lab();
    let peers = |ends: &[&str]| segment_spec(1, &[], ends);
    let all = ["192.0.2.2", "192.0.2.3", "192.0.2.4"];
    bench.segment(peers(&all));
    for number in 10..250 {
        bench
            .remote_station("blue", host(number), on(1, 0))
            .unwrap();
    }
    let view = bench.segment_view(1).unwrap();
    let ends: Vec<IpAddr> = all.iter().map(|end| end.parse().unwrap()).collect();
    assert_eq!(view.paths.len(), 1, "one path for all stations");
    assert_eq!(view.paths[0].stations, 240);
    assert_eq!(view.paths[0].leads, SegmentLeads::Ends(ends));
    let before = flows(&mut bench, host(10));
    for end in 2..5 {
        let share = before.values().filter(|e| **e == end).count();
        assert!((8..40).contains(&share), "{share} of 64 to {end}");
    }
    assert_eq!(flows(&mut bench, host(249)).len(), 64);
    // A router leaves the segment: its flows move, and no others.
    bench
        .change_segment(peers(&["192.0.2.2", "192.0.2.4"]))
        .unwrap();
    let after = flows(&mut bench, host(10));
    for (flow, end) in &before {
        match end {
            3 => assert_ne!(after[flow], 3),
            end => assert_eq!(after[flow], *end, "an undisturbed flow stays"),
        }
    }
    bench.change_segment(peers(&["192.0.2.4"])).unwrap();
    assert!(flows(&mut bench, host(200)).values().all(|end| *end == 4));
    assert_eq!(bench.tunnels().len(), 1);
    // The last one leaves: the stations are as good as unknown.
    bench.change_segment(peers(&[])).unwrap();
    let to = frame(host(2), host(10));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0", "p3"]);
    assert_eq!(bench.tunnels().len(), 0);
    bench.change_segment(peers(&all)).unwrap();
    assert_eq!(flows(&mut bench, host(11)).len(), 64);
}

#[test]
fn b_08_a_router_of_a_segment_is_sent_the_vni_that_it_expects() {
    let mut bench = lab();
    bench.segment(segment_spec(1, &[], &["192.0.2.2"]));
    bench.remote_station("blue", host(8), on(1, 0)).unwrap();
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    let own = remote_end("192.0.2.2", Some(7000));
    bench.flood_to("blue", &[own], false);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 7000"]);
    bench.flood_to("blue", &[own], true);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
}

#[test]
fn b_08_the_routers_own_member_comes_first_and_its_peers_step_in() {
    let mut bench = lab();
    bench.segment(segment_spec(1, &["p0"], &["192.0.2.2"]));
    bench.remote_station("blue", host(8), on(1, 3)).unwrap();
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    // Seen at the member of its own segment it has not moved (RFC 7432 section 15).
    bench.receive("p0", &frame(host(8), ALL));
    let here = bench.station("blue", host(8)).unwrap();
    assert_eq!((here.kind, here.sequence), (StationKind::Learned, 3));
    bench.remote_station("blue", host(8), on(1, 4)).unwrap();
    let here = bench.station("blue", host(8)).unwrap();
    assert_eq!((here.kind, here.sequence), (StationKind::Learned, 4));
    assert_eq!(bench.domain_view("blue").counters.stations.moves, 0);
    bench.carrier("p0", false);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    let leads = bench.segment_view(1).unwrap().paths[0].leads.clone();
    let peer = "192.0.2.2".parse().unwrap();
    assert_eq!(leads, SegmentLeads::Ends(vec![peer]));
    bench.carrier("p0", true);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    let mut spec = blue();
    spec.members.remove(0);
    bench.change_domain(spec).unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"]);
    bench.change_domain(blue()).unwrap();
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
}

#[test]
fn b_08_a_station_that_leaves_its_segment_has_moved() {
    let mut bench = lab();
    bench.segment(segment_spec(1, &["p0"], &["192.0.2.2"]));
    bench.remote_station("blue", host(8), on(1, 3)).unwrap();
    bench.receive("p2", &frame(host(8), ALL));
    let here = bench.station("blue", host(8)).unwrap();
    assert_eq!((here.kind, here.sequence), (StationKind::Learned, 4));
    bench
        .remote_station("blue", host(8), behind("192.0.2.3", 5))
        .unwrap();
    let to = frame(host(3), host(8));
    assert_eq!(ways(&bench.receive("p3", &to), &to), ["3 100"]);
    bench.remote_station("blue", host(8), on(1, 6)).unwrap();
    assert_eq!(ways(&bench.receive("p3", &to), &to), ["p0"]);
    let stale = bench.remote_station("blue", host(8), behind("192.0.2.3", 5));
    assert!(
        matches!(stale, Err(DomainError::StaleSequence { .. })),
        "{stale:?}"
    );
    bench.delete_station("blue", host(8)).unwrap();
    assert_eq!(bench.segment_view(1).unwrap().paths, []);
    assert_eq!(bench.tunnels().len(), 0);
}

#[test]
fn b_08_a_member_of_a_single_active_segment_is_on_standby_unless_designated() {
    let mut bench = lab();
    bench.receive("p0", &frame(host(1), ALL));
    let spec = single_active(segment_spec(1, &["p0"], &["192.0.2.2", "192.0.2.3"]));
    bench.segment(spec.clone());
    assert_eq!(bench.station("blue", host(1)), None, "it is elsewhere now");
    assert!(bench.segment_view(1).unwrap().attached[0].standby);
    assert!(bench.receive("p0", &frame(host(1), ALL)).is_empty());
    assert_eq!(bench.dropped(DropReason::BridgeNotDesignated), 1);
    let all = frame(host(2), ALL);
    assert_eq!(ways(&bench.receive("p2", &all), &all), ["p3"]);
    bench.remote_station("blue", host(8), on(1, 0)).unwrap();
    let to = frame(host(2), host(8));
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["2 100"], "the first");
    bench.change_segment(designated(spec.clone())).unwrap();
    assert!(!bench.segment_view(1).unwrap().attached[0].standby);
    assert_eq!(ways(&bench.receive("p2", &to), &to), ["p0"]);
    assert_eq!(ways(&bench.receive("p2", &all), &all), ["p0", "p3"]);
    let [peer, _] = from_tunnels(&mut bench);
    assert_eq!(
        peer,
        ["p0", "p2", "p3"],
        "the peer's own member is on standby"
    );
    bench.change_segment(spec).unwrap();
    assert!(bench.receive("p0", &frame(host(1), ALL)).is_empty());
    bench.delete_station("blue", host(8)).unwrap();
    bench.delete_segment(1).unwrap();
    assert_eq!(ways(&bench.receive("p2", &all), &all), ["p0", "p3"]);
}

#[test]
fn b_08_stations_of_a_single_active_segment_are_behind_their_primary_or_its_backup() {
    let mut bench = lab();
    let peers = |ends: &[&str]| single_active(segment_spec(1, &[], ends));
    bench.segment(peers(&["192.0.2.2", "192.0.2.3"]));
    let primary = RemoteStation {
        place: RemotePlace::Segment {
            id: esi(1),
            primary: Some(remote_end("192.0.2.3", None)),
        },
        sequence: 0,
        sticky: false,
    };
    bench.remote_station("blue", host(8), primary).unwrap();
    assert!(flows(&mut bench, host(8)).values().all(|end| *end == 3));
    bench.change_segment(peers(&["192.0.2.2"])).unwrap();
    assert!(flows(&mut bench, host(8)).values().all(|end| *end == 2));
    let shown = bench.station("blue", host(8)).unwrap();
    assert_eq!(shown.remote.unwrap().place.segment(), Some(esi(1)));
}

#[test]
fn b_08_segments_are_told_of() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    let spec = segment_spec(1, &["p0"], &["192.0.2.2"]);
    bench.segment(spec.clone());
    bench.change_segment(designated(spec)).unwrap();
    bench.remove_port("p0");
    bench.delete_segment(1).unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Happening::Segment { change, segment } = &event.what {
            told.push((*change, segment.spec.members.len(), segment.attached.len()));
        }
    }
    let expected = [
        (Change::Added, 1, 1),
        (Change::Changed, 1, 1),
        (Change::Changed, 0, 0),
        (Change::Removed, 0, 0),
    ];
    assert_eq!(told, expected);
}

#[test]
fn b_08_what_makes_no_sense_of_segments_is_refused() {
    let mut bench = lab();
    bench.segment(segment_spec(1, &["p0"], &["192.0.2.2"]));
    let segment: SegmentId = esi(1);
    let again = bench.try_segment(segment_spec(1, &[], &[]));
    assert_eq!(again, Err(SegmentError::SegmentTaken { segment }));
    let interface = "p0".parse().unwrap();
    let taken = bench.try_segment(segment_spec(2, &["p0"], &[]));
    assert_eq!(taken, Err(SegmentError::MemberTaken { interface, segment }));
    let interface = "lo0".parse().unwrap();
    let kind = bench.try_segment(segment_spec(2, &["lo0"], &[]));
    assert_eq!(kind, Err(SegmentError::MemberKind { interface }));
    let interface = "p9".parse().unwrap();
    let unknown = bench.try_segment(segment_spec(2, &["p9"], &[]));
    assert_eq!(unknown, Err(SegmentError::UnknownInterface { interface }));
    let own = bench.try_segment(segment_spec(2, &[], &["192.0.2.1"]));
    let address = "192.0.2.1".parse().unwrap();
    assert_eq!(own, Err(SegmentError::OwnPeer { address }));
    let segment = esi(2);
    let nothing = SegmentError::UnknownSegment { segment };
    let changed = bench.change_segment(segment_spec(2, &[], &[]));
    assert_eq!(changed, Err(nothing.clone()));
    assert_eq!(bench.delete_segment(2), Err(nothing.clone()));
    assert_eq!(bench.segment_view(2), Err(nothing), "nothing was made");
    let behind = bench.remote_station("blue", host(8), on(2, 0));
    assert_eq!(behind, Err(DomainError::UnknownSegment { segment }));
    bench.domain(domain_spec("green", &[]));
    let domain = "green".parse().unwrap();
    let no_vni = bench.remote_station("green", host(8), on(1, 0));
    assert_eq!(no_vni, Err(DomainError::NoVni { domain }));
    bench.remote_station("blue", host(8), on(1, 0)).unwrap();
    let segment = esi(1);
    let in_use = SegmentError::SegmentInUse {
        segment,
        stations: 1,
    };
    assert_eq!(bench.delete_segment(1), Err(in_use));
    bench.delete_vni(100).unwrap();
    bench.delete_segment(1).unwrap();
}

#[test]
fn b_08_an_endpoint_without_the_peers_family_has_no_way_there() {
    let mut bench = lab();
    bench.segment(segment_spec(1, &[], &["2001:db8::2", "192.0.2.2"]));
    bench.remote_station("blue", host(8), on(1, 0)).unwrap();
    assert!(flows(&mut bench, host(8)).values().all(|end| *end == 2));
    bench
        .change_segment(segment_spec(1, &[], &["2001:db8::2"]))
        .unwrap();
    let leads = bench.segment_view(1).unwrap().paths[0].leads.clone();
    assert_eq!(leads, SegmentLeads::Nowhere);
}
