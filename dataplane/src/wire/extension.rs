//! IPv6 extension headers (RFC 8200 section 4): from the fixed header to the upper layer.

use super::{Header, Protocol};
use crate::drops::DropReason;
use bytemuck::{Pod, Zeroable};

/// How many extension headers are followed in one packet. RFC 8200 section 4.1 has seven at most
/// in an ordinary packet; a chain beyond this bound is an attack.
pub const MAX_EXTENSION_HEADERS: usize = 16;

/// The fragment header (RFC 8200 section 4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct FragmentHeader {
    next_header: u8,
    reserved: u8,
    offset_more: [u8; 2],
    identification: [u8; 4],
}

impl Header for FragmentHeader {}

impl FragmentHeader {
    /// A fragment header; `offset` is in units of 8 bytes (13 bits).
    #[must_use]
    pub const fn new(
        next_header: Protocol,
        offset: u16,
        more_fragments: bool,
        identification: u32,
    ) -> Self {
        Self {
            next_header: next_header.get(),
            reserved: 0,
            offset_more: (offset << 3 | more_fragments as u16).to_be_bytes(),
            identification: identification.to_be_bytes(),
        }
    }

    /// What the original packet has behind its unfragmentable part.
    #[must_use]
    pub const fn next_header(&self) -> Protocol {
        Protocol::new(self.next_header)
    }

    /// Where in the original's fragmentable part this one starts, in units of 8 bytes.
    #[must_use]
    pub const fn offset(&self) -> u16 {
        u16::from_be_bytes(self.offset_more) >> 3
    }

    /// Whether more follow this one.
    #[must_use]
    pub const fn more_fragments(&self) -> bool {
        self.offset_more[1] & 1 == 1
    }

    /// What all fragments of one packet share.
    #[must_use]
    pub const fn identification(&self) -> u32 {
        u32::from_be_bytes(self.identification)
    }
}

/// A routing header with segments left, so that the packet's destination is not its last
/// (RFC 8200 section 4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActiveRouting {
    /// The routing type; 0 is deprecated (RFC 5095).
    pub kind: u8,
    /// How many stations are still to be visited, at least 1.
    pub segments_left: u8,
    /// Where the header's type field stands, in bytes from the start of the IPv6 header: the
    /// pointer of the parameter problem that answers an unknown type.
    pub type_pointer: usize,
}

/// Why a chain of extension headers could not be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExtensionError {
    /// The packet ends within an extension header.
    #[error("an IPv6 extension header is cut off")]
    Truncated,
    /// More than [`MAX_EXTENSION_HEADERS`].
    #[error("too many IPv6 extension headers")]
    TooMany,
    /// Hop-by-hop options that are not the first extension header (RFC 8200 section 4.1).
    #[error("IPv6 hop-by-hop options are not the first extension header")]
    HopByHopNotFirst,
}

impl From<ExtensionError> for DropReason {
    fn from(_: ExtensionError) -> Self {
        Self::Ipv6ExtensionHeaders
    }
}

/// What lies behind the extension headers of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Upper<'a> {
    /// The upper layer. In a fragment that is not the first: what its fragment header names.
    pub protocol: Protocol,
    /// The upper layer's bytes. In a fragment that is not the first they start anywhere.
    pub bytes: &'a [u8],
    /// The fragment header, if there is one. An "atomic" fragment has offset 0 and none following.
    pub fragment: Option<&'a FragmentHeader>,
    /// The first routing header with segments left.
    pub routing: Option<ActiveRouting>,
    /// Whether the packet has hop-by-hop options.
    pub hop_by_hop: bool,
    /// Where the field that names `protocol` stands, in bytes from the start of the IPv6 header: the
    /// pointer of the parameter problem that answers an unknown next header.
    pub protocol_pointer: usize,
}

const IPV6_HEADER_BYTES: usize = 40;
const NEXT_HEADER_OFFSET: usize = 6;

