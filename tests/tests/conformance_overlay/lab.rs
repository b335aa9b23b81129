//! A tenant's VRF `red` with a host on p0, the fabric on p1, the endpoint 192.0.2.1 / 2001:db8::1 on lo0, and remote
//! ends 192.0.2.2 and 2001:db8::2 behind the gateway of p1.

use etherparse::{EtherType, IpNumber, Ipv4Header, Ipv6Header, NetSlice, SlicedPacket, UdpHeader};
use ferroute_tests::bench::frames::{MacBytes, V4, framed};
use ferroute_tests::bench::{Bench, Sent};

pub(crate) const P0: MacBytes = [2, 0, 0, 0, 0, 0x10];
pub(crate) const P1: MacBytes = [2, 0, 0, 0, 0, 0x11];
pub(crate) const HOST: &str = "10.0.0.9";
pub(crate) const HOST_MAC: MacBytes = [2, 0, 0, 0, 0, 0x90];
pub(crate) const GATEWAY_MAC: MacBytes = [2, 0, 0, 0, 0, 0xa2];
/// The router MACs of this router and of the remote ones.
pub(crate) const RMAC: MacBytes = [2, 0, 0, 0, 1, 1];
pub(crate) const REMOTE_RMAC: MacBytes = [2, 0, 0, 0, 2, 2];
/// A host behind the remote end.
pub(crate) const FAR: &str = "203.0.113.7";

pub(crate) fn lab() -> Bench {
    let mut bench = Bench::new();
    bench.vrf("red");
    bench
        .port_in("red", "p0", P0, &["10.0.0.1/24", "fd00::1/64"])
        .port("p1", P1, &["10.0.1.1/24", "fd01::1/64"])
        .loopback("lo0", "", &["192.0.2.1/32", "2001:db8::1/128"])
        .neighbour("p0", HOST, HOST_MAC)
        .neighbour("p0", "fd00::9", HOST_MAC)
        .neighbour("p1", "10.0.1.2", GATEWAY_MAC)
        .neighbour("p1", "fd01::2", GATEWAY_MAC)
        .route("192.0.2.2/32", "via 10.0.1.2")
        .route("192.0.2.3/32", "via 10.0.1.2")
        .route("2001:db8::2/128", "via fd01::2")
        .endpoint(&["192.0.2.1", "2001:db8::1"]);
    bench
}

/// A datagram of the host to somewhere.
pub(crate) fn from_host(to: &str) -> V4 {
    V4::udp(HOST, to, b"some data").link(HOST_MAC, P0)
}

/// An outer packet, taken apart by a stranger.
pub(crate) struct Outer {
    pub(crate) ttl: u8,
    pub(crate) source: Vec<u8>,
    pub(crate) destination: Vec<u8>,
    pub(crate) port: u16,
    pub(crate) source_port: u16,
    pub(crate) payload: Vec<u8>,
}

/// Takes the one frame apart that left, which must be UDP on p1 to the gateway.
#[track_caller]
pub(crate) fn outer(sent: &[Sent]) -> Outer {
    let [Sent { port, frame }] = sent else {
        panic!("one frame, not {sent:02x?}");
    };
    assert_eq!(port, "p1");
    ferroute_tests::bench::frames::assert_sound(frame);
    assert_eq!((&frame[..6], &frame[6..12]), (&GATEWAY_MAC[..], &P1[..]));
    let sliced = SlicedPacket::from_ethernet(frame).unwrap();
    let (ttl, source, destination) = match sliced.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            (
                header.ttl(),
                header.source().to_vec(),
                header.destination().to_vec(),
            )
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            (
                header.hop_limit(),
                header.source().to_vec(),
                header.destination().to_vec(),
            )
        }
        other => panic!("{other:?}"),
    };
    let Some(etherparse::TransportSlice::Udp(udp)) = &sliced.transport else {
        panic!("no UDP: {frame:02x?}");
    };
    Outer {
        ttl,
        source,
        destination,
        port: udp.destination_port(),
        source_port: udp.source_port(),
        payload: udp.payload().to_vec(),
    }
}

/// A VXLAN header.
pub(crate) fn vxlan(vni: u32) -> [u8; 8] {
    let [_, a, b, c] = vni.to_be_bytes();
    [8, 0, 0, 0, a, b, c, 0]
}

/// A label stack with TTL 64, the outermost first.
pub(crate) fn stack(labels: &[u32]) -> Vec<u8> {
    let last = labels.len() - 1;
    let entry =
        |(at, label): (usize, &u32)| (label << 12 | u32::from(at == last) << 8 | 64).to_be_bytes();
    labels.iter().enumerate().flat_map(entry).collect()
}

/// What a remote end sends to the router's endpoint over IPv4.
pub(crate) fn tunneled(from: &str, port: u16, payload: &[u8]) -> Vec<u8> {
    V4::udp_ports(from, "192.0.2.1", 50_000, port, payload)
        .link(GATEWAY_MAC, P1)
        .frame()
}

/// The same over IPv6, with a UDP checksum.
pub(crate) fn tunneled6(port: u16, payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    let mut header = Ipv6Header {
        next_header: IpNumber::UDP,
        hop_limit: 64,
        source: address("2001:db8::2"),
        destination: address("2001:db8::1"),
        ..Ipv6Header::default()
    };
    header.set_payload_length(8 + payload.len()).unwrap();
    let udp = UdpHeader::with_ipv6_checksum(50_000, port, &header, payload).unwrap();
    let packet = [&header.to_bytes()[..], &udp.to_bytes(), payload].concat();
    framed(GATEWAY_MAC, P1, None, EtherType::IPV6, &packet)
}

/// An inner frame between routers.
pub(crate) fn inner_frame(to: MacBytes, packet: &[u8]) -> Vec<u8> {
    let kind = if packet[0] >> 4 == 6 {
        EtherType::IPV6
    } else {
        EtherType::IPV4
    };
    framed(REMOTE_RMAC, to, None, kind, packet)
}

/// An IPv6 datagram without more.
pub(crate) fn v6(from: &str, to: &str, hop_limit: u8) -> Vec<u8> {
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    let header = Ipv6Header {
        next_header: IpNumber::UDP,
        hop_limit,
        payload_length: 12,
        source: address(from),
        destination: address(to),
        ..Ipv6Header::default()
    };
    let udp = UdpHeader::with_ipv6_checksum(4000, 5000, &header, b"data").unwrap();
    [&header.to_bytes()[..], &udp.to_bytes(), b"data"].concat()
}

/// The datagram from the remote host to this one, with this TTL.
pub(crate) fn to_host(ttl: u8) -> V4 {
    V4::udp(FAR, HOST, b"answer").ttl(ttl)
}

/// A packet as it reaches the host.
pub(crate) fn at_host(packet: &V4) -> Sent {
    Sent {
        port: "p0".into(),
        frame: packet.clone().link(P0, HOST_MAC).frame(),
    }
}

/// The IPv4 header at the front of bytes.
pub(crate) fn ipv4(bytes: &[u8]) -> Ipv4Header {
    Ipv4Header::from_slice(bytes).unwrap().0
}
