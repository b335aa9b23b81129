//! Recordings of an interface, judged by an independent dissector (`tshark`).

use crate::error::LabError;
use crate::link::Interface;
use crate::packet::{Frame, RawSocket, readable};
use crate::process::output;
use nix::sys::eventfd::EventFd;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::UNIX_EPOCH;

/// Frames that `tshark` finds fault with. Checksums of all protocols are checked; 0 is its word for a bad one. Linux writes a TCP
/// checksum of zero as 0xffff, as UDP has it; the sum is right all the same, which tshark does not see. What it takes the data of
/// a TCP connection for is a guess, and its faults are the guess's.
const FAULTY: &str = "(_ws.malformed and not frame.protocols matches \":tcp:\") or ip.checksum.status == 0 or (tcp.checksum.status == 0 and tcp.checksum != 0xffff) \
                      or udp.checksum.status == 0 \
                      or icmp.checksum.status == 0 or icmpv6.checksum.status == 0";

/// Length of the longest frame that a file of recordings can hold, in bytes.
const SNAP_LENGTH: u32 = 262_144;
/// The link type of Ethernet in such a file.
const LINKTYPE_ETHERNET: u32 = 1;

/// A recording in progress: every frame in either direction, from the moment it was started.
#[derive(Debug)]
pub struct Capture {
    stop: Arc<EventFd>,
    reader: Option<JoinHandle<Result<Vec<Frame>, LabError>>>,
}

impl Capture {
    /// Starts to record.
    ///
    /// # Errors
    /// As for [`RawSocket::open`].
    pub fn start(interface: &Interface) -> Result<Self, LabError> {
        let socket = RawSocket::open(interface)?;
        let stop = Arc::new(EventFd::new().map_err(LabError::system("making an event"))?);
        let stopped = Arc::clone(&stop);
        let reader = std::thread::spawn(move || {
            let mut frames = Vec::new();
            loop {
                readable(&[socket.as_fd(), stopped.as_fd()], None)?;
                // Looked at before the socket is emptied, so that no frame from before the stop is left.
                let last = readable(&[stopped.as_fd()], Some(std::time::Instant::now()))?;
                while let Some(frame) = socket.read()? {
                    frames.push(frame);
                }
                if last {
                    return Ok(frames);
                }
            }
        });
        Ok(Self {
            stop,
            reader: Some(reader),
        })
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// [`LabError::System`] when the interface went away meanwhile.
    pub fn stop(mut self) -> Result<Recording, LabError> {
        let frames = self.finish().unwrap_or_else(|| Ok(Vec::new()))?;
        Ok(Recording { frames })
    }

    fn finish(&mut self) -> Option<Result<Vec<Frame>, LabError>> {
        let reader = self.reader.take()?;
        let _ = self.stop.write(1);
        Some(
            reader
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

/// What was recorded.
#[derive(Debug)]
pub struct Recording {
    /// The frames in their order.
    pub frames: Vec<Frame>,
}

impl Recording {
    /// Asks the dissector for these fields of each frame that passes the display filter (empty: all); a frame without a
    /// field has an empty text there, one with several has the first.
    ///
    /// # Errors
    /// [`LabError::Failed`] when the filter or a field is none, or [`LabError::System`] when no file can be written.
    pub fn dissect(&self, filter: &str, fields: &[&str]) -> Result<Vec<Vec<String>>, LabError> {
        let file = tempfile::NamedTempFile::new()
            .map_err(LabError::system("making a file for a recording"))?;
        self.write(file.path())
            .map_err(LabError::system("writing a recording"))?;
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").arg("-r").arg(file.path()).args([
            "-T",
            "fields",
            "-E",
            "separator=/t",
            "-E",
            "occurrence=f",
        ]);
        for protocol in ["ip", "tcp", "udp"] {
            tshark
                .arg("-o")
                .arg(format!("{protocol}.check_checksum:TRUE"));
        }
        // Each frame is judged alone: a segment that was sent again in other pieces is no malformed one.
        tshark.args(["-o", "tcp.desegment_tcp_streams:FALSE"]);
        if !filter.is_empty() {
            tshark.args(["-Y", filter]);
        }
        for field in fields {
            tshark.args(["-e", field]);
        }
        let printed = output(&mut tshark)?;
        Ok(printed
            .lines()
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect())
    }

    /// The frames that are malformed or have a wrong checksum, one line each; none is how it should be.
    ///
    /// # Errors
    /// As for [`Recording::dissect`].
    pub fn faults(&self) -> Result<Vec<String>, LabError> {
        let lines = self.dissect(FAULTY, &["frame.number", "frame.protocols", "_ws.col.Info"])?;
        Ok(lines.into_iter().map(|words| words.join(" ")).collect())
    }

    /// Writes a file that `tshark`, `tcpdump` and `wireshark` read.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = io::BufWriter::new(std::fs::File::create(path)?);
        // The classic format with nanoseconds, in host order: version 2.4, no zone, no accuracy.
        for word in [
            0xa1b2_3c4d_u32,
            u32::from_ne_bytes(version()),
            0,
            0,
            SNAP_LENGTH,
            LINKTYPE_ETHERNET,
        ] {
            file.write_all(&word.to_ne_bytes())?;
        }
        for frame in &self.frames {
            let at = frame.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let length = u32::try_from(frame.bytes.len()).map_err(io::Error::other)?;
            let seconds = u32::try_from(at.as_secs()).map_err(io::Error::other)?;
            for word in [seconds, at.subsec_nanos(), length, length] {
                file.write_all(&word.to_ne_bytes())?;
            }
            file.write_all(&frame.bytes)?;
        }
        file.flush()
    }
}

/// Major 2, minor 4, 16 bits each.
fn version() -> [u8; 4] {
    let ([a, b], [c, d]) = (2_u16.to_ne_bytes(), 4_u16.to_ne_bytes());
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Namespace, veth};
    use std::time::Duration;

