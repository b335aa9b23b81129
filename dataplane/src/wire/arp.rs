//! ARP for IPv4 over Ethernet (RFC 826).

use super::Header;
use super::ethernet::EtherType;
use crate::drops::DropReason;
use crate::mac::Mac;
use bytemuck::{Pod, Zeroable};
use std::net::Ipv4Addr;

const HARDWARE_ETHERNET: u16 = 1;

/// What an ARP packet wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum ArpOperation {
    /// Who has the target address?
    Request = 1,
    /// The sender has it.
    Reply = 2,
}

/// Why bytes are not an ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ArpError {
    /// Shorter than 28 bytes.
    #[error("the ARP packet is cut off")]
    Truncated,
    /// Not for Ethernet.
    #[error("the ARP packet is not for Ethernet")]
    HardwareType,
    /// Not for IPv4.
    #[error("the ARP packet is not for IPv4")]
    ProtocolType,
    /// Address lengths other than 6 and 4.
    #[error("the ARP packet has wrong address lengths")]
    AddressLength,
    /// Neither request nor reply.
    #[error("the ARP packet is neither request nor reply")]
    Operation,
}

impl From<ArpError> for DropReason {
    fn from(_: ArpError) -> Self {
        Self::ArpInvalid
    }
}

/// An ARP packet of 28 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct ArpPacket {
    hardware_type: [u8; 2],
    protocol_type: [u8; 2],
    hardware_length: u8,
    protocol_length: u8,
    operation: [u8; 2],
    sender_mac: [u8; 6],
    sender_ip: [u8; 4],
    target_mac: [u8; 6],
    target_ip: [u8; 4],
}

impl Header for ArpPacket {}

impl ArpPacket {
    /// A packet that says `sender` to `target`.
    #[must_use]
    pub const fn new(
        operation: ArpOperation,
        sender: (Mac, Ipv4Addr),
        target: (Mac, Ipv4Addr),
    ) -> Self {
        Self {
            hardware_type: HARDWARE_ETHERNET.to_be_bytes(),
            protocol_type: EtherType::IPV4.get().to_be_bytes(),
            hardware_length: 6,
            protocol_length: 4,
            operation: (operation as u16).to_be_bytes(),
            sender_mac: sender.0.octets(),
            sender_ip: sender.1.octets(),
            target_mac: target.0.octets(),
            target_ip: target.1.octets(),
        }
    }

    /// The packet at the front of `bytes`; what follows is padding.
    ///
    /// # Errors
    /// One per field that is not that of IPv4 over Ethernet. The addresses are not judged.
    pub fn parse(bytes: &[u8]) -> Result<&Self, ArpError> {
        let (packet, _padding) = Self::split(bytes).ok_or(ArpError::Truncated)?;
        if u16::from_be_bytes(packet.hardware_type) != HARDWARE_ETHERNET {
            return Err(ArpError::HardwareType);
        }
        if u16::from_be_bytes(packet.protocol_type) != EtherType::IPV4.get() {
            return Err(ArpError::ProtocolType);
        }
        if (packet.hardware_length, packet.protocol_length) != (6, 4) {
            return Err(ArpError::AddressLength);
        }
        if !matches!(packet.operation, [0, 1 | 2]) {
            return Err(ArpError::Operation);
        }
        Ok(packet)
    }

    /// What it wants.
    #[must_use]
    pub const fn operation(&self) -> ArpOperation {
        match self.operation {
            [0, 2] => ArpOperation::Reply,
            _ => ArpOperation::Request,
        }
    }

    /// The Ethernet address of the sender.
    #[must_use]
    pub const fn sender_mac(&self) -> Mac {
        Mac::new(self.sender_mac)
    }

    /// The IPv4 address of the sender; 0.0.0.0 in a probe (RFC 5227 section 2.1.1).
    #[must_use]
    pub const fn sender_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.sender_ip;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The Ethernet address of the target, without meaning in a request.
    #[must_use]
    pub const fn target_mac(&self) -> Mac {
        Mac::new(self.target_mac)
    }

    /// The IPv4 address of the target.
    #[must_use]
    pub const fn target_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.target_ip;
        Ipv4Addr::new(a, b, c, d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: (Mac, Ipv4Addr) = (Mac::new([2, 0, 0, 0, 0, 1]), Ipv4Addr::new(10, 0, 0, 1));
    const TARGET: (Mac, Ipv4Addr) = (Mac::ZERO, Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn emits_what_etherparse_builds() {
        for operation in [ArpOperation::Request, ArpOperation::Reply] {
            let ours = ArpPacket::new(operation, SENDER, TARGET);
            let theirs = etherparse::ArpPacket::new(
                etherparse::ArpHardwareId::ETHERNET,
                etherparse::EtherType::IPV4,
                etherparse::ArpOperation(operation as u16),
                &SENDER.0.octets(),
                &SENDER.1.octets(),
                &TARGET.0.octets(),
                &TARGET.1.octets(),
            )
            .unwrap();
            assert_eq!(ours.bytes(), theirs.to_bytes().as_slice());
            let padded = [ours.bytes(), &[0; 18]].concat();
            let parsed = ArpPacket::parse(&padded).unwrap();
            assert_eq!(parsed.operation(), operation);
            assert_eq!((parsed.sender_mac(), parsed.sender_ip()), SENDER);
            assert_eq!((parsed.target_mac(), parsed.target_ip()), TARGET);
        }
    }

    #[test]
    fn n_01_each_wrong_field_is_named() {
        let good = ArpPacket::new(ArpOperation::Request, SENDER, TARGET);
        for (at, value, error) in [
            (1, 6, ArpError::HardwareType),
            (3, 0x06, ArpError::ProtocolType),
            (4, 8, ArpError::AddressLength),
            (5, 16, ArpError::AddressLength),
            (6, 1, ArpError::Operation),
            (7, 0, ArpError::Operation),
            (7, 3, ArpError::Operation),
        ] {
            let mut bytes = good.bytes().to_vec();
            bytes[at] = value;
            assert_eq!(ArpPacket::parse(&bytes), Err(error), "byte {at}");
        }
        for cut in 0..ArpPacket::LEN {
            assert_eq!(
                ArpPacket::parse(&good.bytes()[..cut]),
                Err(ArpError::Truncated)
            );
        }
    }
}
