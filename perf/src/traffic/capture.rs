//! Captures in the classic pcap format, which DPDK's driver reads.

use etherparse::err::packet::BuildWriteError;
use std::io::{self, Write};

/// The format's magic number for stamps in microseconds, its version, and the link type Ethernet.
const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: [u16; 2] = [2, 4];
const SNAP_BYTES: u32 = 65_535;
const ETHERNET: u32 = 1;

/// Writes frames, in order.
///
/// # Errors
/// A frame could not be built, or writing fails.
pub fn write(
    out: &mut impl Write,
    frames: impl IntoIterator<Item = Result<Vec<u8>, BuildWriteError>>,
) -> io::Result<()> {
    head(out)?;
    for frame in frames {
        record(out, &frame.map_err(io::Error::other)?)?;
    }
    out.flush()
}

fn head(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&MAGIC.to_ne_bytes())?;
    for part in VERSION {
        out.write_all(&part.to_ne_bytes())?;
    }
    // Time zone and accuracy of the stamps, both always zero.
    for word in [0, 0, SNAP_BYTES, ETHERNET] {
        out.write_all(&u32::to_ne_bytes(word))?;
    }
    Ok(())
}

fn record(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = bytes.len() as u32;
    // Seconds and microseconds of the stamp, the captured and the true length.
    for word in [0, 0, length, length] {
        out.write_all(&u32::to_ne_bytes(word))?;
    }
    out.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_has_a_record_for_each_frame() {
        let frames = [vec![7; 60], vec![9; 64]];
        let mut bytes = Vec::new();
        write(&mut bytes, frames.clone().map(Ok)).unwrap();
        assert_eq!(bytes.len(), 24 + 16 + 60 + 16 + 64);
        assert_eq!(bytes[..4], MAGIC.to_ne_bytes());
        assert_eq!(bytes[24 + 16..][..60], frames[0]);
        assert_eq!(bytes[24 + 16 + 60 + 8..][..4], 64_u32.to_ne_bytes());
    }
}
