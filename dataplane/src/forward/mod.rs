//! The forwarding stages: what happens to a burst between receive and transmit.
//!
//! ```text
//! input ── Ethernet, interface, IP validation ──┬─ IPv4 lane ─┐
//!                                               ├─ IPv6 lane ─┴─ lookup ── resolve ── rewrite ── tx
//!                                               ├─ L2 lane ── learn ── FDB ── tx, tunnel, L3 lanes
//!                                               └─ punt or drop        (each may punt or drop too)
//! ```
//!
//! What is routed to a station behind a bridge domain's gateway comes into the L2 lane; lanes are
//! emptied in rounds.
//!
//! Each stage works on the whole burst. Headers are read once, in `input`; what later stages need
//! stands in the [`batch::Batch`] beside the packets. Nothing here allocates, locks, logs or makes a
//! system call, and the only calls through FFI are one per burst and port.

mod batch;
mod bridge;
mod clamp;
mod decap;
mod decap_plain;
mod egress;
mod eight;
pub mod encap;
mod encap_plain;
mod group;
mod input;
mod ipv4;
mod ipv6;
mod labels;
mod local;
#[cfg(test)]
mod overlay_tests;
mod resolve;
mod ring;
#[cfg(test)]
mod tests;
mod timed;
pub mod tx;
mod watch;

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use dpdk_sys::clock::tsc;
use dpdk_sys::{Mbuf, MbufSource, RxQueue};