impl<'a> Upper<'a> {
    /// Follows the chain that starts with `next_header` in `payload`, the bytes behind the fixed
    /// header.
    ///
    /// ESP ends the walk, as what follows is not legible; so does a fragment that is not the first.
    ///
    /// # Errors
    /// A chain that is cut off, too long, or has hop-by-hop options in its middle.
    pub fn find(next_header: Protocol, payload: &'a [u8]) -> Result<Self, ExtensionError> {
        let mut upper = Self {
            protocol: next_header,
            bytes: payload,
            fragment: None,
            routing: None,
            hop_by_hop: false,
            protocol_pointer: NEXT_HEADER_OFFSET,
        };
        for count in 0..=MAX_EXTENSION_HEADERS {
            let at = IPV6_HEADER_BYTES + payload.len() - upper.bytes.len();
            let length = match upper.protocol {
                Protocol::HOP_BY_HOP if count > 0 => return Err(ExtensionError::HopByHopNotFirst),
                Protocol::HOP_BY_HOP
                | Protocol::ROUTING
                | Protocol::DESTINATION_OPTIONS
                | Protocol::MOBILITY
                | Protocol::HOST_IDENTITY
                | Protocol::SHIM6 => 8 + 8 * upper.second_byte()?,
                Protocol::AUTHENTICATION => 8 + 4 * upper.second_byte()?,
                Protocol::FRAGMENT => FragmentHeader::LEN,
                _ => return Ok(upper),
            };
            let (header, rest) = upper
                .bytes
                .split_at_checked(length)
                .ok_or(ExtensionError::Truncated)?;
            match (upper.protocol, header) {
                (Protocol::HOP_BY_HOP, _) => upper.hop_by_hop = true,
                (Protocol::ROUTING, &[_, _, kind, segments_left @ 1..=u8::MAX, ..])
                    if upper.routing.is_none() =>
                {
                    upper.routing = Some(ActiveRouting {
                        kind,
                        segments_left,
                        type_pointer: at + 2,
                    });
                }
                (Protocol::FRAGMENT, header) => {
                    upper.fragment = FragmentHeader::split(header).map(|(f, _)| f)
                }
                _ => {}
            }
            upper.protocol = Protocol::new(*header.first().ok_or(ExtensionError::Truncated)?);
            upper.protocol_pointer = at;
            upper.bytes = rest;
            if upper.is_later_fragment() {
                return Ok(upper);
            }
        }
        Err(ExtensionError::TooMany)
    }

    fn second_byte(&self) -> Result<usize, ExtensionError> {
        self.bytes
            .get(1)
            .map(|b| usize::from(*b))
            .ok_or(ExtensionError::Truncated)
    }

