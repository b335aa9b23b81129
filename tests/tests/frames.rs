//! Every bit of what leaves the router, compared with what an independent implementation builds from what was sent.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use etherparse::{Ethernet2Header, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder};
use ferroute_tests::{Api, Interface, Namespace, RawSocket, Router};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);
/// The most that a frame of the lab carries after its IPv4 header, in bytes.
const MOST: usize = 1480;

/// The router between two TAPs, whose far ends the test itself holds. (The sockets of `net_af_packet` would have the kernel put
/// IPv4 fragments together before the router sees them.)
struct Bench {
    _router: Router,
    api: Api,
    from: RawSocket,
    to: RawSocket,
    /// Addresses of the Ethernet headers: sender to router, router to receiver.
    before: Ethernet,
    after: Ethernet,
}

#[derive(Clone, Copy)]
struct Ethernet {
    source: [u8; 6],
    destination: [u8; 6],
}

const SENDER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];
const RECEIVER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0b];

const CONFIG: &str = r#"
twin: { enabled: false }
ports:
  - { name: p0, device: "net_tap0,iface=t0" }
  - { name: p1, device: "net_tap1,iface=t1" }
interfaces:
  - { name: p0, addresses: [10.0.1.1/24, "2001:db8:1::1/64"] }
  - { name: p1, addresses: [10.0.2.1/24, "2001:db8:2::1/64"] }
neighbours:
  - { interface: p1, address: 10.0.2.2, mac: "02:00:00:00:00:0b" }
  - { interface: p1, address: "2001:db8:2::2", mac: "02:00:00:00:00:0b" }
routes:
  - { prefix: 10.2.0.0/16, via: [{ address: 10.0.2.2 }] }
  - { prefix: "2001:db8:b::/48", via: [{ address: "2001:db8:2::2" }] }
"#;

fn octets(mac: &str) -> [u8; 6] {
    let octets: Vec<_> = mac
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect();
    octets.try_into().unwrap()
}

impl Bench {
    fn new() -> Self {
        let wires = Namespace::new("wires").unwrap();
        let router = Router::start(&wires, CONFIG, &[]).unwrap();
        let [near, far] = ["t0", "t1"].map(|name| {
            let tap = Interface::named(&wires, name);
            tap.mute().unwrap();
            tap
        });
        // A port has the address of its TAP.
        let mac = |tap: &Interface| octets(&tap.mac().unwrap());
        let before = Ethernet {
            source: SENDER,
            destination: mac(&near),
        };
        let after = Ethernet {
            source: mac(&far),
            destination: RECEIVER,
        };
        let (from, to) = (
            RawSocket::open(&near).unwrap(),
            RawSocket::open(&far).unwrap(),
        );
        Self {
            api: router.api().unwrap(),
            _router: router,
            from,
            to,
            before,
            after,
        }
    }

    /// Sends an IP packet and waits for it to arrive just so.
    fn check(&self, packet: &[u8]) {
        let (sent, expected) = (
            framed(self.before, packet),
            framed(self.after, &one_hop_on(packet)),
        );
        self.from.send(&sent).unwrap();
        let arrived = self.to.expect("the frame", LIMIT, |bytes| {
            (bytes == expected).then_some(())
        });
        assert!(
            arrived.is_ok(),
            "sent {sent:02x?}\nwanted {expected:02x?}\n{arrived:?}\ndrops: {:?}",
            self.api.drops()
        );
    }
}

/// The packet behind an Ethernet header.
fn framed(ethernet: Ethernet, packet: &[u8]) -> Vec<u8> {
    let ether_type = if packet[0] >> 4 == 4 {
        etherparse::EtherType::IPV4
    } else {
        etherparse::EtherType::IPV6
    };
    let header = Ethernet2Header {
        source: ethernet.source,
        destination: ethernet.destination,
        ether_type,
    };
    [&header.to_bytes()[..], packet].concat()
}

/// The packet after one router: the library parses the header, and writes it anew with one hop less and its own checksum.
fn one_hop_on(packet: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    let rest = if packet[0] >> 4 == 4 {
        let (mut header, rest) = Ipv4Header::from_slice(packet).unwrap();
        header.time_to_live -= 1;
        header.write(&mut written).unwrap();
        rest
    } else {
        let (mut header, rest) = Ipv6Header::from_slice(packet).unwrap();
        header.hop_limit -= 1;
        header.write(&mut written).unwrap();
        rest
    };
    [&written, rest].concat()
}

