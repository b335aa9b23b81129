//! The exception thread: the I/O around [`ExceptionPath`].

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use dpdk_sys::MbufSource;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::forward::{Inject, InjectRing, Learn};
use ferroute_dataplane::ids::PortId;
use ferroute_dataplane::punt::Punt;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::Reader;
use ferroute_dataplane::worker::waker::Waker;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::command::Command;
use super::counters::ExceptionCounters;
use super::output::{Output, Told};
use super::path::ExceptionPath;
use crate::twin::TwinSet;

/// Packets taken from the punt ring, or from one twin, before the other has its turn.
const TURN: usize = 256;
/// What the core may have before it of what workers learned.
const TOLD_AHEAD: usize = 4096;
/// How long it waits when nothing came, so that workers need not wake it, which is a system call, for each packet.
const NAP: Duration = Duration::from_micros(50);
/// How often nothing came in a row when it sleeps until it is woken.
const CALM_AFTER: u32 = 200;
/// The longest sleep. It bounds the harm of whatever should have woken it and did not.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);
/// Longer than any frame of a twin.
const BUFFER_BYTES: usize = 65_536 + 64;

/// What the thread works with.
pub struct ExceptionThread {
    /// The state machine.
    pub path: ExceptionPath,
    /// Its view of the world.
    pub reader: Reader<Snapshot>,
    /// Where workers put packets.
    pub punts: Arc<ArrayQueue<Punt>>,
    /// Where workers tell of stations.
    pub learns: Arc<ArrayQueue<Learn>>,
    /// What the core says.
    pub commands: Receiver<Command>,
    /// Wakes it when one of these three has something.
    pub waker: Arc<Waker>,
    /// What the core is told.
    pub told: Sender<Told>,
    /// Where packet buffers come from.
    pub source: MbufSource,
    /// The twins.
    pub twins: TwinSet,
    /// What is counted.
    pub counters: Arc<ExceptionCounters>,
    /// The beginning of time.
    pub started: Instant,
}

