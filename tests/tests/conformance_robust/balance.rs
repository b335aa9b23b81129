//! Nothing is lost uncounted, floods leave the rest alive, and order is kept.

use std::collections::HashMap;

use etherparse::{ArpOperation, IcmpEchoHeader, Icmpv4Type, IpNumber, TcpHeader};
use ferroute_dataplane::punt::PuntClass;
use ferroute_tests::bench::frames::{V4, arp};
use ferroute_tests::bench::{MILLISECOND, SECOND};

use crate::lab::{FAR, GATEWAY_MAC, HOST, HOST_MAC, P0_MAC, P1_MAC, datagram, lab};

fn own(packet: V4) -> Vec<u8> {
    packet.link(HOST_MAC, P0_MAC).frame()
}

/// A packet in transit that is too big for the link behind p1, once that has an MTU of 1000, and
/// whether routers may cut it.
fn large(may_cut: bool) -> V4 {
    let packet = V4::udp(HOST, FAR, &[0; 1472]).link(HOST_MAC, P0_MAC);
    packet.with(|header| header.dont_fragment = !may_cut)
}

fn ping() -> Vec<u8> {
    own(V4::icmp(
        HOST,
        "10.0.0.1",
        Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq: 1 }),
        b"x",
    ))
}

fn segment(port: u16, syn: bool) -> Vec<u8> {
    let mut tcp = TcpHeader::new(40_000, port, 1, 1000);
    (tcp.syn, tcp.ack) = (syn, !syn);
    own(V4::new(HOST, "10.0.0.1", IpNumber::TCP, &tcp.to_bytes()))
}

fn arp_request() -> Vec<u8> {
    arp(
        ArpOperation::REQUEST,
        (HOST_MAC, HOST),
        ([0; 6], "10.0.0.1"),
        [0xff; 6],
    )
}

#[test]
fn r_04_every_packet_of_mixed_traffic_has_one_end_on_worker_interface_and_exception_path() {
    let mut bench = lab();
    bench.route("198.51.100.0/24", "blackhole");
    let mut broken = datagram(FAR).frame();
    broken[24] ^= 0xff;
    let large = own(V4::udp(HOST, FAR, &[0; 1472]));
    bench.mtu("p1", 1000);
    let mix = [
        datagram(FAR).frame(),
        datagram(FAR).ttl(1).frame(),
        datagram("198.51.100.1").frame(),
        datagram("203.0.113.1").frame(),
        datagram("10.0.1.77").frame(),
        datagram("10.0.0.1").frame(),
        datagram("127.0.0.1").frame(),
        broken,
        large,
        ping(),
        arp_request(),
        segment(179, false),
        segment(22, true),
        vec![1, 2, 3],
    ];
    for round in 0..40 {
        let frames: Vec<_> = (0..500)
            .map(|n| &mix[(n * 7 + round) % mix.len()])
            .collect();
        // The bench checks worker and exception path after each step.
        bench.receive_all("p0", frames);
        bench.advance(100 * MILLISECOND);
    }
    bench.advance(60 * SECOND);
    let (worker, exception) = (bench.worker_counters(), bench.exception_counters());
    assert_eq!(worker.rx.get(), 20_000);
    assert_eq!(
        worker.punted.get(),
        exception.taken.get(),
        "what one gave the other took"
    );
    assert_eq!(exception.held_now(), 0, "nobody waits for ever");
    let passed: u64 = (PuntClass::ALL.iter())
        .map(|class| worker.punts_of(*class).0)
        .sum();
    assert_eq!(passed, worker.punted.get());
    let id = bench.interface("p0").id;
    let p0 = bench.worker_counters().interface(id);
    assert_eq!(p0.rx.packets.get(), 20_000);
    let worker = bench.worker_counters();
    assert_eq!(
        p0.rx_dropped.get(),
        worker.dropped(),
        "all of it came by p0"
    );
    assert_eq!(p0.punted.get(), worker.punted.get());
}