    #[test]
    fn a_ping_is_dissected_and_found_faultless() {
        let (left, right) = (
            Namespace::new("left").unwrap(),
            Namespace::new("right").unwrap(),
        );
        let (a, b) = veth((&left, "a"), (&right, "b")).unwrap();
        a.address("192.0.2.1/24").unwrap();
        b.address("192.0.2.2/24").unwrap();
        let capture = Capture::start(&b).unwrap();
        left.run("ping -c 2 -i 0.01 -W 5 192.0.2.2").unwrap();
        let recording = capture.stop().unwrap();
        let pings = recording.dissect("icmp", &["ip.src", "icmp.type"]).unwrap();
        assert_eq!(
            pings,
            [
                ["192.0.2.1", "8"],
                ["192.0.2.2", "0"],
                ["192.0.2.1", "8"],
                ["192.0.2.2", "0"]
            ]
        );
        assert_eq!(recording.faults().unwrap(), [""; 0]);
    }

    #[test]
    fn a_bad_checksum_is_found() {
        let (left, right) = (
            Namespace::new("left").unwrap(),
            Namespace::new("right").unwrap(),
        );
        let (a, b) = veth((&left, "a"), (&right, "b")).unwrap();
        let capture = Capture::start(&b).unwrap();
        // An IPv4 header with nothing after it (protocol 59 would be "no next header"), its checksum left at zero.
        let ip = [
            0x45, 0, 0, 20, 0, 1, 0, 0, 64, 59, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
        ];
        let frame = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 0], &ip].concat();
        // It stands behind the capture's in the kernel's list, so what it has seen the capture has.
        let far = RawSocket::open(&b).unwrap();
        RawSocket::open(&a).unwrap().send(&frame).unwrap();
        far.expect("the frame", Duration::from_secs(5), |bytes| {
            (bytes == frame).then_some(())
        })
        .unwrap();
        let faults = capture.stop().unwrap().faults().unwrap();
        assert!(
            faults
                .iter()
                .any(|fault| fault.contains("eth:ethertype:ip")),
            "{faults:?}"
        );
    }
}
