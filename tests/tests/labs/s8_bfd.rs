//! S8: BFD finds an uplink that is dead without a sign; one that lost its carrier is found at once.

use crate::uplinks::{Plan, TARGETS, Uplinks};
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::{Bfd, Daemon};
use ferroute_tests::traffic::Stream;
use std::time::{Duration, Instant};

/// The detection time is their product.
const FAST: Bfd = Bfd {
    multiplier: 3,
    interval_ms: 100,
};
/// What FRR, the kernel and the router may need besides, on a machine that is busy with other labs.
const SLACK: Duration = Duration::from_millis(1500);
/// So many streams that one of them is on the uplink that goes, but for one case in 65,536.
const STREAMS: usize = 16;

#[test]
fn s8_a_silent_uplink_is_found_by_bfd_and_traffic_moves_to_the_other() {
    let lab = start();
    lab.keep("S8");
    let peers = lab
        .r1
        .frr
        .show(Daemon::Bfdd, "show bfd peers json")
        .unwrap();
    let sessions = peers.as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{peers:#}");
    for session in sessions {
        assert_eq!(session["status"], "up", "{peers:#}");
        assert_eq!(session["receive-interval"], FAST.interval_ms, "{peers:#}");
    }

    let (detected, outage) = outage(&lab, |lab| {
        let wire = lab.r1.node.wire("p0").unwrap();
        for end in [&lab.cables[0], wire] {
            end.swallow().unwrap();
        }
    });
    let bound = Duration::from_millis(u64::from(FAST.interval_ms) * u64::from(FAST.multiplier));
    // Not by anything else: its last packet came at most an interval before.
    assert!(
        detected + Duration::from_millis(FAST.interval_ms.into()) > bound,
        "{detected:?}"
    );
    assert!(detected < bound + SLACK, "{detected:?}");
    assert!(outage < bound + SLACK, "{outage:?}");
    lab.r1.stop();
}

#[test]
fn s8_a_cut_uplink_is_found_by_its_carrier() {
    let lab = start();
    let (detected, outage) = outage(&lab, |lab| lab.cables[0].set("down").unwrap());
    assert!(
        detected < SLACK && outage < SLACK,
        "{detected:?} {outage:?}"
    );
    lab.r1.stop();
}

fn start() -> Uplinks {
    let bfd = Some(FAST);
    Uplinks::start(Plan {
        bfd,
        ..Plan::of(Release::Debian13)
    })
}

/// Harms the first uplink under traffic. Answers how long FRR needed to see it, and the longest outage of a stream.
fn outage(lab: &Uplinks, harm: impl FnOnce(&Uplinks)) -> (Duration, Duration) {
    let (source, target) = TARGETS[0];
    let ends = (source.parse().unwrap(), target.parse().unwrap());
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| Stream::start((&lab.host, ends.0), (&lab.far, ends.1), 100).unwrap())
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let cut = Instant::now();
    harm(lab);
    lab.r1.frr.wait_lost(None, "p0").unwrap();
    let detected = cut.elapsed();
    lab.r1.wait_forwarding("default", "10.20.0.0/16", 1);
    let moved = cut.elapsed();
    let stop = |stream: Stream| std::thread::spawn(|| stream.stop().unwrap());
    let stopping: Vec<_> = streams.into_iter().map(stop).collect();
    let accounts = stopping.into_iter().map(|thread| thread.join().unwrap());
    let hit: Vec<_> = accounts
        .filter(|account| !account.lost.is_empty())
        .collect();
    let outage = hit
        .iter()
        .map(|account| account.longest_gap)
        .max()
        .unwrap_or_default();
    println!(
        "S8: found after {detected:?}, moved after {moved:?}, the longest outage of {} streams that were there {outage:?}",
        hit.len()
    );
    (detected, outage)
}
