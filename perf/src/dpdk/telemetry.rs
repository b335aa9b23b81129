//! A client of DPDK's telemetry: a command goes out, a JSON object comes back, on a socket that keeps packets apart.

use crate::error::PerfError;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, recv, send, socket};
use serde_json::Value;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// More than DPDK ever answers in one packet.
const ANSWER_BYTES: usize = 64 * 1024;

/// A connection to a DPDK process.
#[derive(Debug)]
pub(super) struct Telemetry {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Telemetry {
    pub(super) fn connect(path: &Path) -> Result<Self, PerfError> {
        let failed = || PerfError::system(format!("connecting to {}", path.display()));
        let fd = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .map_err(failed())?;
        connect(fd.as_raw_fd(), &UnixAddr::new(path).map_err(failed())?).map_err(failed())?;
        let mut telemetry = Self {
            fd,
            buffer: vec![0; ANSWER_BYTES],
        };
        // It introduces itself first.
        telemetry.receive("the greeting")?;
        Ok(telemetry)
    }

    /// The number of the port with this device name.
    pub(super) fn port(&mut self, name: &str) -> Result<u64, PerfError> {
        let missing = |command: &str, answer: &Value| PerfError::Telemetry {
            command: command.to_owned(),
            wanted: "port",
            answer: answer.to_string(),
        };
        let list = self.ask("/ethdev/list")?;
        let ports = list["/ethdev/list"]
            .as_array()
            .ok_or_else(|| missing("/ethdev/list", &list))?;
        for port in ports.iter().filter_map(Value::as_u64) {
            let command = format!("/ethdev/info,{port}");
            if self.ask(&command)?["/ethdev/info"]["name"] == name {
                return Ok(port);
            }
        }
        Err(missing("/ethdev/list", &list))
    }

    /// Packets that these ports have sent.
    pub(super) fn sent(&mut self, ports: &[u64]) -> Result<u64, PerfError> {
        ports.iter().map(|port| self.sent_by(*port)).sum()
    }

    fn sent_by(&mut self, port: u64) -> Result<u64, PerfError> {
        let command = format!("/ethdev/stats,{port}");
        let answer = self.ask(&command)?;
        answer["/ethdev/stats"]["opackets"]
            .as_u64()
            .ok_or_else(|| PerfError::Telemetry {
                command,
                wanted: "opackets",
                answer: answer.to_string(),
            })
    }

    fn ask(&mut self, command: &str) -> Result<Value, PerfError> {
        send(
            self.fd.as_raw_fd(),
            command.as_bytes(),
            MsgFlags::MSG_NOSIGNAL,
        )
        .map_err(PerfError::system("asking telemetry"))?;
        self.receive(command)
    }

    fn receive(&mut self, command: &str) -> Result<Value, PerfError> {
        let length = recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::empty())
            .map_err(PerfError::system("reading from telemetry"))?;
        let answer = &self.buffer[..length];
        serde_json::from_slice(answer).map_err(|_| PerfError::Telemetry {
            command: command.to_owned(),
            wanted: "JSON",
            answer: String::from_utf8_lossy(answer).into_owned(),
        })
    }
}
