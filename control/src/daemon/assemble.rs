//! Puts the router together: DPDK, workers, exception thread, core.
//!
//! ```text
//!  DPDK ─ buffers ─ snapshot cell ─┬─ worker 0 … n
//!                                  ├─ exception thread ◄─► core thread ◄─► everyone else
//!                                  └─ publisher, in the core
//! ```

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel;
use crossbeam::queue::ArrayQueue;
use dpdk_sys::log::Level;
use dpdk_sys::{Eal, EalError, MbufSource, Mempool, MempoolError};
use ferroute_dataplane::fib::{Arena, ArenaError};
use ferroute_dataplane::forward::Supplies;
use ferroute_dataplane::ids::WorkerIndex;
use ferroute_dataplane::policer::{PuntPolicy, Rate};
use ferroute_dataplane::punt::PuntClass;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::{NoSlot, Readers, cell};
use ferroute_dataplane::wire::flow::FlowHasher;
use ferroute_dataplane::worker::waker::Waker;
use ferroute_dataplane::worker::{Idle, StartError as WorkerError, Worker, WorkerSpec};

use super::state::legacy;
use super::{Boot, memory};
use crate::config::system::IdleMode;
use crate::core::handle::{CoreHandle, channel as core_channel};
use crate::core::router::{Parts, Router, Settings, StartError as CoreError};
use crate::exception::command::{Command, Commands};
use crate::exception::counters::ExceptionCounters;
use crate::exception::path::ExceptionPath;
use crate::exception::thread::ExceptionThread;
use crate::hardware::dpdk::{DpdkHardware, MemoryFacts};
use crate::model::system::ConfigView;
use crate::slowpath::ratelimit::{ErrorLimits, Rate as IcmpRate};
use crate::state::Saved;
use crate::twin::{TwinManager, TwinSet};

/// Punted packets that may wait for the exception thread.
const PUNT_RING: usize = 8192;
/// Stations that may wait to be learned.
const LEARN_RING: usize = 4096;
/// Packet buffers that each worker keeps to itself.
const POOL_CACHE: u32 = 256;

