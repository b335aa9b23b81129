//! IPv4 frames as etherparse builds and reads them; nothing of the router's own code is in here.

use std::net::Ipv4Addr;

use etherparse::{
    ArpOperation, ArpPacket, EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, IpNumber,
    Ipv4Header, SlicedPacket, TransportSlice, UdpHeader,
};

/// The address of an Ethernet station.
pub type MacBytes = [u8; 6];

/// An IPv4 packet in the making, in an Ethernet frame.
#[derive(Clone, Debug)]
pub struct V4 {
    /// The header; lengths and checksum are filled in when bytes are made of it.
    pub header: Ipv4Header,
    /// What it carries.
    pub payload: Vec<u8>,
    destination: MacBytes,
    source: MacBytes,
    vlan: Option<u16>,
}

fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

impl V4 {
    /// A packet of a protocol, with a TTL of 64.
    #[must_use]
    pub fn new(from: &str, to: &str, protocol: IpNumber, payload: &[u8]) -> Self {
        let mut header =
            Ipv4Header::new(0, 64, protocol, v4(from).octets(), v4(to).octets()).expect("a header");
        header.dont_fragment = false;
        Self {
            header,
            payload: payload.to_vec(),
            destination: [0; 6],
            source: [0; 6],
            vlan: None,
        }
    }

    /// A UDP datagram from port 4000 to port 5000.
    #[must_use]
    pub fn udp(from: &str, to: &str, data: &[u8]) -> Self {
        Self::udp_ports(from, to, 4000, 5000, data)
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp_ports(from: &str, to: &str, source: u16, destination: u16, data: &[u8]) -> Self {
        let mut packet = Self::new(from, to, IpNumber::UDP, &[]);
        let udp = UdpHeader::with_ipv4_checksum(source, destination, &packet.header, data)
            .expect("a datagram");
        packet.payload = [&udp.to_bytes()[..], data].concat();
        packet
    }

    /// An ICMP message.
    #[must_use]
    pub fn icmp(from: &str, to: &str, kind: Icmpv4Type, body: &[u8]) -> Self {
        let header = Icmpv4Header::with_checksum(kind, body);
        Self::new(
            from,
            to,
            IpNumber::ICMP,
            &[header.to_bytes().as_slice(), body].concat(),
        )
    }

    /// The error that a router sends about a packet, as it must be: TTL 64, precedence 6, DF, what fits 576 bytes.
    #[must_use]
    pub fn error(from: &str, kind: Icmpv4Type, about: &[u8]) -> Self {
        let (offending, _) = Ipv4Header::from_slice(about).expect("a packet");
        let to = Ipv4Addr::from(offending.source).to_string();
        let mut packet = Self::icmp(from, &to, kind, &about[..about.len().min(576 - 28)]);
        packet.header.dscp = 48.try_into().expect("a DSCP");
        packet.header.dont_fragment = true;
        packet
    }

    /// With these link addresses.
    #[must_use]
    pub const fn link(mut self, source: MacBytes, destination: MacBytes) -> Self {
        (self.source, self.destination) = (source, destination);
        self
    }

    /// With a VLAN tag.
    #[must_use]
    pub const fn vlan(mut self, vlan: u16) -> Self {
        self.vlan = Some(vlan);
        self
    }

    /// With this TTL.
    #[must_use]
    pub const fn ttl(mut self, ttl: u8) -> Self {
        self.header.time_to_live = ttl;
        self
    }

    /// With the header as `change` leaves it.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Ipv4Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// With these options, a multiple of four bytes.
    #[must_use]
    pub fn options(mut self, options: &[u8]) -> Self {
        self.header.options = options.try_into().expect("options");
        self
    }

    /// The packet's bytes.
    #[must_use]
    pub fn packet(&self) -> Vec<u8> {
        let mut header = self.header.clone();
        header
            .set_payload_len(self.payload.len())
            .expect("a length");
        header.header_checksum = header.calc_header_checksum();
        [&header.to_bytes()[..], &self.payload].concat()
    }

    /// The frame's bytes.
    #[must_use]
    pub fn frame(&self) -> Vec<u8> {
        self.around(&self.packet())
    }

    /// Other bytes in this packet's frame.
    #[must_use]
    pub fn around(&self, packet: &[u8]) -> Vec<u8> {
        framed(
            self.source,
            self.destination,
            self.vlan,
            EtherType::IPV4,
            packet,
        )
    }
}

/// A payload in a frame.
#[must_use]
pub fn framed(
    source: MacBytes,
    destination: MacBytes,
    vlan: Option<u16>,
    ether_type: EtherType,
    payload: &[u8],
) -> Vec<u8> {
    let Some(vlan) = vlan else {
        return [
            &Ethernet2Header {
                source,
                destination,
                ether_type,
            }
            .to_bytes()[..],
            payload,
        ]
        .concat();
    };
    let outer = Ethernet2Header {
        source,
        destination,
        ether_type: EtherType::VLAN_TAGGED_FRAME,
    };
    [
        &outer.to_bytes()[..],
        &vlan.to_be_bytes(),
        &ether_type.0.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// An ARP packet for Ethernet and IPv4 in its frame.
#[must_use]
pub fn arp(
    operation: ArpOperation,
    sender: (MacBytes, &str),
    target: (MacBytes, &str),
    to: MacBytes,
) -> Vec<u8> {
    let (sender_ip, target_ip) = (v4(sender.1).octets(), v4(target.1).octets());
    let hardware = etherparse::ArpHardwareId::ETHERNET;
    let packet = ArpPacket::new(
        hardware,
        EtherType::IPV4,
        operation,
        &sender.0,
        &sender_ip,
        &target.0,
        &target_ip,
    )
    .expect("ARP");
    framed(sender.0, to, None, EtherType::ARP, &packet.to_bytes())
}

/// Reads a frame as a stranger would, and panics unless lengths and checksums are right; later fragments have no
/// transport checksum of their own.
pub fn assert_sound(frame: &[u8]) {
    let sliced = SlicedPacket::from_ethernet(frame).unwrap_or_else(|e| panic!("{e}: {frame:02x?}"));
    let Some(etherparse::NetSlice::Ipv4(ipv4)) = &sliced.net else {
        return;
    };
    let header = ipv4.header().to_header();
    assert_eq!(
        header.header_checksum,
        header.calc_header_checksum(),
        "the header's checksum of {frame:02x?}"
    );
    if header.is_fragmenting_payload() {
        return;
    }
    match &sliced.transport {
        Some(TransportSlice::Icmpv4(icmp)) => {
            let right = icmp.icmp_type().calc_checksum(icmp.payload());
            assert_eq!(
                icmp.header().checksum,
                right,
                "the ICMP checksum of {frame:02x?}"
            );
        }
        Some(TransportSlice::Udp(udp)) if udp.checksum() != 0 => {
            let right = udp
                .to_header()
                .calc_checksum_ipv4(&header, udp.payload())
                .expect("a checksum");
            assert_eq!(udp.checksum(), right, "the UDP checksum of {frame:02x?}");
        }
        _ => {}
    }
}
