//! What the router counts about itself, as clients see it.

use ferroute_dataplane::counters::Stage;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::policer::Source;
use ferroute_dataplane::punt::PuntClass;

use super::router::Router;
use crate::model::name::InterfaceName;
use crate::model::prefix::Family;
use crate::model::stats::{
    DropView, FibView, InterfaceStatsView, MemoryView, PacketPoolView, PuntSourceView, PuntView,
    StageView, WorkerView,
};
use crate::model::system::SystemView;

/// Packets for the exception path that came from one place, by [`PuntClass::index`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PuntCounts {
    passed: [u64; PuntClass::COUNT],
    refused: [u64; PuntClass::COUNT],
}

impl PuntCounts {
    /// What came after this.
    pub(super) fn since(self, before: Self) -> Self {
        let since = |now: [u64; PuntClass::COUNT], before: [u64; PuntClass::COUNT]| {
            std::array::from_fn(|class| now[class].saturating_sub(before[class]))
        };
        Self {
            passed: since(self.passed, before.passed),
            refused: since(self.refused, before.refused),
        }
    }
}

impl Router {
    /// Takes the samples from which rates are computed.
    pub(super) fn sample(&mut self) {
        if self.samples.due() {
            for worker in self.hardware.workers() {
                self.samples.look(worker.index, &worker.counters);
            }
        }
    }

    /// Forwarding workers.
    pub(super) fn worker_views(&self) -> Vec<WorkerView> {
        let hung = self
            .plane
            .hung()
            .map(|h| h.slots.as_slice())
            .unwrap_or_default();
        let view = |worker: crate::hardware::WorkerFacts| {
            let c = &worker.counters;
            let rates = self.samples.rates(worker.index);
            let stages = Stage::ALL
                .iter()
                .zip(rates.stages)
                .map(|(stage, cycles_per_packet)| StageView {
                    name: stage.name(),
                    packets: c.stage_packets[*stage as usize].get(),
                    cycles: c.stage_cycles[*stage as usize].get(),
                    cycles_per_packet,
                });
            let queues = worker
                .queues
                .iter()
                .filter_map(|(port, queue)| Some((self.port_name(*port)?, *queue)));
            WorkerView {
                index: worker.index,
                cpu: u16::try_from(worker.cpu).unwrap_or(u16::MAX),
                busy: rates.busy,
                asleep: rates.asleep,
                packets_per_burst: rates.packets_per_burst,
                cycles_per_packet: rates.cycles_per_packet,
                stages: stages.collect(),
                rx_packets: c.rx.get(),
                tx_packets: c.tx.get(),
                punted_packets: c.punted.get(),
                consumed_packets: c.consumed.get(),
                dropped_packets: c.dropped(),
                copied_packets: c.copied.get(),
                injected_packets: c.injected.get(),
                polls: c.passes.get(),
                empty_polls: c.idle_passes.get(),
                sleeps: c.sleeps.get(),
                wakeups: c.wakeups.get(),
                hung: hung.contains(&worker.reader_slot),
                queues: queues.collect(),
            }
        };
        self.hardware.workers().into_iter().map(view).collect()
    }

    /// Dropped packets by reason.
    pub(super) fn drop_views(&self) -> Vec<DropView> {
        let workers = self.hardware.workers();
        let view = |reason: &DropReason| DropView {
            reason: *reason,
            by_worker: workers
                .iter()
                .map(|w| w.counters.drops[reason.index()].get())
                .collect(),
            by_exception_path: self.exception_counters.drops[reason.index()].get(),
        };
        DropReason::ALL.iter().map(view).collect()
    }

    /// Counters of all interfaces, by name.
    pub(super) fn interface_stats(&self) -> Vec<InterfaceStatsView> {
        let view = |i: &super::interface::Interface| InterfaceStatsView {
            name: i.name,
            counters: self.interface_counters(i.id),
        };
        self.interfaces.iter().map(view).collect()
    }

    /// Punt classes in their order.
    pub(super) fn punt_views(&self) -> Vec<PuntView> {
        let ports = self.ports.iter();
        let ports = ports.map(|(name, port)| (Some(*name), self.punt_counts(port.id)));
        let host = (None, self.punts_counted(Source::HOST));
        let sources: Vec<_> = ports.chain([host]).collect();
        let workers = self.hardware.workers();
        let policy = self.plane.draft().punt_policy;
        let hz = self.settings.ticks_hz;
        let view = |class: PuntClass| {
            let place = class.index();
            let rate = policy.rates[place];
            let counted = workers.iter().map(|w| w.counters.punts_of(class));
            let (passed_packets, policed_packets) =
                counted.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
            let of_source = |(port, counts): &(Option<InterfaceName>, PuntCounts)| PuntSourceView {
                port: *port,
                passed_packets: counts.passed[place],
                policed_packets: counts.refused[place],
            };
            let sources = sources.iter().map(of_source);
            let counted = |s: &PuntSourceView| s.passed_packets + s.policed_packets > 0;
            PuntView {
                class,
                passed_packets,
                policed_packets,
                rate_pps: hz / rate.ticks_per_packet.max(1),
                burst_packets: rate.burst_ticks / rate.ticks_per_packet.max(1),
                share_pps: hz / rate.share(policy.ports).ticks_per_packet.max(1),
                sources: sources.filter(counted).collect(),
            }
        };
        PuntClass::ALL.into_iter().map(view).collect()
    }

    /// What all workers counted of packets for the exception path that came from here.
    pub(super) fn punts_counted(&self, source: Source) -> PuntCounts {
        let mut sum = PuntCounts::default();
        for worker in self.hardware.workers() {
            let punts = worker.counters.punts(source);
            for (to, from) in [
                (&mut sum.passed, &punts.passed),
                (&mut sum.refused, &punts.refused),
            ] {
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, from)| *to += from.get());
            }
        }
        sum
    }

    /// Where memory went.
    pub(super) fn memory_view(&self) -> MemoryView {
        let pool = self.hardware.pool();
        let mut fibs = Vec::new();
        for (_, vrf) in self.vrfs.iter() {
            let view = |family, prefixes: usize, bytes: usize| FibView {
                vrf: vrf.spec.name,
                family,
                prefixes: prefixes as u64,
                bytes: bytes as u64,
            };
            fibs.push(view(Family::Ipv4, vrf.ipv4.len(), vrf.ipv4.bytes()));
            fibs.push(view(Family::Ipv6, vrf.ipv6.len(), vrf.ipv6.bytes()));
        }
        let pools = vec![PacketPoolView {
            name: "packets".to_owned(),
            numa_node: None,
            size: pool.size,
            used: pool.used,
        }];
        let (dpdk_reserved_bytes, dpdk_used_bytes) = (pool.reserved_bytes, pool.used_bytes);
        MemoryView {
            pools,
            fibs,
            dpdk_reserved_bytes,
            dpdk_used_bytes,
            huge_pages: pool.huge_pages,
            resident_bytes: resident_bytes(),
        }
    }

    /// Versions, age, state.
    pub(super) fn system_view(&self) -> SystemView {
        SystemView {
            version: env!("CARGO_PKG_VERSION"),
            dpdk_version: self.settings.dpdk_version.clone(),
            uptime: self.started.elapsed(),
            snapshot_epoch: self.plane.epoch(),
            workers: u16::try_from(self.hardware.workers().len()).unwrap_or(u16::MAX),
        }
    }
}

/// Resident memory of this process; 0 where the kernel does not tell.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