/// Why the router could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// DPDK did not start.
    #[error("DPDK does not start: {0}")]
    Eal(#[from] EalError),
    /// There is no memory for packets.
    #[error("{0}; lower `mempool.buffers`, raise `eal.memory_mib` or reserve more huge pages")]
    Pool(#[from] MempoolError),
    /// There is no room for the FIB.
    #[error("no address space for the FIB: {0}; raise the limit of the service (ulimit -v)")]
    Arena(#[from] ArenaError),
    /// A worker did not start.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// There are more workers than the router takes.
    #[error("too many workers: {0}")]
    Readers(#[from] NoSlot),
    /// The core did not start.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A thread could not be made.
    #[error("a thread could not be made: {0}")]
    Thread(#[from] io::Error),
}

/// The running router. [`Assembly::stop`] ends it in order.
pub struct Assembly {
    /// How to talk to it.
    pub core: CoreHandle,
    core_thread: JoinHandle<Router>,
    exception: Commands,
    exception_thread: JoinHandle<()>,
}

impl Assembly {
    /// Starts everything; no port is there yet.
    ///
    /// # Errors
    /// [`AssembleError`]; what was started is stopped again.
    pub fn start(boot: &Boot, config: ConfigView, saved: &Saved) -> Result<Self, AssembleError> {
        if let Err(error) = dpdk_sys::log::route(log) {
            tracing::debug!(%error, "DPDK logs to stderr");
        }
        let eal = Eal::init(&boot.eal_arguments)?;
        let ticks_hz = dpdk_sys::clock::tsc_hz(&eal);
        let pool_config = &boot.config.mempool;
        let pool = Mempool::create(
            &eal,
            "packets",
            pool_config.buffers.get(),
            POOL_CACHE,
            pool_config.data_room_bytes.get(),
            None,
        )?;
        let seed = seed();
        let arena = Arc::new(Arena::new(boot.config.limits.fib())?);
        let snapshot = Snapshot::empty(arena, punt_policy(boot, ticks_hz), FlowHasher::new(seed));
        let (publisher, readers) = cell(snapshot, boot.placement.workers.len() + 1);
        let punts = Arc::new(ArrayQueue::new(PUNT_RING));
        let learns = Arc::new(ArrayQueue::new(LEARN_RING));
        let waker = Arc::new(Waker::new()?);
        let supplies = Supplies {
            punts: Arc::clone(&punts),
            learns: Arc::clone(&learns),
            taker: Arc::clone(&waker),
            copies: MbufSource::Pool(pool.clone()),
        };
        let workers = start_workers(boot, &eal, &readers, &supplies)?;

        let started = Instant::now();
        let exception_counters = Arc::new(ExceptionCounters::default());
        let (sender, commands) = channel::unbounded();
        let exception = Commands {
            sender,
            waker: Arc::clone(&waker),
        };
        let (told_sender, told) = channel::unbounded();
        let (limits, echo) = icmp_limits(boot);
        let thread = ExceptionThread {
            path: ExceptionPath::new(
                boot.config.resolution.table(),
                limits,
                echo,
                Arc::clone(&exception_counters),
                seed,
            ),
            reader: readers.reader()?,
            punts,
            learns,
            commands,
            waker,
            told: told_sender,
            source: MbufSource::Pool(pool.clone()),
            twins: TwinSet::new()?,
            counters: Arc::clone(&exception_counters),
            started,
        };
        let exception_thread = std::thread::Builder::new()
            .name("exception".into())
            .spawn(move || thread.run())?;

        let memory = match boot.memory.memory {
            memory::Memory::Huge { .. } => MemoryFacts {
                reserved_bytes: boot.memory.needed_mib << 20,
                huge_pages: true,
            },
            memory::Memory::Ordinary { mib } => MemoryFacts {
                reserved_bytes: u64::from(mib) << 20,
                huge_pages: false,
            },
        };
        let (core, inbox) = core_channel();
        let parts = Parts {
            publisher,
            hardware: Box::new(DpdkHardware::new(eal, memory, pool, workers)),
            exception: exception.clone(),
            exception_counters,
            twins: TwinManager::after(legacy(&boot.config, saved)),
            events: inbox.events.clone(),
            ticks: Box::new(dpdk_sys::clock::tsc),
            started,
        };
        let router = Router::new(settings(boot, config, ticks_hz, seed), parts)?;
        let core_thread = std::thread::Builder::new()
            .name("core".into())
            .spawn(move || crate::core::thread::run(router, inbox, told))?;
        Ok(Self {
            core,
            core_thread,
            exception,
            exception_thread,
        })
    }

    /// Stops everything: ports and twins go, workers end, DPDK gives its memory back. Other handles of the core
    /// must be gone, or it goes on for them.
    pub fn stop(self) {
        let Self {
            core,
            core_thread,
            exception,
            exception_thread,
        } = self;
        drop(core);
        let router = core_thread.join();
        // The exception thread holds packet buffers; it ends before their pool does.
        if !exception.send(Command::Stop) || exception_thread.join().is_err() {
            tracing::warn!("the exception thread had ended by itself");
        }
        match router {
            Ok(router) => drop(router),
            Err(_) => tracing::error!("the core had ended by itself"),
        }
    }
}

fn start_workers(
    boot: &Boot,
    eal: &Eal,
    readers: &Readers<Snapshot>,
    supplies: &Supplies,
) -> Result<Vec<Worker>, AssembleError> {
    let idle = if boot.config.cpus.idle == IdleMode::Poll {
        Idle::Poll
    } else {
        Idle::Adaptive {
            after: Duration::from_micros(boot.config.cpus.idle_after_us.get().into()),
            sleep: Duration::from_micros(boot.config.cpus.idle_sleep_us.get().into()),
        }
    };
    let mut workers = Vec::new();
    for (index, cpu) in (0..).zip(&boot.placement.workers) {
        let spec = WorkerSpec {
            index: WorkerIndex::new(index),
            cpu: usize::from(*cpu),
            idle,
        };
        workers.push(Worker::start(
            eal,
            spec,
            readers.reader()?,
            supplies.clone(),
        )?);
    }
    Ok(workers)
}

fn settings(boot: &Boot, config: ConfigView, ticks_hz: u64, seed: u64) -> Settings {
    Settings {
        limits: boot.config.limits.rib(),
        max_sets: boot.config.limits.sets(),
        resolve_via_default: boot.config.next_hops.resolve_via_default,
        default_grace: Duration::from_secs(boot.config.owners.grace_seconds.get().into()),
        twins: boot.config.twin.enabled,
        twin_namespace: boot
            .config
            .twin
            .netns
            .as_ref()
            .map(|n| n.as_str().to_owned()),
        max_stations: boot.config.limits.stations(),
        seed,
        ticks_hz,
        config,
        dpdk_version: dpdk_sys::eal::version(),
    }
}

fn punt_policy(boot: &Boot, ticks_hz: u64) -> PuntPolicy {
    let mut policy = PuntPolicy::default_for(ticks_hz);
    for class in PuntClass::ALL {
        let rate = boot.config.punt.rate(class);
        policy.rates[class.index()] = Rate::new(
            rate.per_second.get().into(),
            rate.burst.get().into(),
            ticks_hz,
        );
    }
    policy
}

/// The limits on errors, and on echo replies.
fn icmp_limits(boot: &Boot) -> (ErrorLimits, IcmpRate) {
    let icmp = &boot.config.icmp;
    let rate =
        |rate: crate::config::number::Rate| IcmpRate::new(rate.per_second.get(), rate.burst.get());
    let errors = ErrorLimits {
        unreachable: rate(icmp.unreachable),
        too_big: rate(icmp.packet_too_big),
        time_exceeded: rate(icmp.time_exceeded),
        parameter_problem: rate(icmp.parameter_problem),
        total: rate(icmp.errors),
    };
    (errors, rate(icmp.echo_replies))
}

/// Takes what DPDK has to say into the log.
fn log(level: Level, text: &str) {
    let text = text.trim_end();
    match level {
        Level::Emergency | Level::Alert | Level::Critical | Level::Error => {
            tracing::error!(target: "dpdk", "{text}");
        }
        Level::Warning => tracing::warn!(target: "dpdk", "{text}"),
        Level::Notice | Level::Info => tracing::debug!(target: "dpdk", "{text}"),
        Level::Debug => tracing::trace!(target: "dpdk", "{text}"),
    }
}

/// A number that differs from start to start and from router to router; nothing secret rests on it.
fn seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default() ^ u64::from(std::process::id()) << 32
}
