//! What is added, changed and removed while the router runs disturbs nobody else's traffic.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Process, TwoHosts};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Pings in both families from one host to the other, five hundred a second, until [`Stream::end`].
struct Stream(Vec<Process>);

impl Stream {
    fn start(lab: &TwoHosts) -> Self {
        let targets = [lab.b.v4.behind, lab.b.v6.behind];
        let start = |target| {
            let ping = lab
                .a
                .namespace()
                .spawn(&format!("ping -n -i 0.004 -W 5 {target}"))
                .unwrap();
            ping.wait_for("icmp_seq=1 ", LIMIT).unwrap();
            ping
        };
        Self(targets.map(start).into())
    }

    /// Ends the pings; none may have been lost. Of the last the answer may be on its way when the end comes.
    fn end(self) {
        for mut ping in self.0 {
            ping.signal(nix::sys::signal::Signal::SIGINT);
            ping.wait(LIMIT).unwrap();
            let log = ping.log();
            let number = |line: &str| {
                line.split("icmp_seq=")
                    .nth(1)?
                    .split(' ')
                    .next()?
                    .parse::<usize>()
                    .ok()
            };
            let answered: Vec<_> = log.lines().filter_map(number).collect();
            assert!(
                answered.iter().copied().eq(1..=answered.len()),
                "{answered:?}"
            );
            assert!(answered.len() > 20, "{log}");
        }
    }
}

#[test]
fn ports_come_and_go_beside_traffic() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let stream = Stream::start(&lab);
    for _ in 0..3 {
        for words in [
            "port add p2 net_tap2,iface=t2",
            "link set p2 up",
            "addr add 10.0.3.1/24 dev p2",
            "addr add 2001:db8:3::1/64 dev p2",
            "link add p2.7 type vlan link p2 id 7",
            "route add 198.51.100.0/24 via 10.0.3.9",
            "link set p2 mtu 1400",
            "link set p2 down",
            "port del p2",
            "route del 198.51.100.0/24",
        ] {
            router.cli(words).unwrap();
        }
        let shown = router.cli("link show").unwrap();
        assert!(!shown.contains("p2"), "{shown}");
    }
    stream.end();
    router.stop().unwrap();
}

#[test]
fn vrfs_loopbacks_and_many_routes_come_and_go_beside_traffic() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let stream = Stream::start(&lab);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("routes");
    let line = |n: u32| {
        format!(
            "172.{}.{}.0/24 via 10.0.{}.2\n",
            16 + (n >> 8) % 16,
            n & 0xff,
            1 + n % 2
        )
    };
    std::fs::write(&file, (0..4096).map(line).collect::<String>()).unwrap();
    for _ in 0..3 {
        router.cli("vrf add red").unwrap();
        router
            .cli("link add lo7 type loopback vrf red mtu 1500")
            .unwrap();
        router.cli("addr add 192.0.2.7/32 dev lo7").unwrap();
        router
            .cli(&format!("route inject {}", file.display()))
            .unwrap();
        // The routes of the stream itself are replaced by others that lead the same way.
        router
            .cli("route replace 10.2.0.0/16 via 10.0.2.2 dev p1")
            .unwrap();
        router
            .cli("route replace 10.2.0.0/16 via 10.0.2.2")
            .unwrap();
        router.cli("link del lo7").unwrap();
        router.cli("vrf del red").unwrap();
    }
    stream.end();
    router.stop().unwrap();
}

#[test]
fn an_interface_that_is_set_down_takes_nobody_along() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let ping = |target: &str| {
        lab.a
            .namespace()
            .run(&format!("ping -n -c 1 -W 1 {target}"))
    };
    ping(lab.b.v4.behind).unwrap();
    router.cli("link set p1 down").unwrap();
    ping(lab.b.v4.behind).unwrap_err();
    ping(lab.a.v4.router).unwrap();
    router.cli("link set p1 up").unwrap();
    for target in [lab.b.v4.behind, lab.b.v6.behind] {
        ping(target).unwrap();
    }
    router.stop().unwrap();
}

#[test]
fn a_port_leaves_the_kernels_interface_below_it_as_it_was() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    let is_promiscuous = || {
        let link = lab.wires.run("ip -br link show w1").unwrap();
        link.contains("PROMISC")
    };
    router.cli("port set p1 --promiscuous").unwrap();
    assert!(is_promiscuous());
    router.cli("port del p1").unwrap();
    assert!(!is_promiscuous());
    router.stop().unwrap();
}

#[test]
fn rings_that_only_the_device_string_sizes_are_not_said_to_be_sized() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    for words in [
        "port set p1 --rx-descriptors 256",
        "port set p1 --tx-descriptors 256",
    ] {
        let refused = router.cli(words).unwrap_err().to_string();
        assert!(refused.contains("framecnt="), "{refused}");
    }
    // The port works on as it did.
    let ping = format!("ping -n -c 3 -i 0.01 -W 5 {}", lab.b.v4.behind);
    lab.a.namespace().run(&ping).unwrap();
    router.stop().unwrap();
}
