//! The loop of a worker.

use std::sync::Arc;

use arrayvec::ArrayVec;
use crossbeam::queue::ArrayQueue;
use dpdk_sys::RxQueue;
use dpdk_sys::clock::tsc;

use super::command::{Command, Reply};
use super::handle::Idle;
use super::idle::{Idler, Woken};
use crate::forward::{Forwarder, InjectRing};
use crate::ids::{BURST, MAX_PORTS, PortId};
use crate::snapshot::{Snapshot, cell::Reader};

/// Most receive queues of one worker.
pub(super) const MAX_QUEUES: usize = 4 * MAX_PORTS;

/// All that a worker's thread owns.
pub(super) struct Loop {
    pub(super) forwarder: Forwarder,
    pub(super) reader: Reader<Snapshot>,
    pub(super) commands: Arc<ArrayQueue<Command>>,
    pub(super) replies: Arc<ArrayQueue<Reply>>,
    pub(super) injects: Arc<InjectRing>,
    pub(super) queues: ArrayVec<(PortId, RxQueue), MAX_QUEUES>,
}

impl Loop {
    /// Runs until told to stop, by a cycle counter of `ticks_hz`.
    pub(super) fn run(mut self, idle: Idle, ticks_hz: u64) {
        let mut start = tsc();
        let mut idler = Idler::new(idle, ticks_hz, start);
        loop {
            // Taking from an empty ring costs a fence, asking whether it is empty two loads.
            if !self.commands.is_empty()
                && let Some(command) = self.commands.pop()
            {
                if matches!(command, Command::Stop) {
                    self.forwarder.flush();
                    return;
                }
                if matches!(command, Command::AddRx(..) | Command::TakeRx(..)) {
                    idler.trust();
                }
                self.obey(command, start);
                // Commands come in rows, and some while a queue has no owner: the next finds it awake.
                idler.stay_awake(start);
            }
            let busy = self.pass(start) > 0;
            let rest = idler.after_pass(busy, start);
            let woken = rest.map(|rest| self.sleep(rest, start));
            let end = tsc();
            let counters = self.forwarder.counters();
            if let Some(woken) = woken {
                idler.slept(woken, end);
                counters.sleeps.add(1);
                let by_others = matches!(woken, Woken::Called | Woken::Interrupted);
                counters.wakeups.add(by_others.into());
                counters.asleep_cycles.add(end - start);
            }
            counters.passes.add(1);
            if busy {
                counters.busy_cycles.add(end - start);
            } else {
                counters.idle_passes.add(1);
                counters.idle_cycles.add(end - start);
            }
            start = end;
        }
    }

    /// One pass over all queues and the inject ring; returns how many packets there were.
    #[inline]
    pub(super) fn pass(&mut self, now_ticks: u64) -> usize {
        let mut packets = 0;
        for (port, queue) in &mut self.queues {
            let snapshot = self.reader.snapshot();
            packets += self.forwarder.poll(snapshot, queue, *port, now_ticks);
        }
        if !self.injects.is_empty() {
            packets += self.inject(now_ticks);
        }
        self.forwarder.flush_timed();
        if self.queues.is_empty() {
            // Without queues nothing above passes the epoch.
            self.reader.snapshot();
        }
        packets
    }

    /// Sends some of what waits in the inject ring; returns how many frames there were.
    #[cold]
    fn inject(&mut self, now_ticks: u64) -> usize {
        let snapshot = self.reader.snapshot();
        let waiting = std::iter::from_fn(|| self.injects.pop()).take(BURST);
        waiting
            .map(|frame| self.forwarder.inject(snapshot, frame, now_ticks))
            .count()
    }

    #[cold]
    fn obey(&mut self, command: Command, now_ticks: u64) {
        let reply = match command {
            Command::AddRx(port, queue) => match self.queues.try_push((port, queue)) {
                Ok(()) => Reply::Done,
                Err(full) => Reply::Full(full.element().1),
            },
            Command::TakeRx(port, queue) => {
                let place = self
                    .queues
                    .iter()
                    .position(|(p, q)| *p == port && q.queue() == queue.get());
                Reply::Rx(place.map(|place| self.queues.remove(place).1))
            }
            Command::SetTx(port, tx) => Reply::Tx(self.forwarder.set_tx(port, tx)),
            Command::Settle => {
                // Not until the ring is empty: others may go on filling it.
                for _ in 0..self.injects.len().div_ceil(BURST) {
                    self.inject(now_ticks);
                }
                self.forwarder.flush();
                Reply::Done
            }
            Command::Watch(watch) => Reply::Watch(self.forwarder.set_watch(watch)),
            Command::Stop => Reply::Done,
        };
        // The control plane has one command under way at a time, and takes its reply.
        drop(self.replies.force_push(reply));
    }
}
