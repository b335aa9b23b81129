//! Watches that are too much for somebody: for the client's disk, for its speed, for its life. The router forwards on.

use super::{LIMIT, busy, command, tshark};
use ferroute_tests::traffic::Stream;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Process, Router, TwoHosts};
use nix::sys::signal::Signal;
use std::process::Command;

/// Datagrams of the stream, a second.
const RATE: u32 = 4000;
/// Packets that are more than rings and connections hold of what nobody reads.
const ENOUGH: u64 = 12_000;
/// What the router may need for watches: their rings, and what waits in their connections.
const MOST_BYTES: u64 = 48 << 20;

fn number(router: &Router, words: &str, place: &str) -> u64 {
    let value = router.query(words).unwrap();
    value.pointer(place).unwrap().as_u64().unwrap()
}

#[test]
fn what_clients_do_not_read_is_lost_and_told_and_no_packet_is_lost() {
    let lab = TwoHosts::build().unwrap();
    // Rings of packet sockets that bridge two seconds in which a worker gets no CPU.
    let patient = lab.config().replace("\" }", ",framecnt=4096\" }");
    let router = Router::start(&lab.wires, &patient, &[&lab.node]).unwrap();
    lab.add_routes(&router).unwrap();
    let ends = [&lab.a, &lab.b].map(|host| (host.namespace(), host.v4.behind.parse().unwrap()));
    ends[0].0.run("ping -c 2 -W 5 10.2.0.1").unwrap();
    let resident = || number(&router, "stats memory", "/resident_bytes");
    let before = resident();

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("f.pcapng");
    let words = format!("capture -w {}", file.display());
    let [mut capture, mut trace] =
        [(&*words, "capturing, "), ("trace", "tracing, ")].map(|(words, on)| {
            let process = Process::start(&mut command(&router, words)).unwrap();
            process.wait_for(on, LIMIT).unwrap();
            process.signal(Signal::SIGSTOP);
            process
        });
    let stream = Stream::start(ends[0], ends[1], RATE).unwrap();
    until("packets that are not shown", LIMIT, || {
        let seen = number(&router, "workers", "/0/rx_packets");
        Ok(Seen::when(seen >= ENOUGH, || format!("{seen} received")))
    })
    .unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < MOST_BYTES, "{grown} bytes more");
    for process in [&capture, &trace] {
        process.signal(Signal::SIGCONT);
    }
    trace.wait_for(" packets not shown: ", LIMIT).unwrap();
    let account = stream.stop().unwrap();
    for process in [&mut capture, &mut trace] {
        process.signal(Signal::SIGINT);
        assert!(process.wait(LIMIT).unwrap().success(), "{}", process.log());
    }
    assert!(
        account.lost.is_empty() && account.repeated == 0,
        "{account:?}"
    );
    let said = capture.log();
    let lost = said.split(' ').rev().nth(1).unwrap().parse::<u64>();
    assert!(lost.is_ok_and(|lost| lost > 0), "{said}");
    // The file says where the gaps are.
    let gaps: u64 = tshark(&file, &["frame.drop_count"])
        .iter()
        .filter_map(|row| row[0].parse::<u64>().ok())
        .sum();
    assert!(gaps > 0, "{said}");
    let worker = router.query("workers").unwrap()[0].clone();
    let count = |name: &str| worker[name].as_u64().unwrap();
    let ended = [
        "tx_packets",
        "punted_packets",
        "consumed_packets",
        "dropped_packets",
    ]
    .map(count);
    assert_eq!(count("rx_packets"), ended.iter().sum::<u64>(), "{worker}");
    assert_eq!(count("dropped_packets"), 0, "{worker}");
    router.stop().unwrap();
}

#[test]
fn a_disk_that_fills_up_ends_the_capture_and_what_is_on_it_can_be_read() {
    let (_lab, router, _pings) = busy("");
    let directory = tempfile::tempdir().unwrap();
    let capture = command(&router, "capture -w");
    let words: Vec<_> = std::iter::once(capture.get_program())
        .chain(capture.get_args())
        .map(|word| word.to_str().unwrap())
        .collect();
    let script = format!(
        "mount -t tmpfs -o size=64k small {0} && {1} {0}/f; status=$?; tshark -r {0}/f -T fields -e frame.comment; exit $status",
        directory.path().display(),
        words.join(" "),
    );
    let mut process =
        Process::start(Command::new("unshare").args(["-m", "sh", "-c", &script])).unwrap();
    let status = process.wait(LIMIT).unwrap();
    let said = process.log();
    assert_eq!(status.code(), Some(1), "{said}");
    let full = format!(
        "ferroute: cannot write {}/f: No space left on device",
        directory.path().display()
    );
    assert!(said.contains(&full), "{said}");
    assert!(said.matches("received, worker 0\n").count() > 20, "{said}");
    router.stop().unwrap();
}

#[test]
fn a_client_that_dies_leaves_nothing_on() {
    let (_lab, router, _pings) = busy("");
    let mut first = Process::start(&mut command(&router, "trace")).unwrap();
    first.wait_for("tracing, ", LIMIT).unwrap();
    let refusal = router.cli("trace -n 1").unwrap_err().to_string();
    assert!(
        refusal.contains("another client traces already; one can at a time [TRACE_BUSY]"),
        "{refusal}"
    );
    // Stages are not measured while packets are shown.
    let measured = || number(&router, "workers", "/0/stages/1/packets");
    let before = measured();
    first.wait_for("  sent by port p1", LIMIT).unwrap();
    assert_eq!(measured(), before);
    first.signal(Signal::SIGKILL);
    first.wait(LIMIT).unwrap();
    until("stages to be measured", LIMIT, || {
        let now = measured();
        Ok(Seen::when(now > before, || {
            format!("{now} packets as before")
        }))
    })
    .unwrap();
    router.cli("trace -n 1").unwrap();
    router.stop().unwrap();
}
