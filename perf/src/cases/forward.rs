//! The rate at which one worker forwards, beside testpmd's on the same input.

use super::beside::{self, Beside};
use super::{SET, inject, neighbours};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change};
use crate::router::{Injector, Router, Setup, overlay};
use crate::traffic::overlay::REMOTES;
use crate::traffic::{Family, Overlay, Table};
use ferroute_proto::v1::NextHopSet;
use ipnet::Ipv4Net;
use serde::Serialize;

/// The owner of the route to the remote ends of tunnels.
const UNDERLAY_OWNER: &str = "underlay";

/// What is forwarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Load {
    /// The family.
    pub family: Family,
    /// Routes of the table.
    pub routes: usize,
    /// Neighbours or tunnels to which they lead, one after the other.
    pub next_hops: u16,
    /// Which way packets go through tunnels, if they do.
    pub overlay: Option<Overlay>,
}

impl Load {
    /// What it is, as people say it.
    #[must_use]
    pub fn name(&self) -> String {
        let family = self.family.name();
        match self.overlay {
            None => family.to_owned(),
            Some(Overlay::Into(encap)) => format!("{family} into {}", encap.name()),
            Some(Overlay::OutOf(encap)) => format!("{family} out of {}", encap.name()),
        }
    }
}

/// A measured load.
#[derive(Clone, Debug, Serialize)]
pub struct Forwarding {
    /// The load.
    #[serde(flatten)]
    pub load: Load,
    /// Distinct flows in the input.
    pub flows: usize,
    /// What testpmd and the router reach.
    #[serde(flatten)]
    pub figures: Beside,
}

/// Measures testpmd, then the router.
///
/// # Errors
/// Either could not be run.
pub fn run(bench: &Bench, load: Load, progress: &Progress) -> Result<Forwarding, PerfError> {
    let table = Table::draw(load.family, load.routes);
    let capture = bench.capture(&table, load.overlay)?;
    let setup = Setup {
        capture: Some(&capture),
        ..Setup::default()
    };
    let figures = beside::run(bench, &setup, progress, |router| {
        inject_load(router, &table, &load)
    })?;
    Ok(Forwarding {
        load,
        flows: table.flows.len(),
        figures,
    })
}

/// Injects the routes of a load, and what tunnels need.
fn inject_load(
    router: &mut Router,
    table: &Table,
    load: &Load,
) -> Result<Vec<Injector>, PerfError> {
    let by_neighbours = |router: &Router| {
        let next_hops = neighbours(load.family, load.next_hops);
        inject(router, table, next_hops)
    };
    match load.overlay {
        None => Ok(vec![by_neighbours(router)?]),
        Some(Overlay::OutOf(encap)) => {
            overlay::add_endpoint(router.api(), encap)?;
            Ok(vec![by_neighbours(router)?])
        }
        Some(Overlay::Into(encap)) => {
            overlay::add_endpoint(router.api(), encap)?;
            let mut below = router.injector(UNDERLAY_OWNER)?;
            below.send(&[Batch::sets(vec![NextHopSet {
                id: SET,
                next_hops: vec![overlay::underlay()],
            }])])?;
            let remotes = Ipv4Net::new_assert(REMOTES, 16).into();
            below.send(&[Batch::changes([Change::Set(remotes, SET)])])?;
            let above = inject(router, table, overlay::next_hops(encap))?;
            Ok(vec![below, above])
        }
    }
}
