//! A flood at the router's own address by one port, while a session and ARP go on through another.

use crate::bench::{Bench, ends};
use crate::error::PerfError;
use crate::host::{Host, Life, PORT};
use crate::progress::Progress;
use crate::router::{Router, Setup, setup};
use crate::sample::{Rate, rate};
use crate::traffic::Family;
use crate::traffic::flood::{Target, frames};
use ferroute_proto::v1;
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// The router's address on the flooded link.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 1);
const LENGTH: u8 = 24;
/// The port that the flood comes by.
const SOURCE: &str = setup::SOURCES[0];
/// How soon the flood is there once its port is.
const FLOODED_WITHIN: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Flood {
    /// The host before the flood.
    pub rest: Life,
    /// The host during it.
    pub flooded: Life,
    /// Frames of the flood.
    pub offered: Rate,
    /// What became of the packets for the exception path during the flood, the host's among them.
    pub classes: Vec<Class>,
}

/// One class of packets for the exception path.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Packets a second that were let through.
    pub passed_per_s: f64,
    /// Packets a second that were not.
    pub policed_per_s: f64,
    /// Packets a second that the policer lets through at most.
    pub allowed_per_s: u64,
}

/// Has a host live beside a router at rest, then beside one under a flood.
///
/// # Errors
/// The router could not be run, or the host's session broke.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Flood, PerfError> {
    let IpAddr::V4(beyond) = setup::neighbour(Family::V4, 0, 0) else {
        return Err(PerfError::Missing("neighbour of IPv4".to_owned()));
    };
    let target = Target {
        ends: ends(0),
        router: ROUTER,
        port: PORT,
        beyond,
    };
    let capture = bench.record(0, frames(&target))?;
    let mut router = Router::start(bench, &Setup::default())?;
    let mut host = Host::plug(bench, &mut router)?;
    progress.say("a session at rest");
    let (rest, ()) = host.live(|| Ok(()))?;

    progress.say("a session beside a flood");
    let own: IpNet = Ipv4Net::new_assert(ROUTER, LENGTH).into();
    let source = Bench::source(0, &capture);
    router.api().add_port(SOURCE, &source, &[own])?;
    router.check_source(0)?;
    wait_for_the_flood(&mut router)?;
    let workers = router.workers();
    let (start, before) = (Instant::now(), router.api().punts()?);
    let (flooded, offered) = host.live(|| {
        rate(&bench.method, &workers, progress, || {
            router.api().received(SOURCE)
        })
    })?;
    let after = router.api().punts()?;
    let classes = classes(&before, &after, start.elapsed());
    router.stop()?;
    Ok(Flood {
        rest,
        flooded,
        offered,
        classes,
    })
}

fn wait_for_the_flood(router: &mut Router) -> Result<(), PerfError> {
    let deadline = Instant::now() + FLOODED_WITHIN;
    while router.api().received(SOURCE)? == 0 {
        if Instant::now() > deadline {
            return Err(PerfError::NothingForwarded(FLOODED_WITHIN));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// What became of each class between two readings.
fn classes(before: &[v1::PuntClass], after: &[v1::PuntClass], between: Duration) -> Vec<Class> {
    let per_s = |after: u64, before: u64| (after - before) as f64 / between.as_secs_f64();
    let pairs = before.iter().zip(after);
    pairs
        .map(|(before, after)| Class {
            name: after.name.clone(),
            passed_per_s: per_s(after.passed_packets, before.passed_packets),
            policed_per_s: per_s(after.policed_packets, before.policed_packets),
            allowed_per_s: after.rate_pps,
        })
        .collect()
}
