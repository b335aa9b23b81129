//! Two ports with both families, a host on the first, a gateway on the second.

use ferroute_tests::bench::frames::V4;
use ferroute_tests::bench::{Bench, Shape};

pub(crate) const P0_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x10];
pub(crate) const P1_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x11];
pub(crate) const HOST: &str = "10.0.0.9";
pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x90];
pub(crate) const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa2];
pub(crate) const FAR: &str = "192.0.2.7";

pub(crate) fn lab() -> Bench {
    lab_of(Shape::default())
}

pub(crate) fn lab_of(shape: Shape) -> Bench {
    let mut bench = Bench::shaped(shape);
    bench
        .port("p0", P0_MAC, &["10.0.0.1/24", "2001:db8::1/64"])
        .port("p1", P1_MAC, &["10.0.1.1/24", "2001:db8:1::1/64"]);
    bench
        .neighbour("p0", HOST, HOST_MAC)
        .neighbour("p1", "10.0.1.2", GATEWAY_MAC);
    bench
        .neighbour("p0", "2001:db8::9", HOST_MAC)
        .neighbour("p1", "2001:db8:1::2", GATEWAY_MAC);
    bench
        .route("192.0.2.0/24", "via 10.0.1.2")
        .route("2001:db8:f::/48", "via 2001:db8:1::2");
    bench
}

/// A datagram from the host to somewhere.
pub(crate) fn datagram(to: &str) -> V4 {
    V4::udp(HOST, to, b"some data").link(HOST_MAC, P0_MAC)
}
