//! S11: daemons die, packets do not.

use crate::uplinks::{PREFIXES, TARGETS, Uplinks};
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::Daemon;
use ferroute_tests::traffic::Stream;
use std::time::Duration;

/// How long each absence lasts.
const ABSENCE: Duration = Duration::from_secs(2);

#[test]
fn s11_no_packet_is_lost_while_bgpd_zebra_and_the_bridge_are_killed_and_come_back() {
    let mut lab = Uplinks::start(Release::Debian13, None, true);
    lab.keep("S11");
    // A new zebra reads IPv4 routes with IPv6 next hops back from the kernel without the next hops, and writes them so (seen
    // with FRR 10.3): that loss is not the router's, so the IPv4 stream sits out zebra's death.
    for (daemon, targets) in [(Daemon::Bgpd, &TARGETS[..]), (Daemon::Zebra, &TARGETS[1..])] {
        let streams = targets.iter().map(|(source, target)| {
            let ends = (source.parse().unwrap(), target.parse().unwrap());
            Stream::start((&lab.host, ends.0), (&lab.far, ends.1), 1000).unwrap()
        });
        let streams: Vec<_> = streams.collect();
        lab.r1.frr.kill(daemon).unwrap();
        std::thread::sleep(ABSENCE);
        lab.r1.frr.restart(daemon).unwrap();
        for port in ["p0", "p1"] {
            lab.r1.frr.wait_established(None, port).unwrap();
        }
        lab.r1.wait_forwarding("default", PREFIXES[1], 2);
        std::thread::sleep(ABSENCE);
        for stream in streams {
            let account = stream.stop().unwrap();
            println!(
                "S11: {} killed: {} sent, {} lost, longest gap {:?}",
                daemon.name(),
                account.sent,
                account.lost.len(),
                account.longest_gap
            );
            assert!(
                account.sent > 3000 && account.lost.is_empty(),
                "{account:?}"
            );
        }
    }
    let (source, target) = TARGETS[1];
    let ends = (source.parse().unwrap(), target.parse().unwrap());
    let stream = Stream::start((&lab.host, ends.0), (&lab.far, ends.1), 1000).unwrap();
    lab.r1.bridge.kill().unwrap();
    std::thread::sleep(ABSENCE);
    lab.r1.bridge.restart().unwrap();
    lab.r1.wait_forwarding("default", PREFIXES[1], 2);
    std::thread::sleep(ABSENCE);
    let account = stream.stop().unwrap();
    println!(
        "S11: the bridge killed: {} sent, {} lost, longest gap {:?}",
        account.sent,
        account.lost.len(),
        account.longest_gap
    );
    assert!(
        account.sent > 3000 && account.lost.is_empty(),
        "{account:?}"
    );
    lab.r1.stop();
}
