//! `ferroute stats`, `drops` and `workers`: what the router counts about itself.

use super::convert::{Traffic, word, yes};
use super::error::CliError;
use super::output::{Row, Sheet, lines};
use super::session::Session;
use clap::{Args, Subcommand};
use ferroute_proto::v1;
use ferroute_proto::v1::stats_service_client::StatsServiceClient;
use serde::Serialize;

/// Which counters.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Stats {
    /// Packets and bytes of each interface.
    #[command(visible_alias = "link")]
    Interfaces,
    /// Packets handed to the exception path, by class.
    Punts,
    /// Where memory went.
    Memory,
}

impl Stats {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = StatsServiceClient::new(session.channel.clone());
        match self {
            Self::Interfaces => {
                let interfaces = client
                    .interfaces(v1::InterfaceStatsRequest {})
                    .await?
                    .into_inner()
                    .interfaces;
                session
                    .output
                    .rows(interfaces.into_iter().map(InterfaceRow::from))
            }
            Self::Punts => {
                let classes = client
                    .punts(v1::PuntsRequest {})
                    .await?
                    .into_inner()
                    .classes;
                session.output.rows(classes.into_iter().map(PuntRow::from))
            }
            Self::Memory => {
                let memory = client.memory(v1::MemoryRequest {}).await?.into_inner();
                session.output.sheet(&Memory::from(memory))
            }
        }
    }
}

/// Which drops.
#[derive(Clone, Debug, Args)]
pub(super) struct Drops {
    /// Also reasons that never occurred.
    #[arg(long)]
    all: bool,
}

impl Drops {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = StatsServiceClient::new(session.channel.clone());
        let drops = client
            .drops(v1::DropsRequest {
                only_nonzero: !self.all,
            })
            .await?
            .into_inner()
            .drops;
        session.output.rows(drops.into_iter().map(DropRow::from))
    }
}

/// What about the workers.
#[derive(Clone, Debug, Args)]
pub(super) struct Workers {
    /// The cost of each stage instead.
    #[arg(long)]
    stages: bool,
}

impl Workers {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let mut client = StatsServiceClient::new(session.channel.clone());
        let workers = client
            .workers(v1::WorkersRequest {})
            .await?
            .into_inner()
            .workers;
        match self.stages {
            true => session
                .output
                .rows(workers.into_iter().flat_map(StageRow::of)),
            false => session
                .output
                .rows(workers.into_iter().map(WorkerRow::from)),
        }
    }
}

/// Counters of an interface.
#[derive(Clone, Debug, Serialize)]
struct InterfaceRow {
    interface: String,
    rx: Traffic,
    tx: Traffic,
    punted_packets: u64,
    dropped_packets: u64,
}

impl From<v1::InterfaceStats> for InterfaceRow {
    fn from(stats: v1::InterfaceStats) -> Self {
        let counters = stats.counters.unwrap_or_default();
        Self {
            interface: stats.name,
            rx: counters.rx.into(),
            tx: counters.tx.into(),
            punted_packets: counters.punted_packets,
            dropped_packets: counters.dropped_packets,
        }
    }
}

impl Row for InterfaceRow {
    const COLUMNS: &'static [&'static str] = &[
        "INTERFACE",
        "RX PACKETS",
        "RX BYTES",
        "TX PACKETS",
        "TX BYTES",
        "PUNTED",
        "DROPPED",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.interface.clone()];
        cells.extend(self.rx.cells());
        cells.extend(self.tx.cells());
        cells.extend([self.punted_packets, self.dropped_packets].map(|number| number.to_string()));
        cells
    }
}

/// A punt class.
#[derive(Clone, Debug, Serialize)]
struct PuntRow {
    class: String,
    passed_packets: u64,
    policed_packets: u64,
    rate_pps: u64,
    burst_packets: u64,
    share_pps: u64,
    sources: Vec<PuntSource>,
}

/// Packets of a punt class from one place.
#[derive(Clone, Debug, Serialize)]
struct PuntSource {
    /// None for the host.
    port: Option<String>,
    passed_packets: u64,
    policed_packets: u64,
}

impl From<v1::PuntSource> for PuntSource {
    fn from(source: v1::PuntSource) -> Self {
        Self {
            port: Some(source.port).filter(|port| !port.is_empty()),
            passed_packets: source.passed_packets,
            policed_packets: source.policed_packets,
        }
    }
}

