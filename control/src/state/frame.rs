//! The file's form: a header, then frames, each whole or not there.
//!
//! ```text
//!  magic (16) | version (4) | boot (36) | crc32 of these (4) || length (4) | crc32 (4) | records … || length …
//! ```
//!
//! Integers are little-endian. A frame is written with one call; where a process or its machine died in the middle of it,
//! length and checksum say so, and the file ends before it.

use std::fs;
use std::io;

const MAGIC: &[u8; 16] = b"ferroute state\n\0";
/// Which records there are and what they mean. To be raised when an older router would misread a newer file, or a newer
/// router an older one.
const VERSION: u32 = 1;
const BOOT_LENGTH: usize = 36;
const CRC_LENGTH: usize = 4;
/// Bytes of the header.
pub(super) const HEADER_LENGTH: usize = MAGIC.len() + 4 + BOOT_LENGTH + CRC_LENGTH;
/// Bytes in front of a frame's records.
const FRAME_HEADER_LENGTH: usize = 8;

/// Which boot of the machine a file is from: what is remembered of its network is worth nothing after the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boot([u8; BOOT_LENGTH]);

impl Boot {
    /// The present one.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn present() -> io::Result<Self> {
        let text = fs::read("/proc/sys/kernel/random/boot_id")?;
        let id = text.get(..BOOT_LENGTH).and_then(|id| id.try_into().ok());
        id.map(Self)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// Why a file is not one that this router can go on with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Foreign {
    /// It is no such file, or its beginning is damaged.
    #[error("it is not the state of a router")]
    Magic,
    /// Another version of the router wrote it.
    #[error("it is of version {found} of its format, and this router knows version {VERSION}")]
    Version {
        /// The version.
        found: u32,
    },
    /// It is from before the machine was started again.
    #[error("it is from before the machine started")]
    OtherBoot,
}

/// The beginning of a file.
pub(super) fn header(boot: Boot) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_LENGTH);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(&boot.0);
    header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
    header
}

/// The frame of these records, which have at most 4 GiB.
pub(super) fn frame(records: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let length = u32::try_from(records.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(records).to_le_bytes());
    out.extend_from_slice(records);
}

/// The frames of a file.
#[derive(Debug)]
pub(super) struct Frames<'a>(&'a [u8]);

impl<'a> Frames<'a> {
    /// Looks at the header.
    ///
    /// # Errors
    /// [`Foreign`].
    pub(super) fn of(file: &'a [u8], boot: Boot) -> Result<Self, Foreign> {
        let (head, frames) = file.split_at_checked(HEADER_LENGTH).ok_or(Foreign::Magic)?;
        let (text, crc) = head.split_at(HEADER_LENGTH - CRC_LENGTH);
        if !text.starts_with(MAGIC) || crc32fast::hash(text).to_le_bytes() != crc {
            return Err(Foreign::Magic);
        }
        let found = integer(&text[MAGIC.len()..]).ok_or(Foreign::Magic)?;
        if found != VERSION {
            return Err(Foreign::Version { found });
        }
        if text[MAGIC.len() + 4..] != boot.0 {
            return Err(Foreign::OtherBoot);
        }
        Ok(Self(frames))
    }

    /// What is left behind the last whole frame.
    pub(super) const fn rest(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = integer(self.0)? as usize;
        let crc = integer(self.0.get(4..)?)?;
        let whole = FRAME_HEADER_LENGTH.checked_add(length)?;
        let records = self.0.get(FRAME_HEADER_LENGTH..whole)?;
        if crc32fast::hash(records) != crc {
            return None;
        }
        self.0 = &self.0[whole..];
        Some(records)
    }
}

fn integer(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.first_chunk()?))
}
