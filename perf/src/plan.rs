//! Which cases are measured, by the words of the command line.

use crate::cases::forward::Load;
use crate::cases::{adversarial, failover, fib, latency, updates, vnis};
use crate::dpdk::l3fwd;
use crate::router::setup::NEIGHBOURS;
use crate::sample::Method;
use crate::traffic::overlay::TUNNELS;
use crate::traffic::{Encap, Family, Overlay};
use std::str::FromStr;

/// One thing to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Forwarding, beside testpmd.
    Forward(Load),
    /// Bridging, beside testpmd.
    Bridge,
    /// Routes through the API, and their memory.
    Updates,
    /// Networks through the API, and their memory.
    Vnis,
    /// Forwarding while routes change.
    Churn,
    /// A next hop of a million prefixes fails.
    Failover,
    /// The FIB alone, beside DPDK's.
    Fib,
    /// The FIB alone, under input that is made to be hard.
    FibAdversarial,
    /// How long packets stay in the router.
    Latency,
    /// A session beside a flood at the router's address.
    Flood,
    /// One worker and two, beside testpmd.
    Workers,
}

/// Loads by their names.
const LOADS: [(&str, Load); 16] = [
    ("ipv4-1", load(Family::V4, 1, 1)),
    ("ipv4-1k", load(Family::V4, 1_000, 1)),
    ("ipv4-10k", load(Family::V4, 10_000, 1)),
    ("ipv4-10k-hops", load(Family::V4, 10_000, NEIGHBOURS as u16)),
    (
        "ipv4-10k-uplinks",
        over_uplinks(load(Family::V4, 10_000, 1)),
    ),
    ("ipv4-100k", load(Family::V4, 100_000, 1)),
    ("ipv4-1m", load(Family::V4, 1_000_000, 1)),
    ("ipv6-1", load(Family::V6, 1, 1)),
    ("ipv6-10k", load(Family::V6, 10_000, 1)),
    ("ipv6-10k-hops", load(Family::V6, 10_000, NEIGHBOURS as u16)),
    ("ipv6-100k", load(Family::V6, 100_000, 1)),
    ("vxlan-encap", overlay(Overlay::Into(Encap::Vxlan), TUNNELS)),
    (
        "vxlan-encap-uplinks",
        over_uplinks(overlay(Overlay::Into(Encap::Vxlan), TUNNELS)),
    ),
    ("vxlan-decap", overlay(Overlay::OutOf(Encap::Vxlan), 1)),
    (
        "mplsudp-encap",
        overlay(Overlay::Into(Encap::MplsUdp), TUNNELS),
    ),
    ("mplsudp-decap", overlay(Overlay::OutOf(Encap::MplsUdp), 1)),
];
const OTHERS: [(&str, Case); 10] = [
    ("ipv4-10k-workers", Case::Workers),
    ("bridge", Case::Bridge),
    ("updates", Case::Updates),
    ("vnis", Case::Vnis),
    ("churn", Case::Churn),
    ("failover", Case::Failover),
    ("fib", Case::Fib),
    ("fib-adversarial", Case::FibAdversarial),
    ("latency", Case::Latency),
    ("flood", Case::Flood),
];
/// What `quick` stands for: the corners of the tables, and what has no corners.
const QUICK: &str = "ipv4-1,ipv4-10k,ipv4-1m,ipv6-10k,updates,fib,latency";

const fn load(family: Family, routes: usize, next_hops: u16) -> Load {
    Load {
        family,
        routes,
        next_hops,
        uplinks: 1,
        overlay: None,
    }
}

/// The same over two uplinks, whichever a packet's flow takes.
const fn over_uplinks(load: Load) -> Load {
    Load { uplinks: 2, ..load }
}

const fn overlay(overlay: Overlay, next_hops: u16) -> Load {
    Load {
        overlay: Some(overlay),
        ..load(Family::V4, 10_000, next_hops)
    }
}

/// The cases to measure, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The cases.
    pub cases: Vec<Case>,
    /// Whether samples and tables are to be few.
    pub quick: bool,
}

/// A word that names no case.
#[derive(Debug, thiserror::Error)]
#[error("no case is called {word:?}; there are all, quick, forward, overlay, {}", names().join(", "))]
pub struct UnknownCase {
    word: String,
}

impl FromStr for Plan {
    type Err = UnknownCase;

