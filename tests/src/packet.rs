//! Raw frames on an interface: send any bytes, see what comes.
//!
//! Waiting is by events with a deadline; nothing sleeps for a while and hopes.

use crate::error::LabError;
use crate::link::Interface;
use crate::sys;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, send, setsockopt, sockopt::RcvBufForce,
};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant, SystemTime};

/// No frame of a lab is longer than this, in bytes.
const MAX_FRAME: usize = 65_600;
/// Room for frames that nobody has read yet, in bytes.
const RECEIVE_BUFFER: usize = 32 << 20;
/// The offset of an Ethernet header's EtherType, where a VLAN tag goes.
const ETHERTYPE: usize = 12;

/// Which way a frame passed the interface, seen from its namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// It came in.
    In,
    /// The kernel sent it out.
    Out,
}

/// A frame as it was on the wire, from the destination address on, VLAN tag included, without the check sequence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Which way it went.
    pub direction: Direction,
    /// When it was read.
    pub at: SystemTime,
}

/// A socket that sends and sees whole frames on one interface.
#[derive(Debug)]
pub struct RawSocket {
    fd: OwnedFd,
    name: String,
}

impl RawSocket {
    /// Opens one; frames are seen from now on.
    ///
    /// # Errors
    /// [`LabError::System`] when the interface is gone or privilege lacks.
    pub fn open(interface: &Interface) -> Result<Self, LabError> {
        let name = interface.name().to_owned();
        let what = format!("opening a packet socket on {name}");
        let fd = interface
            .namespace()
            .enter(|| sys::packet_socket(&name))?
            .map_err(LabError::system(what))?;
        // More than the limit of ordinary sockets, so that a burst is not lost; without the privilege the default has to do.
        let _ = setsockopt(&fd, RcvBufForce, &RECEIVE_BUFFER);
        Ok(Self { fd, name })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// [`LabError::System`], for example when it is longer than the link takes.
    pub fn send(&self, frame: &[u8]) -> Result<(), LabError> {
        let what = || format!("sending {} bytes on {}", frame.len(), self.name);
        send(self.fd.as_raw_fd(), frame, MsgFlags::empty())
            .map(drop)
            .map_err(|errno| LabError::system(what())(errno))
    }

    /// The next frame that comes in, or none when the time is up.
    ///
    /// # Errors
    /// [`LabError::System`] when the interface goes away.
    pub fn receive(&self, limit: Duration) -> Result<Option<Frame>, LabError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.read()? {
                Some(frame) if frame.direction == Direction::In => return Ok(Some(frame)),
                Some(_) => {}
                None if !readable(&[self.fd.as_fd()], Some(deadline))? => return Ok(None),
                None => {}
            }
        }
    }

    /// Waits for a frame that `wanted` makes something of, passing over the others.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the frames that came instead, or [`LabError::System`].
    pub fn expect<T>(
        &self,
        what: &str,
        limit: Duration,
        mut wanted: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<T, LabError> {
        let deadline = Instant::now() + limit;
        let mut others = String::new();
        while let Some(frame) = self.receive(deadline.saturating_duration_since(Instant::now()))? {
            if let Some(found) = wanted(&frame.bytes) {
                return Ok(found);
            }
            others += "\n  ";
            others.extend(frame.bytes.iter().map(|byte| format!("{byte:02x}")));
        }
        let context = if others.is_empty() {
            "; no frame came".to_owned()
        } else {
            format!("; these came:{others}")
        };
        Err(LabError::Timeout {
            what: what.to_owned(),
            limit,
            context,
        })
    }

    /// The next frame of either direction if one is there.
    pub(crate) fn read(&self) -> Result<Option<Frame>, LabError> {
        let mut bytes = vec![0; MAX_FRAME];
        let mut control = nix::cmsg_space!([u8; sys::AUXDATA_LEN]);
        let (length, sender, vlan) = {
            let mut slices = [IoSliceMut::new(&mut bytes)];
            let message = match recvmsg::<LinkAddr>(
                self.fd.as_raw_fd(),
                &mut slices,
                Some(&mut control),
                MsgFlags::empty(),
            ) {
                Ok(message) => message,
                Err(nix::Error::EAGAIN) => return Ok(None),
                Err(errno) => {
                    return Err(LabError::system(format!("reading from {}", self.name))(
                        errno,
                    ));
                }
            };
            let vlan =
                message
                    .cmsgs()
                    .ok()
                    .into_iter()
                    .flatten()
                    .find_map(|control| match control {
                        ControlMessageOwned::Unknown(unknown) => sys::vlan_tag(&unknown.data_bytes),
                        _ => None,
                    });
            (message.bytes, message.address, vlan)
        };
        bytes.truncate(length);
        if let Some(tag) = vlan
            && bytes.len() >= ETHERTYPE
        {
            bytes.splice(ETHERTYPE..ETHERTYPE, tag);
        }
        let sent = sender.is_some_and(|address| address.pkttype() == nix::libc::PACKET_OUTGOING);
        Ok(Some(Frame {
            bytes,
            direction: if sent { Direction::Out } else { Direction::In },
            at: SystemTime::now(),
        }))
    }
}