impl From<v1::PuntClass> for PuntRow {
    fn from(class: v1::PuntClass) -> Self {
        Self {
            class: class.name,
            passed_packets: class.passed_packets,
            policed_packets: class.policed_packets,
            rate_pps: class.rate_pps,
            burst_packets: class.burst_packets,
            share_pps: class.share_pps,
            sources: class.sources.into_iter().map(Into::into).collect(),
        }
    }
}

impl Row for PuntRow {
    const COLUMNS: &'static [&'static str] = &[
        "CLASS",
        "PASSED",
        "POLICED",
        "RATE",
        "BURST",
        "SHARE",
        "POLICED BY PORT",
    ];

    fn cells(&self) -> Vec<String> {
        let numbers = [
            self.passed_packets,
            self.policed_packets,
            self.rate_pps,
            self.burst_packets,
            self.share_pps,
        ];
        let policed = self
            .sources
            .iter()
            .filter(|source| source.policed_packets > 0);
        let policed = policed.map(|source| {
            let port = source.port.as_deref().unwrap_or("host");
            format!("{port} {}", source.policed_packets)
        });
        let policed: Vec<_> = policed.collect();
        std::iter::once(self.class.clone())
            .chain(numbers.map(|number| number.to_string()))
            .chain([policed.join(", ")])
            .collect()
    }
}

/// A drop reason.
#[derive(Clone, Debug, Serialize)]
struct DropRow {
    reason: String,
    description: String,
    packets: u64,
    by_worker: Vec<u64>,
    by_exception_path: u64,
}

impl From<v1::Drop> for DropRow {
    fn from(drop: v1::Drop) -> Self {
        Self {
            packets: drop.by_worker.iter().sum::<u64>() + drop.by_exception_path,
            reason: drop.reason,
            description: drop.description,
            by_worker: drop.by_worker,
            by_exception_path: drop.by_exception_path,
        }
    }
}

impl Row for DropRow {
    const COLUMNS: &'static [&'static str] = &[
        "REASON",
        "PACKETS",
        "BY WORKER",
        "EXCEPTION PATH",
        "MEANING",
    ];

    fn cells(&self) -> Vec<String> {
        let workers: Vec<_> = self.by_worker.iter().map(u64::to_string).collect();
        vec![
            self.reason.clone(),
            self.packets.to_string(),
            workers.join(" "),
            self.by_exception_path.to_string(),
            self.description.clone(),
        ]
    }
}

/// A worker.
#[derive(Clone, Debug, Serialize)]
struct WorkerRow {
    worker: u32,
    cpu: u32,
    busy: f64,
    asleep: f64,
    packets_per_burst: f64,
    cycles_per_packet: f64,
    rx_packets: u64,
    tx_packets: u64,
    punted_packets: u64,
    consumed_packets: u64,
    dropped_packets: u64,
    copied_packets: u64,
    injected_packets: u64,
    polls: u64,
    empty_polls: u64,
    sleeps: u64,
    wakeups: u64,
    hung: bool,
    queues: Vec<QueueRow>,
    stages: Vec<StageRow>,
}

#[derive(Clone, Debug, Serialize)]
struct QueueRow {
    port: String,
    queue: u32,
}

impl From<v1::Worker> for WorkerRow {
    fn from(mut worker: v1::Worker) -> Self {
        let queues = std::mem::take(&mut worker.queues);
        Self {
            worker: worker.index,
            cpu: worker.cpu,
            busy: worker.busy,
            asleep: worker.asleep,
            packets_per_burst: worker.packets_per_burst,
            cycles_per_packet: worker.cycles_per_packet,
            rx_packets: worker.rx_packets,
            tx_packets: worker.tx_packets,
            punted_packets: worker.punted_packets,
            consumed_packets: worker.consumed_packets,
            dropped_packets: worker.dropped_packets,
            copied_packets: worker.copied_packets,
            injected_packets: worker.injected_packets,
            polls: worker.polls,
            empty_polls: worker.empty_polls,
            sleeps: worker.sleeps,
            wakeups: worker.wakeups,
            hung: worker.hung,
            queues: queues
                .into_iter()
                .map(|queue| QueueRow {
                    port: queue.port,
                    queue: queue.queue,
                })
                .collect(),
            stages: StageRow::of(worker),
        }
    }
}