    fn from_str(text: &str) -> Result<Self, UnknownCase> {
        let mut cases: Vec<Case> = Vec::new();
        for word in text.split(',').map(str::trim) {
            for case in expand(word)? {
                if !cases.contains(&case) {
                    cases.push(case);
                }
            }
        }
        Ok(Self {
            cases,
            quick: text.split(',').any(|word| word.trim() == "quick"),
        })
    }
}

fn expand(word: &str) -> Result<Vec<Case>, UnknownCase> {
    let forward = || LOADS.into_iter().map(|(_, load)| Case::Forward(load));
    let others = || OTHERS.into_iter().map(|(_, case)| case);
    let named = || {
        LOADS
            .into_iter()
            .map(|(name, load)| (name, Case::Forward(load)))
            .chain(OTHERS)
    };
    match word {
        "all" => Ok(forward().chain(others()).collect()),
        "forward" => Ok(forward().collect()),
        "overlay" => Ok(forward()
            .filter(|case| matches!(case, Case::Forward(load) if load.overlay.is_some()))
            .collect()),
        "quick" => QUICK.split(',').try_fold(Vec::new(), |mut cases, word| {
            cases.extend(expand(word)?);
            Ok(cases)
        }),
        _ => match named().find(|(name, _)| *name == word) {
            Some((_, case)) => Ok(vec![case]),
            None => Err(UnknownCase {
                word: word.to_owned(),
            }),
        },
    }
}

fn names() -> Vec<&'static str> {
    LOADS
        .iter()
        .map(|(name, _)| *name)
        .chain(OTHERS.iter().map(|(name, _)| *name))
        .collect()
}

impl Plan {
    /// Steps of the progress bar, with `l3fwd` or without.
    #[must_use]
    pub fn steps(&self, method: &Method, l3fwd: bool) -> u64 {
        let samples = method.samples as u64;
        let steps = |case: &Case| match case {
            Case::Forward(load) if l3fwd && load.is_plain() => 3 * samples,
            Case::Forward(_) | Case::Bridge | Case::Churn => 2 * samples,
            Case::Workers => 4 * samples,
            Case::Flood => samples,
            Case::Vnis => vnis::steps(method.samples),
            Case::Updates => updates::steps(method.samples),
            Case::Failover => failover::ROUNDS as u64,
            Case::Fib => fib::sizes(self.quick).len() as u64,
            Case::FibAdversarial => adversarial::INPUTS as u64,
            Case::Latency => latency::LOADS.len() as u64,
        };
        self.cases.iter().map(steps).sum()
    }

    /// Memory that the cases want on huge pages, in MiB, with `l3fwd` or without.
    #[must_use]
    pub fn memory_mib(&self, l3fwd: bool) -> u64 {
        let fib = if self.cases.contains(&Case::Fib) {
            fib::MEMORY_MIB
        } else {
            0
        };
        let l3fwd = if l3fwd { l3fwd::MEMORY_MIB } else { 0 };
        fib.max(l3fwd).max(crate::bench::MEMORY_MIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_cases_once_each() {
        let all: Plan = "all".parse().unwrap();
        assert_eq!(
            (all.cases.len(), all.quick),
            (LOADS.len() + OTHERS.len(), false)
        );
        let quick: Plan = "quick".parse().unwrap();
        assert!(quick.quick && quick.cases.len() == 7);
        let some: Plan = "fib, ipv4-10k,fib".parse().unwrap();
        assert_eq!(
            some.cases,
            [Case::Fib, Case::Forward(load(Family::V4, 10_000, 1))]
        );
    }

    #[test]
    fn two_workers_are_measured_where_all_is_and_not_where_it_has_to_be_quick() {
        let has = |words: &str| {
            let plan: Plan = words.parse().unwrap();
            plan.cases.contains(&Case::Workers)
        };
        assert!(has("all") && has("ipv4-10k-workers"));
        assert!(!has("quick") && !has("forward"));
        let plan: Plan = "ipv4-10k-workers".parse().unwrap();
        let method = Method {
            sample_s: 3.0,
            samples: 3,
            patience: 20,
        };
        // Two programs, and each of them twice.
        assert_eq!(plan.steps(&method, true), 12);
    }

    #[test]
    fn a_word_that_is_none_is_answered_with_those_there_are() {
        let error = "ipv5".parse::<Plan>().unwrap_err().to_string();
        assert!(
            error.contains("ipv5") && error.contains("ipv4-10k") && error.contains("churn"),
            "{error}"
        );
    }
}
