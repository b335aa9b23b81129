//! The safe layer on DPDK itself, without huge pages and without a card.
//!
//! DPDK starts once per process, so these need a runner that gives each test its own: `cargo nextest`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod eal;
mod fib;
mod hotplug;
mod kernel;
mod pools;
mod rings;
mod vdevs;
mod virtio;

use dpdk_sys::{Eal, Mempool, Port, PortConfig, Queues};
use std::sync::Mutex;

/// Lines of DPDK's log, shown when a test fails.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts DPDK so that any number of processes can do so at once.
fn start() -> Eal {
    dpdk_sys::log::route(|level, line| {
        println!("{level:?}: {line}");
        LOG.lock().unwrap().push(line.to_owned());
    })
    .unwrap();
    Eal::init(&arguments()).unwrap()
}

fn arguments() -> Vec<String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let cpus = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .unwrap()
        .trim()
        .to_owned();
    let prefix = format!("--file-prefix=ferroute-test-{}", std::process::id());
    let lcores = format!("--lcores=0@({cpus})");
    [
        "--no-huge",
        "-m",
        "256",
        "--no-pci",
        "--no-telemetry",
        "--no-shconf",
        &prefix,
        &lcores,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Removes DPDK's folder for a test that leaves DPDK running at its end.
fn remove_runtime_folder() {
    std::fs::remove_dir(runtime_folder()).unwrap();
}

fn runtime_folder() -> String {
    format!("/var/run/dpdk/ferroute-test-{}", std::process::id())
}

/// A pool of a size that a leak of one buffer shows in.
fn pool(eal: &Eal) -> Mempool {
    Mempool::create(eal, "packets", 8191, 64, 2048 + 128, None).unwrap()
}

/// Attaches, configures and starts a device with one queue each way.
fn port(eal: &Eal, device: &str, pool: &Mempool) -> (Port, Queues) {
    let mut port = Port::attach(eal, device).unwrap();
    let queues = port.configure(&PortConfig::default(), pool).unwrap();
    port.start().unwrap();
    (port, queues)
}
