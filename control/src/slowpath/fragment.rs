//! Cutting packets that are larger than the next link takes: IPv4 in transit (RFC 791 section
//! 3.2), IPv6 only at its source (RFC 8200 section 4.5).

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::wire::extension::FragmentHeader;
use ferroute_dataplane::wire::ipv4::{Ipv4Header, Ipv4Packet};
use ferroute_dataplane::wire::ipv4_options::{END, Ipv4Options, MalformedOption};
use ferroute_dataplane::wire::ipv6::Ipv6Header;
use ferroute_dataplane::wire::{Header, Protocol};
use smallvec::SmallVec;
use std::ops::Range;

/// Why a packet could not be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FragmentError {
    /// It has DF.
    #[error("the packet may not be fragmented")]
    DontFragment,
    /// Not even eight bytes of it fit.
    #[error("the MTU is too small to fragment for")]
    MtuTooSmall,
    /// It is itself a fragment that ends past the largest datagram.
    #[error("the fragment ends past the largest datagram")]
    PastEnd,
    /// An option's length is wrong, so that it is not known which to copy.
    #[error("the packet's options are malformed")]
    Options,
}

impl From<MalformedOption> for FragmentError {
    fn from(_: MalformedOption) -> Self {
        Self::Options
    }
}

impl From<FragmentError> for DropReason {
    fn from(error: FragmentError) -> Self {
        match error {
            FragmentError::DontFragment => Self::PacketTooBig,
            FragmentError::MtuTooSmall | FragmentError::PastEnd | FragmentError::Options => {
                Self::FragmentationFailed
            }
        }
    }
}

/// The options of the fragments behind the first: at most 40 bytes.
type CopiedOptions = SmallVec<[u8; 40]>;

/// Cuts `packet` into packets of at most `mtu` bytes. A packet that fits comes out as it is, even
/// with DF; a fragment is cut into smaller ones of the same datagram.
///
/// The header is taken as it stands: a packet in transit has its TTL decremented before.
///
/// # Errors
/// As [`FragmentError`] says; nothing is to be sent then.
pub fn fragment_ipv4(packet: &Ipv4Packet<'_>, mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let (header, payload) = (packet.header(), packet.payload());
    if packet.bytes().len() <= mtu {
        return Ok(vec![packet.bytes().to_vec()]);
    }
    if header.dont_fragment() {
        return Err(FragmentError::DontFragment);
    }
    if usize::from(header.fragment_offset()) * 8 + payload.len() > usize::from(u16::MAX) {
        return Err(FragmentError::PastEnd);
    }
    let copied = copied_options(packet.options())?;
    let mut fragments = Vec::new();
    let mut start = 0;
    while start < payload.len() {
        let options = if start == 0 {
            packet.options()
        } else {
            &copied
        };
        let range = piece(payload.len(), start, mtu, Ipv4Header::LEN + options.len())?;
        let more = range.end < payload.len() || header.more_fragments();
        let mut own = *header;
        own.set_total_length((Ipv4Header::LEN + options.len() + range.len()) as u16);
        own.set_fragment(header.fragment_offset() + (start / 8) as u16, more);
        own.seal(options);
        start = range.end;
        fragments.push([own.bytes(), options, &payload[range]].concat());
    }
    Ok(fragments)
}

/// Cuts a packet that the router itself sends, made of `header` and `payload` without extension
/// headers, into packets of at most `mtu` bytes. A packet that fits comes out as it is. The
/// `identification` is one that no packet between the same addresses had lately.
///
/// # Errors
/// [`FragmentError::MtuTooSmall`], and [`FragmentError::PastEnd`] for a payload over 65 535 bytes.
pub fn fragment_ipv6(
    header: &Ipv6Header,
    payload: &[u8],
    identification: u32,
    mtu: usize,
) -> Result<Vec<Vec<u8>>, FragmentError> {
    let length = u16::try_from(payload.len()).map_err(|_| FragmentError::PastEnd)?;
    if Ipv6Header::LEN + payload.len() <= mtu {
        let mut own = *header;
        own.set_payload_length(length);
        return Ok(vec![[own.bytes(), payload].concat()]);
    }
    let mut fragments = Vec::new();
    let mut start = 0;
    while start < payload.len() {
        let range = piece(
            payload.len(),
            start,
            mtu,
            Ipv6Header::LEN + FragmentHeader::LEN,
        )?;
        let more = range.end < payload.len();
        let fragment = FragmentHeader::new(
            header.next_header(),
            (start / 8) as u16,
            more,
            identification,
        );
        let mut own = *header;
        own.set_next_header(Protocol::FRAGMENT);
        own.set_payload_length((FragmentHeader::LEN + range.len()) as u16);
        start = range.end;
        fragments.push([own.bytes(), fragment.bytes(), &payload[range]].concat());
    }
    Ok(fragments)
}

/// The part of a payload of `length` bytes that goes from `start` into one fragment whose headers
/// take `headers` bytes: all that is left, or as many times eight bytes as fit.
fn piece(
    length: usize,
    start: usize,
    mtu: usize,
    headers: usize,
) -> Result<Range<usize>, FragmentError> {
    let room = mtu.saturating_sub(headers);
    if length - start <= room {
        return Ok(start..length);
    }
    match room & !7 {
        0 => Err(FragmentError::MtuTooSmall),
        room => Ok(start..start + room),
    }
}

/// The options that go into every fragment, padded to whole words.
fn copied_options(options: &[u8]) -> Result<CopiedOptions, MalformedOption> {
    let mut copied = CopiedOptions::new();
    for option in Ipv4Options::new(options) {
        let option = option?;
        if option.is_copied() {
            copied.extend_from_slice(option.bytes);
        }
    }
    copied.resize(copied.len().next_multiple_of(4), END);
    Ok(copied)
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