impl AsFd for RawSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits until one of these can be read; false when the deadline passed first.
pub(crate) fn readable(
    fds: &[BorrowedFd<'_>],
    deadline: Option<Instant>,
) -> Result<bool, LabError> {
    loop {
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            // Rounded up, or the last fraction of a millisecond would be a busy loop.
            let left =
                deadline.saturating_duration_since(Instant::now()) + Duration::from_micros(999);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut polled: Vec<_> = fds
            .iter()
            .map(|fd| PollFd::new(*fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut polled, timeout) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(LabError::system("waiting for frames")(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Namespace, veth};

    fn pair() -> (RawSocket, RawSocket, (Interface, Interface)) {
        let (left, right) = (
            Namespace::new("left").unwrap(),
            Namespace::new("right").unwrap(),
        );
        let ends = veth((&left, "a"), (&right, "b")).unwrap();
        ends.0.mute().unwrap();
        ends.1.mute().unwrap();
        (
            RawSocket::open(&ends.0).unwrap(),
            RawSocket::open(&ends.1).unwrap(),
            ends,
        )
    }

    /// A frame of the experimental EtherType 0x88b5 (IEEE 802).
    fn frame(tag: &[u8], payload: &[u8]) -> Vec<u8> {
        [
            &[0xff; 6][..],
            &[2, 0, 0, 0, 0, 1],
            tag,
            &[0x88, 0xb5],
            payload,
        ]
        .concat()
    }

    #[test]
    fn bytes_arrive_as_they_were_sent_and_only_on_the_far_end() {
        let (a, b, _ends) = pair();
        let sent = frame(&[], &[7; 100]);
        a.send(&sent).unwrap();
        b.expect("the frame", Duration::from_secs(5), |bytes| {
            (bytes == sent).then_some(())
        })
        .unwrap();
        assert_eq!(a.receive(Duration::ZERO).unwrap(), None);
    }

    #[test]
    fn a_vlan_tag_is_where_it_was() {
        let (a, b, _ends) = pair();
        let sent = frame(&[0x81, 0, 0x60, 7], &[1; 60]);
        a.send(&sent).unwrap();
        b.expect("the tagged frame", Duration::from_secs(5), |bytes| {
            (bytes == sent).then_some(())
        })
        .unwrap();
    }

    #[test]
    fn what_did_not_come_is_said_with_what_came() {
        let (a, b, _ends) = pair();
        a.send(&frame(&[], &[0xab; 50])).unwrap();
        let error = b
            .expect("a miracle", Duration::from_millis(20), |_| None::<()>)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("a miracle") && error.contains("88b5abab"),
            "{error}"
        );
    }
}