#[test]
fn r_05_a_flood_at_the_router_leaves_arp_routing_and_sessions_alive() {
    let mut bench = lab();
    let flood: Vec<Vec<u8>> = (0..1000)
        .map(|n| match n % 4 {
            0 => datagram("10.0.0.1").frame(),
            1 => ping(),
            2 => segment(22, true),
            _ => datagram("203.0.113.1").frame(),
        })
        .collect();
    let (mut answered, mut routing, mut sessions) = (0, 0, 0);
    // A million packets a second, for a fifth of one; with each thousand, what must live.
    for _ in 0..200 {
        let mut frames = flood.clone();
        frames.extend([arp_request(), segment(179, false), segment(22, false)]);
        let sent = bench.receive_all("p0", frames);
        answered += sent.iter().filter(|s| s.frame[12..14] == [8, 6]).count();
        for (_, frame) in bench.twin_frames() {
            let tcp = frame.get(23) == Some(&6);
            routing += usize::from(tcp && frame[36..38] == 179_u16.to_be_bytes());
            sessions +=
                usize::from(tcp && frame[36..38] == 22_u16.to_be_bytes() && frame[47] == 0x10);
        }
        bench.advance(MILLISECOND);
    }
    assert_eq!(
        (answered, routing, sessions),
        (200, 200, 200),
        "none of them was lost"
    );
    let counters = bench.worker_counters();
    for class in [
        PuntClass::Other,
        PuntClass::Icmp,
        PuntClass::TcpOpen,
        PuntClass::Exception,
    ] {
        assert!(
            counters.punts_of(class).1 > 10_000,
            "{} was policed",
            class.name()
        );
    }
    for class in [PuntClass::Arp, PuntClass::Routing, PuntClass::Tcp] {
        assert_eq!(counters.punts_of(class).1, 0, "{}", class.name());
    }
}

/// What a host on the other link sends to the router: an ARP request and a segment of a session.
fn neighbours_own() -> [Vec<u8>; 2] {
    let mut tcp = TcpHeader::new(40_000, 22, 1, 1000);
    tcp.ack = true;
    let own = V4::new("10.0.1.2", "10.0.1.1", IpNumber::TCP, &tcp.to_bytes());
    let request = arp(
        ArpOperation::REQUEST,
        (GATEWAY_MAC, "10.0.1.2"),
        ([0; 6], "10.0.1.1"),
        [0xff; 6],
    );
    [request, own.link(GATEWAY_MAC, P1_MAC).frame()]
}

#[test]
fn r_05_a_flood_by_one_port_takes_nothing_of_what_another_sends_of_the_same_classes() {
    let mut bench = lab();
    let flood: Vec<Vec<u8>> = (0..1000)
        .map(|n| match n % 2 {
            0 => arp_request(),
            _ => segment(22, false),
        })
        .collect();
    let (mut answered, mut sessions) = (0, 0);
    // A million packets a second by p0, for a fifth of one; and by p1, which has a half of 5,000 requests a second and of
    // 200,000 segments, two of each with each two thousand.
    for _ in 0..100 {
        bench.receive_all("p0", flood.clone());
        bench.receive_all("p0", flood.clone());
        bench.twin_frames();
        let [request, own] = neighbours_own();
        let sent = bench.receive_all("p1", vec![request.clone(), own.clone(), request, own]);
        answered += sent.iter().filter(|s| s.frame[12..14] == [8, 6]).count();
        for (_, frame) in bench.twin_frames() {
            sessions += usize::from(frame.get(23) == Some(&6));
        }
        bench.advance(2 * MILLISECOND);
    }
    assert_eq!((answered, sessions), (200, 200), "none of them was lost");
    let counters = bench.worker_counters();
    for class in [PuntClass::Arp, PuntClass::Tcp] {
        let refused = counters.punts_of(class).1;
        assert!(refused > 10_000, "{}: {refused}", class.name());
    }
}

#[test]
fn v4_15_floods_of_expired_and_of_fragmented_packets_leave_path_mtu_discovery_alive() {
    let mut bench = lab();
    bench.mtu("p1", 1000);
    let flood: Vec<Vec<u8>> = (0..1000)
        .map(|n| match n % 3 {
            0 => datagram(FAR).ttl(1).frame(),
            1 => datagram("203.0.113.1").frame(),
            _ => large(true).frame(),
        })
        .collect();
    let mut told = 0;
    // A million packets a second, for a fifth of one; with every fourth thousand, one that must be answered.
    for round in 0..200 {
        let mut frames = flood.clone();
        if round % 4 == 0 {
            frames.push(large(false).frame());
        }
        let sent = bench.receive_all("p0", frames);
        told += sent
            .iter()
            .filter(|s| s.port == "p0" && s.frame[23] == 1 && s.frame[34..36] == [3, 4])
            .count();
        bench.advance(MILLISECOND);
    }
    assert_eq!(told, 50, "every sender learned the MTU");
    let counters = bench.worker_counters();
    let refused = |class: PuntClass| counters.punts_of(class).1;
    assert!(refused(PuntClass::Exception) > 10_000);
    assert_eq!(refused(PuntClass::PacketTooBig), 0);
}

