//! What anybody may send to a router to keep it busy: frames of every class that it does not forward itself.

use super::frames::{Ends, FRAME_BYTES};
use etherparse::err::packet::BuildWriteError;
use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep};
use std::net::Ipv4Addr;

/// Senders of each kind of frame.
const SENDERS: u8 = 64;
/// The host number of the first.
const FIRST_SENDER: u8 = 100;
/// Hosts of the link that do not exist.
const FIRST_ABSENT: u8 = 180;
const HOPS: u8 = 64;

/// Who is flooded.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The Ethernet addresses.
    pub ends: Ends,
    /// The router's own address, with room for senders on its /24.
    pub router: Ipv4Addr,
    /// A port at which something listens.
    pub port: u16,
    /// A host to which the router has a way.
    pub beyond: Ipv4Addr,
}

/// Datagrams, pings and sessions that are opened, all to the router; packets that expire there; and packets for hosts that
/// are not there.
///
/// # Errors
/// The library that builds them refuses; for these packets it does not.
pub fn frames(target: &Target) -> impl Iterator<Item = Result<Vec<u8>, BuildWriteError>> {
    let target = *target;
    (0..SENDERS).flat_map(move |number| {
        let ip = |to: Ipv4Addr, hops| from(&target, FIRST_SENDER + number, to, hops);
        let router = target.router;
        let source = 4_000 + u16::from(number);
        let absent = host(router, FIRST_ABSENT + number);
        [
            padded(|out| ip(router, HOPS).udp(source, 5_000).write(out, &[])),
            padded(|out| {
                ip(router, HOPS)
                    .icmpv4_echo_request(source, 1)
                    .write(out, &[])
            }),
            padded(|out| {
                let open = ip(router, HOPS).tcp(source, target.port, 1, 1_000);
                open.syn().write(out, &[])
            }),
            padded(|out| ip(target.beyond, 1).udp(source, 5_000).write(out, &[])),
            padded(|out| ip(absent, HOPS).udp(source, 5_000).write(out, &[])),
        ]
    })
}

fn host(router: Ipv4Addr, number: u8) -> Ipv4Addr {
    let [a, b, c, _] = router.octets();
    Ipv4Addr::new(a, b, c, number)
}

fn from(target: &Target, sender: u8, to: Ipv4Addr, hops: u8) -> PacketBuilderStep<IpHeaders> {
    PacketBuilder::ethernet2(target.ends.source, target.ends.destination).ipv4(
        host(target.router, sender).octets(),
        to.octets(),
        hops,
    )
}

/// A frame of at least the least size.
fn padded(
    build: impl FnOnce(&mut Vec<u8>) -> Result<(), BuildWriteError>,
) -> Result<Vec<u8>, BuildWriteError> {
    let mut frame = Vec::with_capacity(FRAME_BYTES);
    build(&mut frame)?;
    frame.resize(frame.len().max(FRAME_BYTES), 0);
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetSlice, SlicedPacket};

    #[test]
    fn frames_are_whole_and_none_is_for_a_session_that_exists() {
        let target = Target {
            ends: Ends {
                source: [2, 0, 0, 0, 0, 9],
                destination: [2, 0, 0, 0, 0, 1],
            },
            router: Ipv4Addr::new(10, 0, 2, 1),
            port: 5_001,
            beyond: Ipv4Addr::new(10, 0, 0, 2),
        };
        let frames: Vec<_> = frames(&target).map(Result::unwrap).collect();
        assert_eq!(frames.len(), 5 * usize::from(SENDERS));
        let mut own = 0;
        for frame in &frames {
            assert_eq!(frame.len(), FRAME_BYTES);
            let packet = SlicedPacket::from_ethernet(frame).unwrap();
            let Some(NetSlice::Ipv4(ip)) = packet.net else {
                panic!("no IPv4")
            };
            let to = ip.header().destination_addr();
            own += usize::from(to == target.router);
            assert!(ip.header().source_addr() != target.router && ip.header().source_addr() != to);
        }
        assert_eq!(own, 3 * usize::from(SENDERS));
    }
}