    /// Whether this is a fragment that does not start with the upper layer's header.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|f| f.offset() != 0)
    }

    /// Whether this is a part of a packet: a fragment that is not atomic.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.fragment
            .is_some_and(|f| f.offset() != 0 || f.more_fragments())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPTIONS: [u8; 6] = [1, 4, 0, 0, 0, 0];

    /// A chain of extension headers of 8 bytes each with `last` behind them.
    fn chain(kinds: &[u8], last: u8, payload: &[u8]) -> (Protocol, Vec<u8>) {
        let mut bytes = Vec::new();
        for (place, _) in kinds.iter().enumerate() {
            bytes.extend([*kinds.get(place + 1).unwrap_or(&last), 0]);
            bytes.extend(OPTIONS);
        }
        bytes.extend(payload);
        (Protocol::new(*kinds.first().unwrap_or(&last)), bytes)
    }

    #[test]
    fn walks_what_etherparse_builds() {
        let options =
            etherparse::Ipv6RawExtHeader::new_raw(etherparse::IpNumber::UDP, &OPTIONS).unwrap();
        let long =
            etherparse::Ipv6RawExtHeader::new_raw(etherparse::IpNumber::UDP, &[0; 14]).unwrap();
        let mut extensions = etherparse::Ipv6Extensions {
            hop_by_hop_options: Some(options.clone()),
            destination_options: Some(long),
            routing: Some(etherparse::Ipv6RoutingExtensions {
                routing: options,
                final_destination_options: None,
            }),
            fragment: Some(etherparse::Ipv6FragmentHeader::new(
                etherparse::IpNumber::UDP,
                etherparse::IpFragOffset::ZERO,
                true,
                77,
            )),
            auth: Some(
                etherparse::IpAuthHeader::new(etherparse::IpNumber::UDP, 1, 2, &[0; 12]).unwrap(),
            ),
        };
        let first = extensions.set_next_headers(etherparse::IpNumber::TCP);
        let mut bytes = Vec::new();
        extensions.write(&mut bytes, first).unwrap();
        let headers = bytes.len();
        bytes.extend([0xaa; 5]);
        let upper = Upper::find(Protocol::new(first.0), &bytes).unwrap();
        assert_eq!(
            (upper.protocol, upper.bytes),
            (Protocol::TCP, &[0xaa; 5][..])
        );
        assert!(upper.hop_by_hop && upper.is_fragment() && !upper.is_later_fragment());
        assert_eq!(upper.fragment.unwrap().identification(), 77);
        assert_eq!(bytes[upper.protocol_pointer - 40], 6);
        // OPTIONS as the body of a routing header: type 1 with 4 segments left.
        let routing = upper.routing.unwrap();
        assert_eq!((routing.kind, routing.segments_left), (1, 4));
        for cut in 0..headers {
            assert_eq!(
                Upper::find(Protocol::new(first.0), &bytes[..cut]).unwrap_err(),
                ExtensionError::Truncated,
                "{cut}"
            );
        }
    }

    #[test]
    fn v6_13_sixteen_headers_pass_and_seventeen_do_not() {
        for count in 0..=MAX_EXTENSION_HEADERS {
            let (first, bytes) = chain(&vec![60; count], 17, &[1]);
            let upper = Upper::find(first, &bytes).unwrap();
            assert_eq!((upper.protocol, upper.bytes), (Protocol::UDP, &[1][..]));
        }
        let (first, bytes) = chain(&[60; MAX_EXTENSION_HEADERS + 1], 17, &[1]);
        assert_eq!(
            Upper::find(first, &bytes).unwrap_err(),
            ExtensionError::TooMany
        );
    }

    #[test]
    fn v6_13_hop_by_hop_stands_first_or_not_at_all() {
        let (first, bytes) = chain(&[0, 60], 17, &[]);
        assert!(Upper::find(first, &bytes).unwrap().hop_by_hop);
        let (first, bytes) = chain(&[60, 0], 17, &[]);
        assert_eq!(
            Upper::find(first, &bytes).unwrap_err(),
            ExtensionError::HopByHopNotFirst
        );
    }

    #[test]
    fn v6_12_routing_header_with_segments_left_is_found() {
        let mut bytes = vec![17, 2, 0, 1];
        bytes.extend([0; 20]);
        let upper = Upper::find(Protocol::ROUTING, &bytes).unwrap();
        assert_eq!(
            upper.routing,
            Some(ActiveRouting {
                kind: 0,
                segments_left: 1,
                type_pointer: 42
            })
        );
        bytes[3] = 0;
        assert_eq!(
            Upper::find(Protocol::ROUTING, &bytes).unwrap().routing,
            None
        );
    }

    #[test]
    fn a_later_fragment_ends_the_walk() {
        let fragment =
            FragmentHeader::new(Protocol::DESTINATION_OPTIONS, 0x1fff, false, 0xdead_beef);
        let bytes = [fragment.bytes(), &[17, 200]].concat();
        let upper = Upper::find(Protocol::FRAGMENT, &bytes).unwrap();
        assert!(upper.is_later_fragment());
        assert_eq!(
            (upper.protocol, upper.bytes),
            (Protocol::DESTINATION_OPTIONS, &[17, 200][..])
        );
        let theirs = etherparse::Ipv6FragmentHeader::new(
            etherparse::IpNumber(60),
            0x1fff.try_into().unwrap(),
            false,
            0xdead_beef,
        );
        assert_eq!(fragment.bytes(), theirs.to_bytes());
    }

    proptest! {
        #[test]
        fn r_01_any_bytes_end_the_walk(first in any::<u8>(), bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(43), Just(44), Just(51), Just(60)], 0..300)) {
            if let Ok(upper) = Upper::find(Protocol::new(first), &bytes) {
                prop_assert!(bytes.ends_with(upper.bytes));
                if upper.protocol_pointer >= 40 {
                    prop_assert_eq!(bytes[upper.protocol_pointer - 40], upper.protocol.get());
                }
            }
        }
    }
}
