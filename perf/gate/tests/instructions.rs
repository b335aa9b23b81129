//! The gate: instructions for each packet of the optimised stages, counted by valgrind, stay below bounds that stand here.
//!
//! Times are noisy where tests run; counts are not. A change that needs more instructions and is worth it raises its
//! bound, in the open; one that needs fewer lowers it. `perf/gate/release` builds the program and says where it is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on has failed"
)]

use std::collections::HashSet;
use std::process::Command;

/// Packets of a burst.
const BURST: u64 = 64;
/// Long enough for what happens once to vanish, and for each flow to pass.
const BURSTS: u64 = 64;

/// Instructions that the bursts took.
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
    let counts = std::fs::read_to_string(counts).unwrap();
    let all = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .unwrap();
    all.trim().parse::<u64>().unwrap() - allocator(&counts)
}

/// What of it the C library's allocator took, calls below it included. Packets are on the heap here alone: those of ports are in
/// pools. And how long it takes to drop one differs from release to release of that library, by 50 instructions and more.
fn allocator(counts: &str) -> u64 {
    let mut numbers = HashSet::new();
    let (mut is_callee, mut sum) = (false, 0);
    let mut lines = counts.lines();
    while let Some(line) = lines.next() {
        let callee = line.strip_prefix("cfn=");
        // A function has its name where its number is met first.
        if let Some(function) = callee.or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if matches!(name, "malloc" | "posix_memalign" | "free") {
                numbers.insert(number);
            }
            is_callee = callee.is_some() && numbers.contains(number);
        } else if line.starts_with("calls=") {
            let cost = lines
                .next()
                .and_then(|line| line.rsplit(' ').next())
                .unwrap();
            if is_callee {
                sum += cost.parse::<u64>().unwrap();
            }
        }
    }
    sum
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
    hold("ipv4", 109);
}

#[test]
fn ipv4_over_one_route() {
    hold("ipv4-one", 103);
}

#[test]
fn ipv4_to_one_host_behind_all_lengths() {
    hold("ipv4-chain", 117);
}

#[test]
fn ipv4_to_where_no_route_leads() {
    hold("ipv4-missing", 348);
}

#[test]
fn ipv4_to_many_neighbours() {
    hold("ipv4-hops", 223);
}

#[test]
fn ipv4_over_a_group() {
    hold("ipv4-group", 230);
}

#[test]
fn ipv6_to_one_neighbour() {
    hold("ipv6", 162);
}

#[test]
fn ipv4_into_vxlan() {
    hold("vxlan-encap", 459);
}

#[test]
fn ipv4_into_vxlan_over_a_group() {
    hold("vxlan-encap-group", 560);
}

#[test]
fn ipv4_out_of_vxlan() {
    hold("vxlan-decap", 467);
}

#[test]
fn ipv4_into_labels_over_udp() {
    hold("mplsudp-encap", 455);
}

#[test]
fn ipv4_out_of_labels_over_udp() {
    hold("mplsudp-decap", 491);
}

#[test]
fn frames_through_a_bridge_domain() {
    hold("bridge", 335);
}
