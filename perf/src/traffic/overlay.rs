//! Tunnels: what comes in one, and the numbers of their ends.

use super::frames::Ends;
use etherparse::{PacketBuilder, err::packet::BuildWriteError};
use serde::Serialize;
use std::net::Ipv4Addr;

/// Remote ends of tunnels.
pub const TUNNELS: u16 = 1_000;
/// The network of the remote ends.
pub const REMOTES: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 0);
/// The VNI of all VXLAN tunnels.
pub const VNI: u32 = 5_000;
/// The label of all tunnels of labels.
pub const LABEL: u32 = 10_000;
/// The router's Ethernet address inside VXLAN.
pub const ROUTER_MAC: [u8; 6] = [2, 0, 0, 0, 5, 0];

const ETHERNET: usize = 14;
/// Bytes in front of an outer UDP header's checksum: Ethernet, IPv4, ports and length.
const UDP_CHECKSUM: usize = ETHERNET + 20 + 6;
const VXLAN_PORT: u16 = 4_789;
const MPLS_UDP_PORT: u16 = 6_635;
/// The first port that sources of tunnels use.
const ENTROPY: u16 = 49_152;

/// What tunnels put around packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum Encap {
    /// VXLAN between routers.
    #[serde(rename = "vxlan")]
    Vxlan,
    /// A label in UDP.
    #[serde(rename = "mplsudp")]
    MplsUdp,
}

impl Encap {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "VXLAN",
            Self::MplsUdp => "MPLS over UDP",
        }
    }
}

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlay {
    /// Into tunnels, by the route.
    Into(Encap),
    /// Out of tunnels, from all remote ends.
    OutOf(Encap),
}

/// The address of a remote end.
#[must_use]
pub fn remote(number: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(REMOTES.to_bits() + 1 + u32::from(number))
}

/// The Ethernet address of a remote router.
#[must_use]
pub const fn remote_mac(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 1, high, low]
}

/// Puts an untagged frame as a remote end does, over IPv4 without a UDP checksum; `to` is the router's end.
///
/// # Errors
/// The library that builds it refuses; for these packets it does not.
pub fn wrap(
    encap: Encap,
    ends: Ends,
    to: Ipv4Addr,
    flow: u16,
    frame: &[u8],
) -> Result<Vec<u8>, BuildWriteError> {
    let (port, payload) = match encap {
        Encap::Vxlan => {
            let [_, a, b, c] = VNI.to_be_bytes();
            let link = [&ROUTER_MAC[..], &ends.source].concat();
            let head = [&[8, 0, 0, 0, a, b, c, 0], &link[..]].concat();
            (VXLAN_PORT, [&head, &frame[link.len()..]].concat())
        }
        Encap::MplsUdp => {
            // Traffic class 0, bottom of stack, TTL 64.
            let entry = (LABEL << 12 | 1 << 8 | 64).to_be_bytes();
            (MPLS_UDP_PORT, [&entry, &frame[ETHERNET..]].concat())
        }
    };
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(ends.source, ends.destination)
        .ipv4(remote(flow % TUNNELS).octets(), to.octets(), 64)
        .udp(ENTROPY + flow % (1 << 14), port)
        .write(&mut bytes, &payload)?;
    bytes[UDP_CHECKSUM..UDP_CHECKSUM + 2].fill(0);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::frames::frame;
    use etherparse::{SlicedPacket, TransportSlice};

    #[test]
    fn what_is_wrapped_is_behind_the_headers_of_its_tunnel() {
        let ends = Ends {
            source: [2, 0, 0, 0, 0, 9],
            destination: [2, 0, 0, 0, 0, 1],
        };
        let inner = frame(ends, 3, "192.0.2.7".parse().unwrap()).unwrap();
        let to = Ipv4Addr::new(10, 0, 0, 1);
        for (encap, port, before) in [(Encap::Vxlan, 4_789, 8 + 14), (Encap::MplsUdp, 6_635, 4)] {
            let bytes = wrap(encap, ends, to, 3, &inner).unwrap();
            let packet = SlicedPacket::from_ethernet(&bytes).unwrap();
            let Some(TransportSlice::Udp(udp)) = packet.transport else {
                panic!("no UDP")
            };
            assert_eq!((udp.destination_port(), udp.checksum()), (port, 0));
            assert_eq!(udp.payload()[before..], inner[14..]);
        }
    }
}
