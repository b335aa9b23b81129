//! The gateway of a domain, and requests that are answered in the place of stations.

use crate::lab::{ALL, GATEWAY, behind, blue, frame, host, inside, lab, out_of};
use etherparse::{ArpOperation, SlicedPacket};
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::bridge::{gateway_spec, remote_end};
use ferroute_tests::bench::frames::{MacBytes, V4, arp};
use ferroute_tests::bench::{Bench, SECOND};

fn with_gateway(suppress: bool) -> Bench {
    let mut bench = lab();
    let mut spec = blue();
    spec.gateway = Some(gateway_spec(GATEWAY, "red", "irb"));
    spec.policy.suppress = suppress;
    bench.change_domain(spec).unwrap();
    bench
        .address("irb", "10.0.0.1/24")
        .address("irb", "10.0.9.1/24");
    bench.advance(10 * SECOND);
    bench
}

fn asks(from: MacBytes, address: &str, target: &str) -> Vec<u8> {
    arp(
        ArpOperation::REQUEST,
        (from, address),
        ([0; 6], target),
        ALL,
    )
}

/// Who says in the one frame that left by a port that it has an address.
#[track_caller]
fn answer(sent: &[ferroute_tests::bench::Sent]) -> (String, MacBytes) {
    let [one] = sent else {
        panic!("one answer, not {sent:02x?}");
    };
    let sliced = SlicedPacket::from_ethernet(&one.frame).unwrap();
    let Some(etherparse::NetSlice::Arp(arp)) = &sliced.net else {
        panic!("{one:02x?}");
    };
    assert_eq!(arp.operation(), ArpOperation::REPLY);
    let mac = arp.sender_hw_addr().try_into().unwrap();
    (one.port.clone(), mac)
}

#[test]
fn b_07_the_gateway_answers_for_all_its_addresses() {
    for suppress in [false, true] {
        let mut bench = with_gateway(suppress);
        for target in ["10.0.0.1", "10.0.9.1"] {
            let sent = bench.receive("p0", &asks(host(1), "10.0.0.5", target));
            let answers: Vec<_> = sent.iter().filter(|s| s.port == "p0").cloned().collect();
            assert_eq!(answer(&answers), ("p0".to_owned(), GATEWAY), "{suppress}");
        }
    }
}

#[test]
fn b_07_the_gateways_answer_leaves_by_the_member_that_asked() {
    let mut bench = with_gateway(false);
    let mut spec = blue();
    spec.gateway = Some(gateway_spec(GATEWAY, "red", "irb"));
    spec.policy.learn = false;
    bench.change_domain(spec).unwrap();
    let sent = bench.receive("p2", &asks(host(1), "10.0.0.5", "10.0.0.1"));
    let is_reply = |frame: &[u8]| frame[..6] == host(1);
    let answers: Vec<_> = sent.into_iter().filter(|s| is_reply(&s.frame)).collect();
    assert_eq!(
        answer(&answers),
        ("p2".to_owned(), GATEWAY),
        "nobody was learned"
    );
}

#[test]
fn b_07_requests_are_answered_for_stations_that_are_known() {
    let mut bench = with_gateway(true);
    bench.flood_to("blue", &[remote_end("192.0.2.3", None)], false);
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 0))
        .unwrap();
    bench.neighbour("irb", "10.0.0.8", host(8));
    let sent = bench.receive("p0", &asks(host(1), "10.0.0.5", "10.0.0.8"));
    assert_eq!(answer(&sent), ("p0".to_owned(), host(8)));
    let unknown = asks(host(1), "10.0.0.5", "10.0.0.77");
    let ports: Vec<_> = bench
        .receive("p0", &unknown)
        .into_iter()
        .map(|s| s.port)
        .collect();
    assert_eq!(ports.len(), 3, "members and the remote end: {ports:?}");
}

