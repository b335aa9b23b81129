//! Generic UDP encapsulation (draft-ietf-intarea-gue-09).

use super::{Header, Protocol};
use bytemuck::{Pod, Zeroable};

/// The UDP port of GUE (IANA).
pub const GUE_PORT: u16 = 6080;

/// The 4 bytes at the front of variant 0; optional fields of `hlen` words follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct GueHeader {
    variant_control_length: u8,
    protocol: u8,
    flags: [u8; 2],
}

impl Header for GueHeader {}

/// What a GUE packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuePayload {
    /// Its protocol.
    pub protocol: Protocol,
    /// Where it starts, in bytes from the start of the GUE header.
    pub offset: usize,
}

/// Why bytes are no GUE packet with a payload that is known how to take out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GueError {
    /// It ends within its header.
    #[error("the GUE header is cut off")]
    Truncated,
    /// A control message, or a variant that nobody defined.
    #[error("the GUE packet is no data of a known variant")]
    NotData,
    /// It has flags, whose fields may change what its payload is (fragments, transforms).
    #[error("the GUE packet has options")]
    Options,
}

impl GueHeader {
    /// The header of data of this protocol, without options.
    #[must_use]
    pub const fn new(protocol: Protocol) -> Self {
        Self {
            variant_control_length: 0,
            protocol: protocol.get(),
            flags: [0; 2],
        }
    }

    /// Sets what the packet carries.
    pub const fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol.get();
    }

    /// What a GUE packet carries. In variant 1 the IP packet itself follows UDP (section 4), told by
    /// its version, whose first two bits are the variant.
    ///
    /// # Errors
    /// See [`GueError`].
    pub fn payload(packet: &[u8]) -> Result<GuePayload, GueError> {
        let first = *packet.first().ok_or(GueError::Truncated)?;
        let direct = match first >> 4 {
            4 => Some(Protocol::IPV4),
            6 => Some(Protocol::IPV6),
            _ => None,
        };
        if let Some(protocol) = direct {
            return Ok(GuePayload {
                protocol,
                offset: 0,
            });
        }
        let (header, _) = Self::split(packet).ok_or(GueError::Truncated)?;
        if first & 0xe0 != 0 {
            return Err(GueError::NotData);
        }
        if header.flags != [0; 2] || first & 0x1f != 0 {
            return Err(GueError::Options);
        }
        Ok(GuePayload {
            protocol: Protocol::new(header.protocol),
            offset: Self::LEN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_both_variants_and_refuses_what_it_cannot_take_out() {
        let payload = |bytes: &[u8]| GueHeader::payload(bytes).map(|p| (p.protocol, p.offset));
        assert_eq!(payload(&[0, 41, 0, 0]), Ok((Protocol::IPV6, 4)));
        assert_eq!(
            payload(GueHeader::new(Protocol::IPV4).bytes()),
            Ok((Protocol::IPV4, 4))
        );
        assert_eq!(payload(&[0x45]), Ok((Protocol::IPV4, 0)));
        assert_eq!(payload(&[0x60]), Ok((Protocol::IPV6, 0)));
        assert_eq!(payload(&[]), Err(GueError::Truncated));
        assert_eq!(payload(&[0, 4, 0]), Err(GueError::Truncated));
        assert_eq!(payload(&[0x20, 4, 0, 0]), Err(GueError::NotData));
        assert_eq!(payload(&[0x80, 4, 0, 0]), Err(GueError::NotData));
        assert_eq!(payload(&[0, 4, 0x80, 0]), Err(GueError::Options));
        assert_eq!(payload(&[1, 4, 0, 0, 9, 9, 9, 9]), Err(GueError::Options));
    }
}
