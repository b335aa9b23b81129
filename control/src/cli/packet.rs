//! Which packets are shown, and a frame's headers in one line.

use super::convert::{prefix, prefix_message};
use super::words::WordError;
use clap::Args;
use ferroute_dataplane::trace::network;
use ferroute_dataplane::wire::Header;
use ferroute_dataplane::wire::arp::ArpPacket;
use ferroute_dataplane::wire::ethernet::{EtherType, EthernetHeader};
use ferroute_dataplane::wire::ipv4::Ipv4Header;
use ferroute_dataplane::wire::ipv6::Ipv6Header;
use ferroute_dataplane::wire::protocol::Protocol;
use ferroute_proto::v1;
use std::net::IpAddr;

/// Which packets: those for which all of it holds.
#[derive(Clone, Debug, Args)]
pub(super) struct Which {
    /// Only what this interface took in.
    #[arg(long, value_name = "INTERFACE")]
    dev: Option<String>,
    /// Only what an interface of this VRF took in.
    #[arg(long)]
    vrf: Option<String>,
    /// Only from or to addresses in this prefix, by the outermost IP header.
    #[arg(long)]
    prefix: Option<String>,
    /// Only what was dropped or punted for this reason, by its name in `ferroute drops --all`.
    #[arg(long)]
    reason: Option<String>,
    /// One in so many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
}

impl Which {
    /// The filter for the router.
    pub(super) fn message(self) -> Result<v1::PacketFilter, WordError> {
        let prefix = self.prefix.as_deref().map(prefix).transpose()?;
        Ok(v1::PacketFilter {
            interface: self.dev.unwrap_or_default(),
            vrf: self.vrf,
            prefix: prefix.map(prefix_message),
            reason: self.reason.unwrap_or_default(),
            sample: self.sample,
        })
    }
}

/// What the headers of a frame say, from its first bytes.
pub(super) fn summary(frame: &[u8]) -> String {
    let stations = EthernetHeader::split(frame)
        .map(|(link, _)| format!("{} > {}", link.source(), link.destination()));
    let Some((stations, (kind, packet))) = stations.zip(network(frame)) else {
        return "no Ethernet header".to_owned();
    };
    format!("{stations} {}", above(kind, packet))
}

fn above(kind: EtherType, packet: &[u8]) -> String {
    match kind {
        EtherType::IPV4 => ipv4(packet),
        EtherType::IPV6 => ipv6(packet),
        EtherType::ARP => arp(packet),
        EtherType::MPLS => "MPLS".to_owned(),
        other => format!("ethertype {:#06x}", other.get()),
    }
}

fn ipv4(packet: &[u8]) -> String {
    let Some((ip, _)) = Ipv4Header::split(packet) else {
        return "IPv4, cut off".to_owned();
    };
    let ends = (ip.source().into(), ip.destination().into());
    // The fields of ports are those of the first fragment alone.
    let payload = packet
        .get(ip.header_length()..)
        .filter(|_| ip.fragment_offset() == 0);
    let flow = flow(ip.protocol(), ends, payload.unwrap_or_default());
    let fragment = if ip.is_fragment() { " fragment" } else { "" };
    format!("{flow}{fragment} ttl {}", ip.ttl())
}

fn ipv6(packet: &[u8]) -> String {
    let Some((ip, payload)) = Ipv6Header::split(packet) else {
        return "IPv6, cut off".to_owned();
    };
    let ends = (ip.source().into(), ip.destination().into());
    let flow = flow(ip.next_header(), ends, payload);
    format!("{flow} hop limit {}", ip.hop_limit())
}

fn flow(protocol: Protocol, (from, to): (IpAddr, IpAddr), payload: &[u8]) -> String {
    let name = match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::ICMP => return format!("{from} > {to} icmp{}", kind_and_code(payload)),
        Protocol::ICMPV6 => return format!("{from} > {to} icmpv6{}", kind_and_code(payload)),
        other => return format!("{from} > {to} protocol {}", other.get()),
    };
    match payload {
        [a, b, c, d, ..] => {
            let (source, destination) =
                (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]));
            format!("{from} > {to} {name} {source} > {destination}")
        }
        _ => format!("{from} > {to} {name}"),
    }
}

fn kind_and_code(payload: &[u8]) -> String {
    match payload {
        [kind, code, ..] => format!(" {kind}/{code}"),
        _ => String::new(),
    }
}

fn arp(packet: &[u8]) -> String {
    ArpPacket::parse(packet).map_or_else(
        |_| "ARP, broken".to_owned(),
        |arp| format!("ARP {} > {}", arp.sender_ip(), arp.target_ip()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    const LINK: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 1]);

    #[test]
    fn headers_are_told_in_one_line() {
        let mut udp = Vec::new();
        PacketBuilder::ethernet2(LINK.0, LINK.1)
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 63)
            .udp(7, 53)
            .write(&mut udp, &[])
            .unwrap();
        let said = "02:00:00:00:00:09 > 02:00:00:00:00:01 10.0.0.1 > 10.0.0.2 udp 7 > 53 ttl 63";
        assert_eq!(summary(&udp), said);
        let mut tagged = udp.clone();
        tagged.splice(12..12, [0x81, 0, 0, 7]);
        assert_eq!(summary(&tagged), said);
        udp[20..22].copy_from_slice(&[0x20, 1]);
        assert!(summary(&udp).ends_with("10.0.0.1 > 10.0.0.2 udp fragment ttl 63"));
        let mut echo = Vec::new();
        PacketBuilder::ethernet2(LINK.0, LINK.1)
            .ipv6([0x20; 16], [0x21; 16], 5)
            .icmpv6_echo_request(1, 1)
            .write(&mut echo, &[])
            .unwrap();
        assert!(summary(&echo).ends_with("icmpv6 128/0 hop limit 5"));
    }

    #[test]
    fn what_is_cut_off_anywhere_is_told_as_far_as_it_goes() {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(LINK.0, LINK.1)
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 63)
            .tcp(7, 80, 0, 0)
            .write(&mut frame, &[])
            .unwrap();
        for length in 0..frame.len() {
            assert!(!summary(&frame[..length]).is_empty());
        }
        assert_eq!(summary(&frame[..13]), "no Ethernet header");
        assert!(summary(&frame[..20]).ends_with("IPv4, cut off"));
    }
}
