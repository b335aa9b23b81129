//! What people see of the stations of a source.

use super::segment::Counts;
use super::segments::Segments;

/// Problems that are told with the state.
const MOST_PROBLEMS: usize = 100;

/// The state, for people.
#[derive(Clone, Debug, Default)]
pub(in crate::bridge) struct State {
    /// VNIs that are served.
    pub(in crate::bridge) vnis: u64,
    /// Remote ends of flood lists that the router has.
    pub(in crate::bridge) ends: u64,
    /// Stations behind remote ends that the router has.
    pub(in crate::bridge) remote: u64,
    /// Stations of the router that the kernel has.
    pub(in crate::bridge) local: u64,
    /// Ethernet segments that the router has for groups of remote ends.
    pub(in crate::bridge) segments: u64,
    /// What was refused by one of them.
    pub(in crate::bridge) refused: u64,
    /// Why, of the first of these.
    pub(in crate::bridge) problems: Vec<String>,
}

impl State {
    /// What there is now.
    pub(super) fn of(segments: &Segments) -> Self {
        let mut state = Self::default();
        for served in &segments.served {
            let Counts {
                ends,
                remote,
                local,
                refused,
            } = served.segment.counts();
            state.ends += ends;
            state.remote += remote;
            state.local += local;
            state.refused += refused;
            let vni = served.config.vni.get();
            match &served.router {
                Ok(_) => state.vnis += 1,
                Err(reason) => {
                    state.refused += 1;
                    state.problems.push(format!("VNI {vni}: {reason}"));
                }
            }
            let problems = served.segment.refusals();
            state.problems.extend(
                problems
                    .take(MOST_PROBLEMS)
                    .map(|(key, why)| format!("VNI {vni}: {key}: {why}")),
            );
        }
        let groups = &segments.groups;
        let problems = groups.refusals();
        state.segments = groups.len() as u64;
        state.refused += problems.len() as u64;
        (state.problems)
            .extend(problems.map(|(group, why)| format!("next hop group {group}: {why}")));
        state.problems.truncate(MOST_PROBLEMS);
        state
    }
}
