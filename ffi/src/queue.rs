//! Receive and transmit queues of a port.
//!
//! A handle is handed out once per configuration of its port, is not `Clone`, and takes `&mut self`:
//! DPDK's rule of one thread per queue is kept by ownership. Each call costs one call into C per
//! burst, about a nanosecond.

use crate::mbuf::{self, Mbuf};
use crate::port::{Device, Wake};
use crate::raw;
use arrayvec::ArrayVec;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::Arc;

/// Most packets that one call moves.
pub const BURST: usize = 64;

/// A receive queue. Made by [`crate::port::Port::configure`].
#[derive(Debug)]
pub struct RxQueue {
    device: Arc<Device>,
    queue: u16,
}

/// A transmit queue. Made by [`crate::port::Port::configure`].
#[derive(Debug)]
pub struct TxQueue {
    device: Arc<Device>,
    queue: u16,
}

impl RxQueue {
    pub(crate) const fn new(device: Arc<Device>, queue: u16) -> Self {
        Self { device, queue }
    }

    /// The DPDK number of the queue's port.
    #[inline]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.device.id()
    }

    /// The number of the queue within its port.
    #[inline]
    #[must_use]
    pub const fn queue(&self) -> u16 {
        self.queue
    }

    /// Appends received packets to the burst, as many as it has places for, and answers how many
    /// came. None come while the port is not started.
    #[inline]
    pub fn rx(&mut self, burst: &mut ArrayVec<Mbuf, BURST>) -> usize {
        let length = burst.len();
        // SAFETY: `remaining_capacity` places are free behind the first `length`.
        let received =
            unsafe { self.receive(burst.as_mut_ptr().add(length), burst.remaining_capacity()) };
        // SAFETY: `receive` wrote that many packets there, within the capacity.
        unsafe { burst.set_len(length + received) };
        received
    }

    /// Receives packets into the free places at the front of `burst` and answers how many came:
    /// stops at the first place that is taken.
    #[inline]
    pub fn rx_into(&mut self, burst: &mut [Option<Mbuf>; BURST]) -> usize {
        // Usually all are free, which a pass without branches finds faster than a search.
        let taken = burst.iter().fold(false, |any, place| any | place.is_some());
        let free = if taken {
            burst.iter().take_while(|place| place.is_none()).count()
        } else {
            BURST
        };
        // SAFETY: an `Option<Mbuf>` is one pointer, null for `None` (Mbuf is a transparent NonNull);
        // overwriting a `None` loses nothing.
        let received = unsafe { self.receive(burst.as_mut_ptr().cast(), free) };
        // Drivers write more places than they answer for: those that look at several descriptors at once, and vhost. What
        // they left there is theirs.
        if received < free {
            // SAFETY: the places are within the array, and null is `None`; nothing that is overwritten is to be dropped.
            unsafe { ptr::write_bytes(burst.as_mut_ptr().add(received), 0, free - received) };
        }
        received
    }

    /// What becomes readable when packets come to an armed queue; `None` when the port has nothing such
    /// ([`PortConfig::rx_wake`](crate::PortConfig::rx_wake)) or does not run.
    #[must_use]
    pub fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.device.wake(self.queue).map(Wake::fd)
    }

    /// Asks to be told of the next packet, and answers whether that will be. Packets that came before may
    /// not be told of: look for them after this, and before waiting.
    ///
    /// Where a wait ends, [`RxQueue::disarm`] it. Both are a call into the driver, and sometimes into the kernel.
    pub fn arm(&mut self) -> bool {
        let wake = self.device.wake(self.queue);
        wake.is_some_and(|wake| wake.arm(self.device.id(), self.queue))
    }

    /// Asks to be told no more.
    pub fn disarm(&mut self) {
        if let Some(wake) = self.device.wake(self.queue) {
            wake.disarm(self.device.id(), self.queue);
        }
    }

    /// # Safety
    ///
    /// `place` is valid for writing `room` packets, `room` at most [`BURST`].
    #[inline]
    unsafe fn receive(&mut self, place: *mut Mbuf, room: usize) -> usize {
        if !self.device.is_running() {
            return 0;
        }
        // SAFETY: the port is started, and stays so while this handle exists. Nobody else has this
        // queue. DPDK hands over buffers that satisfy the invariants of Mbuf, which is one pointer.
        usize::from(unsafe {
            raw::shim_rx_burst(self.device.id(), self.queue, place.cast(), room as u16)
        })
    }
}

impl TxQueue {
    pub(crate) const fn new(device: Arc<Device>, queue: u16) -> Self {
        Self { device, queue }
    }

    /// The DPDK number of the queue's port.
    #[inline]
    #[must_use]
    pub fn port(&self) -> u16 {
        self.device.id()
    }

    /// The number of the queue within its port.
    #[inline]
    #[must_use]
    pub const fn queue(&self) -> u16 {
        self.queue
    }

    /// Sends packets from the front of the burst and answers how many went; they belong to the
    /// device now. What did not go moves to the front of the burst and stays the caller's: the
    /// device's queue is full, the port is not started, or the next packet is from the heap, which
    /// no device takes however often it is tried.
    #[inline]
    pub fn tx(&mut self, burst: &mut ArrayVec<Mbuf, BURST>) -> usize {
        if !self.device.is_running() {
            return 0;
        }
        let length = burst.len();
        // The router makes no packets on the heap, tests do.
        let pooled = if mbuf::any_on_heap() {
            burst.iter().take_while(|mbuf| !mbuf.is_heap()).count()
        } else {
            length
        };
        let place = burst.as_mut_ptr();
        // SAFETY: the port is started, and stays so while this handle exists. Nobody else has this
        // queue. The first `pooled` places hold packets from pools, each one pointer.
        let sent = usize::from(unsafe {
            raw::shim_tx_burst(self.device.id(), self.queue, place.cast(), pooled as u16)
        });
        // SAFETY: DPDK took the first `sent` packets, so these places are forgotten without a drop;
        // the others move down over them, and the length says how many there are.
        unsafe {
            ptr::copy(place.add(sent), place, length - sent);
            burst.set_len(length - sent);
        }
        sent
    }
}
