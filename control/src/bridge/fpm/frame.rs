//! Frames of the channel.
//!
//! ```text
//!  0         1      2        4
//!  | version | type | length | netlink messages …
//! ```
//!
//! The version is 1, the type 1 for netlink; the length is in network order and counts the header. A frame has one or more
//! messages: the update of a route may be a withdrawal and the new route in one frame.

use super::Counts;
use crate::bridge::netlink::update::Update;
use crate::bridge::netlink::view::{LyingLength, Messages};
use crate::bridge::netlink::{Decoded, decode};

const HEADER_BYTES: usize = 4;
const VERSION: u8 = 1;
const TYPE_NETLINK: u8 = 1;

/// Why a connection cannot go on: what follows cannot be found any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(in crate::bridge) enum FrameError {
    /// Another protocol.
    #[error("a frame of version {0} is none of this protocol")]
    Version(u8),
    /// A frame without room for its own header.
    #[error("a frame of {0} bytes is shorter than its header")]
    Length(u16),
    /// A message in a frame is longer than the frame, or shorter than its own header.
    #[error(transparent)]
    Message(#[from] LyingLength),
    /// The connection ended within a frame.
    #[error("the stream was cut {0} bytes into a frame")]
    Cut(usize),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(std::io::ErrorKind),
}

/// Reads whole frames from the front of `bytes`; answers how many bytes they were. What is left is the beginning of a frame
/// that has not come yet.
pub(in crate::bridge) fn read(
    bytes: &[u8],
    updates: &mut Vec<Update>,
    counts: &mut Counts,
) -> Result<usize, FrameError> {
    let mut done = 0;
    while let Some([version, kind, high, low]) = bytes[done..].first_chunk::<HEADER_BYTES>() {
        let length = u16::from_be_bytes([*high, *low]);
        if *version != VERSION {
            return Err(FrameError::Version(*version));
        }
        if usize::from(length) < HEADER_BYTES {
            return Err(FrameError::Length(length));
        }
        let end = done + usize::from(length);
        let Some(frame) = bytes.get(done + HEADER_BYTES..end) else {
            break;
        };
        counts.frames += 1;
        counts.bytes += u64::from(length);
        if *kind == TYPE_NETLINK {
            messages(frame, updates, counts)?;
        } else {
            counts.unknown += 1;
        }
        done = end;
    }
    Ok(done)
}

fn messages(
    frame: &[u8],
    updates: &mut Vec<Update>,
    counts: &mut Counts,
) -> Result<(), FrameError> {
    for message in Messages::new(frame) {
        match decode(&message?, &mut counts.ignored) {
            Ok(Decoded::Update(update)) => updates.push(update),
            Ok(Decoded::Nothing) => {}
            Ok(Decoded::Unknown) => counts.unknown += 1,
            Err(error) => {
                counts.unreadable += 1;
                counts.first.get_or_insert(error);
            }
        }
    }
    Ok(())
}

/// A frame with one message.
pub(in crate::bridge) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADER_BYTES + message.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![VERSION, TYPE_NETLINK];
    bytes.extend(length.to_be_bytes());
    bytes.extend(message);
    bytes
}
