//! Networks through the API, one call after the other: a VRF, a bridge domain with its gateway there, and a VNI each.

use crate::bench::Bench;
use crate::error::PerfError;
use crate::progress::Progress;
use crate::router::overlay::ENDPOINT;
use crate::router::setup::octets;
use crate::router::{Api, Router, Setup};
use crate::sample::median;
use ferroute_proto::v1;
use serde::Serialize;
use std::time::Instant;

/// How many networks there are.
pub const NETWORKS: u32 = 500;
/// The VNI of the first.
const FIRST: u32 = 1_000;

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Networks {
    /// How many there were.
    pub networks: u32,
    /// Seconds until the last was there: the median.
    pub add_s: f64,
    /// Seconds until the last was gone: the median.
    pub remove_s: f64,
    /// Times of all rounds in seconds: added, removed.
    pub rounds_s: Vec<(f64, f64)>,
    /// Resident memory of the router without them, in bytes, huge pages not included.
    pub idle_bytes: u64,
    /// What each takes beyond that, in the first round.
    pub bytes_each: f64,
    /// Resident memory after the last round, in bytes.
    pub emptied_bytes: u64,
}

/// The progress steps of this case.
#[must_use]
pub const fn steps(rounds: usize) -> u64 {
    2 * rounds as u64
}

/// Adds networks to a router that has nothing else to do, and removes them, several times.
///
/// # Errors
/// The router could not be run, or refuses one.
pub fn run(bench: &Bench, progress: &Progress) -> Result<Networks, PerfError> {
    let mut router = Router::start(bench, &Setup::default())?;
    router.api().create_endpoint(v1::EndpointSpec {
        vrf: "default".to_owned(),
        addresses: vec![octets(ENDPOINT.into())],
        ..v1::EndpointSpec::default()
    })?;
    let idle_bytes = router.resident_bytes()?;
    let mut bytes_each = 0.0;
    let mut rounds_s = Vec::new();
    for round in 0..bench.method.samples {
        progress.say("networks are added");
        let add_s = each(router.api(), add)?;
        progress.step();
        if round == 0 {
            let taken = router.resident_bytes()?.saturating_sub(idle_bytes);
            bytes_each = taken as f64 / f64::from(NETWORKS);
        }
        progress.say("networks are removed");
        rounds_s.push((add_s, each(router.api(), remove)?));
        progress.step();
    }
    let emptied_bytes = router.resident_bytes()?;
    router.stop()?;
    let (adds, removals): (Vec<f64>, Vec<f64>) = rounds_s.iter().copied().unzip();
    Ok(Networks {
        networks: NETWORKS,
        add_s: median(&adds),
        remove_s: median(&removals),
        rounds_s,
        idle_bytes,
        bytes_each,
        emptied_bytes,
    })
}

/// Does something for each network; the seconds that it took.
fn each(api: &mut Api, act: fn(&mut Api, u32) -> Result<(), PerfError>) -> Result<f64, PerfError> {
    let start = Instant::now();
    (FIRST..FIRST + NETWORKS).try_for_each(|number| act(api, number))?;
    Ok(start.elapsed().as_secs_f64())
}

fn vrf(number: u32) -> String {
    format!("v{number}")
}

fn domain(number: u32) -> String {
    format!("d{number}")
}

fn add(api: &mut Api, number: u32) -> Result<(), PerfError> {
    api.create_vrf(&vrf(number))?;
    let [.., high, low] = number.to_be_bytes();
    api.create_domain(v1::BridgeDomainSpec {
        name: domain(number),
        gateway: Some(v1::BridgeGateway {
            vrf: vrf(number),
            mac: vec![2, 0, 0x5e, 0, high, low].into(),
            ..v1::BridgeGateway::default()
        }),
        ..v1::BridgeDomainSpec::default()
    })?;
    let domain = domain(number);
    api.create_vni(v1::VniSpec {
        vni: number,
        target: Some(v1::vni_spec::Target::Bridged(v1::BridgedVni { domain })),
        ..v1::VniSpec::default()
    })
}

fn remove(api: &mut Api, number: u32) -> Result<(), PerfError> {
    api.delete_vni(number)?;
    api.delete_domain(&domain(number))?;
    api.delete_vrf(&vrf(number))
}
