//! The bridge's metrics, as Prometheus reads them.

use super::service::Sources;
use crate::metrics::exposition::Kind::{Counter, Gauge};
use crate::metrics::exposition::{Column, Exposition, columns};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ferroute_proto::v1::{
    BridgeFollower, BridgeFpmSession, BridgeIgnored, BridgeRouterSession, BridgeSource,
    BridgeStations,
};
use std::io;
use tokio::net::TcpListener;

const SOURCE: [Column<BridgeSource, u64>; 15] = [
    (
        "ferroute_bridge_complete",
        "Whether the source has said everything that it has.",
        |s| s.complete.into(),
    ),
    (
        "ferroute_bridge_routes_told",
        "Prefixes that the router was told.",
        |s| s.routes_told,
    ),
    (
        "ferroute_bridge_routes_pending",
        "Prefixes whose next hop or interface is missing.",
        |s| s.routes_pending,
    ),
    (
        "ferroute_bridge_routes_unsupported",
        "Prefixes that the router cannot express.",
        |s| s.routes_unsupported,
    ),
    (
        "ferroute_bridge_routes_refused",
        "Prefixes that the router refused.",
        |s| s.routes_refused,
    ),
    (
        "ferroute_bridge_queued",
        "Prefixes and sets that wait to be told, or for the router's acknowledgement.",
        |s| s.queued,
    ),
    (
        "ferroute_bridge_next_hop_sets",
        "Next hop sets in use.",
        |s| s.next_hop_sets,
    ),
    (
        "ferroute_bridge_lsps",
        "Label switched paths that the source has.",
        |s| s.lsps,
    ),
    (
        "ferroute_bridge_fdb_entries",
        "Entries of forwarding databases that the source has.",
        |s| s.fdb_entries,
    ),
    (
        "ferroute_bridge_neighbours",
        "Neighbours that the router was given.",
        |s| s.neighbours,
    ),
    (
        "ferroute_bridge_neighbours_failed",
        "Neighbours that the router did not take.",
        |s| s.neighbours_failed,
    ),
    (
        "ferroute_bridge_labels",
        "Labels that the router was given.",
        |s| s.labels,
    ),
    (
        "ferroute_bridge_labels_failed",
        "Labels that the router did not take.",
        |s| s.labels_failed,
    ),
    (
        "ferroute_bridge_vnis",
        "Routed VNIs that the router was given.",
        |s| s.vnis,
    ),
    (
        "ferroute_bridge_vnis_failed",
        "Routed VNIs that the router did not take.",
        |s| s.vnis_failed,
    ),
];
const ROUTER: [Column<BridgeRouterSession, u64>; 2] = [
    (
        "ferroute_bridge_router_sessions_total",
        "Sessions with the router.",
        |s| s.sessions,
    ),
    (
        "ferroute_bridge_batches_total",
        "Batches that the router acknowledged.",
        |s| s.batches,
    ),
];
const FOLLOWER: [Column<BridgeFollower, u64>; 4] = [
    (
        "ferroute_bridge_kernel_updates_total",
        "Changes heard from the kernel.",
        |s| s.updates,
    ),
    (
        "ferroute_bridge_kernel_dumps_total",
        "Complete dumps of the kernel.",
        |s| s.dumps,
    ),
    (
        "ferroute_bridge_kernel_overruns_total",
        "Times that notifications of the kernel were lost.",
        |s| s.overruns,
    ),
    (
        "ferroute_bridge_kernel_unreadable_total",
        "Messages of the kernel that could not be read.",
        |s| s.unreadable,
    ),
];
const STATIONS: [Column<BridgeStations, u64>; 6] = [
    (
        "ferroute_bridge_bridged_vnis",
        "Bridged VNIs that the router has.",
        |s| s.vnis,
    ),
    (
        "ferroute_bridge_flood_ends",
        "Remote ends of flood lists that the router has.",
        |s| s.ends,
    ),
    (
        "ferroute_bridge_remote_stations",
        "Stations behind remote ends that the router has.",
        |s| s.remote,
    ),
    (
        "ferroute_bridge_local_stations",
        "Stations of the router that the kernel has.",
        |s| s.local,
    ),
    (
        "ferroute_bridge_segments",
        "Ethernet segments that the router has for groups of remote ends.",
        |s| s.segments,
    ),
    (
        "ferroute_bridge_stations_refused",
        "What the router or the kernel refused of bridged VNIs.",
        |s| s.refused,
    ),
];
const FPM: [Column<BridgeFpmSession, u64>; 6] = [
    (
        "ferroute_bridge_fpm_connections_total",
        "Connections of zebra.",
        |s| s.connections,
    ),
    (
        "ferroute_bridge_fpm_frames_total",
        "Frames heard from zebra.",
        |s| s.frames,
    ),
    (
        "ferroute_bridge_fpm_bytes_total",
        "Bytes heard from zebra.",
        |s| s.bytes,
    ),
    (
        "ferroute_bridge_fpm_unknown_total",
        "Messages of zebra that mean nothing here.",
        |s| s.unknown,
    ),
    (
        "ferroute_bridge_fpm_unreadable_total",
        "Messages of zebra that could not be read.",
        |s| s.unreadable,
    ),
    (
        "ferroute_bridge_fpm_feedback_lost_total",
        "Blocks of feedback that zebra did not take.",
        |s| s.feedback_lost,
    ),
];
/// What attributes that are not known are attributes of.
type IgnoredOf = (&'static str, fn(&BridgeIgnored) -> u64);
const IGNORED: [IgnoredOf; 6] = [
    ("routes", |i| i.routes),
    ("next_hops", |i| i.next_hops),
    ("links", |i| i.links),
    ("addresses", |i| i.addresses),
    ("neighbours", |i| i.neighbours),
    ("fdb", |i| i.fdb),
];

/// Serves until the listener breaks.
pub(super) async fn serve(listener: TcpListener, sources: Sources) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .with_state(sources);
    axum::serve(listener, router).await
}

