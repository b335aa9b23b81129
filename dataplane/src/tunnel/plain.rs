//! Into the tunnels that nearly all are: VXLAN with routing or labels over UDP and IPv4, whose outer header takes
//! nothing from the inner one but its ECN bits. What [`encapsulate`](super::encap::encapsulate) does for any tunnel is
//! here one copy of fixed length, link header included, and a few words written over it.

use dpdk_sys::Mbuf;

use super::encap::entropy_port;
use crate::snapshot::tunnel::{FRONT_BYTES, Tunnel, TunnelKind};
use crate::wire::Header;
use crate::wire::aged::Aged;
use crate::wire::ecn::ECN_BITS;
use crate::wire::ethernet::{EtherType, EthernetHeader};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::udp::UdpHeader;

/// Puts an IP packet of `ip_bytes` behind an untagged Ethernet header into a plain tunnel: ages it, and puts the outer
/// header and the link header of `addresses` in the place of its own. False when the tunnel is not plain, the packet no
/// IP or its headroom too small; it is then as it was.
#[inline(always)]
pub(crate) fn enter(
    tunnel: &Tunnel,
    addresses: &[u8; 12],
    ip_bytes: u16,
    aged: Aged,
    hash: u32,
    mbuf: &mut Mbuf,
) -> bool {
    let Some(front) = tunnel.plain_front() else {
        return false;
    };
    let Some((kind, traffic_class)) = mbuf
        .data_mut()
        .get_mut(EthernetHeader::LEN..)
        .and_then(|packet| carried(packet))
    else {
        return false;
    };
    if mbuf.prepend(FRONT_BYTES - EthernetHeader::LEN).is_err() {
        return false;
    }
    let header_bytes = tunnel.header().len();
    let start = FRONT_BYTES - header_bytes;
    let total_bytes = header_bytes as u16 + ip_bytes;
    // The lines above made room for it, and plain tunnels have room for a link header in front of theirs.
    let Some((written, packet)) = mbuf.data_mut().split_first_chunk_mut::<FRONT_BYTES>() else {
        return false;
    };
    *written = *front;
    if kind == EtherType::IPV4 {
        aged.write::<4>(packet);
    } else {
        aged.write::<6>(packet);
    }
    if tunnel.kind() == TunnelKind::VxlanRouted
        && let Some(inner) = written.last_chunk_mut()
    {
        *inner = kind.get().to_be_bytes();
    }
    if let Some((link, outer)) = written
        .get_mut(start - EthernetHeader::LEN..)
        .and_then(EthernetHeader::split_mut)
    {
        *link = EthernetHeader::of_addresses(addresses, EtherType::IPV4);
        if let Some((ip, rest)) = Ipv4Header::split_mut(outer) {
            let sum = tunnel.outer_sum().add_u16(total_bytes);
            ip.set_traffic_class(traffic_class);
            ip.set_total_length(total_bytes);
            ip.set_checksum(sum.add_u16(traffic_class.into()).checksum());
            if let Some((udp, _)) = UdpHeader::split_mut(rest) {
                udp.set_source_port(entropy_port(hash));
                udp.set_length(total_bytes - Ipv4Header::LEN as u16);
            }
        }
    }
    mbuf.trim_front(start - EthernetHeader::LEN).is_ok()
}

/// The type of an IP packet, and its ECN bits.
#[inline(always)]
fn carried(packet: &[u8]) -> Option<(EtherType, u8)> {
    let (kind, traffic_class) = match packet.first()? >> 4 {
        4 => (
            EtherType::IPV4,
            Ipv4Header::split(packet)?.0.traffic_class(),
        ),
        6 => (
            EtherType::IPV6,
            Ipv6Header::split(packet)?.0.traffic_class(),
        ),
        _ => return None,
    };
    Some((kind, traffic_class & ECN_BITS))
}
