//! Single packets, watched while they are forwarded: traces and captures of a router between two hosts, as an operator sees
//! them, and as tshark reads them.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "observe/hang.rs"]
mod hang;
#[path = "observe/load.rs"]
mod load;
#[path = "observe/workers.rs"]
mod workers;

use ferroute_tests::process::output;
use ferroute_tests::router::program;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Process, Router, TwoHosts};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// More than a pcapng file has before its first frame.
const EMPTY_BYTES: u64 = 200;

/// A router with this in its configuration too whose neighbours are resolved, and pings from one host to the other, and to where no route leads.
fn busy(more: &str) -> (TwoHosts, Router, [Process; 2]) {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start(more).unwrap();
    lab.add_routes(&router).unwrap();
    let host = lab.a.namespace();
    host.run(&format!("ping -n -c 2 -W 5 {}", lab.b.v4.behind))
        .unwrap();
    let pings = [lab.b.v4.behind, "203.0.113.1"]
        .map(|to| host.spawn(&format!("ping -n -i 0.02 {to}")).unwrap());
    (lab, router, pings)
}

fn command(router: &Router, words: &str) -> Command {
    let mut command = Command::new(program("ferroute"));
    command
        .arg("--socket")
        .arg(router.socket())
        .args(words.split_whitespace());
    command
}

/// Fields of every frame of a file, as tshark reads them.
fn tshark(file: &Path, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args(["-r"]).arg(file).args(["-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let printed = output(&mut command).unwrap();
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    printed.lines().map(row).collect()
}

#[test]
fn a_trace_shows_each_decision_and_ends_at_its_count() {
    let (_lab, router, _pings) = busy("");
    let shown = router
        .cli("trace --dev p0 --prefix 10.2.0.0/16 -n 3")
        .unwrap();
    assert_eq!(
        shown.matches("Z worker 0: 98 bytes, ").count(),
        3,
        "{shown}"
    );
    for line in [
        "> 10.2.0.1 icmp 8/0 ttl 64",
        "  taken by p0, VRF default",
        "  looked up in VRF default: next hop ",
        "10.0.2.2 dev p1 lladdr ",
        "  sent by port p1, interface p1",
        "> 10.2.0.1 icmp 8/0 ttl 63",
    ] {
        assert_eq!(shown.matches(line).count(), 3, "{line}\n{shown}");
    }

    let shown = router
        .cli("trace --reason no_route --vrf default -n 2")
        .unwrap();
    for line in [
        "> 203.0.113.1 icmp 8/0",
        ", no_route\n",
        "punted: no_route, class exception",
    ] {
        assert_eq!(shown.matches(line).count(), 2, "{line}\n{shown}");
    }
    router.stop().unwrap();
}

#[test]
fn a_capture_is_read_by_tshark_with_interfaces_times_and_reasons() {
    let (_lab, router, _pings) = busy("");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("all.pcapng");
    router
        .cli(&format!("capture -w {} -n 200", file.display()))
        .unwrap();
    let frames = tshark(
        &file,
        &[
            "frame.comment",
            "frame.interface_name",
            "ip.dst",
            "ip.ttl",
            "frame.time_epoch",
        ],
    );
    assert_eq!(frames.len(), 200);
    let has = |wanted: [&str; 4]| frames.iter().any(|frame| frame[..4] == wanted);
    for wanted in [
        ["received, worker 0", "p0", "10.2.0.1", "64"],
        ["sent, worker 0", "p1", "10.2.0.1", "63"],
        ["punted: no_route, worker 0", "p0", "203.0.113.1", "64"],
    ] {
        assert!(has(wanted), "{wanted:?} is not in {frames:?}");
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    for frame in &frames {
        let (_, fraction) = frame[4].split_once('.').unwrap();
        assert_eq!(fraction.len(), 9, "{frame:?}");
        let ago = now - frame[4].parse::<f64>().unwrap();
        assert!((0.0..60.0).contains(&ago), "{frame:?} {ago}");
    }

    let file = directory.path().join("some.pcapng");
    router
        .cli(&format!(
            "capture -w {} --at transmit --dev p1 --prefix 10.2.0.1 -s 34 -n 3",
            file.display()
        ))
        .unwrap();
    let frames = tshark(&file, &["frame.comment", "frame.cap_len", "frame.len"]);
    assert_eq!(frames, vec![["sent, worker 0", "34", "98"]; 3]);
    router.stop().unwrap();
}

#[test]
fn one_client_captures_at_a_time_and_gives_way_when_it_goes() {
    let (_lab, router, _pings) = busy("");
    let directory = tempfile::tempdir().unwrap();
    let first = directory.path().join("first.pcapng");
    let mut running = Process::start(&mut command(
        &router,
        &format!("capture -w {}", first.display()),
    ))
    .unwrap();
    running.wait_for("capturing, ", LIMIT).unwrap();
    let second = format!("capture -n 1 -w {}", directory.path().join("x").display());
    let refusal = router.cli(&second).unwrap_err().to_string();
    assert!(
        refusal.contains("another client captures already; one can at a time [CAPTURE_BUSY]"),
        "{refusal}"
    );
    // A trace is another matter.
    router.cli("trace -n 1").unwrap();
    until("frames in the file", LIMIT, || {
        let bytes = std::fs::metadata(&first).unwrap().len();
        Ok(Seen::when(bytes > EMPTY_BYTES, || format!("{bytes} bytes")))
    })
    .unwrap();
    running.signal(nix::sys::signal::Signal::SIGINT);
    assert!(running.wait(LIMIT).unwrap().success());
    assert!(
        running.log().contains(" frames captured, "),
        "{}",
        running.log()
    );
    assert!(!tshark(&first, &["frame.number"]).is_empty());
    until("the place of the first", LIMIT, || {
        match router.cli(&second) {
            Ok(_) => Ok(Seen::Yes(())),
            Err(error) if error.to_string().contains("[CAPTURE_BUSY]") => {
                Ok(Seen::NotYet(error.to_string()))
            }
            Err(error) => Err(error),
        }
    })
    .unwrap();
    router.stop().unwrap();
}

#[test]
fn a_full_file_system_ends_the_capture_with_a_clear_error() {
    let (_lab, router, _pings) = busy("");
    let refusal = router.cli("capture -w /dev/full").unwrap_err().to_string();
    assert!(
        refusal.contains("cannot write /dev/full: No space left on device"),
        "{refusal}"
    );
    let refusal = router
        .cli("trace --reason weather")
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("[UNKNOWN_REASON]"), "{refusal}");
    let refusal = router.cli("trace --dev p9").unwrap_err().to_string();
    assert!(
        refusal.contains("there is no interface p9 [UNKNOWN_INTERFACE]"),
        "{refusal}"
    );
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f");
    let words = format!("capture -w {} -n 5", file.display());
    let start = Instant::now();
    // The core looks ten times a second whether readers are still there.
    while let Err(error) = router.cli(&words) {
        assert!(error.to_string().contains("CAPTURE_BUSY"), "{error}");
        assert!(start.elapsed() < LIMIT);
    }
    assert_eq!(tshark(&file, &["frame.number"]).len(), 5);
    router.stop().unwrap();
}
