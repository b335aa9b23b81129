//! Netlink messages and attributes as views over bytes.
//!
//! ```text
//!  0        4     6      8     12    16
//!  | length | type | flags | seq | pid | payload … | padding to 4 | next message
//!  0        2      4
//!  | length | type | value … | padding to 4 | next attribute
//! ```
//!
//! Numbers are in host order. Both iterators end with an error at the first length that lies: what stands behind it
//! cannot be found. The kernel and FRR's Forwarding Plane Manager speak the same messages, so both are read with these.

/// Bytes of a message's header.
pub(in crate::bridge) const HEADER_BYTES: usize = 16;
/// Bits of an attribute's type that are its type; the others say how it is encoded.
const TYPE_MASK: u16 = 0x3fff;

/// A length that leads out of the bytes that are there, or is too short for its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a length of {length} lies: {left} bytes are left")]
pub(crate) struct LyingLength {
    /// What it says.
    pub length: usize,
    /// How many bytes are there.
    pub left: usize,
}

/// One message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) struct Message<'a> {
    /// `RTM_…` or `NLMSG_…`.
    pub(in crate::bridge) kind: u16,
    /// `NLM_F_…`.
    pub(in crate::bridge) flags: u16,
    /// The request that it answers; 0 for notifications.
    pub(in crate::bridge) sequence: u32,
    /// What follows the header.
    pub(in crate::bridge) payload: &'a [u8],
}

/// The messages in a buffer.
#[derive(Clone, Debug)]
pub(in crate::bridge) struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// The messages in these bytes.
    pub(in crate::bridge) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, LyingLength>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        let length = u32_at(bytes, 0).map_or(0, |length| length as usize);
        if length < HEADER_BYTES || length > bytes.len() {
            self.0 = &[];
            let left = bytes.len();
            return Some(Err(LyingLength { length, left }));
        }
        self.0 = bytes.get(aligned(length)..).unwrap_or_default();
        Some(Ok(Message {
            kind: u16_at(bytes, 4).unwrap_or_default(),
            flags: u16_at(bytes, 6).unwrap_or_default(),
            sequence: u32_at(bytes, 8).unwrap_or_default(),
            payload: &bytes[HEADER_BYTES..length],
        }))
    }
}

/// The attributes in a buffer: type without its flag bits, and value.
#[derive(Clone, Debug)]
pub(in crate::bridge) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes in these bytes.
    pub(in crate::bridge) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Those that follow a fixed header of so many bytes.
    pub(in crate::bridge) fn after(payload: &'a [u8], header_bytes: usize) -> Self {
        Self(payload.get(aligned(header_bytes)..).unwrap_or_default())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), LyingLength>;

    fn next(&mut self) -> Option<Self::Item> {
        const HEADER: usize = 4;
        let bytes = self.0;
        if bytes.is_empty() {
            return None;
        }
        let length = u16_at(bytes, 0).map_or(0, usize::from);
        if length < HEADER || length > bytes.len() {
            self.0 = &[];
            let left = bytes.len();
            return Some(Err(LyingLength { length, left }));
        }
        self.0 = bytes.get(aligned(length)..).unwrap_or_default();
        let kind = u16_at(bytes, 2).unwrap_or_default() & TYPE_MASK;
        Some(Ok((kind, &bytes[HEADER..length])))
    }
}

/// The next multiple of four.
pub(in crate::bridge) const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The byte at a place.
pub(in crate::bridge) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The number of two bytes at a place, in host order.
pub(in crate::bridge) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

/// The number of four bytes at a place, in host order.
pub(in crate::bridge) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

/// The number of four bytes at a place, in network order.
pub(in crate::bridge) fn be32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}
