//! `PortService`.

use super::message::{at_most, count, interface_name, mac, mtu, numa, required};
use super::status::Field;
use crate::core::handle::CoreHandle;
use crate::core::request::PortRequest;
use crate::model::port::{
    Device, Link, PortChange, PortSettings, PortSpec, PortStats, PortView, RxWake,
};
use ferroute_dataplane::ids::{MAX_WORKERS, WorkerIndex};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::port_service_server::PortService;
use tonic::{Request, Response, Status};

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Ports(pub(super) CoreHandle);

#[tonic::async_trait]
impl PortService for Ports {
    async fn add(
        &self,
        request: Request<pb::AddPortRequest>,
    ) -> Result<Response<pb::Port>, Status> {
        let spec = Box::new(required(request.into_inner().spec, "spec")?.try_into()?);
        let port = self
            .0
            .call(|reply| PortRequest::Add(spec, reply).into())
            .await?;
        Ok(Response::new(port.into()))
    }

    async fn change(
        &self,
        request: Request<pb::ChangePortRequest>,
    ) -> Result<Response<pb::Port>, Status> {
        let request = request.into_inner();
        let name = interface_name(&request.name, "name")?;
        let change = Box::new(request.try_into()?);
        let port = self
            .0
            .call(|reply| PortRequest::Change(name, change, reply).into())
            .await?;
        Ok(Response::new(port.into()))
    }

    async fn remove(
        &self,
        request: Request<pb::RemovePortRequest>,
    ) -> Result<Response<pb::RemovePortResponse>, Status> {
        let name = interface_name(&request.get_ref().name, "name")?;
        self.0
            .call(|reply| PortRequest::Remove(name, reply).into())
            .await?;
        Ok(Response::new(pb::RemovePortResponse {}))
    }

    async fn get(
        &self,
        request: Request<pb::GetPortRequest>,
    ) -> Result<Response<pb::Port>, Status> {
        let name = interface_name(&request.get_ref().name, "name")?;
        let port = self
            .0
            .call(|reply| PortRequest::Get(name, reply).into())
            .await?;
        Ok(Response::new(port.into()))
    }

    async fn list(
        &self,
        _: Request<pb::ListPortsRequest>,
    ) -> Result<Response<pb::ListPortsResponse>, Status> {
        let ports = self.0.call(|reply| PortRequest::List(reply).into()).await?;
        Ok(Response::new(pb::ListPortsResponse {
            ports: ports.into_iter().map(Into::into).collect(),
        }))
    }

    async fn stats(
        &self,
        request: Request<pb::PortStatsRequest>,
    ) -> Result<Response<pb::PortStats>, Status> {
        let name = interface_name(&request.get_ref().name, "name")?;
        let stats = self
            .0
            .call(|reply| PortRequest::Stats(name, reply).into())
            .await?;
        Ok(Response::new(stats.into()))
    }
}

impl TryFrom<pb::PortSpec> for PortSpec {
    type Error = Status;

    fn try_from(spec: pb::PortSpec) -> Result<Self, Status> {
        Ok(Self {
            name: interface_name(&spec.name, "spec.name")?,
            device: spec.device.parse::<Device>().field("spec.device")?,
            settings: PortSettings {
                rx_queues: count(spec.rx_queues).field("spec.rx_queues")?,
                tx_queues: count(spec.tx_queues).field("spec.tx_queues")?,
                rx_descriptors: count(spec.rx_descriptors).field("spec.rx_descriptors")?,
                tx_descriptors: count(spec.tx_descriptors).field("spec.tx_descriptors")?,
                mtu: mtu(spec.mtu).field("spec.mtu")?,
                promiscuous: spec.promiscuous,
                workers: workers(spec.workers, "spec.workers")?,
                twin: !spec.without_twins,
            },
        })
    }
}

impl TryFrom<pb::ChangePortRequest> for PortChange {
    type Error = Status;

    fn try_from(change: pb::ChangePortRequest) -> Result<Self, Status> {
        Ok(Self {
            rx_queues: change.rx_queues.map(count).transpose().field("rx_queues")?,
            tx_queues: change.tx_queues.map(count).transpose().field("tx_queues")?,
            rx_descriptors: change
                .rx_descriptors
                .map(count)
                .transpose()
                .field("rx_descriptors")?,
            tx_descriptors: change
                .tx_descriptors
                .map(count)
                .transpose()
                .field("tx_descriptors")?,
            mtu: change.mtu.map(mtu).transpose().field("mtu")?,
            promiscuous: change.promiscuous,
            workers: change
                .workers
                .map(|list| workers(list.workers, "workers.workers"))
                .transpose()?,
        })
    }
}

fn workers(list: Vec<u32>, field: &str) -> Result<Vec<WorkerIndex>, Status> {
    let list = at_most(list, MAX_WORKERS, field)?;
    let index = |worker: u32| {
        // A number past every worker stays one: the core then says that there is no such worker.
        WorkerIndex::new(u16::try_from(worker).unwrap_or(u16::MAX))
    };
    Ok(list.into_iter().map(index).collect())
}

impl From<PortView> for pb::Port {
    fn from(port: PortView) -> Self {
        let mut workers = Vec::new();
        for (_, worker) in &port.queues {
            let worker = u32::from(worker.get());
            if !workers.contains(&worker) {
                workers.push(worker);
            }
        }
        let spec = pb::PortSpec {
            name: port.name.to_string(),
            device: port.device.to_string(),
            rx_queues: port.rx_queues.into(),
            tx_queues: port.tx_queues.into(),
            rx_descriptors: port.rx_descriptors.into(),
            tx_descriptors: port.tx_descriptors.into(),
            mtu: port.mtu.get().into(),
            promiscuous: port.promiscuous,
            workers,
            without_twins: !port.twin,
        };
        let queue =
            |(queue, worker): (ferroute_dataplane::ids::QueueId, WorkerIndex)| pb::QueueWorker {
                queue: queue.get().into(),
                worker: worker.get().into(),
            };
        Self {
            spec: Some(spec),
            id: port.id.get().into(),
            link: Some(port.link.into()),
            mac: mac(Some(port.mac)),
            driver: port.driver,
            numa_node: numa(port.numa_node),
            queues: port.queues.into_iter().map(queue).collect(),
            offloads: port.offloads.into_iter().map(str::to_owned).collect(),
            rx_wake: pb::RxWake::from(port.rx_wake).into(),
        }
    }
}

impl From<RxWake> for pb::RxWake {
    fn from(wake: RxWake) -> Self {
        match wake {
            RxWake::Poll => Self::Poll,
            RxWake::Interrupt => Self::Interrupt,
            RxWake::Socket => Self::Socket,
            RxWake::Nap => Self::Nap,
        }
    }
}

impl From<Link> for pb::Link {
    fn from(link: Link) -> Self {
        Self {
            up: link.up,
            speed_mbps: link.speed_mbps,
            full_duplex: link.full_duplex,
        }
    }
}

impl From<PortStats> for pb::PortStats {
    fn from(stats: PortStats) -> Self {
        Self {
            rx: Some(stats.rx.into()),
            tx: Some(stats.tx.into()),
            rx_missed: stats.rx_missed,
            rx_errors: stats.rx_errors,
            rx_no_buffer: stats.rx_no_buffer,
            tx_errors: stats.tx_errors,
            extended: stats
                .extended
                .into_iter()
                .map(|(name, value)| pb::ExtendedStat { name, value })
                .collect(),
        }
    }
}