impl ExceptionThread {
    /// Runs until told to stop, or until the core is gone.
    pub fn run(mut self) {
        let mut injectors = HashMap::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut deadline = Some(0);
        let mut idle = 0_u32;
        loop {
            let mut busy = false;
            while let Some(command) = self.next_command() {
                busy = true;
                match command {
                    Command::Stop => return,
                    Command::Twin(_, Some(io)) => {
                        if let Err(error) = self.twins.insert(io) {
                            tracing::error!(%error, "a twin cannot be watched");
                        }
                    }
                    Command::Twin(id, None) => drop(self.twins.remove(id)),
                    Command::Injector(port, Some(ring)) => drop(injectors.insert(port, ring)),
                    Command::Injector(port, None) => drop(injectors.remove(&port)),
                    other => {
                        let now_ns = self.now_ns();
                        self.path.command(self.reader.snapshot(), other, now_ns);
                    }
                }
                self.carry_out(&injectors);
                deadline = Some(0);
            }
            busy |= self.pass_learns();
            busy |= self.take_punts(&injectors);
            busy |= self.take_from_twins(&injectors, &mut buffer);
            let now_ns = self.now_ns();
            if busy || deadline.is_some_and(|at| at <= now_ns) {
                deadline = self.path.tick(self.reader.snapshot(), now_ns);
                self.carry_out(&injectors);
            }
            idle = if busy { 0 } else { idle.saturating_add(1) };
            if !busy {
                self.reader.offline();
                if idle > CALM_AFTER {
                    let until = deadline.map(|at| Duration::from_nanos(at.saturating_sub(now_ns)));
                    self.sleep(until.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP));
                } else {
                    self.wait(NAP);
                }
            }
        }
    }

    fn next_command(&self) -> Option<Command> {
        match self.commands.try_recv() {
            Ok(command) => Some(command),
            Err(crossbeam::channel::TryRecvError::Empty) => None,
            Err(crossbeam::channel::TryRecvError::Disconnected) => Some(Command::Stop),
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits until it is woken, but no longer than that.
    fn sleep(&self, longest: Duration) {
        self.waker.fall_asleep();
        // What came before it could be woken.
        let has_work =
            !self.commands.is_empty() || !self.punts.is_empty() || !self.learns.is_empty();
        let was_called = self.wait(if has_work { NAP } else { longest });
        self.waker.wake_up(was_called);
    }

    /// Waits for a twin's frame or a call, but no longer than that; whether it was called.
    fn wait(&self, longest: Duration) -> bool {
        let fds = [self.waker.bell().as_fd(), self.twins.as_fd()];
        let mut fds = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        // An interruption only makes it shorter.
        let _interrupted = ppoll(&mut fds, Some(TimeSpec::from_duration(longest)), None);
        fds[0].any() == Some(true)
    }

    /// Passes what workers learned on, as long as the core keeps up; if not, the ring fills up and workers count.
    fn pass_learns(&self) -> bool {
        let mut any = false;
        while self.told.len() < TOLD_AHEAD
            && let Some(learn) = self.learns.pop()
        {
            any = true;
            drop(self.told.send(Told::Seen(learn)));
        }
        any
    }

    fn take_punts(&mut self, injectors: &HashMap<PortId, Arc<InjectRing>>) -> bool {
        let mut any = false;
        for _ in 0..TURN {
            let now_ns = self.now_ns();
            let snapshot = self.reader.snapshot();
            // What the core said before it published this snapshot comes first: it may be about neighbours that are new there.
            if !self.commands.is_empty() {
                return true;
            }
            let Some(punt) = self.punts.pop() else { break };
            any = true;
            self.path.punt(snapshot, &punt, now_ns);
            drop(punt);
            self.carry_out(injectors);
        }
        any
    }

    fn take_from_twins(
        &mut self,
        injectors: &HashMap<PortId, Arc<InjectRing>>,
        buffer: &mut [u8],
    ) -> bool {
        let (mut ready, mut gone) = (Vec::new(), Vec::new());
        if let Err(error) = self.twins.ready(0, &mut ready, &mut gone) {
            tracing::warn!(%error, "twins cannot be read");
        }
        for id in gone {
            drop(self.told.send(Told::TwinGone(id)));
        }
        for id in &ready {
            for _ in 0..TURN {
                let Ok(length) = self.twins.recv(*id, buffer) else {
                    break;
                };
                let frame = buffer[..length].to_vec();
                self.path.from_twin(self.reader.snapshot(), *id, frame);
                self.carry_out(injectors);
            }
        }
        !ready.is_empty()
    }

    fn carry_out(&mut self, injectors: &HashMap<PortId, Arc<InjectRing>>) {
        for output in self.path.take_outputs() {
            match output {
                Output::Tell(told) => drop(self.told.send(told)),
                Output::Twin {
                    interface,
                    frame,
                    counted,
                } => match self.twins.send(interface, &frame) {
                    _ if !counted => {}
                    Ok(()) => self.counters.to_twin.add(1),
                    Err(reason) => self.counters.drop_for(reason),
                },
                Output::Send {
                    port,
                    interface,
                    adjacency,
                    frame,
                } => {
                    let Some(mbuf) = self.source.alloc_with(&frame) else {
                        self.counters.drop_for(DropReason::NoBuffer);
                        continue;
                    };
                    let inject = Inject {
                        mbuf,
                        port,
                        interface,
                        adjacency,
                    };
                    // Any worker can send through a bridge domain.
                    let ring = match port {
                        Some(port) => injectors.get(&port),
                        None => injectors.values().next(),
                    };
                    let pushed = ring.map(|ring| ring.send(inject).is_ok());
                    if pushed != Some(true) {
                        self.counters.drop_for(DropReason::InjectRingFull);
                    }
                }
            }
        }
    }
}
