//! A worker that hangs: everybody is told, all that does not need it goes on, and when it is back all is as it was.

use super::LIMIT;
use super::workers::{METRICS, metrics};
use ferroute_proto::v1;
use ferroute_proto::v1::event::What;
use ferroute_tests::api::Watch;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Hold, Interface, Router, TwoHosts};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// How long a change may take that the held worker has no part in, with what the machine does besides. Waiting for the worker
/// each time would take more.
const CHANGES_WITHIN: Duration = Duration::from_secs(20);
const CHANGES: u32 = 20;
const NEW: &str = "198.51.100.7";

/// Waits until it is told of worker 1 that it hangs, or no longer. Of one that just gets no CPU the same may be told.
fn wait_for(events: &mut Watch<'_>, hung: bool) {
    let wanted = What::Worker(v1::WorkerEvent { worker: 1, hung });
    while events.next(LIMIT).unwrap().what.as_ref() != Some(&wanted) {}
}

/// Of each worker whether it hangs, as the command line and the metrics say.
fn hung(router: &Router, lab: &TwoHosts) -> Vec<[bool; 2]> {
    let shown = router.query("workers").unwrap();
    let samples = metrics(&lab.wires);
    let workers = shown.as_array().unwrap().iter();
    workers
        .map(|worker| {
            let (number, cpu) = (&worker["worker"], &worker["cpu"]);
            let name = format!("ferroute_worker_hung{{worker=\"{number}\",cpu=\"{cpu}\"}}");
            [worker["hung"].as_bool().unwrap(), samples[&name] > 0.0]
        })
        .collect()
}

/// Waits until no worker is said to hang.
fn all_move(router: &Router, lab: &TwoHosts) {
    until("workers that move", LIMIT, || {
        let hung = hung(router, lab);
        Ok(Seen::when(hung == [[false; 2]; 2], || format!("{hung:?}")))
    })
    .unwrap();
}

#[test]
fn a_worker_that_hangs_is_told_of_and_the_rest_goes_on_until_it_is_back() {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let mut cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap());
    let Some((first, second)) = cpus.next().zip(cpus.next()) else {
        println!("skipped: two workers need two CPUs");
        return;
    };
    let lab = TwoHosts::build().unwrap();
    // One that slept would hold nothing up.
    let more = format!(
        "cpus: {{ workers: [{first}, {second}], idle: poll }}\nmetrics: {{ listen: \"{METRICS}\" }}\n"
    );
    let router = lab.start(&more).unwrap();
    lab.add_routes(&router).unwrap();
    let (host, behind) = (lab.a.namespace(), lab.b.v4.behind);
    let ping = format!("ping -n -c 2 -W 20 {behind}");
    host.run(&ping).unwrap();
    all_move(&router, &lab);
    let api = router.api().unwrap();
    let mut events = api
        .watch(v1::WatchRequest {
            kinds: vec![v1::EventKind::Worker.into()],
            ..v1::WatchRequest::default()
        })
        .unwrap();

    let held = Hold::of(router.process(), "worker-1").unwrap();
    wait_for(&mut events, true);
    assert_eq!(hung(&router, &lab)[1], [true, true]);
    // Worker 0 has the queue of p0, and sends by both ports.
    host.run(&format!("ping -n -c 2 -W 20 {}", lab.a.v4.router))
        .unwrap();
    let start = Instant::now();
    for number in 0..CHANGES {
        router
            .cli(&format!(
                "route add 203.0.113.{number}/32 via {}",
                lab.b.v4.host
            ))
            .unwrap();
    }
    assert!(start.elapsed() < CHANGES_WITHIN, "{:?}", start.elapsed());
    Interface::named(lab.b.namespace(), "lo")
        .address(&format!("{NEW}/32"))
        .unwrap();
    router
        .cli(&format!("route add {NEW}/32 via {}", lab.b.v4.host))
        .unwrap();
    let inbound = lab
        .b
        .namespace()
        .enter(|| UdpSocket::bind((NEW, 7)))
        .unwrap()
        .unwrap();
    inbound.set_read_timeout(Some(LIMIT)).unwrap();
    let outbound = host
        .enter(|| UdpSocket::bind("0.0.0.0:0"))
        .unwrap()
        .unwrap();
    outbound.send_to(b"over a new route", (NEW, 7)).unwrap();
    let mut datagram = [0; 32];
    assert_eq!(inbound.recv(&mut datagram).unwrap(), 16);
    // What needs the held worker is refused, not awaited.
    let refusal = router.cli("port set p1 --workers 0").unwrap_err();
    let refusal = refusal.to_string();
    assert!(refusal.contains("worker 1 does not answer"), "{refusal}");

    drop(held);
    wait_for(&mut events, false);
    all_move(&router, &lab);
    host.run(&ping).unwrap();
    router.cli("port set p1 --workers 0").unwrap();
    host.run(&ping).unwrap();
    let said = router.stop().unwrap();
    assert!(said.contains("the worker hangs"), "{said}");
    assert!(said.contains("the worker moves again"), "{said}");
}
