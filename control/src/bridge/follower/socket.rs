//! A netlink socket that listens to the kernel's notifications.

use super::thread::Interest;
use crate::bridge::netlink::request::{Listing, dump};
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, RcvBufForce};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// What the kernel may hold for us while we are busy, in bytes.
const RECEIVE_BYTES: usize = 32 << 20;

/// Groups of notifications, as bits (`RTNLGRP_…` less one).
const LINK: u32 = 1 << 0;
const NEIGHBOUR: u32 = 1 << 2;
const IPV4_ADDRESS: u32 = 1 << 4;
const IPV4_ROUTE: u32 = 1 << 6;
const IPV6_ROUTE: u32 = 1 << 10;
const MPLS_ROUTE: u32 = 1 << 26;
const NEXTHOP: u32 = 1 << 31;

/// The socket, in the namespace of the thread that opened it.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
}

/// What came.
pub(super) enum Received {
    /// So many bytes of messages.
    Bytes(usize),
    /// Notifications were lost.
    Overrun,
}

impl Socket {
    /// Opens one that hears of links, and of what else is wanted.
    pub(super) fn open(interest: Interest) -> io::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        // Beyond the system's limit with CAP_NET_ADMIN, up to it without.
        if setsockopt(&fd, RcvBufForce, &RECEIVE_BYTES).is_err() {
            setsockopt(&fd, RcvBuf, &RECEIVE_BYTES)?;
        }
        let mut groups = LINK;
        if interest.neighbours {
            groups |= NEIGHBOUR;
        }
        if interest.next_hops {
            groups |= NEXTHOP;
        }
        if interest.routes {
            groups |= IPV4_ADDRESS | IPV4_ROUTE | IPV6_ROUTE | MPLS_ROUTE;
        }
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self { fd, sequence: 0 })
    }

    /// Asks for a dump; its messages carry the answered number.
    pub(super) fn ask(&mut self, listing: Listing) -> io::Result<u32> {
        self.sequence += 1;
        send(
            self.fd.as_raw_fd(),
            &dump(listing, self.sequence),
            MsgFlags::empty(),
        )?;
        Ok(self.sequence)
    }

    /// Waits for messages, or takes what is there if `wait` is not wanted.
    pub(super) fn receive(&self, buffer: &mut [u8], wait: bool) -> io::Result<Option<Received>> {
        let flags = if wait {
            MsgFlags::empty()
        } else {
            MsgFlags::MSG_DONTWAIT
        };
        loop {
            return match recv(self.fd.as_raw_fd(), buffer, flags) {
                Ok(length) => Ok(Some(Received::Bytes(length))),
                Err(Errno::ENOBUFS) => Ok(Some(Received::Overrun)),
                Err(Errno::EAGAIN) => Ok(None),
                Err(Errno::EINTR) => continue,
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Throws away all that waits. After an overrun it is older than what was lost, so it would pass for news in the next
    /// reading; and the kernel adds nothing until the last of it was read, so this ends.
    pub(super) fn drain(&self, buffer: &mut [u8]) -> io::Result<()> {
        while self.receive(buffer, false)?.is_some() {}
        Ok(())
    }
}
