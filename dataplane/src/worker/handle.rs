//! The control plane's end of a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use crossbeam::queue::ArrayQueue;
use dpdk_sys::clock::tsc_hz;
use dpdk_sys::thread::ThreadRegistration;
use dpdk_sys::{Eal, RxQueue};

use super::command::{Command, Reply};
use super::run::Loop;
use crate::counters::WorkerCounters;
use crate::forward::tx::TxPort;
use crate::forward::{Forwarder, InjectRing, Supplies};
use crate::ids::{PortId, QueueId, WorkerIndex};
use crate::snapshot::{Snapshot, cell::Reader};
use crate::trace::Watch;

/// Frames that may wait for a worker to send them.
const INJECT_RING: usize = 4096;
/// How long a worker may take to answer a command before it counts as hung.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// For how long an answer is awaited without a sleep.
const AT_ONCE: Duration = Duration::from_micros(200);

/// How late the kernel may end the sleep of an idle worker, in nanoseconds: the least that it knows.
const TIMER_SLACK_NS: u64 = 1;

/// What a worker does when nothing comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// Poll on.
    Poll,
    /// Sleep once nothing has come for a while: until a queue interrupts or somebody gives it work.
    Adaptive {
        /// That while: longer than gaps in traffic that is worth spinning for.
        after: Duration,
        /// The sleep between two passes where a queue has no interrupt. It bounds the delay of the first packet.
        sleep: Duration,
    },
}

/// What makes a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkerSpec {
    /// Its number.
    pub index: WorkerIndex,
    /// The CPU that it has for itself.
    pub cpu: usize,
    /// What it does when nothing comes.
    pub idle: Idle,
}