impl Row for WorkerRow {
    const COLUMNS: &'static [&'static str] = &[
        "WORKER",
        "CPU",
        "BUSY",
        "ASLEEP",
        "PKT/BURST",
        "CYCLES/PKT",
        "RX",
        "TX",
        "PUNTED",
        "CONSUMED",
        "DROPPED",
        "COPIED",
        "INJECTED",
        "HUNG",
        "QUEUES",
    ];

    fn cells(&self) -> Vec<String> {
        let queues: Vec<_> = self
            .queues
            .iter()
            .map(|queue| format!("{}:{}", queue.port, queue.queue))
            .collect();
        let mut cells = vec![
            self.worker.to_string(),
            self.cpu.to_string(),
            format!("{:.0}%", self.busy * 100.0),
            format!("{:.0}%", self.asleep * 100.0),
            format!("{:.1}", self.packets_per_burst),
            format!("{:.0}", self.cycles_per_packet),
        ];
        let counters = [
            self.rx_packets,
            self.tx_packets,
            self.punted_packets,
            self.consumed_packets,
            self.dropped_packets,
            self.copied_packets,
            self.injected_packets,
        ];
        cells.extend(counters.map(|number| number.to_string()));
        cells.extend([yes(self.hung), super::convert::dash(&queues.join(" "))]);
        cells
    }
}

/// The cost of one stage on one worker.
#[derive(Clone, Debug, Serialize)]
struct StageRow {
    worker: u32,
    stage: String,
    packets: u64,
    cycles: u64,
    cycles_per_packet: f64,
}

impl StageRow {
    fn of(worker: v1::Worker) -> Vec<Self> {
        let rows = worker.stages.into_iter().map(|stage| Self {
            worker: worker.index,
            stage: stage.name,
            packets: stage.packets,
            cycles: stage.cycles,
            cycles_per_packet: stage.cycles_per_packet,
        });
        rows.collect()
    }
}

impl Row for StageRow {
    const COLUMNS: &'static [&'static str] =
        &["WORKER", "STAGE", "PACKETS", "CYCLES", "CYCLES/PKT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.worker.to_string(),
            self.stage.clone(),
            self.packets.to_string(),
            self.cycles.to_string(),
            match self.cycles_per_packet {
                0.0 => super::convert::dash(""),
                cycles => format!("{cycles:.1}"),
            },
        ]
    }
}

/// Where memory went.
#[derive(Clone, Debug, Serialize)]
struct Memory {
    huge_pages: bool,
    dpdk_reserved_bytes: u64,
    dpdk_used_bytes: u64,
    resident_bytes: u64,
    pools: Vec<Pool>,
    fibs: Vec<Fib>,
}

#[derive(Clone, Debug, Serialize)]
struct Pool {
    name: String,
    numa_node: i32,
    size: u64,
    used: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Fib {
    vrf: String,
    family: String,
    prefixes: u64,
    bytes: u64,
}

impl From<v1::MemoryResponse> for Memory {
    fn from(memory: v1::MemoryResponse) -> Self {
        let pools = memory.pools.into_iter().map(
            |v1::PacketPool {
                 name,
                 numa_node,
                 size,
                 used,
             }| Pool {
                name,
                numa_node,
                size,
                used,
            },
        );
        let fibs = memory.fibs.into_iter().map(|fib| Fib {
            family: word(fib.family().as_str_name(), "FAMILY_"),
            vrf: fib.vrf,
            prefixes: fib.prefixes,
            bytes: fib.bytes,
        });
        Self {
            huge_pages: memory.huge_pages,
            dpdk_reserved_bytes: memory.dpdk_reserved_bytes,
            dpdk_used_bytes: memory.dpdk_used_bytes,
            resident_bytes: memory.resident_bytes,
            pools: pools.collect(),
            fibs: fibs.collect(),
        }
    }
}

impl Sheet for Memory {
    fn text(&self) -> String {
        let mut text = lines(&[
            ("huge pages", yes(self.huge_pages)),
            ("DPDK reserved", binary(self.dpdk_reserved_bytes)),
            ("DPDK used", binary(self.dpdk_used_bytes)),
            ("resident", binary(self.resident_bytes)),
        ]);
        for pool in &self.pools {
            text.push_str(&format!(
                "pool {}: {} of {} buffers used\n",
                pool.name, pool.used, pool.size
            ));
        }
        for fib in &self.fibs {
            text.push_str(&format!(
                "FIB {} {}: {} prefixes, {}\n",
                fib.vrf,
                fib.family,
                fib.prefixes,
                binary(fib.bytes)
            ));
        }
        text
    }
}

/// Bytes in KiB or, from 1 MiB on, in MiB, with one digit behind the point.
fn binary(bytes: u64) -> String {
    let (shift, unit) = if bytes < 1 << 20 {
        (10, "KiB")
    } else {
        (20, "MiB")
    };
    let tenths = (u128::from(bytes) * 10) >> shift;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}
