//! What tests and the demo ask the router over its API, from ordinary blocking code.

use crate::error::LabError;
use ferroute_proto::v1;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status, Streaming};

/// How long the router may take for one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How far apart two equal readings are taken for rest.
const REST: Duration = Duration::from_millis(50);

/// A connection to the API of one router.
#[derive(Debug)]
pub struct Api {
    runtime: Runtime,
    channel: Channel,
}

impl Api {
    /// Connects to the router's socket.
    ///
    /// # Errors
    /// [`LabError::Api`] when nobody answers there.
    pub fn connect(socket: &Path) -> Result<Self, LabError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LabError::system("making a runtime"))?;
        let failed = |error: tonic::transport::Error| {
            LabError::Api(Box::new(Status::from_error(error.into())))
        };
        let endpoint =
            Endpoint::try_from(format!("unix://{}", socket.display())).map_err(failed)?;
        let channel = runtime
            .block_on(endpoint.timeout(ANSWER).connect())
            .map_err(failed)?;
        Ok(Self { runtime, channel })
    }

    /// The channel, for clients of services that have no method here; [`Api::call`] runs their calls.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Runs a call to its end.
    ///
    /// # Errors
    /// [`LabError::Api`] with the router's status.
    pub fn call<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, LabError> {
        let answer = self.runtime.block_on(call);
        answer
            .map(Response::into_inner)
            .map_err(|status| LabError::Api(Box::new(status)))
    }

    fn stats(&self) -> v1::stats_service_client::StatsServiceClient<Channel> {
        v1::stats_service_client::StatsServiceClient::new(self.channel())
    }

    /// The forwarding workers.
    ///
    /// # Errors
    /// [`LabError::Api`].
    pub fn workers(&self) -> Result<Vec<v1::Worker>, LabError> {
        Ok(self
            .call(self.stats().workers(v1::WorkersRequest {}))?
            .workers)
    }

    /// The counters of all interfaces.
    ///
    /// # Errors
    /// [`LabError::Api`].
    pub fn interfaces(&self) -> Result<Vec<v1::InterfaceStats>, LabError> {
        Ok(self
            .call(self.stats().interfaces(v1::InterfaceStatsRequest {}))?
            .interfaces)
    }

    /// The drops that occurred.
    ///
    /// # Errors
    /// [`LabError::Api`].
    pub fn drops(&self) -> Result<Vec<v1::Drop>, LabError> {
        Ok(self
            .call(self.stats().drops(v1::DropsRequest { only_nonzero: true }))?
            .drops)
    }

    /// Events from now on.
    ///
    /// # Errors
    /// [`LabError::Api`].
    pub fn watch(&self, request: v1::WatchRequest) -> Result<Watch<'_>, LabError> {
        let mut client = v1::event_service_client::EventServiceClient::new(self.channel());
        let stream = self.call(client.watch(request))?;
        Ok(Watch { api: self, stream })
    }

    /// The workers once they rest: two readings a moment apart are the same.
    ///
    /// # Errors
    /// [`LabError::Timeout`] when traffic goes on, [`LabError::Api`].
    pub fn workers_at_rest(&self, limit: Duration) -> Result<Vec<v1::Worker>, LabError> {
        let moved = |worker: &v1::Worker| (worker.rx_packets, worker.injected_packets);
        let deadline = Instant::now() + limit;
        let mut last = self.workers()?;
        while Instant::now() < deadline {
            std::thread::sleep(REST);
            let next = self.workers()?;
            if last.iter().map(moved).eq(next.iter().map(moved)) {
                return Ok(next);
            }
            last = next;
        }
        Err(LabError::Timeout {
            what: "rest of the workers".to_owned(),
            limit,
            context: format!("; they are at {last:?}"),
        })
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Watch<'a> {
    api: &'a Api,
    stream: Streaming<v1::Event>,
}

impl Watch<'_> {
    /// The next event.
    ///
    /// # Errors
    /// [`LabError::Timeout`] when none comes, [`LabError::Api`] when the stream ends.
    pub fn next(&mut self, limit: Duration) -> Result<v1::Event, LabError> {
        let next = async { tokio::time::timeout(limit, self.stream.message()).await };
        match self.api.runtime.block_on(next) {
            Ok(Ok(Some(event))) => Ok(event),
            Ok(Ok(None)) => Err(LabError::Api(Box::new(Status::aborted(
                "the stream of events ended",
            )))),
            Ok(Err(status)) => Err(LabError::Api(Box::new(status))),
            Err(_) => Err(LabError::Timeout {
                what: "an event".to_owned(),
                limit,
                context: String::new(),
            }),
        }
    }
}