#[test]
fn the_gateway_routes_between_the_domain_and_others() {
    let mut bench = with_gateway(false);
    bench
        .add_port("p4", [2, 0, 0, 0, 0, 4], Default::default())
        .unwrap();
    let change = ferroute_control::model::interface::InterfaceChange {
        vrf: Some("red".parse().unwrap()),
        ..Default::default()
    };
    bench.change("p4", change).unwrap();
    bench
        .address("p4", "10.4.0.1/24")
        .neighbour("p4", "10.4.0.9", [2, 0, 0, 0, 4, 9]);
    let out = V4::udp("10.0.0.5", "10.4.0.9", b"x").link(host(1), GATEWAY);
    let sent = bench.receive("p0", &out.frame());
    assert_eq!((sent.len(), sent[0].port.as_str()), (1, "p4"));
    // On the way back the host is asked for first.
    let back = V4::udp("10.4.0.9", "10.0.0.5", b"x").link([2, 0, 0, 0, 4, 9], [2, 0, 0, 0, 0, 4]);
    let asked = bench.receive("p4", &back.frame());
    assert!(!asked.is_empty());
    let reply = arp(
        ArpOperation::REPLY,
        (host(1), "10.0.0.5"),
        (GATEWAY, "10.0.0.1"),
        GATEWAY,
    );
    let held = bench.receive("p0", &reply);
    assert_eq!((held.len(), held[0].port.as_str()), (1, "p0"));
    let next = bench.receive("p4", &back.frame());
    assert_eq!((next.len(), next[0].port.as_str()), (1, "p0"));
    let (to, from) = (&next[0].frame[..6], &next[0].frame[6..12]);
    assert_eq!((to, from), (&host(1)[..], &GATEWAY[..]));
}

#[test]
fn b_04_asymmetric_routing_ages_the_packet_once() {
    let mut bench = with_gateway(false);
    bench
        .remote_station("blue", host(8), behind("192.0.2.2", 0))
        .unwrap();
    bench.neighbour("irb", "10.0.9.8", host(8));
    let out = V4::udp("10.0.0.5", "10.0.9.8", b"x").link(host(1), GATEWAY);
    let sent = bench.receive("p0", &out.frame());
    let [one] = &sent[..] else {
        panic!("{sent:02x?}");
    };
    let (remote, vni, inner) = inside(one);
    assert_eq!((remote, vni), (2, 100));
    assert_eq!((&inner[..6], &inner[6..12]), (&host(8)[..], &GATEWAY[..]));
    assert_eq!(inner[22], out.frame()[22] - 1, "TTL at ingress");
    // At egress the frame is bridged as it is.
    let arrives = V4::udp("10.0.9.8", "10.0.0.5", b"x").link(host(8), host(1));
    bench.receive("p0", &frame(host(1), ALL));
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &arrives.frame()));
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].port.as_str(), sent[0].frame[22]),
        ("p0", arrives.frame()[22])
    );
}

#[test]
fn b_07_an_anycast_gateway_elsewhere_is_no_stranger_but_a_member_is() {
    let mut bench = with_gateway(false);
    let stolen = frame(GATEWAY, ALL);
    assert!(bench.receive("p0", &stolen).is_empty());
    assert_eq!(bench.dropped(DropReason::BridgeOwnSource), 1);
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &stolen));
    assert_eq!(sent.len(), 3, "out of a tunnel it is another router's");
}

#[test]
fn a_silent_neighbour_is_asked_for_before_it_ages() {
    let mut bench = with_gateway(false);
    bench.receive("p0", &frame(host(1), ALL));
    bench.neighbour("irb", "10.0.0.5", host(1));
    bench.advance(240 * SECOND);
    bench.take_sent();
    let mut asked = Vec::new();
    bench.wait_until("the station is asked for", |bench| {
        asked.extend(bench.take_sent());
        !asked.is_empty()
    });
    assert_eq!(asked[0].port, "p0");
    assert_eq!(&asked[0].frame[..6], &host(1));
    let reply = arp(
        ArpOperation::REPLY,
        (host(1), "10.0.0.5"),
        (GATEWAY, "10.0.0.1"),
        GATEWAY,
    );
    bench.receive("p0", &reply);
    bench.advance(100 * SECOND);
    assert!(bench.station("blue", host(1)).is_some(), "it lives");
}
