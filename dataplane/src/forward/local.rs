//! The class of a packet that is for the router itself, by which it is policed.
//!
//! Only headers are looked at, and only as far as the class needs; the exception path validates.

use dpdk_sys::Mbuf;

use super::batch::Facts;
use crate::punt::{PuntClass, PuntReason};
use crate::wire::extension::Upper;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::nd::is_nd;
use crate::wire::tcp::TcpHeader;
use crate::wire::udp::UdpHeader;
use crate::wire::{Header, Protocol};

const PORT_BGP: u16 = 179;
const PORT_LDP: u16 = 646;
/// BFD: single hop, echo, multihop, and on link aggregates (RFC 5881, 5883, 7130); RIP, RIPng, LDP.
const ROUTING_UDP: [u16; 7] = [3784, 3785, 4784, 6784, 520, 521, PORT_LDP];
const IGMP: Protocol = Protocol::new(2);
const EIGRP: Protocol = Protocol::new(88);
const PIM: Protocol = Protocol::new(103);

/// The final reason and the class of a packet that is punted for `reason`.
pub(super) fn classify(mbuf: &Mbuf, facts: &Facts, reason: PuntReason) -> (PuntReason, PuntClass) {
    let packet = mbuf
        .data()
        .get(usize::from(facts.l3_offset)..)
        .unwrap_or_default();
    let Some((protocol, payload)) = upper(packet) else {
        return (reason, PuntClass::Other);
    };
    if protocol == Protocol::ICMPV6 && payload.first().is_some_and(|kind| is_nd(*kind)) {
        return (
            PuntReason::NeighbourDiscovery,
            PuntClass::NeighbourDiscovery,
        );
    }
    (reason, class(protocol, payload))
}

/// The class of a packet in transit that is too big for the next link: whether its sender is to be
/// told, or IPv4 lets the router cut it.
pub(super) fn too_big(mbuf: &Mbuf, facts: &Facts) -> PuntClass {
    let packet = mbuf
        .data()
        .get(usize::from(facts.l3_offset)..)
        .unwrap_or_default();
    let is_ipv4 = packet.first().is_some_and(|b| b >> 4 == 4);
    let may_cut =
        is_ipv4 && Ipv4Header::split(packet).is_some_and(|(header, _)| !header.dont_fragment());
    if may_cut {
        PuntClass::Exception
    } else {
        PuntClass::PacketTooBig
    }
}

/// The upper layer's protocol and bytes; of a later fragment there are none.
fn upper(packet: &[u8]) -> Option<(Protocol, &[u8])> {
    if packet.first()? >> 4 == 4 {
        let (header, _) = Ipv4Header::split(packet)?;
        let payload = packet
            .get(header.header_length()..)
            .filter(|_| header.fragment_offset() == 0);
        return Some((header.protocol(), payload.unwrap_or_default()));
    }
    let (header, payload) = Ipv6Header::split(packet)?;
    let upper = Upper::find(header.next_header(), payload).ok()?;
    let later = upper.is_later_fragment();
    Some((upper.protocol, if later { &[] } else { upper.bytes }))
}

fn class(protocol: Protocol, payload: &[u8]) -> PuntClass {
    match protocol {
        Protocol::TCP => {
            TcpHeader::split(payload).map_or(PuntClass::Other, |(tcp, _)| tcp_class(tcp))
        }
        Protocol::UDP
            if UdpHeader::split(payload)
                .is_some_and(|(udp, _)| ROUTING_UDP.contains(&udp.destination_port())) =>
        {
            PuntClass::Routing
        }
        Protocol::OSPF | Protocol::VRRP | EIGRP | PIM => PuntClass::Routing,
        Protocol::ICMP | Protocol::ICMPV6 | IGMP => PuntClass::Icmp,
        _ => PuntClass::Other,
    }
}

fn tcp_class(tcp: &TcpHeader) -> PuntClass {
    let ports = [tcp.source_port(), tcp.destination_port()];
    if ports
        .iter()
        .any(|port| matches!(*port, PORT_BGP | PORT_LDP))
    {
        PuntClass::Routing
    } else if tcp.flags().opens() {
        PuntClass::TcpOpen
    } else {
        PuntClass::Tcp
    }
}
