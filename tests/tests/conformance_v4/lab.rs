//! The router that most rows are tried on: two ports, a host on the first, a gateway on the second.

use ferroute_tests::bench::frames::V4;
use ferroute_tests::bench::{Bench, Sent, Shape};

/// The router's ports.
pub(crate) const P0_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x10];
pub(crate) const P1_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x11];
/// The host that speaks.
pub(crate) const HOST: &str = "10.0.0.9";
pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x90];
/// The gateway to the rest.
pub(crate) const GATEWAY: &str = "10.0.1.2";
pub(crate) const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa2];
/// A destination behind the gateway.
pub(crate) const FAR: &str = "192.0.2.7";

/// Host and gateway are permanent neighbours; 192.0.2.0/24 is behind the gateway.
pub(crate) fn lab() -> Bench {
    lab_of(Shape::default())
}

pub(crate) fn lab_of(shape: Shape) -> Bench {
    let mut bench = Bench::shaped(shape);
    bench
        .port("p0", P0_MAC, &["10.0.0.1/24"])
        .port("p1", P1_MAC, &["10.0.1.1/24"]);
    bench
        .neighbour("p0", HOST, HOST_MAC)
        .neighbour("p1", GATEWAY, GATEWAY_MAC);
    bench.route("192.0.2.0/24", "via 10.0.1.2");
    bench
}

/// From the host into port p0.
pub(crate) fn from_host(packet: V4) -> V4 {
    packet.link(HOST_MAC, P0_MAC)
}

/// A datagram from the host to somewhere.
pub(crate) fn datagram(to: &str) -> V4 {
    from_host(V4::udp(HOST, to, b"some data"))
}

/// The same packet as it leaves for the gateway: one TTL less.
pub(crate) fn forwarded(packet: &V4) -> Sent {
    let ttl = packet.header.time_to_live - 1;
    Sent {
        port: "p1".into(),
        frame: packet.clone().ttl(ttl).link(P1_MAC, GATEWAY_MAC).frame(),
    }
}

/// An answer of the router to the host.
pub(crate) fn to_host(packet: &V4) -> Sent {
    Sent {
        port: "p0".into(),
        frame: packet.clone().link(P0_MAC, HOST_MAC).frame(),
    }
}

/// Sends one packet and wants exactly these frames.
#[track_caller]
pub(crate) fn expect(bench: &mut Bench, packet: &V4, expected: &[Sent]) {
    let sent = bench.receive("p0", &packet.frame());
    assert_eq!(sent, expected, "{packet:02x?}");
}

/// Sends bytes and wants silence, and one drop for this reason.
#[track_caller]
pub(crate) fn dropped_for(bench: &mut Bench, frame: &[u8], reason: &str) {
    let mut sent = Vec::new();
    let drops = bench.drops_of(|bench| sent = bench.receive("p0", frame));
    assert_eq!(sent, []);
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [(reason, 1)],
        "{frame:02x?}"
    );
}
