//! The server: all services on a Unix socket, and on TCP with mutual TLS if wanted.
//!
//! Who makes the Unix socket, and for whom, is the daemon's concern; TCP is [`super::tls`]'s.

use super::bridge_domain::Domains;
use super::event::Events;
use super::interface::Interfaces;
use super::neighbour::Neighbours;
use super::nexthop::NextHopSets;
use super::overlay::Overlays;
use super::port::Ports;
use super::route::Routes;
use super::segment::Segments;
use super::stats::Stats;
use super::streams::Stop;
use super::system::System;
use super::tls::TcpEndpoint;
use super::trace::Traces;
use super::vrf::Vrfs;
use crate::core::handle::CoreHandle;
use ferroute_proto::v1 as pb;
use pb::bridge_domain_service_server::BridgeDomainServiceServer;
use pb::event_service_server::EventServiceServer;
use pb::interface_service_server::InterfaceServiceServer;
use pb::neighbour_service_server::NeighbourServiceServer;
use pb::next_hop_service_server::NextHopServiceServer;
use pb::overlay_service_server::OverlayServiceServer;
use pb::port_service_server::PortServiceServer;
use pb::route_service_server::RouteServiceServer;
use pb::segment_service_server::SegmentServiceServer;
use pb::stats_service_server::StatsServiceServer;
use pb::system_service_server::SystemServiceServer;
use pb::trace_service_server::TraceServiceServer;
use pb::vrf_service_server::VrfServiceServer;
use std::io;
use std::time::Duration;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;

/// Largest message that is taken: some 500,000 routes that name a set, or as many as 65,536 with a few
/// next hops each.
const REQUEST_BYTES: usize = 16 << 20;
/// What one stream and one connection may send ahead of being read, in bytes. It is what a full-table
/// batch takes, so that a client is held by the router's work, never by round trips.
const WINDOW_BYTES: u32 = 4 << 20;
/// Calls in progress on one connection.
const STREAMS: u32 = 256;
/// A peer that does not answer for this long, and then for [`KEEPALIVE_TIMEOUT`], is gone.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// See [`KEEPALIVE`].
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long calls in progress may take once the router stops.
const STOP_GRACE: Duration = Duration::from_secs(3);

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The reflection service rejects the API's own description.
    #[error("the description of the API is broken: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// A listener cannot be used.
    #[error("cannot use a listener: {0}")]
    Listener(#[from] io::Error),
    /// The transport failed.
    #[error("the gRPC server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
}

/// What is listened on. Both are made early, so that a second instance or a wrong certificate is known before
/// the router touches any device; clients that connect meanwhile wait.
#[derive(Debug)]
pub struct Listeners {
    /// The Unix socket.
    pub unix: std::os::unix::net::UnixListener,
    /// TCP, if wanted.
    pub tcp: Option<TcpEndpoint>,
}

/// Serves until `shutdown` is done. Then running streams end with the reason `STOPPING`, other calls
/// have [`STOP_GRACE`] to end. The socket's file stays: it belongs to who made it.
///
/// # Errors
/// [`ServeError`], at once or when a listener fails.
pub async fn serve(
    core: CoreHandle,
    listeners: Listeners,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let (stopper, stop) = Stop::new();
    let (health, routes) = services(core, &stop).await?;
    let Listeners { unix, tcp } = listeners;

    unix.set_nonblocking(true)?;
    let unix = tokio::net::UnixListener::from_std(unix)?;
    let on_socket = builder()
        .add_routes(routes.clone())
        .serve_with_incoming_shutdown(UnixListenerStream::new(unix), stop.clone().stopped());
    let stop_tcp = stop.clone();
    let on_tcp = async move {
        let Some(endpoint) = tcp else { return Ok(()) };
        let (listener, tls) = endpoint.into_parts();
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener)?)
            .with_nodelay(Some(true));
        let server = builder().tls_config(tls)?.add_routes(routes);
        server
            .serve_with_incoming_shutdown(incoming, stop_tcp.stopped())
            .await?;
        Ok::<_, ServeError>(())
    };
    let stopping = async {
        shutdown.await;
        health
            .set_service_status("", ServingStatus::NotServing)
            .await;
        stopper.send_replace(true);
        tokio::time::sleep(STOP_GRACE).await;
    };
    let serving = async { tokio::try_join!(async { Ok(on_socket.await?) }, on_tcp).map(|_| ()) };
    tokio::select! {
        outcome = serving => outcome,
        () = stopping => Ok(()),
    }
}

fn builder() -> Server {
    Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

/// All services, with health and reflection.
async fn services(
    core: CoreHandle,
    stop: &Stop,
) -> Result<(tonic_health::server::HealthReporter, tonic::service::Routes), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let descriptions = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = tonic::service::Routes::builder();
    routes
        .add_service(health_service)
        .add_service(descriptions().build_v1()?)
        // The client tools of older distributions speak only this version.
        .add_service(descriptions().build_v1alpha()?);

    macro_rules! add {
        ($($server:ident($service:expr)),+ $(,)?) => {
            $(
                health.set_service_status($server::<()>::NAME, ServingStatus::Serving).await;
                routes.add_service($server::new($service).max_decoding_message_size(REQUEST_BYTES));
            )+
        };
    }
    add!(
        PortServiceServer(Ports(core.clone())),
        InterfaceServiceServer(Interfaces(core.clone())),
        VrfServiceServer(Vrfs(core.clone())),
        RouteServiceServer(Routes {
            core: core.clone(),
            stop: stop.clone()
        }),
        NextHopServiceServer(NextHopSets {
            core: core.clone(),
            stop: stop.clone()
        }),
        OverlayServiceServer(Overlays {
            core: core.clone(),
            stop: stop.clone()
        }),
        BridgeDomainServiceServer(Domains {
            core: core.clone(),
            stop: stop.clone()
        }),
        SegmentServiceServer(Segments {
            core: core.clone(),
            stop: stop.clone()
        }),
        NeighbourServiceServer(Neighbours {
            core: core.clone(),
            stop: stop.clone()
        }),
        StatsServiceServer(Stats(core.clone())),
        EventServiceServer(Events {
            core: core.clone(),
            stop: stop.clone()
        }),
        TraceServiceServer(Traces {
            core: core.clone(),
            stop: stop.clone()
        }),
        SystemServiceServer(System(core)),
    );
    Ok((health, routes.routes()))
}
