//! Transmit buffers: what one worker is about to send on one port.

use std::sync::Arc;

use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, TxQueue};

use super::eight::WIDTH;
use super::{Inject, InjectRing};
use crate::counters::WorkerCounters;
use crate::drops::DropReason;
use crate::ids::{BURST, InterfaceId, PortId};
use crate::trace::{Point, Tap};

/// Where a transmit buffer empties itself.
#[derive(Debug)]
pub enum TxSink {
    /// A queue of the port that this worker owns.
    Queue(TxQueue),
    /// The inject ring of the worker that owns the port's queue, for ports with fewer transmit
    /// queues than there are workers.
    Handoff(Arc<InjectRing>),
}

/// The transmit buffer of one port.
///
/// It starts a cache line, so that none of its counts ever lies across two: each packet adds to them, and waiting for such
/// a store to come back took 16 cycles where packets went to many neighbours.
#[derive(Debug)]
#[repr(align(64))]
pub struct TxPort {
    port: PortId,
    sink: TxSink,
    frames: ArrayVec<Mbuf, BURST>,
    interfaces: [InterfaceId; BURST],
    run: Run,
    /// Who is shown what is sent and what the sink does not take.
    tap: Option<Arc<Tap>>,
}

/// Frames in the buffer that leave by one interface, one after the other, and are not yet in its counters.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    interface: InterfaceId,
    packets: u64,
    bytes: u64,
}

impl TxPort {
    /// An empty buffer in front of `sink`.
    #[must_use]
    pub fn new(port: PortId, sink: TxSink) -> Self {
        Self {
            port,
            sink,
            frames: ArrayVec::new(),
            interfaces: [InterfaceId::default(); BURST],
            run: Run::default(),
            tap: None,
        }
    }

    /// The same buffer, which shows its frames to `tap`.
    pub(super) fn tapped(mut self: Box<Self>, tap: Option<Arc<Tap>>) -> Box<Self> {
        self.tap = tap;
        self
    }

    /// Shows its frames to `tap` from now on.
    pub(super) fn set_tap(&mut self, tap: Option<Arc<Tap>>) {
        self.tap = tap;
    }

    /// A frame that waits here, with its port and interface.
    pub(super) fn find(
        &self,
        wanted: impl Fn(&Mbuf) -> bool,
    ) -> Option<(PortId, InterfaceId, &Mbuf)> {
        let mut frames = self.frames.iter().zip(self.interfaces);
        let (mbuf, interface) = frames.find(|(mbuf, _)| wanted(mbuf))?;
        Some((self.port, interface, mbuf))
    }

    /// The frames that wait here.
    #[cfg(test)]
    pub(super) fn frames(&self) -> impl Iterator<Item = &Mbuf> {
        self.frames.iter()
    }

    /// How many frames wait here.
    pub(super) const fn waiting(&self) -> usize {
        self.frames.len()
    }

    /// Sees to it that so many more frames fit (at most a burst).
    #[inline(always)]
    pub(super) fn make_room(&mut self, frames: usize, counters: &WorkerCounters) {
        if self.frames.remaining_capacity() < frames {
            self.flush(counters);
        }
    }

    /// Adds a received packet; [`TxPort::count`] is told of it afterwards. There must be room.
    #[inline(always)]
    pub(super) fn push(&mut self, mbuf: Mbuf) {
        self.frames.push(mbuf);
    }

    /// Adds received packets as [`TxPort::push`] does. False, and none was added, when a place is empty or there is no room.
    #[inline(always)]
    pub(super) fn push_eight(&mut self, packets: &mut [Option<Mbuf>; WIDTH]) -> bool {
        Mbuf::move_bulk(packets, &mut self.frames)
    }

    /// Adds one received frame of `bytes` that leaves by `interface`, and counts it.
    #[inline(always)]
    pub(super) fn push_one(
        &mut self,
        mbuf: Mbuf,
        interface: InterfaceId,
        bytes: u64,
        counters: &WorkerCounters,
    ) {
        self.make_room(1, counters);
        self.push(mbuf);
        self.count(interface, 1, bytes, counters);
    }

