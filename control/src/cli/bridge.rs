//! `ferroute bridge`: the bridge from routing daemons. It is another program than the router, with a socket of its own.

use super::convert::{age, prefix_text};
use super::error::CliError;
use super::output::{Output, Sheet};
use crate::bridge::config::DEFAULT_BRIDGE_SOCKET;
use clap::{Args, Subcommand};
use ferroute_proto::v1;
use ferroute_proto::v1::bridge_service_client::BridgeServiceClient;
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use tonic::transport::Endpoint;

/// What about the bridge.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum Bridge {
    /// Its sources, sessions, routes, and what is not in the router.
    #[command(visible_alias = "show")]
    Status(Status),
}

/// What is shown.
#[derive(Clone, Debug, Args)]
pub(super) struct Status {
    /// The bridge's Unix socket.
    #[arg(long, value_name = "PATH", env = "FERROUTE_BRIDGE_SOCKET", default_value = DEFAULT_BRIDGE_SOCKET)]
    bridge_socket: PathBuf,
    /// Most routes with problems that are listed for each source.
    #[arg(long, value_name = "N", default_value_t = 20)]
    problems: u32,
}

impl Bridge {
    pub(super) async fn run(self, mut output: Output) -> Result<(), CliError> {
        let Self::Status(Status {
            bridge_socket,
            problems,
        }) = self;
        let unreachable = |source| CliError::BridgeUnreachable {
            server: bridge_socket.display().to_string(),
            source,
        };
        let endpoint = Endpoint::from_shared(format!("unix:{}", bridge_socket.display()));
        let channel = endpoint
            .map_err(unreachable)?
            .connect()
            .await
            .map_err(unreachable)?;
        let request = v1::BridgeStatusRequest {
            max_problems: problems,
        };
        let status = BridgeServiceClient::new(channel)
            .status(request)
            .await?
            .into_inner();
        output.sheet(&Shown::from(status))
    }
}

/// The state of the bridge.
#[derive(Clone, Debug, Serialize)]
struct Shown {
    version: String,
    uptime_ns: u64,
    sources: Vec<Source>,
}

/// The state of a source.
#[derive(Clone, Debug, Serialize)]
struct Source {
    owner: String,
    kind: &'static str,
    netns: String,
    complete: bool,
    router: Router,
    kernel: Kernel,
    fpm: Option<Fpm>,
    protocols: Vec<Protocol>,
    told: u64,
    pending: u64,
    unsupported: u64,
    refused: u64,
    queued: u64,
    next_hop_sets: u64,
    next_hops_left_out: u64,
    lsps: u64,
    fdb_entries: u64,
    neighbours: u64,
    neighbours_failed: u64,
    labels: u64,
    labels_failed: u64,
    vnis: u64,
    vnis_failed: u64,
    stations: Option<Stations>,
    problems: Vec<Problem>,
}

#[derive(Clone, Debug, Serialize)]
struct Stations {
    vnis: u64,
    ends: u64,
    remote: u64,
    local: u64,
    segments: u64,
    refused: u64,
    problems: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Router {
    connected: bool,
    epoch: u64,
    sessions: u64,
    end_of_rib: bool,
    batches: u64,
    last_error: String,
}

#[derive(Clone, Debug, Serialize)]
struct Kernel {
    updates: u64,
    dumps: u64,
    overruns: u64,
    ignored: Ignored,
    unreadable: u64,
    last_unreadable: String,
}

#[derive(Clone, Debug, Serialize)]
struct Fpm {
    peer: String,
    connections: u64,
    frames: u64,
    bytes: u64,
    unknown: u64,
    ignored: Ignored,
    unreadable: u64,
    feedback_lost: u64,
    last_error: String,
}

/// Attributes that are not known, by what they are attributes of.
#[derive(Clone, Debug, Serialize)]
struct Ignored {
    routes: u64,
    next_hops: u64,
    links: u64,
    addresses: u64,
    neighbours: u64,
    fdb: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Protocol {
    name: String,
    routes: u64,
}

#[derive(Clone, Debug, Serialize)]
struct Problem {
    vrf: String,
    prefix: String,
    reason: String,
    message: String,
}

impl From<v1::BridgeStatusResponse> for Shown {
    fn from(status: v1::BridgeStatusResponse) -> Self {
        Self {
            version: status.version,
            uptime_ns: status.uptime_ns,
            sources: status.sources.into_iter().map(Source::from).collect(),
        }
    }
}

impl From<Option<v1::BridgeIgnored>> for Ignored {
    fn from(ignored: Option<v1::BridgeIgnored>) -> Self {
        let ignored = ignored.unwrap_or_default();
        Self {
            routes: ignored.routes,
            next_hops: ignored.next_hops,
            links: ignored.links,
            addresses: ignored.addresses,
            neighbours: ignored.neighbours,
            fdb: ignored.fdb,
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.routes, "of routes"),
            (self.next_hops, "of next hops"),
            (self.links, "of links"),
            (self.addresses, "of addresses"),
            (self.neighbours, "of neighbours"),
            (self.fdb, "of fdb entries"),
        ];
        let all: u64 = counts.iter().map(|(count, _)| count).sum();
        write!(f, "{all} attributes ignored")?;
        let mut opening = " (";
        for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
            write!(f, "{opening}{count} {what}")?;
            opening = ", ";
        }
        f.write_str(if all > 0 { ")" } else { "" })
    }
}