/// A datagram of a flow, with its place in it.
fn numbered(flow: u16, place: u32) -> Vec<u8> {
    own(V4::udp_ports(
        HOST,
        FAR,
        1000 + flow,
        53,
        &place.to_be_bytes(),
    ))
}

#[test]
fn r_06_flows_keep_their_order_while_paths_change() {
    let mut bench = lab();
    bench.neighbour("p1", "10.0.1.3", [2, 0, 0, 0, 0, 0xa3]);
    let mut last: HashMap<u16, u32> = HashMap::new();
    let mut seen = 0;
    let routes = [
        "via 10.0.1.2 + via 10.0.1.3",
        "via 10.0.1.3",
        "via 10.0.1.2 weight 3 + via 10.0.1.3",
        "via 10.0.1.2",
    ];
    for round in 0..40_u32 {
        bench.route("192.0.2.0/24", routes[round as usize % routes.len()]);
        // Bursts of all sizes, flows interleaved.
        let frames: Vec<_> = (0..50 + round * 7)
            .map(|n| numbered((n % 13) as u16, round * 1000 + n))
            .collect();
        for sent in bench.receive_all("p0", &frames) {
            let flow = u16::from_be_bytes([sent.frame[34], sent.frame[35]]);
            let place = u32::from_be_bytes(sent.frame[42..46].try_into().unwrap());
            assert!(
                last.insert(flow, place).is_none_or(|before| before < place),
                "flow {flow} at {place}"
            );
            seen += 1;
        }
    }
    assert_eq!(
        seen,
        (0..40).map(|round| 50 + round * 7).sum::<u32>(),
        "and none is missing"
    );
}

#[test]
fn r_06_what_waited_for_a_neighbour_leaves_in_order() {
    let mut bench = lab();
    let to = "10.0.1.60";
    for place in 0..6_u32 {
        bench.receive("p0", &own(V4::udp(HOST, to, &place.to_be_bytes())));
    }
    let mac = [2, 0, 0, 0, 0, 0x60];
    let answer = arp(
        ArpOperation::REPLY,
        (mac, to),
        (crate::lab::P1_MAC, "10.0.1.1"),
        crate::lab::P1_MAC,
    );
    let places: Vec<_> = bench
        .receive("p1", &answer)
        .iter()
        .map(|s| s.frame[45])
        .collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn r_04_an_error_that_waits_for_its_neighbour_is_no_packet_that_waits() {
    let mut bench = lab();
    let stranger = |to: &str| {
        V4::udp("10.0.0.55", to, b"x")
            .link([2, 0, 0, 0, 0, 0x55], P0_MAC)
            .frame()
    };
    // The router has to ask for the sender before it can tell it that there is no route.
    let sent = bench.receive("p0", &stranger("203.0.113.1"));
    assert_eq!(
        (sent.len(), &sent[0].frame[12..14]),
        (1, &[8, 6][..]),
        "an ARP request"
    );
    assert_eq!(
        bench.exception_counters().held_now(),
        0,
        "the packet itself has ended"
    );
    // One that waits, and whose failure is told to another who is not known.
    let mut other = V4::udp("10.0.0.56", "10.0.1.88", b"x").link([2, 0, 0, 0, 0, 0x56], P0_MAC);
    other.header.identification = 1;
    bench.receive("p0", &other.frame());
    assert_eq!(bench.exception_counters().held_now(), 1);
    let sent = bench.advance(4 * SECOND);
    let asks_for = |last: u8| {
        sent.iter()
            .any(|s| s.frame[12..14] == [8, 6] && s.frame[41] == last)
    };
    assert!(
        asks_for(88) && asks_for(56),
        "the sender is asked for when the error is due"
    );
    assert_eq!(bench.exception_counters().held_now(), 0);
}
