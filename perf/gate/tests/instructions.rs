//! The gate: instructions for each packet of the optimised stages, counted by valgrind, stay below bounds that stand here.
//!
//! Times are noisy where tests run; counts are not. A change that needs more instructions and is worth it raises its
//! bound, in the open; one that needs fewer lowers it. `perf/gate/release` builds the program and says where it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on has failed"
)]

use std::path::Path;
use std::process::Command;

/// Packets of a burst.
const BURST: u64 = 64;
/// Long enough for what happens once to vanish, and for each flow to pass.
const BURSTS: u64 = 64;

/// Instructions that the bursts took, by callgrind's own sum.
fn instructions(load: &str) -> u64 {
    let program = std::env::var_os("FERROUTE_GATE").expect(
        "run by cargo nextest, whose setup script builds the program and sets FERROUTE_GATE",
    );
    let directory = tempfile::tempdir().unwrap();
    let counts = directory.path().join("counts");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*count_this*"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(&program)
        .args([load, &BURSTS.to_string()])
        .output()
        .expect("valgrind is installed by tests/scripts/deps test");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    total(&counts)
}

fn total(counts: &Path) -> u64 {
    let text = std::fs::read_to_string(counts).unwrap();
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap();
    total.trim().parse().unwrap()
}

/// Holds a load to its bound. The count must not be far below it either: then the bound guards nothing.
fn hold(load: &str, bound: u64) {
    let each = instructions(load).div_ceil(BURST * BURSTS);
    println!("{load}: {each} instructions for each packet, at most {bound}");
    assert!(
        each <= bound,
        "{load} takes {each} instructions for each packet, more than {bound}"
    );
    assert!(
        each * 4 >= bound * 3,
        "{load} takes only {each} instructions for each packet: lower the bound of {bound}"
    );
}

#[test]
fn ipv4_to_one_neighbour() {
    hold("ipv4", 245);
}

#[test]
fn ipv4_over_one_route() {
    hold("ipv4-one", 225);
}

#[test]
fn ipv4_to_one_host_behind_all_lengths() {
    hold("ipv4-chain", 235);
}

#[test]
fn ipv4_to_where_no_route_leads() {
    hold("ipv4-missing", 570);
}

#[test]
fn ipv4_to_many_neighbours() {
    hold("ipv4-hops", 320);
}

#[test]
fn ipv4_over_a_group() {
    hold("ipv4-group", 418);
}

#[test]
fn ipv6_to_one_neighbour() {
    hold("ipv6", 260);
}

#[test]
fn ipv4_into_vxlan() {
    hold("vxlan-encap", 545);
}

#[test]
fn ipv4_out_of_vxlan() {
    hold("vxlan-decap", 590);
}

#[test]
fn ipv4_into_labels_over_udp() {
    hold("mplsudp-encap", 545);
}

#[test]
fn ipv4_out_of_labels_over_udp() {
    hold("mplsudp-decap", 610);
}

#[test]
fn frames_through_a_bridge_domain() {
    hold("bridge", 338);
}