impl From<v1::BridgeSource> for Source {
    fn from(source: v1::BridgeSource) -> Self {
        let kind = match source.kind() {
            v1::BridgeSourceKind::Kernel => "kernel",
            v1::BridgeSourceKind::Fpm => "fpm",
            v1::BridgeSourceKind::Unspecified => "unknown",
        };
        let router = source.router.unwrap_or_default();
        let follower = source.follower.unwrap_or_default();
        let protocols = source.protocols.into_iter().map(|protocol| Protocol {
            name: protocol.name,
            routes: protocol.routes,
        });
        let problems = source.problems.into_iter().map(|problem| Problem {
            vrf: problem.vrf,
            prefix: problem.prefix.as_ref().map(prefix_text).unwrap_or_default(),
            reason: problem.reason,
            message: problem.message,
        });
        Self {
            owner: source.owner,
            kind,
            netns: source.netns,
            complete: source.complete,
            router: Router {
                connected: router.connected,
                epoch: router.epoch,
                sessions: router.sessions,
                end_of_rib: router.end_of_rib,
                batches: router.batches,
                last_error: router.last_error,
            },
            kernel: Kernel {
                updates: follower.updates,
                dumps: follower.dumps,
                overruns: follower.overruns,
                ignored: follower.ignored.into(),
                unreadable: follower.unreadable,
                last_unreadable: follower.last_unreadable,
            },
            fpm: source.fpm.map(|fpm| Fpm {
                peer: fpm.peer,
                connections: fpm.connections,
                frames: fpm.frames,
                bytes: fpm.bytes,
                unknown: fpm.unknown,
                ignored: fpm.ignored.into(),
                unreadable: fpm.unreadable,
                feedback_lost: fpm.feedback_lost,
                last_error: fpm.last_error,
            }),
            protocols: protocols.collect(),
            told: source.routes_told,
            pending: source.routes_pending,
            unsupported: source.routes_unsupported,
            refused: source.routes_refused,
            queued: source.queued,
            next_hop_sets: source.next_hop_sets,
            next_hops_left_out: source.next_hops_left_out,
            lsps: source.lsps,
            fdb_entries: source.fdb_entries,
            neighbours: source.neighbours,
            neighbours_failed: source.neighbours_failed,
            labels: source.labels,
            labels_failed: source.labels_failed,
            vnis: source.vnis,
            vnis_failed: source.vnis_failed,
            stations: source.stations.map(|stations| Stations {
                vnis: stations.vnis,
                ends: stations.ends,
                remote: stations.remote,
                local: stations.local,
                segments: stations.segments,
                refused: stations.refused,
                problems: stations.problems,
            }),
            problems: problems.collect(),
        }
    }
}

impl Sheet for Shown {
    fn text(&self) -> String {
        let mut text = format!(
            "ferroute-bridge {}, up {}\n",
            self.version,
            age(self.uptime_ns)
        );
        for source in &self.sources {
            text.push('\n');
            text.push_str(&source.text());
        }
        text
    }
}

impl Source {
    fn text(&self) -> String {
        let mut text = format!("{} ({}", self.owner, self.kind);
        if !self.netns.is_empty() {
            text += &format!(" in {}", self.netns);
        }
        text += if self.complete {
            ")\n"
        } else {
            ", not complete yet)\n"
        };
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<12}{value}");
        };
        line("router", self.router.text());
        let kernel = &self.kernel;
        line(
            "kernel",
            format!(
                "{} changes, {} dumps, {} overruns, {}, {} unreadable {}",
                kernel.updates,
                kernel.dumps,
                kernel.overruns,
                kernel.ignored,
                kernel.unreadable,
                kernel.last_unreadable
            ),
        );
        if let Some(fpm) = &self.fpm {
            line("zebra", fpm.text());
        }
        line(
            "routes",
            format!(
                "{} told, {} pending, {} unsupported, {} refused, {} queued",
                self.told, self.pending, self.unsupported, self.refused, self.queued
            ),
        );
        let protocols = self.protocols.iter();
        let protocols: Vec<_> = protocols
            .map(|p| format!("{} {}", p.name, p.routes))
            .collect();
        line("protocols", super::convert::dash(&protocols.join(", ")));
        line(
            "next hops",
            format!(
                "{} sets, {} members left out",
                self.next_hop_sets, self.next_hops_left_out
            ),
        );
        line(
            "neighbours",
            format!(
                "{} given, {} failed",
                self.neighbours, self.neighbours_failed
            ),
        );
        line(
            "labels",
            format!(
                "{} given of {}, {} failed",
                self.labels, self.lsps, self.labels_failed
            ),
        );
        line(
            "VNIs",
            format!("{} given, {} failed", self.vnis, self.vnis_failed),
        );
        if let Some(stations) = &self.stations {
            line("stations", stations.text());
            for problem in &stations.problems {
                line("problem", problem.clone());
            }
        }
        line("kept", format!("{} FDB entries", self.fdb_entries));
        for problem in &self.problems {
            let vrf = &problem.vrf;
            line(
                "problem",
                format!(
                    "{} in {vrf}: {} [{}]",
                    problem.prefix, problem.message, problem.reason
                ),
            );
        }
        text.lines()
            .fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }
}

