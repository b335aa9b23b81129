//! Captures in the classic pcap format, which DPDK's driver reads.

use super::frames::{Ends, frame};
use super::overlay::{Encap, wrap};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

/// The format's magic number for stamps in microseconds, its version, and the link type Ethernet.
const MAGIC: u32 = 0xa1b2_c3d4;
const VERSION: [u16; 2] = [2, 4];
const SNAP_BYTES: u32 = 65_535;
const ETHERNET: u32 = 1;

/// Writes one frame for each flow, in order; `inside` tunnels to this end, if so.
///
/// # Errors
/// Writing fails.
pub fn write(
    out: &mut impl Write,
    ends: Ends,
    flows: &[IpAddr],
    inside: Option<(Encap, Ipv4Addr)>,
) -> io::Result<()> {
    head(out)?;
    for (number, flow) in (0..).zip(flows) {
        let plain = frame(ends, number, *flow).map_err(io::Error::other)?;
        match inside {
            None => record(out, &plain)?,
            Some((encap, to)) => {
                let wrapped = wrap(encap, ends, to, number, &plain).map_err(io::Error::other)?;
                record(out, &wrapped)?;
            }
        }
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
    use crate::traffic::{Family, Table};

    #[test]
    fn a_capture_has_a_record_for_each_flow() {
        let ends = Ends {
            source: [2, 0, 0, 0, 0, 9],
            destination: [2, 0, 0, 0, 0, 1],
        };
        let mut bytes = Vec::new();
        write(&mut bytes, ends, &Table::draw(Family::V6, 5).flows, None).unwrap();
        assert_eq!(bytes.len(), 24 + 1_024 * (16 + 60));
        assert_eq!(bytes[..4], MAGIC.to_ne_bytes());
        assert_eq!(bytes[24 + 16..][..6], ends.destination);
    }
}