    /// Counts frames that were just added and leave by `interface`.
    #[inline(always)]
    pub(super) fn count(
        &mut self,
        interface: InterfaceId,
        packets: usize,
        bytes: u64,
        counters: &WorkerCounters,
    ) {
        let end = self.frames.len();
        if packets == 1 {
            self.interfaces[end.wrapping_sub(1) % BURST] = interface;
        } else if let Some(places) = self.interfaces.get_mut(end.saturating_sub(packets)..end) {
            places.fill(interface);
        }
        if interface != self.run.interface {
            self.end_run(counters);
            self.run.interface = interface;
        }
        self.run.packets += packets as u64;
        self.run.bytes += bytes;
    }

    /// Adds the run to its interface. What is handed off is counted by the worker that sends it.
    fn end_run(&mut self, counters: &WorkerCounters) {
        if matches!(self.sink, TxSink::Queue(_)) {
            let counters = counters.interface(self.run.interface);
            counters.tx.add(self.run.packets, self.run.bytes);
        }
        (self.run.packets, self.run.bytes) = (0, 0);
    }

    /// Sends all that is in the buffer. What the sink does not take is dropped and counted, so that
    /// a port that stands still never fills the pool.
    #[inline(never)]
    pub(super) fn flush(&mut self, counters: &WorkerCounters) {
        let count = self.frames.len();
        if count == 0 {
            return;
        }
        self.end_run(counters);
        if self.tap.is_some() {
            self.show_sent();
        }
        let mut sent = self.drain(count);
        if !self.frames.is_empty() {
            sent += self.drain(count);
        }
        counters.tx.add(sent as u64);
        if !self.frames.is_empty() {
            self.drop_rest(sent, counters);
        }
    }

    /// Offers the buffer to the sink once; returns how many frames it took.
    #[inline]
    fn drain(&mut self, count: usize) -> usize {
        match &mut self.sink {
            TxSink::Queue(queue) => queue.tx(&mut self.frames),
            TxSink::Handoff(ring) => {
                let first = count - self.frames.len();
                let mut sent = 0;
                while let Some(mbuf) = self.frames.pop_at(0) {
                    let interface = self.interfaces[(first + sent) % BURST];
                    let frame = Inject {
                        mbuf,
                        port: Some(self.port),
                        interface,
                        adjacency: None,
                    };
                    if let Err(frame) = ring.push(frame) {
                        self.frames.insert(0, frame.mbuf);
                        break;
                    }
                    sent += 1;
                }
                ring.waker().wake();
                sent
            }
        }
    }

    /// Shows what is about to be sent. What is handed off is shown by the worker that sends it.
    #[cold]
    #[inline(never)]
    fn show_sent(&self) {
        if let (Some(tap), TxSink::Queue(_)) = (&self.tap, &self.sink) {
            for (mbuf, interface) in self.frames.iter().zip(self.interfaces) {
                tap.offer(Point::Transmit, interface, None, mbuf);
            }
        }
    }

    #[cold]
    fn drop_rest(&mut self, sent: usize, counters: &WorkerCounters) {
        let reason = match self.sink {
            TxSink::Queue(_) => DropReason::TxQueueFull,
            TxSink::Handoff(_) => DropReason::HandoffRingFull,
        };
        counters.drops[reason.index()].add(self.frames.len() as u64);
        if let Some(tap) = &self.tap {
            let interfaces = self.interfaces.iter().skip(sent);
            for (mbuf, interface) in self.frames.iter().zip(interfaces) {
                tap.offer(Point::Drop, *interface, Some(reason.name()), mbuf);
            }
        }
        for interface in self.interfaces.iter().skip(sent).take(self.frames.len()) {
            counters.interface(*interface).tx_dropped.add(1);
        }
        self.frames.clear();
    }

    /// Sends one frame of the exception path at once. The buffer must be empty.
    pub(super) fn send_injected(&mut self, frame: Inject, counters: &WorkerCounters) {
        let (interface, adjacency, bytes) =
            (frame.interface, frame.adjacency, frame.mbuf.len() as u64);
        self.interfaces[0] = interface;
        self.frames.push(frame.mbuf);
        if self.tap.is_some() {
            self.show_sent();
        }
        let sent = self.drain(1) == 1;
        counters.interface(interface).tx.add(1, bytes);
        if sent {
            counters.inject_tx.add(1);
            if let Some(adjacency) = adjacency {
                counters.adjacency(adjacency).add(1, bytes);
            }
        } else {
            counters.inject_dropped.add(1);
            counters.interface(interface).tx_dropped.add(1);
            self.frames.clear();
        }
    }
}
