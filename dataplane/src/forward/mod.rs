//! The forwarding stages: what happens to a burst between receive and transmit.
//!
//! ```text
//! input ── Ethernet, interface, IP validation ──┬─ IPv4 lane ─┐
//!                                               ├─ IPv6 lane ─┴─ lookup ── resolve ── rewrite ── tx
//!                                               └─ punt or drop        (each may punt or drop too)
//! ```
//!
//! Each stage works on the whole burst. Headers are read once, in `input`; what later stages need
//! stands in the [`batch::Batch`] beside the packets. Nothing here allocates, locks, logs or makes a
//! system call, and the only calls through FFI are one per burst and port.

mod batch;
mod decap;
mod egress;
pub mod encap;
mod input;
mod ipv4;
mod ipv6;
mod labels;
mod local;
mod resolve;
#[cfg(test)]
mod tests;
pub mod tx;

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dpdk_sys::clock::tsc;
use dpdk_sys::{Mbuf, RxQueue};

use crate::counters::{Stage, WorkerCounters};
use crate::drops::DropReason;
use crate::ids::{AdjacencyId, InterfaceId, MAX_PORTS, PortId};
use crate::policer::Policer;
use crate::punt::{Punt, PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use batch::Batch;
use tx::TxPort;

/// Most VRFs that a packet passes on its way, by routes that lead from one into another.
pub const MAX_LEAKS: usize = 4;
/// Most times that a burst goes through the stages: once, and once more for each tunnel in a tunnel.
pub const MAX_ROUNDS: usize = 4;
/// One in this many bursts is timed stage by stage.
const TIMED: u32 = 16;

/// A complete frame that the exception path wants sent.
#[derive(Debug)]
pub struct Inject {
    /// The frame, Ethernet header first.
    pub mbuf: Mbuf,
    /// The port that sends it.
    pub port: PortId,
    /// The interface that it is counted on.
    pub interface: InterfaceId,
    /// The adjacency that it is counted on, when it was routed by one.
    pub adjacency: Option<AdjacencyId>,
}

/// The state of one worker's forwarding.
#[derive(Debug)]
pub struct Forwarder {
    counters: Arc<WorkerCounters>,
    punts: Arc<ArrayQueue<Punt>>,
    policer: Policer,
    tx: Box<[Option<Box<TxPort>>; MAX_PORTS]>,
    /// Places of `tx` from the first on beyond which none is taken.
    tx_places: usize,
    batch: Box<Batch>,
    /// The identification of the last outer IPv4 header (RFC 6864).
    identification: u16,
    bursts: u32,
    flush_is_timed: bool,
}

impl Forwarder {
    /// A forwarder that counts in `counters` and punts into `punts`. It can send on no port yet.
    #[must_use]
    pub fn new(counters: Arc<WorkerCounters>, punts: Arc<ArrayQueue<Punt>>) -> Self {
        Self {
            counters,
            punts,
            policer: Policer::default(),
            tx: Box::new(std::array::from_fn(|_| None)),
            tx_places: 0,
            batch: Box::default(),
            identification: 0,
            bursts: 0,
            flush_is_timed: false,
        }
    }

    /// Lets this worker send on a port; returns the place's previous holder.
    pub fn set_tx(&mut self, port: PortId, tx: Option<Box<TxPort>>) -> Option<Box<TxPort>> {
        let place = self.tx.get_mut(port.index())?;
        let mut old = std::mem::replace(place, tx);
        self.tx_places = self
            .tx
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        if let Some(old) = &mut old {
            old.flush(&self.counters);
        }
        old
    }

    /// Reads one burst from a queue and forwards it. Returns how many packets it held.
    #[inline]
    pub fn poll(
        &mut self,
        snapshot: &Snapshot,
        queue: &mut RxQueue,
        port: PortId,
        now_ticks: u64,
    ) -> usize {
        let timed = self.next_is_timed();
        let start = if timed { tsc() } else { 0 };
        let count = queue.rx_into(&mut self.batch.packets);
        if count > 0 {
            if timed {
                self.timed(Stage::Receive, tsc() - start);
            }
            self.process(snapshot, port, count, now_ticks);
        }
        count
    }

    /// Forwards frames as if `port` had received them in one burst; those past a burst's size stay
    /// in `frames`.
    pub fn receive(
        &mut self,
        snapshot: &Snapshot,
        port: PortId,
        frames: &mut Vec<Mbuf>,
        now_ticks: u64,
    ) {
        let count = frames.len().min(self.batch.packets.len());
        for (place, frame) in self.batch.packets.iter_mut().zip(frames.drain(..count)) {
            *place = Some(frame);
        }
        self.process(snapshot, port, count, now_ticks);
    }

    fn process(&mut self, snapshot: &Snapshot, port: PortId, count: usize, now_ticks: u64) {
        self.counters.rx.add(count as u64);
        self.counters.bursts.add(1);
        self.bursts = self.bursts.wrapping_add(1);
        self.flush_is_timed = self.bursts.is_multiple_of(TIMED);
        if !self.flush_is_timed {
            self.input(snapshot, port, count, now_ticks);
            self.lookup(snapshot);
            self.resolve(snapshot, now_ticks);
            self.tunnels(snapshot, now_ticks);
            return;
        }
        let start = tsc();
        self.input(snapshot, port, count, now_ticks);
        let parsed = tsc();
        self.lookup(snapshot);
        let found = tsc();
        self.resolve(snapshot, now_ticks);
        self.tunnels(snapshot, now_ticks);
        let sent = tsc();
        self.timed(Stage::Input, parsed - start);
        self.timed(Stage::Lookup, found - parsed);
        self.timed(Stage::Rewrite, sent - found);
        self.counters.stage_packets.add(count as u64);
    }

    /// Does what the first round left: what goes into tunnels leaves, what comes out of them goes
    /// through the stages again.
    #[inline]
    fn tunnels(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        if self.batch.inbound.is_empty() && self.batch.outbound.is_empty() {
            return;
        }
        self.outbound(snapshot, now_ticks);
        for _ in 1..MAX_ROUNDS {
            if self.batch.inbound.is_empty() {
                return;
            }
            self.inbound(snapshot, now_ticks);
            self.lookup(snapshot);
            self.resolve(snapshot, now_ticks);
            self.outbound(snapshot, now_ticks);
        }
        self.too_deep();
    }

    #[inline]
    fn next_is_timed(&self) -> bool {
        self.bursts.wrapping_add(1).is_multiple_of(TIMED)
    }

    #[inline]
    fn timed(&self, stage: Stage, cycles: u64) {
        self.counters.stage_cycles[stage as usize].add(cycles);
    }

    /// Sends all that waits, and adds what that took to the burst that was timed.
    #[inline]
    pub fn flush_timed(&mut self) {
        if !std::mem::take(&mut self.flush_is_timed) {
            return self.flush();
        }
        let start = tsc();
        self.flush();
        self.timed(Stage::Transmit, tsc() - start);
    }

    /// Sends all that waits in the transmit buffers of all ports.
    #[inline]
    pub fn flush(&mut self) {
        for tx in self.tx.iter_mut().take(self.tx_places).flatten() {
            tx.flush(&self.counters);
        }
    }

    /// Sends a frame of the exception path.
    pub fn inject(&mut self, frame: Inject) {
        self.counters.injected.add(1);
        let Some(tx) = self.tx.get_mut(frame.port.index()).and_then(Option::as_mut) else {
            self.counters.inject_dropped.add(1);
            return;
        };
        tx.flush(&self.counters);
        tx.send_injected(frame, &self.counters);
    }

    /// The counters of this worker.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// Ends the packet at `slot` with a reason.
    #[inline(never)]
    fn drop_packet(&mut self, slot: usize, reason: DropReason) {
        if let Some(packet) = self.batch.packets[slot].take() {
            self.counters.drops[reason.index()].add(1);
            self.counters
                .interface(self.batch.facts[slot].interface)
                .rx_dropped
                .add(1);
            drop(packet);
        }
    }

    /// Hands the packet at `slot` to the exception path, if its class has a token and the ring has
    /// room.
    #[inline(never)]
    fn punt(
        &mut self,
        snapshot: &Snapshot,
        slot: usize,
        reason: PuntReason,
        class: PuntClass,
        now_ticks: u64,
    ) {
        if !self.policer.allow(&snapshot.punt_policy, class, now_ticks) {
            self.counters.punt_refused[class.index()].add(1);
            return self.drop_packet(slot, reason.refused_as(DropReason::PuntPoliced));
        }
        let Some(mbuf) = self.batch.packets[slot].take() else {
            return;
        };
        let facts = &self.batch.facts[slot];
        let punt = Punt {
            mbuf,
            reason,
            class,
            interface: facts.interface,
            vrf: facts.vrf,
            l3_offset: facts.l3_offset,
            group_frame: facts.flags.has(batch::Flags::GROUP_FRAME),
        };
        match self.punts.push(punt) {
            Ok(()) => {
                self.counters
                    .interface(self.batch.facts[slot].interface)
                    .punted
                    .add(1);
                self.counters.punted.add(1);
                self.counters.punt_passed[class.index()].add(1);
            }
            Err(punt) => {
                self.counters.punt_refused[class.index()].add(1);
                self.batch.packets[slot] = Some(punt.mbuf);
                self.drop_packet(slot, reason.refused_as(DropReason::PuntRingFull));
            }
        }
    }
}
