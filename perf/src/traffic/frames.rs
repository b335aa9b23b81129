//! Frames of the least size, 60 bytes without their FCS: the hardest load for a router.

use etherparse::{IpNumber, PacketBuilder, err::packet::BuildWriteError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Length of a frame in bytes, FCS excluded.
pub const FRAME_BYTES: usize = 60;

/// TTL or hop limit of all frames.
const HOPS: u8 = 64;
/// Payload that makes an IPv4 frame with UDP 60 bytes long.
const IPV4_PAYLOAD: [u8; 18] = [0; 18];
/// What fits behind an IPv6 header. UDP does not, so the packets say "no next header" (RFC 8200 section 4.7:
/// octets behind it are passed on unchanged).
const IPV6_PAYLOAD: [u8; 6] = [0; 6];

/// One frame.
pub type Frame = [u8; FRAME_BYTES];

/// The Ethernet addresses of frames.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who sends them.
    pub source: [u8; 6],
    /// The receiving port's address.
    pub destination: [u8; 6],
}

/// The sources of packets, by family: one for each flow's number.
fn source(flow: u16, to: IpAddr) -> IpAddr {
    match to {
        IpAddr::V4(_) => Ipv4Addr::new(10, 1, (flow >> 8) as u8, flow as u8).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, flow).into(),
    }
}

/// The frame of one flow. Flows to one destination differ by number.
///
/// # Errors
/// The library that builds it refuses; for these packets it does not.
pub fn frame(ends: Ends, flow: u16, to: IpAddr) -> Result<Frame, BuildWriteError> {
    let mut bytes = [0; FRAME_BYTES];
    let mut rest = &mut bytes[..];
    let link = PacketBuilder::ethernet2(ends.source, ends.destination);
    match (source(flow, to), to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => link
            .ipv4(from.octets(), to.octets(), HOPS)
            .udp(flow, 53)
            .write(&mut rest, &IPV4_PAYLOAD)?,
        (from, to) => {
            let octets = |address| match address {
                IpAddr::V4(address) => Ipv4Addr::to_ipv6_mapped(&address).octets(),
                IpAddr::V6(address) => address.octets(),
            };
            link.ipv6(octets(from), octets(to), HOPS).write(
                &mut rest,
                IpNumber::IPV6_NO_NEXT_HEADER,
                &IPV6_PAYLOAD,
            )?;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{NetSlice, SlicedPacket};

    const ENDS: Ends = Ends {
        source: [2, 0, 0, 0, 0, 9],
        destination: [2, 0, 0, 0, 0, 1],
    };

    #[test]
    fn frames_are_whole_and_say_where_they_go() {
        for to in ["192.0.2.7", "2a00:1::7"].map(|text| text.parse::<IpAddr>().unwrap()) {
            let bytes = frame(ENDS, 300, to).unwrap();
            assert_eq!(bytes[..6], ENDS.destination);
            let found = match SlicedPacket::from_ethernet(&bytes).unwrap().net.unwrap() {
                NetSlice::Ipv4(ip) => {
                    assert_eq!(
                        ip.header().header_checksum(),
                        ip.header().to_header().calc_header_checksum()
                    );
                    assert_eq!(ip.header().total_len(), 46);
                    IpAddr::from(ip.header().destination())
                }
                NetSlice::Ipv6(ip) => {
                    assert_eq!(ip.header().payload_length(), 6);
                    IpAddr::from(ip.header().destination())
                }
                NetSlice::Arp(_) => panic!("no ARP was asked for"),
            };
            assert_eq!(found, to);
        }
    }
}
