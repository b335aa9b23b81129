//! What the stages cost: some bursts go through them under the clock.
//!
//! A burst that is not measured pays one branch for this. Where several rounds are gone, a stage's cycles and packets
//! are those of all rounds.

use dpdk_sys::clock::tsc;

use super::{Forwarder, MAX_ROUNDS};
use crate::counters::Stage;
use crate::ids::PortId;
use crate::snapshot::Snapshot;

/// One in this many bursts is measured.
pub(super) const TIMED: u32 = 16;

/// The clock of a burst.
struct Clock {
    since: u64,
}

impl Clock {
    /// The cycles since it was asked last.
    fn lap(&mut self) -> u64 {
        let now = tsc();
        now.wrapping_sub(std::mem::replace(&mut self.since, now))
    }
}

impl Forwarder {
    /// Does what [`Forwarder::process`] does, under the clock.
    #[inline(never)]
    pub(super) fn process_timed(
        &mut self,
        snapshot: &Snapshot,
        port: PortId,
        count: usize,
        now_ticks: u64,
    ) {
        self.flush_is_timed = true;
        let mut clock = Clock { since: tsc() };
        self.input(snapshot, port, count, now_ticks);
        self.timed(Stage::Input, clock.lap(), count);
        self.round_timed(snapshot, now_ticks, &mut clock);
        for _ in 1..MAX_ROUNDS {
            if self.batch.is_done() {
                return;
            }
            self.outbound_timed(snapshot, now_ticks, &mut clock);
            let wrapped = self.batch.inbound.len();
            self.inbound(snapshot, now_ticks);
            self.timed(Stage::Decap, clock.lap(), wrapped);
            self.round_timed(snapshot, now_ticks, &mut clock);
        }
        self.outbound_timed(snapshot, now_ticks, &mut clock);
        self.too_deep();
    }

    fn round_timed(&mut self, snapshot: &Snapshot, now_ticks: u64, clock: &mut Clock) {
        let frames = self.batch.l2.waiting().count();
        self.bridge(snapshot, now_ticks);
        self.timed(Stage::Bridge, clock.lap(), frames);
        self.lookup(snapshot);
        let batch = &self.batch;
        let found = batch.ipv4.found().slots().len() + batch.ipv6.found().slots().len();
        self.timed(Stage::Lookup, clock.lap(), found);
        self.resolve(snapshot, now_ticks);
        self.timed(Stage::Rewrite, clock.lap(), found);
    }

    fn outbound_timed(&mut self, snapshot: &Snapshot, now_ticks: u64, clock: &mut Clock) {
        let packets = self.batch.outbound.len();
        self.outbound(snapshot, now_ticks);
        self.timed(Stage::Encap, clock.lap(), packets);
    }

    /// Adds what a stage did with so many packets. With none it had nothing to do.
    #[inline]
    pub(super) fn timed(&self, stage: Stage, cycles: u64, packets: usize) {
        if packets > 0 {
            self.counters.stage_cycles[stage as usize].add(cycles);
            self.counters.stage_packets[stage as usize].add(packets as u64);
        }
    }

    #[inline]
    pub(super) fn next_is_timed(&self) -> bool {
        self.bursts.wrapping_add(1).is_multiple_of(TIMED)
    }

    /// Sends all that waits, and measures that if a burst since the last time was.
    #[inline]
    pub fn flush_timed(&mut self) {
        if !std::mem::take(&mut self.flush_is_timed) {
            return self.flush();
        }
        let buffers = self.tx.iter().take(self.tx_places).flatten();
        let waiting = buffers.map(|tx| tx.waiting()).sum();
        let start = tsc();
        self.flush();
        self.timed(Stage::Transmit, tsc() - start, waiting);
    }
}