/// Why a worker could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The kernel refused to pin the thread.
    #[error(
        "worker {worker} cannot be pinned to CPU {cpu}: it does not exist or is not allowed to this process"
    )]
    Pin {
        /// The worker.
        worker: WorkerIndex,
        /// The CPU asked for.
        cpu: usize,
    },
    /// DPDK refused to register the thread.
    #[error("worker {worker} cannot be registered with DPDK")]
    Register {
        /// The worker.
        worker: WorkerIndex,
        /// What DPDK said.
        #[source]
        source: dpdk_sys::thread::RegisterError,
    },
    /// There is nothing to wake it by.
    #[error("worker {worker} has no eventfd")]
    Waker {
        /// The worker.
        worker: WorkerIndex,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No thread could be made.
    #[error("worker {worker} has no thread")]
    Thread {
        /// The worker.
        worker: WorkerIndex,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// A worker did not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It did not answer in time.
    #[error("worker {0} does not answer")]
    Hung(WorkerIndex),
    /// It polls as many queues as it can.
    #[error("worker {worker} polls as many queues as it can")]
    Full {
        /// The worker.
        worker: WorkerIndex,
        /// The queue that it did not take.
        queue: RxQueue,
    },
}

/// A running worker. Dropping it ends the thread.
#[derive(Debug)]
pub struct Worker {
    spec: WorkerSpec,
    counters: Arc<WorkerCounters>,
    commands: Arc<ArrayQueue<Command>>,
    replies: Arc<ArrayQueue<Reply>>,
    /// Whether a reply will come to a command that was given up.
    owes_reply: AtomicBool,
    injects: Arc<InjectRing>,
    reader_slot: usize,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker that has no queue yet.
    ///
    /// # Errors
    /// [`StartError`] says what the system refused.
    pub fn start(
        eal: &Eal,
        spec: WorkerSpec,
        reader: Reader<Snapshot>,
        supplies: Supplies,
    ) -> Result<Self, StartError> {
        let worker = spec.index;
        let counters = Arc::new(WorkerCounters::new());
        let commands = Arc::new(ArrayQueue::new(1));
        let replies = Arc::new(ArrayQueue::new(1));
        let injects = InjectRing::new(INJECT_RING)
            .map(Arc::new)
            .map_err(|source| StartError::Waker { worker, source })?;
        let reader_slot = reader.slot();
        let state = Loop {
            forwarder: Forwarder::new(Arc::clone(&counters), supplies),
            reader,
            commands: Arc::clone(&commands),
            replies: Arc::clone(&replies),
            injects: Arc::clone(&injects),
            queues: ArrayVec::new(),
        };
        let (ready, started) = mpsc::sync_channel(1);
        let eal = eal.clone();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{worker}"))
            .spawn(move || body(&eal, spec, state, &ready))
            .map_err(|source| StartError::Thread { worker, source })?;
        let outcome = started.recv().unwrap_or(Err(StartError::Pin {
            worker,
            cpu: spec.cpu,
        }));
        outcome.map(|()| Self {
            spec,
            counters,
            commands,
            replies,
            owes_reply: AtomicBool::new(false),
            injects,
            reader_slot,
            thread: Some(thread),
        })
    }

    /// What made it.
    #[must_use]
    pub const fn spec(&self) -> WorkerSpec {
        self.spec
    }

    /// What it counted.
    #[must_use]
    pub const fn counters(&self) -> &Arc<WorkerCounters> {
        &self.counters
    }

    /// The ring of frames that it is to send.
    #[must_use]
    pub const fn injects(&self) -> &Arc<InjectRing> {
        &self.injects
    }

    /// The number by which a hung reader is named.
    #[must_use]
    pub const fn reader_slot(&self) -> usize {
        self.reader_slot
    }

    /// Makes it poll a queue.
    ///
    /// # Errors
    /// [`CommandError::Full`] gives the queue back.
    pub fn add_rx(&self, port: PortId, queue: RxQueue) -> Result<(), CommandError> {
        match self.tell(Command::AddRx(port, queue))? {
            Reply::Full(queue) => Err(CommandError::Full {
                worker: self.spec.index,
                queue,
            }),
            _ => Ok(()),
        }
    }

    /// Takes a queue back; `None` when it has no such queue.
    ///
    /// # Errors
    /// [`CommandError::Hung`].
    pub fn take_rx(&self, port: PortId, queue: QueueId) -> Result<Option<RxQueue>, CommandError> {
        match self.tell(Command::TakeRx(port, queue))? {
            Reply::Rx(queue) => Ok(queue),
            _ => Ok(None),
        }
    }

    /// Sets by what it sends on a port; returns what it sent by before, flushed.
    ///
    /// # Errors
    /// [`CommandError::Hung`].
    pub fn set_tx(
        &self,
        port: PortId,
        tx: Option<Box<TxPort>>,
    ) -> Result<Option<Box<TxPort>>, CommandError> {
        match self.tell(Command::SetTx(port, tx))? {
            Reply::Tx(old) => Ok(old),
            _ => Ok(None),
        }
    }

    /// Makes it send all that other workers have handed off to it so far; and wakes it, so that what it is
    /// told next is done at once.
    ///
    /// # Errors
    /// [`CommandError::Hung`].
    pub fn settle(&self) -> Result<(), CommandError> {
        self.tell(Command::Settle).map(drop)
    }

    /// Shows packets from now on as `watch` says; returns what was shown before.
    ///
    /// # Errors
    /// [`CommandError::Hung`].
    pub fn watch(&self, watch: Option<Box<Watch>>) -> Result<Option<Box<Watch>>, CommandError> {
        match self.tell(Command::Watch(watch))? {
            Reply::Watch(old) => Ok(old),
            _ => Ok(None),
        }
    }

    fn tell(&self, command: Command) -> Result<Reply, CommandError> {
        let hung = || CommandError::Hung(self.spec.index);
        if self.owes_reply.load(Ordering::Relaxed) {
            // To a command that was given up; it would be taken for that to this one.
            drop(self.reply().ok_or_else(hung)?);
            self.owes_reply.store(false, Ordering::Relaxed);
        }
        self.commands.push(command).map_err(|_| hung())?;
        self.injects.waker().wake();
        if let Some(reply) = self.reply() {
            return Ok(reply);
        }
        // What the worker has not begun is taken back; what it has begun is awaited once more.
        if self.commands.pop().is_some() {
            return Err(hung());
        }
        self.reply().ok_or_else(|| {
            self.owes_reply.store(true, Ordering::Relaxed);
            hung()
        })
    }

    /// Waits for a reply as long as a worker may take for one.
    fn reply(&self) -> Option<Reply> {
        let start = Instant::now();
        loop {
            let reply = self.replies.pop();
            if reply.is_some() || start.elapsed() > ANSWER_WITHIN {
                return reply;
            }
            // A worker that passes often answers at once. One that shares its CPU with this thread needs it more than this one.
            if start.elapsed() < AT_ONCE {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(20));
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        drop(self.commands.force_push(Command::Stop));
        self.injects.waker().wake();
        let start = Instant::now();
        while !thread.is_finished() && start.elapsed() < ANSWER_WITHIN {
            std::thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // Its panic, if it was one, was printed when it happened.
            drop(thread.join());
        }
    }
}

/// The thread: pins itself, registers with DPDK, says how that went, and runs.
fn body(
    eal: &Eal,
    spec: WorkerSpec,
    state: Loop,
    ready: &mpsc::SyncSender<Result<(), StartError>>,
) {
    let worker = spec.index;
    if !core_affinity::set_for_current(core_affinity::CoreId { id: spec.cpu }) {
        drop(ready.send(Err(StartError::Pin {
            worker,
            cpu: spec.cpu,
        })));
        return;
    }
    // The default is 50 us, which would double an idle worker's sleep. A kernel that refuses makes it no worse.
    let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NS);
    // Gives the thread its cache of packet buffers.
    let registration = match ThreadRegistration::register(eal) {
        Ok(registration) => registration,
        Err(source) => {
            drop(ready.send(Err(StartError::Register { worker, source })));
            return;
        }
    };
    drop(ready.send(Ok(())));
    state.run(spec.idle, tsc_hz(eal));
    // Unregisters only now that no queue is polled any more.
    drop(registration);
}
