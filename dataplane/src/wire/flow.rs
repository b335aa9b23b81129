//! The software flow hash: one number per flow, by which paths and queues are chosen.
//!
//! What goes in, and why packets of one flow always get one number:
//!
//! * Addresses and protocol, always.
//! * The ports of TCP, UDP, UDP-Lite, SCTP and DCCP, but only in packets that are whole. Every
//!   fragment of a datagram, the first included, is hashed by addresses and protocol, so that all
//!   of them take one path (their siblings that were not fragmented may take another).
//! * The IPv6 flow label, but only where there are no ports: in fragments, ESP, GRE and such. It is
//!   the same in all packets of a flow (RFC 6437 section 2) and in all fragments of a packet (RFC
//!   8200 section 4.5), and there it is all that tells flows apart (RFC 6438). Beside ports it
//!   would add nothing, and hosts that change it in mid-flow would reorder their packets.
//! * For IP in IP, all of the above of the inner packet too, one level deep.
//!
//! The mixing is by 64×64→128-bit multiplication, high and low half folded: two multiplications
//! for IPv4, four for IPv6. The same seed gives the same numbers on every machine.

use super::ethernet::{EtherType, EthernetHeader};
use super::extension::Upper;
use super::ipv4::Ipv4Header;
use super::ipv6::Ipv6Header;
use super::{Header, Protocol};

// Odd constants with as many ones as zeros: fractional bits of the square roots of 2, 3, 5, 7.
const K0: u64 = 0x6a09_e667_f3bc_c909;
const K1: u64 = 0xbb67_ae85_84ca_a73b;
const K2: u64 = 0x3c6e_f372_fe94_f82b;
const K3: u64 = 0xa54f_f53a_5f1d_36f1;

/// Computes flow hashes with one seed.
///
/// Routers in a row want different seeds, or each spreads what the one before it already sorted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FlowHasher {
    seed: u64,
}

