//! The kernel speaks faster than the bridge listens.

use super::kernel::SOURCE;
use super::lab::{lab, routes, until, until_route};
use ferroute_tests::process::output;
use ferroute_tests::traffic::Stream;
use ferroute_tests::{Bridge, TwoHosts};
use std::fmt::Write as _;

/// Routes that come and go while nobody listens, and how often: more words than the socket's 64 MiB hold.
const ROUTES: u32 = 4000;
const TIMES: u32 = 40;

/// Has the kernel of the node do many things at once.
fn batch(lab: &TwoHosts, lines: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, lines.as_bytes()).unwrap();
    let mut command = lab.node.command("ip");
    output(command.arg("-batch").arg(file.path())).unwrap();
}

#[test]
fn words_that_were_lost_are_made_good_without_a_flap() {
    let (lab, router) = lab();
    for (host, prefix) in [(&lab.a, lab.a.v4.prefix), (&lab.b, lab.b.v4.prefix)] {
        let line = format!("ip route add {prefix} via {} proto bgp", host.v4.host);
        lab.node.run(&line).unwrap();
    }
    lab.node
        .run("ip route add 198.51.100.0/24 via 10.0.1.2 proto bgp")
        .unwrap();
    let bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    for prefix in [lab.a.v4.prefix, lab.b.v4.prefix, "198.51.100.0/24"] {
        until_route(&router, "kernel", prefix, |route| {
            route["state"] == "active"
        });
    }
    let ends = [&lab.a, &lab.b].map(|host| (host.namespace(), host.v4.behind.parse().unwrap()));
    let stream = Stream::start(ends[0], ends[1], 500).unwrap();

    bridge.pause();
    let mut lines = String::new();
    for _ in 0..TIMES {
        for word in ["add", "del"] {
            for number in 0..ROUTES {
                let (high, low) = (number / 256, number % 256);
                writeln!(
                    lines,
                    "route {word} 10.100.{high}.{low}/32 via 10.0.1.2 proto bgp"
                )
                .unwrap();
            }
        }
    }
    lines += "route del 198.51.100.0/24 via 10.0.1.2 proto bgp\n";
    lines += "route add 198.51.101.0/24 via 10.0.2.2 proto bgp\n";
    batch(&lab, &lines);
    bridge.resume();

    let status = bridge
        .until("another reading of the kernel", |status| {
            let follower = &status["sources"][0]["kernel"];
            follower["overruns"].as_u64() > Some(0) && follower["dumps"].as_u64() > Some(1)
        })
        .unwrap();
    assert_eq!(status["sources"][0]["kernel"]["unreadable"], 0);
    let expected = [lab.a.v4.prefix, lab.b.v4.prefix, "198.51.101.0/24"];
    let mut seen = Vec::new();
    let right = || {
        seen = routes(&router, "kernel");
        seen.len() == expected.len()
            && (expected.iter()).all(|prefix| seen.iter().any(|route| route["prefix"] == **prefix))
    };
    assert!(until(right), "{seen:#?}");
    let account = stream.stop().unwrap();
    assert!(account.sent > 0 && account.lost.is_empty(), "{account:?}");
}
