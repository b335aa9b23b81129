//! What an independent dissector says of frames.

use std::io::Write;
use std::process::{Command, Stdio};

/// The frames as a capture file (libpcap's format, Ethernet).
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        file.extend([0; 8]);
        file.extend(length);
        file.extend(length);
        file.extend(frame);
    }
    file
}

/// The protocols of each frame, and what is wrong with it, checksums included.
pub(super) fn dissected(frames: &[Vec<u8>]) -> Vec<(String, String)> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-r", "-", "-T", "fields"]);
    tshark.args(["-e", "frame.protocols", "-e", "_ws.expert.message"]);
    for protocol in ["ip", "udp", "tcp"] {
        tshark.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    let mut child = tshark
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&capture(frames)).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(protocols, expert)| (protocols.to_owned(), expert.to_owned()))
        .collect();
    assert_eq!(lines.len(), frames.len(), "{text}");
    lines
}
