//! Writes to the kernel: stations and neighbours that the router knows.

use super::words::{Netdevs, ToKernel};
use crate::bridge::namespace::inside;
use crate::bridge::netlink::request;
use crate::bridge::netlink::view::Messages;
use crate::model::vrf::Namespace;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    socket,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Messages that are sent at once; the kernel has answered all of them when the sending is over.
const AT_ONCE: usize = 64;
/// Room for as many answers.
const ANSWERS_BYTES: usize = 32 << 10;
const ERROR: i32 = libc::NLMSG_ERROR;

/// A socket in a namespace.
#[derive(Debug)]
pub(super) struct Kernel {
    socket: OwnedFd,
    sequence: u32,
}

impl Kernel {
    /// Opens one.
    ///
    /// # Errors
    /// The namespace cannot be entered, or the system refuses the socket.
    pub(super) fn open(netns: Option<&Namespace>) -> io::Result<Self> {
        let open = || {
            let socket = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::NetlinkRoute,
            )?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
            Ok(socket)
        };
        Ok(Self {
            socket: inside(netns, open)?,
            sequence: 0,
        })
    }

    /// Writes all of it; answers what the kernel said to each.
    ///
    /// # Errors
    /// The socket broke: nothing is known of what was to be written.
    pub(super) fn write(
        &mut self,
        words: &[(Netdevs, ToKernel)],
    ) -> io::Result<Vec<Result<(), Errno>>> {
        let mut answers = Vec::with_capacity(words.len());
        for some in words.chunks(AT_ONCE) {
            self.write_some(some, &mut answers)?;
        }
        Ok(answers)
    }

    fn write_some(
        &mut self,
        words: &[(Netdevs, ToKernel)],
        answers: &mut Vec<Result<(), Errno>>,
    ) -> io::Result<()> {
        let (mut bytes, mut wanted) = (Vec::new(), 0);
        let first = answers.len();
        for (netdevs, word) in words {
            self.sequence = self.sequence.wrapping_add(1);
            let message = match (*word, netdevs.port, netdevs.bridge) {
                (ToKernel::Station(mac, there), Some(port), _) => {
                    request::station(port, mac, there, self.sequence)
                }
                (ToKernel::Neighbour(address, mac), _, Some(bridge)) => {
                    request::neighbour(bridge, address, mac, self.sequence)
                }
                _ => {
                    answers.push(Err(Errno::ENODEV));
                    continue;
                }
            };
            bytes.extend(message);
            // Until it says something else.
            answers.push(Err(Errno::ENODATA));
            wanted += 1;
        }
        let begin = self.sequence.wrapping_sub(words.len() as u32);
        if wanted > 0 {
            send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
        }
        let mut buffer = vec![0; ANSWERS_BYTES];
        while wanted > 0 {
            let length = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => break,
                Err(error) => return Err(error.into()),
            };
            for message in Messages::new(&buffer[..length]).map_while(Result::ok) {
                let place = message.sequence.wrapping_sub(begin).wrapping_sub(1) as usize;
                let code = message
                    .payload
                    .first_chunk()
                    .map(|c| i32::from_ne_bytes(*c));
                let asked = words.get(place).zip(answers.get_mut(first..));
                if i32::from(message.kind) == ERROR
                    && let (Some(code), Some(((_, word), answers))) = (code, asked)
                    && let Some(answer) = answers.get_mut(place)
                {
                    *answer = judged(code, word);
                    wanted -= 1;
                }
            }
        }
        Ok(())
    }
}

/// What a code means: that something is gone already which is to go is no error.
fn judged(code: i32, word: &ToKernel) -> Result<(), Errno> {
    let goes = matches!(
        word,
        ToKernel::Station(_, false) | ToKernel::Neighbour(_, None)
    );
    match Errno::from_raw(-code) {
        _ if code == 0 => Ok(()),
        Errno::ENOENT if goes => Ok(()),
        errno => Err(errno),
    }
}