impl Stations {
    fn text(&self) -> String {
        format!(
            "{} VNIs, {} remote ends, {} segments, {} remote, {} local, {} refused",
            self.vnis, self.ends, self.segments, self.remote, self.local, self.refused
        )
    }
}

impl Router {
    fn text(&self) -> String {
        if !self.connected {
            return format!("not connected: {}", self.last_error);
        }
        let said = if self.end_of_rib {
            "all told"
        } else {
            "being told"
        };
        format!(
            "connected, epoch {}, session {}, {} batches, {said}",
            self.epoch, self.sessions, self.batches
        )
    }
}

impl Fpm {
    fn text(&self) -> String {
        let peer = if self.peer.is_empty() {
            "not connected"
        } else {
            &self.peer
        };
        let Self {
            connections,
            frames,
            unknown,
            ignored,
            unreadable,
            feedback_lost,
            last_error,
            ..
        } = self;
        format!(
            "{peer}, connection {connections}, {frames} frames, {unknown} unknown, {ignored}, {unreadable} unreadable, {feedback_lost} feedback lost {last_error}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> v1::BridgeStatusResponse {
        v1::BridgeStatusResponse {
            version: "1".to_owned(),
            uptime_ns: 5_000_000_000,
            sources: vec![v1::BridgeSource {
                owner: "frr".to_owned(),
                kind: v1::BridgeSourceKind::Fpm.into(),
                complete: true,
                router: Some(v1::BridgeRouterSession {
                    connected: true,
                    epoch: 2,
                    end_of_rib: true,
                    ..v1::BridgeRouterSession::default()
                }),
                fpm: Some(v1::BridgeFpmSession::default()),
                follower: Some(v1::BridgeFollower {
                    ignored: Some(v1::BridgeIgnored {
                        links: 3,
                        fdb: 1,
                        ..v1::BridgeIgnored::default()
                    }),
                    ..v1::BridgeFollower::default()
                }),
                routes_told: 3,
                routes_pending: 1,
                protocols: vec![v1::BridgeProtocol {
                    name: "bgp".to_owned(),
                    routes: 4,
                }],
                problems: vec![v1::BridgeProblem {
                    vrf: "red".to_owned(),
                    prefix: Some(v1::Prefix {
                        address: vec![10, 0, 0, 0].into(),
                        length: 8,
                    }),
                    reason: "PENDING".to_owned(),
                    message: "the router has no interface p9".to_owned(),
                }],
                ..v1::BridgeSource::default()
            }],
        }
    }

    #[test]
    fn people_see_what_is_told_and_what_is_not() {
        let text = Shown::from(status()).text();
        for line in [
            "frr (fpm)",
            "  router      connected, epoch 2, session 0, 0 batches, all told",
            "  kernel      0 changes, 0 dumps, 0 overruns, 4 attributes ignored (3 of links, 1 of fdb entries), 0 unreadable",
            "  zebra       not connected, connection 0, 0 frames, 0 unknown, 0 attributes ignored, 0 unreadable, 0 feedback lost",
            "  routes      3 told, 1 pending, 0 unsupported, 0 refused, 0 queued",
            "  protocols   bgp 4",
            "  problem     10.0.0.0/8 in red: the router has no interface p9 [PENDING]",
        ] {
            assert!(
                text.lines().any(|shown| shown == line),
                "{line:?} in\n{text}"
            );
        }
    }

    #[test]
    fn programs_get_stable_names() {
        let json = serde_json::to_value(Shown::from(status())).unwrap();
        let source = &json["sources"][0];
        assert_eq!(source["told"], 3);
        assert_eq!(source["protocols"][0]["name"], "bgp");
        assert_eq!(source["problems"][0]["prefix"], "10.0.0.0/8");
        assert_eq!(source["fpm"]["peer"], "");
        assert_eq!(source["kernel"]["ignored"]["links"], 3);
    }
}