use crate::counters::{MAX_BRIDGES, Stage, WorkerCounters};
use crate::drops::DropReason;
use crate::fib::View;
use crate::ids::{AdjacencyId, InterfaceId, MAX_PORTS, PortId};
use crate::policer::{Bucket, Policer, Source};
use crate::punt::{Punt, PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::trace::Watch;
use crate::worker::waker::Waker;
use batch::Batch;
pub use bridge::{Learn, Place};
use bridge::{Learner, Origin};
pub use ring::InjectRing;
use timed::TIMED;
use tx::TxPort;

/// Most VRFs that a packet passes on its way, by routes that lead from one into another.
pub const MAX_LEAKS: usize = 4;
/// Most times that a burst goes through the stages: once, and once more for each tunnel in a tunnel and
/// each bridge domain that it is routed into.
pub const MAX_ROUNDS: usize = 4;

/// A complete frame that the exception path wants sent.
#[derive(Debug)]
pub struct Inject {
    /// The frame, Ethernet header first.
    pub mbuf: Mbuf,
    /// The port that sends it; `None` to send it through the bridge domain of its interface, as if a
    /// member had received it or the gateway sent it.
    pub port: Option<PortId>,
    /// The interface that it is counted on, without which it goes through no bridge domain.
    pub interface: InterfaceId,
    /// The adjacency that it is counted on, when it was routed by one.
    pub adjacency: Option<AdjacencyId>,
}

/// What workers share: where they put what is not for them, and where they get buffers from.
#[derive(Clone, Debug)]
pub struct Supplies {
    /// Packets for the exception path.
    pub punts: Arc<ArrayQueue<Punt>>,
    /// Stations that the FDB does not have where they are.
    pub learns: Arc<ArrayQueue<Learn>>,
    /// Wakes who takes both, if it sleeps: once after a calm, since while something comes it stays awake.
    pub taker: Arc<Waker>,
    /// Buffers for the copies of flooded frames.
    pub copies: MbufSource,
}

/// The state of one worker's forwarding.
#[derive(Debug)]
pub struct Forwarder {
    counters: Arc<WorkerCounters>,
    punts: Arc<ArrayQueue<Punt>>,
    taker: Arc<Waker>,
    policer: Policer,
    /// From where the burst came.
    source: Source,
    learner: Learner,
    copies: MbufSource,
    /// What each bridge domain may still flood.
    storms: Box<[Bucket]>,
    tx: Box<[Option<Box<TxPort>>; MAX_PORTS]>,
    /// Places of `tx` from the first on beyond which none is taken.
    tx_places: usize,
    batch: Box<Batch>,
    /// The identification of the last outer IPv4 header (RFC 6864).
    identification: u16,
    bursts: u32,
    flush_is_timed: bool,
    /// What is shown of single packets.
    watch: Option<Box<Watch>>,
}

impl Forwarder {
    /// A forwarder that counts in `counters`. It can send on no port yet.
    #[must_use]
    pub fn new(counters: Arc<WorkerCounters>, supplies: Supplies) -> Self {
        Self {
            counters,
            punts: supplies.punts,
            taker: Arc::clone(&supplies.taker),
            policer: Policer::default(),
            source: Source::HOST,
            learner: Learner::new(supplies.learns, supplies.taker),
            copies: supplies.copies,
            storms: bytemuck::zeroed_slice_box(MAX_BRIDGES),
            tx: Box::new(std::array::from_fn(|_| None)),
            tx_places: 0,
            batch: Box::default(),
            identification: 0,
            bursts: 0,
            flush_is_timed: false,
            watch: None,
        }
    }

    /// Lets this worker send on a port; returns the place's previous holder.
    pub fn set_tx(&mut self, port: PortId, tx: Option<Box<TxPort>>) -> Option<Box<TxPort>> {
        let place = self.tx.get_mut(port.index())?;
        let tap = self.watch.as_ref().and_then(|watch| watch.tap.as_ref());
        let mut old = std::mem::replace(place, tx.map(|tx| tx.tapped(tap.cloned())));
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
                self.timed(Stage::Receive, tsc() - start, count);
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
        self.source = Source::port(port);
        self.counters.rx.add(count as u64);
        self.counters.bursts.add(1);
        self.bursts = self.bursts.wrapping_add(1);
        if self.watch.is_some() {
            return self.process_watched(snapshot, port, count, now_ticks);
        }
        if self.bursts.is_multiple_of(TIMED) {
            return self.process_timed(snapshot, port, count, now_ticks);
        }
        self.input(snapshot, port, count, now_ticks);
        self.bridge(snapshot, now_ticks);
        self.lookup(snapshot);
        self.resolve(snapshot, now_ticks);
        self.go_round(snapshot, now_ticks);
    }

    /// Does what the first round left: what goes into tunnels leaves; what comes out of them, and what
    /// was routed into bridge domains, goes through the stages again.
    #[inline]
    fn go_round(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        for _ in 1..MAX_ROUNDS {
            if self.batch.is_done() {
                return;
            }
            self.outbound(snapshot, now_ticks);
            self.inbound(snapshot, now_ticks);
            self.bridge(snapshot, now_ticks);
            self.lookup(snapshot);
            self.resolve(snapshot, now_ticks);
        }
        self.outbound(snapshot, now_ticks);
        self.too_deep();
    }

    /// Sends all that waits in the transmit buffers of all ports.
    #[inline]
    pub fn flush(&mut self) {
        for tx in self.tx.iter_mut().take(self.tx_places).flatten() {
            tx.flush(&self.counters);
        }
    }

    /// Sends a frame of the exception path: by its port, or through the bridge domain of its interface.
    pub fn inject(&mut self, snapshot: &Snapshot, frame: Inject, now_ticks: u64) {
        self.counters.injected.add(1);
        let Some(port) = frame.port else {
            return self.inject_into_bridge(snapshot, frame, now_ticks);
        };
        let Some(tx) = self.tx.get_mut(port.index()).and_then(Option::as_mut) else {
            self.counters.inject_dropped.add(1);
            return;
        };
        tx.flush(&self.counters);
        tx.send_injected(frame, &self.counters);
    }

    /// Sends a frame of the exception path through the bridge domain of its interface. From there on
    /// it counts as a copy of a received one.
    fn inject_into_bridge(&mut self, snapshot: &Snapshot, frame: Inject, now_ticks: u64) {
        let interface = snapshot.interface(frame.interface);
        let Some((interface, bridge)) = interface.and_then(|i| Some((i, i.bridge?))) else {
            self.counters.inject_dropped.add(1);
            return;
        };
        let origin = match interface.port {
            Some(_) => Origin::Member(frame.interface),
            None => Origin::Gateway,
        };
        let bytes = frame.mbuf.len() as u64;
        self.counters.inject_tx.add(1);
        self.counters.copied.add(1);
        if origin == Origin::Gateway {
            self.counters.interface(frame.interface).tx.add(1, bytes);
        }
        self.source = Source::HOST;
        self.batch.take_alone(frame.mbuf, frame.interface);
        // The tables of the last burst may be gone.
        self.batch.ipv4.start(View::default());
        self.batch.ipv6.start(View::default());
        self.batch.l2.push_again(0, bridge, origin);
        if self.watch.is_some() {
            return self.inject_watched(snapshot, now_ticks);
        }
        self.go_round(snapshot, now_ticks);
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
            if self.watch.is_some() {
                self.show_dropped(slot, reason, &packet);
            }
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
        if !self.may_punt(snapshot, class, now_ticks) {
            self.counters.punts(self.source).refused[class.index()].add(1);
            return self.drop_packet(slot, reason.refused_as(DropReason::PuntPoliced));
        }
        self.hand_over(slot, reason, class);
    }

    /// Takes a token for a packet of the burst.
    #[inline]
    fn may_punt(&mut self, snapshot: &Snapshot, class: PuntClass, now_ticks: u64) -> bool {
        let policy = &snapshot.punt_policy;
        self.policer.allow(policy, self.source, class, now_ticks)
    }

    /// Hands the packet at `slot`, which has its token, to the exception path, if the ring has room.
    fn hand_over(&mut self, slot: usize, reason: PuntReason, class: PuntClass) {
        let Some(mbuf) = self.batch.packets[slot].take() else {
            return;
        };
        if self.watch.is_some() && !self.punts.is_full() {
            self.show_punted(slot, reason, class, &mbuf);
        }
        let facts = &self.batch.facts[slot];
        let punt = Punt {
            mbuf,
            reason,
            class,
            interface: facts.interface,
            member: self.batch.member(slot),
            vrf: facts.vrf,
            l3_offset: facts.l3_offset,
            group_frame: facts.flags.has(batch::Flags::GROUP_FRAME),
        };
        match self.punts.push(punt) {
            Ok(()) => {
                self.taker.wake();
                self.counters
                    .interface(self.batch.facts[slot].interface)
                    .punted
                    .add(1);
                self.counters.punted.add(1);
                self.counters.punts(self.source).passed[class.index()].add(1);
            }
            Err(punt) => {
                self.counters.punts(self.source).refused[class.index()].add(1);
                self.batch.packets[slot] = Some(punt.mbuf);
                self.drop_packet(slot, reason.refused_as(DropReason::PuntRingFull));
            }
        }
    }
}
