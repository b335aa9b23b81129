//! `StatsService`.

use super::message::numa;
use crate::core::handle::CoreHandle;
use crate::core::request::StatsRequest;
use crate::model::stats::{
    DropView, FibView, MemoryView, PacketPoolView, PuntSourceView, PuntView, StageView, WorkerView,
};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::stats_service_server::StatsService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Stats(pub(super) CoreHandle);

#[tonic::async_trait]
impl StatsService for Stats {
    async fn workers(
        &self,
        _: Request<pb::WorkersRequest>,
    ) -> Result<Response<pb::WorkersResponse>, Status> {
        let workers = self
            .0
            .call(|reply| StatsRequest::Workers(reply).into())
            .await?;
        Ok(Response::new(pb::WorkersResponse {
            workers: workers.into_iter().map(Into::into).collect(),
        }))
    }

    async fn drops(
        &self,
        request: Request<pb::DropsRequest>,
    ) -> Result<Response<pb::DropsResponse>, Status> {
        let all = !request.get_ref().only_nonzero;
        let drops = self
            .0
            .call(|reply| StatsRequest::Drops(reply).into())
            .await?;
        let occurred = |view: &DropView| {
            view.by_exception_path > 0 || view.by_worker.iter().any(|count| *count > 0)
        };
        let drops = drops
            .into_iter()
            .filter(|view| all || occurred(view))
            .map(Into::into)
            .collect();
        Ok(Response::new(pb::DropsResponse { drops }))
    }

    async fn interfaces(
        &self,
        _: Request<pb::InterfaceStatsRequest>,
    ) -> Result<Response<pb::InterfaceStatsResponse>, Status> {
        let interfaces = self
            .0
            .call(|reply| StatsRequest::Interfaces(reply).into())
            .await?
            .into_iter();
        let interfaces = interfaces
            .map(|view| pb::InterfaceStats {
                name: view.name.to_string(),
                counters: Some(view.counters.into()),
            })
            .collect();
        Ok(Response::new(pb::InterfaceStatsResponse { interfaces }))
    }

    async fn punts(
        &self,
        _: Request<pb::PuntsRequest>,
    ) -> Result<Response<pb::PuntsResponse>, Status> {
        let classes = self
            .0
            .call(|reply| StatsRequest::Punts(reply).into())
            .await?;
        Ok(Response::new(pb::PuntsResponse {
            classes: classes.into_iter().map(Into::into).collect(),
        }))
    }

    async fn memory(
        &self,
        _: Request<pb::MemoryRequest>,
    ) -> Result<Response<pb::MemoryResponse>, Status> {
        let memory = self
            .0
            .call(|reply| StatsRequest::Memory(reply).into())
            .await?;
        Ok(Response::new(memory.into()))
    }
}

impl From<WorkerView> for pb::Worker {
    fn from(worker: WorkerView) -> Self {
        let queues = worker.queues.into_iter();
        Self {
            index: worker.index.get().into(),
            cpu: worker.cpu.into(),
            busy: worker.busy,
            asleep: worker.asleep,
            packets_per_burst: worker.packets_per_burst,
            cycles_per_packet: worker.cycles_per_packet,
            stages: worker.stages.into_iter().map(Into::into).collect(),
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
                .map(|(port, queue)| pb::WorkerQueue {
                    port: port.to_string(),
                    queue: queue.get().into(),
                })
                .collect(),
        }
    }
}

impl From<StageView> for pb::StageStats {
    fn from(stage: StageView) -> Self {
        Self {
            name: stage.name.to_owned(),
            packets: stage.packets,
            cycles: stage.cycles,
            cycles_per_packet: stage.cycles_per_packet,
        }
    }
}

impl From<DropView> for pb::Drop {
    fn from(view: DropView) -> Self {
        Self {
            reason: view.reason.name().to_owned(),
            description: view.reason.describe().to_owned(),
            by_worker: view.by_worker,
            by_exception_path: view.by_exception_path,
        }
    }
}

impl From<PuntView> for pb::PuntClass {
    fn from(view: PuntView) -> Self {
        Self {
            name: view.class.name().to_owned(),
            passed_packets: view.passed_packets,
            policed_packets: view.policed_packets,
            rate_pps: view.rate_pps,
            burst_packets: view.burst_packets,
            share_pps: view.share_pps,
            sources: view.sources.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PuntSourceView> for pb::PuntSource {
    fn from(view: PuntSourceView) -> Self {
        Self {
            port: view.port.map_or_else(String::new, |port| port.to_string()),
            passed_packets: view.passed_packets,
            policed_packets: view.policed_packets,
        }
    }
}

impl From<MemoryView> for pb::MemoryResponse {
    fn from(memory: MemoryView) -> Self {
        Self {
            pools: memory.pools.into_iter().map(Into::into).collect(),
            fibs: memory.fibs.into_iter().map(Into::into).collect(),
            dpdk_reserved_bytes: memory.dpdk_reserved_bytes,
            dpdk_used_bytes: memory.dpdk_used_bytes,
            huge_pages: memory.huge_pages,
            resident_bytes: memory.resident_bytes,
        }
    }
}

impl From<PacketPoolView> for pb::PacketPool {
    fn from(pool: PacketPoolView) -> Self {
        Self {
            name: pool.name,
            numa_node: numa(pool.numa_node),
            size: pool.size,
            used: pool.used,
        }
    }
}

impl From<FibView> for pb::FibMemory {
    fn from(fib: FibView) -> Self {
        Self {
            vrf: fib.vrf.to_string(),
            family: pb::Family::from(fib.family).into(),
            prefixes: fib.prefixes,
            bytes: fib.bytes,
        }
    }
}
