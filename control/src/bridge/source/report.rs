//! The state of a source for people and metrics.

use super::actor::Source;
use crate::bridge::config::Kind;
use crate::bridge::table::octets;
use ferroute_proto::v1;

impl Source {
    /// The state, with at most so many problems.
    pub(super) fn report(&self, max_problems: usize) -> v1::BridgeSource {
        let census = self.table.census(max_problems);
        let kind = match self.config.kind {
            Kind::Kernel => v1::BridgeSourceKind::Kernel,
            Kind::Fpm => v1::BridgeSourceKind::Fpm,
        };
        let (neighbours, neighbours_failed) = self.keeper.counts();
        let (labels, labels_failed) = self.labels.counts();
        let (vnis, vnis_failed) = self.vnis.counts();
        let session = self.link.session();
        let protocols = census.by_protocol.iter();
        let protocols = protocols.map(|(protocol, routes)| v1::BridgeProtocol {
            name: protocol.to_string(),
            routes: *routes,
        });
        let problems = census
            .problems
            .into_iter()
            .map(|problem| v1::BridgeProblem {
                vrf: problem.vrf.to_string(),
                prefix: Some(v1::Prefix {
                    address: octets(problem.prefix.net().addr()),
                    length: problem.prefix.length().into(),
                }),
                reason: problem.reason,
                message: problem.message,
            });
        v1::BridgeSource {
            owner: self.config.owner.to_string(),
            kind: kind.into(),
            netns: (self.config.netns.as_ref()).map_or_else(String::new, |name| name.to_string()),
            complete: self.complete,
            router: Some(v1::BridgeRouterSession {
                connected: session.is_some(),
                epoch: session.map_or(0, |session| session.epoch),
                sessions: self.told.sessions,
                end_of_rib: self.end_of_rib,
                batches: self.told.batches,
                last_error: self.told.last_error.clone(),
            }),
            follower: Some(v1::BridgeFollower {
                updates: self.heard.updates,
                dumps: self.heard.dumps,
                overruns: self.heard.overruns,
                ignored: Some(self.heard.ignored.into()),
                unreadable: self.heard.unreadable,
                last_unreadable: self.heard.last_unreadable.clone(),
            }),
            fpm: (self.config.kind == Kind::Fpm).then(|| self.fpm_session()),
            protocols: protocols.collect(),
            routes_told: census.told,
            routes_pending: census.pending,
            routes_unsupported: census.unsupported,
            routes_refused: census.refused,
            queued: census.queued + self.unacknowledged() as u64,
            next_hop_sets: census.sets,
            next_hops_left_out: census.left_out,
            lsps: self.lsps.len() as u64,
            // zebra's entries are the kernel's too, unless only the channel has them.
            fdb_entries: self.fdb.len().max(self.fpm_fdb.len()) as u64,
            neighbours,
            neighbours_failed,
            problems: problems.collect(),
            labels,
            labels_failed,
            vnis,
            vnis_failed,
            stations: self.stations.as_ref().map(|stations| {
                let state = stations.state();
                let mut problems = state.problems;
                problems.truncate(max_problems);
                v1::BridgeStations {
                    vnis: state.vnis,
                    ends: state.ends,
                    remote: state.remote,
                    local: state.local,
                    segments: state.segments,
                    refused: state.refused,
                    problems,
                }
            }),
        }
    }

    fn fpm_session(&self) -> v1::BridgeFpmSession {
        let heard = &self.heard_fpm;
        v1::BridgeFpmSession {
            peer: (self.phase.peer()).map_or_else(String::new, |peer| peer.to_string()),
            connections: heard.connections,
            frames: heard.counts.frames,
            bytes: heard.counts.bytes,
            unknown: heard.counts.unknown,
            ignored: Some(heard.counts.ignored.into()),
            unreadable: heard.counts.unreadable,
            feedback_lost: heard.feedback_lost,
            last_error: heard.last_error.clone(),
        }
    }
}
