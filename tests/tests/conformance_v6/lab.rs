//! The router that both families' neighbours are tested on, and its hosts.
//!
//! ```text
//!   host a ── A [10.0.1.1  2001:db8:1::1 │ 10.0.2.1  2001:db8:2::1] B ── host b, host c
//!                                        │ 2001:db8:3::1, MTU 1400] p2 ── a host; on VLAN 7, MTU 1000, another
//! ```

use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::{Bench, Sent};

use crate::packets::framed;

/// The ports.
pub(crate) const A: &str = "p0";
pub(crate) const B: &str = "p1";
/// The hosts on the first two.
pub(crate) const A_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
pub(crate) const B_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
/// The router's own.
pub(crate) const R0_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const R1_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
pub(crate) const R0: &str = "2001:db8:1::1";
pub(crate) const R1: &str = "2001:db8:2::1";
pub(crate) const A_HOST: &str = "2001:db8:1::2";

/// The router, and the far ends of its ports.
pub(crate) struct Lab {
    pub(crate) bench: Bench,
}

/// Host and router on a port.
fn ends(port: &str) -> ([u8; 6], [u8; 6]) {
    if port == A {
        (A_MAC, R0_MAC)
    } else {
        (B_MAC, R1_MAC)
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        let mut bench = Bench::new();
        bench.port(A, R0_MAC, &["10.0.1.1/24", "2001:db8:1::1/64"]);
        bench.port(B, R1_MAC, &["10.0.2.1/24", "2001:db8:2::1/64"]);
        bench
            .port("p2", [2, 0, 0, 0, 0, 3], &["2001:db8:3::1/64"])
            .mtu("p2", 1400);
        bench
            .vlan("narrow", "p2", 7, "", &["10.0.4.1/24"])
            .mtu("narrow", 1000);
        for (interface, address, host) in [
            (A, "10.0.1.2", 0xa),
            (A, A_HOST, 0xa),
            (A, "fe80::a", 0xa),
            (B, "10.0.2.2", 0xb),
            (B, "2001:db8:2::2", 0xb),
            (B, "2001:db8:2::3", 0xc),
            ("p2", "2001:db8:3::2", 0xd),
            ("narrow", "fe80::e", 0xe),
        ] {
            bench.neighbour(interface, address, [2, 0, 0, 0, 0, host]);
        }
        for (prefix, to) in [
            ("10.2.0.0/16", "via 10.0.2.2"),
            ("2001:db8:a::/48", "via 2001:db8:1::2"),
            ("2001:db8:b::/48", "via 2001:db8:2::2"),
            ("2001:db8:c::/48", "via 2001:db8:2::2 + via 2001:db8:2::3"),
            ("2001:db8:4::/48", "via fe80::e dev narrow"),
            ("2001:db8:f1::/48", "unreachable"),
            ("2001:db8:f2::/48", "prohibit"),
            ("2001:db8:f3::/48", "blackhole"),
        ] {
            bench.route(prefix, to);
        }
        Self { bench }
    }

    /// Brings a frame in by a port; what leaves because of it.
    pub(crate) fn receive(&mut self, port: &str, frame: &[u8]) -> Vec<Sent> {
        self.bench.receive(port, frame)
    }

    /// Brings a packet in by a port from its host.
    pub(crate) fn send(&mut self, port: &str, packet: &[u8]) -> Vec<Sent> {
        let (host, router) = ends(port);
        self.receive(port, &framed(router, host, packet))
    }

    /// Lets time pass; what leaves meanwhile.
    pub(crate) fn wait(&mut self, time_ns: u64) -> Vec<Sent> {
        self.bench.advance(time_ns)
    }

    /// A packet as the router sends it to the host on a port.
    pub(crate) fn to_host(&self, port: &str, packet: &[u8]) -> Sent {
        let (host, router) = ends(port);
        sent(port, framed(host, router, packet))
    }

    /// Packets that ended for this reason, wherever.
    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.bench.dropped(reason)
    }

    /// Packets that ended at a twin.
    pub(crate) fn to_twin(&self) -> u64 {
        self.bench.exception_counters().to_twin.get()
    }
}

/// A frame that leaves by a port.
pub(crate) fn sent(port: &str, frame: Vec<u8>) -> Sent {
    Sent {
        port: port.to_owned(),
        frame,
    }
}