async fn metrics(State(sources): State<Sources>) -> Response {
    let text = render(&sources.status(0).await.sources);
    ([(CONTENT_TYPE, crate::metrics::TEXT)], text).into_response()
}

/// All metrics as text.
fn render(sources: &[BridgeSource]) -> String {
    let mut text = Exposition::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.metric(
        "ferroute_bridge_build_info",
        Gauge,
        "What runs.",
        [(version, 1)],
    );
    let label = |source: &'_ BridgeSource| source.owner.clone();
    let owners: Vec<String> = sources.iter().map(label).collect();
    let of = || sources.iter().zip(&owners);
    let rows: Vec<_> = of()
        .map(|(s, owner)| ([("owner", owner.as_str())], s))
        .collect();
    columns(&mut text, Gauge, &SOURCE, &rows);
    let connected = of().map(|(s, owner)| {
        let up = s.router.as_ref().is_some_and(|router| router.connected);
        ([("owner", owner.as_str())], u8::from(up))
    });
    text.metric(
        "ferroute_bridge_router_connected",
        Gauge,
        "Whether there is a session with the router.",
        connected,
    );
    let routers =
        of().filter_map(|(s, owner)| Some(([("owner", owner.as_str())], s.router.as_ref()?)));
    columns(&mut text, Counter, &ROUTER, &routers.collect::<Vec<_>>());
    let followers =
        of().filter_map(|(s, owner)| Some(([("owner", owner.as_str())], s.follower.as_ref()?)));
    columns(
        &mut text,
        Counter,
        &FOLLOWER,
        &followers.collect::<Vec<_>>(),
    );
    ignored(
        &mut text,
        "ferroute_bridge_kernel_ignored_total",
        "Attributes in the kernel's messages that are not known, by what the messages are about.",
        of().filter_map(|(s, owner)| Some((owner.as_str(), s.follower.as_ref()?.ignored?))),
    );
    let stations =
        of().filter_map(|(s, owner)| Some(([("owner", owner.as_str())], s.stations.as_ref()?)));
    columns(&mut text, Gauge, &STATIONS, &stations.collect::<Vec<_>>());
    let zebras = of().filter_map(|(s, owner)| Some(([("owner", owner.as_str())], s.fpm.as_ref()?)));
    columns(&mut text, Counter, &FPM, &zebras.collect::<Vec<_>>());
    ignored(
        &mut text,
        "ferroute_bridge_fpm_ignored_total",
        "Attributes in zebra's messages that are not known, by what the messages are about.",
        of().filter_map(|(s, owner)| Some((owner.as_str(), s.fpm.as_ref()?.ignored?))),
    );
    let protocols = of().flat_map(|(s, owner)| {
        let labelled = |p| [("owner", owner.as_str()), ("protocol", p)];
        s.protocols
            .iter()
            .map(move |p| (labelled(p.name.as_str()), p.routes))
    });
    text.metric(
        "ferroute_bridge_routes",
        Gauge,
        "Prefixes that the source has, by the protocol of the best route.",
        protocols,
    );
    text.finish()
}

fn ignored<'a>(
    text: &mut Exposition,
    name: &str,
    help: &str,
    counts: impl Iterator<Item = (&'a str, BridgeIgnored)>,
) {
    let samples = counts.flat_map(|(owner, counts)| {
        let labelled = move |of| [("owner", owner), ("of", of)];
        IGNORED
            .iter()
            .map(move |(of, count)| (labelled(*of), count(&counts)))
    });
    text.metric(name, Counter, help, samples);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferroute_proto::v1::BridgeProtocol;

    #[test]
    fn every_count_is_a_metric() {
        let source = BridgeSource {
            owner: "frr".to_owned(),
            routes_told: 7,
            router: Some(BridgeRouterSession {
                connected: true,
                batches: 3,
                ..BridgeRouterSession::default()
            }),
            protocols: vec![BridgeProtocol {
                name: "bgp".to_owned(),
                routes: 9,
            }],
            follower: Some(BridgeFollower {
                ignored: Some(BridgeIgnored {
                    fdb: 5,
                    ..BridgeIgnored::default()
                }),
                ..BridgeFollower::default()
            }),
            ..BridgeSource::default()
        };
        let text = render(&[source]);
        for sample in [
            "ferroute_bridge_routes_told{owner=\"frr\"} 7",
            "ferroute_bridge_router_connected{owner=\"frr\"} 1",
            "ferroute_bridge_batches_total{owner=\"frr\"} 3",
            "ferroute_bridge_routes{owner=\"frr\",protocol=\"bgp\"} 9",
            "ferroute_bridge_kernel_ignored_total{owner=\"frr\",of=\"fdb\"} 5",
        ] {
            assert!(
                text.lines().any(|line| line == sample),
                "{sample} in\n{text}"
            );
        }
        // A source that follows the kernel has no zebra.
        assert!(
            !text.contains("ferroute_bridge_fpm_frames_total{"),
            "{text}"
        );
    }
}
