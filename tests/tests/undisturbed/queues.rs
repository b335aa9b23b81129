//! Several workers, ports with several queues, and queues that go from one worker to another.

use crate::flow::{Flow, flows, patient};
use crate::life;
use ferroute_tests::{Namespace, Router, TwoHosts, veth};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

/// Flows each way in each family: enough that no queue is left out but once in a thousand runs.
const FLOWS: u16 = 3;

/// The first two CPUs that this process may use, each for a worker; the other threads share them.
fn workers() -> Option<String> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
    let mut cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap());
    let Some((first, second)) = cpus.next().zip(cpus.next()) else {
        println!("skipped: two workers need two CPUs");
        return None;
    };
    Some(format!("cpus: {{ workers: [{first}, {second}] }}\n"))
}

/// The lab with two workers, and two queues on each port; none where there are not two CPUs.
fn start(lab: &TwoHosts, of_port: &str) -> Option<Router> {
    let two_queues = format!(",qpairs=2\", rx_queues: 2, {of_port} }}");
    let config = patient(lab).replace("\" }", &two_queues) + &workers()?;
    let router = Router::start(&lab.wires, &config, &[&lab.node]).unwrap();
    lab.add_routes(&router).unwrap();
    Some(router)
}

/// Which worker polls each queue of a port.
fn pollers(router: &Router, port: &str) -> Vec<u64> {
    let shown = router.query(&format!("port show {port}")).unwrap();
    let port = shown.get(0).unwrap_or(&shown);
    let queues = port["queues"].as_array().unwrap();
    queues
        .iter()
        .map(|queue| queue["worker"].as_u64().unwrap())
        .collect()
}

/// What each worker has received so far.
fn received(router: &Router) -> Vec<u64> {
    let shown = router.query("workers").unwrap();
    let workers = shown.as_array().unwrap();
    workers
        .iter()
        .map(|worker| worker["rx_packets"].as_u64().unwrap())
        .collect()
}

/// Moves the queues of both ports in every way, several times.
fn move_queues(router: &Router) {
    for _ in 0..3 {
        for (port, workers) in [
            ("p0", [1, 0]),
            ("p1", [1, 1]),
            ("p1", [0, 0]),
            ("p0", [0, 1]),
            ("p1", [1, 0]),
            ("p0", [0, 0]),
            ("p1", [0, 1]),
            ("p0", [1, 1]),
            ("p0", [0, 1]),
        ] {
            let [first, second] = workers;
            router
                .cli(&format!("port set {port} --workers {first},{second}"))
                .unwrap();
            assert_eq!(pollers(router, port), workers);
        }
    }
}

#[test]
fn queues_go_from_worker_to_worker_and_no_datagram_is_lost_or_overtaken() {
    let lab = TwoHosts::build().unwrap();
    let Some(router) = start(&lab, "tx_queues: 2") else {
        return;
    };
    let flows = flows(&lab, FLOWS);
    assert_eq!(pollers(&router, "p0"), [0, 1]);
    let before = received(&router);
    move_queues(&router);
    let after = received(&router);
    flows.into_iter().for_each(Flow::end);
    // Both did their part, or nothing was shown.
    for (worker, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(after - before > 50, "worker {worker}: {before} to {after}");
    }
    router.stop().unwrap();
}

#[test]
fn what_a_worker_handed_off_is_not_overtaken_after_its_queue_has_moved() {
    let lab = TwoHosts::build().unwrap();
    // All is sent by worker 0, to which worker 1 hands off.
    let Some(router) = start(&lab, "tx_queues: 1") else {
        return;
    };
    let flows = flows(&lab, FLOWS);
    move_queues(&router);
    flows.into_iter().for_each(Flow::end);
    router.stop().unwrap();
}

#[test]
fn ports_of_many_queues_come_and_go_beside_others_and_a_worker_that_is_none_is_refused() {
    let lab = TwoHosts::build().unwrap();
    let third = Namespace::new("third").unwrap();
    let (_host, wire) = veth((&third, "eth0"), (&lab.wires, "w2")).unwrap();
    wire.mute().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let Some(router) = start(&lab, "tx_queues: 2") else {
        return;
    };
    let flows = flows(&lab, 1);
    for device in [
        "net_af_packet_p2,iface=w2,qpairs=2",
        "net_tap2,iface=t2",
        &format!(
            "net_memif2,role=server,socket={}/memif,socket-abstract=no",
            folder.path().display()
        ),
    ] {
        life(&router, &format!("{device} --rx-queues 2 --tx-queues 2"));
    }
    let refused = router.cli("port set p0 --workers 1,7").unwrap_err();
    assert!(
        refused.to_string().contains("there is no worker 7"),
        "{refused}"
    );
    assert_eq!(pollers(&router, "p0"), [0, 1]);
    flows.into_iter().for_each(Flow::end);
    router.stop().unwrap();
}