impl FlowHasher {
    /// The hasher of this seed; near seeds give unrelated hashes.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            seed: mix(seed ^ K0, K3),
        }
    }

    /// The hash of an IPv4 packet. `payload` is what follows the header and its options; four bytes
    /// of it are enough unless it is IP in IP.
    #[inline(always)]
    #[must_use]
    pub fn ipv4(self, header: &Ipv4Header, payload: &[u8]) -> u32 {
        let protocol = header.protocol();
        let whole = !header.is_fragment();
        let ports = if whole && protocol.has_ports() {
            ports(payload).unwrap_or(0)
        } else {
            0
        };
        let hash = self.ipv4_key(header, protocol, ports);
        finish(if whole {
            self.with_inner(hash, protocol, payload)
        } else {
            hash
        })
    }

    /// The hash of an IPv6 packet. `payload` is what follows the fixed header; extension headers in
    /// it are followed.
    #[inline]
    #[must_use]
    pub fn ipv6(self, header: &Ipv6Header, payload: &[u8]) -> u32 {
        let protocol = header.next_header();
        if protocol.has_ports() {
            let entropy = ports(payload).unwrap_or(header.flow_label());
            return finish(self.ipv6_key(header, protocol, entropy));
        }
        self.ipv6_behind_extensions(header, payload)
    }

    fn ipv6_behind_extensions(self, header: &Ipv6Header, payload: &[u8]) -> u32 {
        let (protocol, entropy, upper) = ipv6_upper(header, payload);
        let hash = self.ipv6_key(header, protocol, entropy);
        finish(self.with_inner(hash, protocol, upper))
    }

    /// The hash of a frame that is not IP: by its addresses and type.
    #[inline]
    #[must_use]
    pub fn ethernet(self, header: &EthernetHeader) -> u32 {
        let word = |octets: [u8; 6]| {
            octets
                .iter()
                .fold(0, |word, octet| word << 8 | u64::from(*octet))
        };
        let addresses = mix(
            word(header.source().octets()) ^ self.seed,
            word(header.destination().octets()) ^ K1,
        );
        finish(mix(
            addresses ^ K2,
            u64::from(header.ethertype().get()) ^ K3,
        ))
    }

    /// The hash of what a frame carries: as [`ipv4`](Self::ipv4), [`ipv6`](Self::ipv6), or `None`
    /// when `ethertype` is neither or the header is cut off.
    #[inline(always)]
    #[must_use]
    pub fn network(self, ethertype: EtherType, packet: &[u8]) -> Option<u32> {
        match ethertype {
            EtherType::IPV4 => {
                let (header, _) = Ipv4Header::split(packet)?;
                Some(self.ipv4(header, packet.get(header.header_length()..)?))
            }
            EtherType::IPV6 => {
                let (header, payload) = Ipv6Header::split(packet)?;
                Some(self.ipv6(header, payload))
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn ipv4_key(self, header: &Ipv4Header, protocol: Protocol, ports: u32) -> u64 {
        let addresses =
            u64::from(header.source().to_bits()) << 32 | u64::from(header.destination().to_bits());
        mix(addresses ^ self.seed, rest(protocol, ports) ^ K1)
    }

    #[inline(always)]
    fn ipv6_key(self, header: &Ipv6Header, protocol: Protocol, entropy: u32) -> u64 {
        let (source, destination) = (header.source().to_bits(), header.destination().to_bits());
        let source = mix((source >> 64) as u64 ^ self.seed, source as u64 ^ K1);
        let destination = mix((destination >> 64) as u64 ^ source, destination as u64 ^ K2);
        mix(destination ^ K0, rest(protocol, entropy) ^ K3)
    }

    /// Mixes in the packet that a whole packet of IP in IP carries.
    #[inline(always)]
    fn with_inner(self, hash: u64, protocol: Protocol, payload: &[u8]) -> u64 {
        match protocol {
            Protocol::IPV4 | Protocol::IPV6 => self
                .inner_key(protocol, payload)
                .map_or(hash, |inner| mix(hash ^ K2, inner ^ K3)),
            _ => hash,
        }
    }

    #[cold]
    fn inner_key(self, protocol: Protocol, packet: &[u8]) -> Option<u64> {
        if protocol == Protocol::IPV4 {
            let (header, _) = Ipv4Header::split(packet)?;
            let protocol = header.protocol();
            let legible = protocol.has_ports() && !header.is_fragment();
            let ports = packet
                .get(header.header_length()..)
                .and_then(ports)
                .filter(|_| legible);
            Some(self.ipv4_key(header, protocol, ports.unwrap_or(0)))
        } else {
            let (header, payload) = Ipv6Header::split(packet)?;
            let (protocol, entropy, _) = ipv6_upper(header, payload);
            Some(self.ipv6_key(header, protocol, entropy))
        }
    }
}

/// The protocol that a packet is hashed by, its ports or else its flow label, and its upper layer.
fn ipv6_upper<'a>(header: &Ipv6Header, payload: &'a [u8]) -> (Protocol, u32, &'a [u8]) {
    let label = header.flow_label();
    match Upper::find(header.next_header(), payload) {
        // Only the first fragment says what the upper layer is, so none is hashed by it.
        Ok(upper) if upper.is_fragment() => (Protocol::FRAGMENT, label, &[]),
        Ok(upper) if upper.protocol.has_ports() => (
            upper.protocol,
            ports(upper.bytes).unwrap_or(label),
            upper.bytes,
        ),
        Ok(upper) => (upper.protocol, label, upper.bytes),
        Err(_) => (header.next_header(), label, &[]),
    }
}

#[inline(always)]
fn ports(payload: &[u8]) -> Option<u32> {
    payload
        .first_chunk()
        .map(|ports| u32::from_be_bytes(*ports))
}

#[inline(always)]
const fn rest(protocol: Protocol, entropy: u32) -> u64 {
    (entropy as u64) << 8 | protocol.get() as u64
}

#[inline(always)]
const fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
const fn finish(hash: u64) -> u32 {
    let hash = mix(hash ^ K2, K0);
    (hash ^ hash >> 32) as u32
}

#[cfg(test)]
mod tests;