fn ipv4() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (any::<u8>(), any::<u16>(), 2..=255_u8, any::<u8>());
    let fragment = prop_oneof![3 => Just((false, false, 0)), 1 => (any::<bool>(), Just(false), 0..8000_u16), 1 => Just((false, true, 0))];
    let addresses = (any::<u16>(), any::<u16>());
    (numbers, fragment, addresses, vec(any::<u8>(), 0..=MOST)).prop_map(
        |(numbers, fragment, (source, destination), payload)| {
            let [a, b] = source.to_be_bytes();
            let [c, d] = destination.to_be_bytes();
            let length = u16::try_from(payload.len()).unwrap();
            let mut header = Ipv4Header::new(
                length,
                numbers.2,
                IpNumber(numbers.3),
                [10, 1, a, b],
                [10, 2, c, d],
            )
            .unwrap();
            (header.dscp, header.ecn) = (
                (numbers.0 >> 2).try_into().unwrap(),
                (numbers.0 & 3).try_into().unwrap(),
            );
            header.identification = numbers.1;
            (header.more_fragments, header.dont_fragment) = (fragment.0, fragment.1);
            header.fragment_offset = fragment.2.try_into().unwrap();
            let mut packet = Vec::new();
            header.write(&mut packet).unwrap();
            [packet, payload].concat()
        },
    )
}

fn ipv6() -> impl Strategy<Value = Vec<u8>> {
    // Next headers that are no extension headers: those have their own rules.
    let next = prop_oneof![Just(6), Just(17), Just(47), Just(58), Just(59), Just(253)];
    let numbers = (any::<u8>(), 0..1_u32 << 20, 2..=255_u8, next);
    (numbers, any::<[u16; 2]>(), vec(any::<u8>(), 0..=MOST - 20)).prop_map(
        |(numbers, [source, destination], payload)| {
            let header = Ipv6Header {
                traffic_class: numbers.0,
                flow_label: numbers.1.try_into().unwrap(),
                payload_length: u16::try_from(payload.len()).unwrap(),
                next_header: IpNumber(numbers.3),
                hop_limit: numbers.2,
                source: std::net::Ipv6Addr::new(0x2001, 0xdb8, 0xa, 7, 0, 0, 0, source).octets(),
                destination: std::net::Ipv6Addr::new(0x2001, 0xdb8, 0xb, 7, 0, 0, 0, destination)
                    .octets(),
            };
            let mut packet = Vec::new();
            header.write(&mut packet).unwrap();
            [packet, payload].concat()
        },
    )
}

/// 2001:db8:a::1.
const V6: [u8; 16] = [
    0x20, 0x01, 0x0d, 0xb8, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
];

/// Every case through one router: making one for each would take all day.
fn check_all(bench: &Bench, packets: &impl Strategy<Value = Vec<u8>>) {
    let config = ProptestConfig {
        cases: 400,
        max_shrink_iters: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(packets, |packet| {
            bench.check(&packet);
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_ipv4_packet_leaves_as_the_library_builds_it() {
    check_all(&Bench::new(), &ipv4());
}

#[test]
fn any_ipv6_packet_leaves_as_the_library_builds_it() {
    check_all(&Bench::new(), &ipv6());
}

#[test]
fn transport_headers_of_every_size_pass_unchanged() {
    let bench = Bench::new();
    let (v4, v6) = (
        ([10, 1, 0, 1], [10, 2, 0, 1]),
        (V6, {
            let mut to = V6;
            to[5] = 0xb;
            to
        }),
    );
    for size in [0, 1, 2, 17, 18, 64, 511, 1000, 1440] {
        let payload = vec![0x5a; size];
        let builders = [
            PacketBuilder::ipv4(v4.0, v4.1, 64).udp(4000, 9),
            PacketBuilder::ipv6(v6.0, v6.1, 64).udp(4000, 9),
        ];
        for builder in builders {
            let mut packet = Vec::new();
            builder.write(&mut packet, &payload).unwrap();
            bench.check(&packet);
        }
        let builders = [
            PacketBuilder::ipv4(v4.0, v4.1, 2)
                .tcp(4000, 9, 12345, 5000)
                .ack(1),
            PacketBuilder::ipv6(v6.0, v6.1, 2)
                .tcp(4000, 9, 12345, 5000)
                .ack(1),
        ];
        for builder in builders {
            let mut packet = Vec::new();
            builder.write(&mut packet, &payload).unwrap();
            bench.check(&packet);
        }
    }
}
