//! The rate at which the router forwards, beside testpmd's on the same input.

use super::beside::{self, Beside};
use super::{SET, inject, neighbours};
use crate::bench::Bench;
use crate::error::PerfError;
use crate::machine::Workers;
use crate::progress::Progress;
use crate::router::inject::{Batch, Change};
use crate::router::{Injector, Router, Setup, overlay, setup};
use crate::sample::Rate;
use crate::traffic::overlay::REMOTES;
use crate::traffic::{Family, Overlay, Table};
use ferroute_proto::v1::NextHopSet;
use ipnet::Ipv4Net;
use serde::Serialize;
use std::path::PathBuf;

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
    /// Ways to each of them, by sinks of their own: what a packet takes is its flow's.
    pub uplinks: u8,
    /// Which way packets go through tunnels, if they do.
    pub overlay: Option<Overlay>,
}

impl Load {
    /// Whether another program does the same: one that knows neither tunnels nor many next hops.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.overlay.is_none() && self.next_hops == 1 && self.uplinks == 1
    }

    /// What it is, as people say it.
    #[must_use]
    pub fn name(&self) -> String {
        let family = self.family.name();
        let what = match self.overlay {
            None => family.to_owned(),
            Some(Overlay::Into(encap)) => format!("{family} into {}", encap.name()),
            Some(Overlay::OutOf(encap)) => format!("{family} out of {}", encap.name()),
        };
        match self.uplinks {
            1 => what,
            uplinks => format!("{what} over {uplinks} uplinks"),
        }
    }
}

/// What goes into all that is measured on a load.
#[derive(Clone, Debug)]
pub struct Input {
    /// The load.
    pub load: Load,
    /// The routes and flows.
    pub table: Table,
    /// The frames, all of them for each worker.
    pub captures: Vec<PathBuf>,
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
    /// What l3fwd reaches on the same input, where it was measured.
    pub l3fwd: Option<Rate>,
}

impl Input {
    /// Draws it and writes it for up to these workers.
    ///
    /// # Errors
    /// The disk is full.
    pub fn draw(bench: &Bench, load: Load, workers: Workers) -> Result<Self, PerfError> {
        let table = Table::draw(load.family, load.routes);
        let captures = bench.captures(&table, load.overlay, workers)?;
        Ok(Self {
            load,
            table,
            captures,
        })
    }
}

/// Measures testpmd, then the router, with one worker each.
///
/// # Errors
/// Either could not be run.
pub fn run(bench: &Bench, input: &Input, progress: &Progress) -> Result<Forwarding, PerfError> {
    Ok(Forwarding {
        load: input.load,
        flows: input.table.flows.len(),
        figures: figures(bench, input, Workers::One, progress)?,
        l3fwd: None,
    })
}

/// What testpmd and the router reach with these workers, each of which receives all of the input.
pub(super) fn figures(
    bench: &Bench,
    input: &Input,
    workers: Workers,
    progress: &Progress,
) -> Result<Beside, PerfError> {
    let setup = Setup {
        captures: &input.captures[..workers.count()],
        ..Setup::default()
    };
    beside::run(bench, &setup, progress, |router| {
        inject_load(router, &input.table, &input.load)
    })
}

/// Injects the routes of a load, and what tunnels need.
fn inject_load(
    router: &mut Router,
    table: &Table,
    load: &Load,
) -> Result<Vec<Injector>, PerfError> {
    let by_neighbours = |router: &Router| match load.uplinks {
        1 => inject(router, table, neighbours(load.family, load.next_hops)),
        uplinks => inject(
            router,
            table,
            std::iter::once(setup::uplinks(load.family, uplinks)),
        ),
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
                next_hops: setup::uplinks(Family::V4, load.uplinks),
            }])])?;
            let remotes = Ipv4Net::new_assert(REMOTES, 16).into();
            below.send(&[Batch::changes([Change::Set(remotes, SET)])])?;
            let above = inject(
                router,
                table,
                overlay::next_hops(encap).map(|hop| vec![hop]),
            )?;
            Ok(vec![below, above])
        }
    }
}
