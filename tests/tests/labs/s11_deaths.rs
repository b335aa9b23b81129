//! S11: programs die and come back, packets do not.

use crate::uplinks::{PREFIXES, Plan, TARGETS, Uplinks};
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::Daemon;
use ferroute_tests::traffic::Stream;
use std::time::Duration;

/// How long each absence lasts.
const ABSENCE: Duration = Duration::from_secs(2);

/// What the way from the kernel to the data path may add to an absence of routes.
const ABSENCE_SLACK: Duration = Duration::from_millis(300);
/// A program that waits so long for a CPU says that the machine has none to spare.
const STARVED: Duration = Duration::from_millis(200);
/// How often a death is tried while the machine or the daemons spoil it.
const TRIALS: usize = 3;

/// Who dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Daemon(Daemon),
    Bridge,
    /// The bridge's connection to the router.
    Connection,
}

const VICTIMS: [Victim; 5] = [
    Victim::Daemon(Daemon::Bgpd),
    Victim::Daemon(Daemon::Staticd),
    Victim::Bridge,
    Victim::Connection,
    Victim::Daemon(Daemon::Zebra),
];

/// Has each die, be away and come back under two streams of 1,000 packets a second.
fn deaths(plan: Plan) {
    let mut lab = Uplinks::start(plan);
    lab.keep("S11");
    for victim in VICTIMS {
        let mut trials = Vec::new();
        while trials.len() < TRIALS && trials.last() != Some(&Trial::Kept) {
            trials.push(trial(&mut lab, plan, victim));
        }
        match trials.last() {
            Some(Trial::Kept) => {}
            _ if trials.contains(&Trial::Withdrawn) => println!(
                "S11: {victim:?}: the daemons took their routes out of the kernel each time; the router lost no more than that"
            ),
            _ => panic!("{victim:?}: the machine had no CPU to spare in any of {TRIALS} trials"),
        }
    }
    lab.r1.stop();
}

/// What a trial showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trial {
    /// No packet was lost.
    Kept,
    /// The daemons took routes out of the kernel, and no more was lost than while they were out.
    Withdrawn,
    /// Programs waited too long for a CPU to say anything.
    Starved,
}

/// One death. A loss that neither the daemons nor the machine explain is the router's or the bridge's, and fails.
fn trial(lab: &mut Uplinks, plan: Plan, victim: Victim) -> Trial {
    // A new zebra of FRR 10.3 reads IPv4 routes with IPv6 next hops back from the kernel without the next hops, and writes
    // them so: that loss is not the router's, so the IPv4 stream sits out its death where the uplinks have no addresses.
    let misread = victim == Victim::Daemon(Daemon::Zebra) && !plan.numbered;
    let targets = if misread { &TARGETS[1..] } else { &TARGETS[..] };
    let kernel = lab.r1.node.kernel().spawn("ip -ts monitor route").unwrap();
    let streams = targets.iter().map(|(source, target)| {
        let ends = (source.parse().unwrap(), target.parse().unwrap());
        Stream::start((&lab.host, ends.0), (&lab.far, ends.1), 1000).unwrap()
    });
    let streams: Vec<_> = streams.collect();
    strike(lab, victim);
    if misread {
        for session in lab.sessions() {
            lab.r1.frr.wait_established(None, &session).unwrap();
        }
        lab.r1.wait_forwarding("default", PREFIXES[1], 2);
    } else {
        lab.converge();
    }
    lab.r1
        .bridge
        .until("the end of what the source says", |status| {
            status["sources"][0]["router"]["end_of_rib"] == true
        })
        .unwrap();
    std::thread::sleep(ABSENCE);
    streams.iter().for_each(Stream::end);
    let mut shown = Trial::Kept;
    // The last targets, if not all.
    let prefixes = &PREFIXES[PREFIXES.len() - targets.len()..];
    for ((stream, (_, target)), prefix) in streams.into_iter().zip(targets).zip(prefixes) {
        let account = stream.stop().unwrap();
        let absence = absence(&kernel.log(), prefix);
        println!(
            "S11: {victim:?} killed: {} sent to {target}, {} lost, longest gap {:?}; {prefix} was out of the kernel for {absence:?}",
            account.sent,
            account.lost.len(),
            account.longest_gap
        );
        assert!(account.sent > 1000, "{account:?}");
        let outage = Duration::from_millis(account.lost.len() as u64);
        shown = match shown {
            before if outage.is_zero() => before,
            _ if account.longest_wait > STARVED => Trial::Starved,
            Trial::Starved => Trial::Starved,
            _ => {
                let explained = !absence.is_zero() && outage <= absence + ABSENCE_SLACK;
                assert!(explained, "{victim:?}, {target}:\n{}", kernel.log());
                Trial::Withdrawn
            }
        };
    }
    shown
}

/// How long the kernel had no route to a prefix, by what `ip -ts monitor` said: lines that begin with the time in brackets.
fn absence(log: &str, prefix: &str) -> Duration {
    let (mut absence, mut since) = (Duration::ZERO, None);
    for line in log.lines() {
        let Some((time, words)) = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("] "))
        else {
            continue;
        };
        let (gone, route) = match words.strip_prefix("Deleted ") {
            Some(route) => (true, route),
            None => (false, words),
        };
        let Some(clock) = time.split_once('T').filter(|_| route.starts_with(prefix)) else {
            continue;
        };
        // Seconds of the day; no lab runs past midnight twice.
        let parts = clock.1.split(':').map(|part| part.parse::<f64>().unwrap());
        let now = Duration::from_secs_f64(parts.fold(0.0, |sum, part| sum * 60.0 + part));
        match (gone, since) {
            (true, None) => since = Some(now),
            (false, Some(then)) => {
                absence += now.saturating_sub(then);
                since = None;
            }
            _ => {}
        }
    }
    absence
}

/// Kills the victim, and has it come back.
fn strike(lab: &mut Uplinks, victim: Victim) {
    match victim {
        Victim::Daemon(daemon) => {
            lab.r1.frr.kill(daemon).unwrap();
            std::thread::sleep(ABSENCE);
            lab.r1.frr.restart(daemon).unwrap();
        }
        Victim::Bridge => {
            lab.r1.bridge.kill().unwrap();
            std::thread::sleep(ABSENCE);
            lab.r1.bridge.restart().unwrap();
        }
        Victim::Connection => {
            let sessions =
                |status: &serde_json::Value| status["sources"][0]["router"]["sessions"].as_u64();
            let before = sessions(&lab.r1.bridge.status().unwrap());
            lab.r1.bridge.cut();
            lab.r1
                .bridge
                .until("another session", |status| sessions(status) > before)
                .unwrap();
        }
    }
}

/// Everybody keeps the routes of those that start again. Without BFD: to neighbours that watch it, a node whose bfdd died is
/// gone (3.4 s without routes were seen), and a bgpd of FRR 10.3 that starts again takes its routes from the kernel before its
/// sessions are up (1.2 s).
const PLAN: Plan = Plan {
    numbered: true,
    graceful: true,
    ..Plan::of(Release::Debian13)
};

#[test]
fn s11_no_packet_is_lost_while_programs_die_and_come_back() {
    deaths(PLAN);
}

#[test]
fn s11_no_packet_is_lost_with_routes_by_frrs_own_channel() {
    let by_channel = true;
    deaths(Plan { by_channel, ..PLAN });
}

#[test]
fn s11_no_packet_is_lost_over_uplinks_without_addresses() {
    let numbered = false;
    deaths(Plan { numbered, ..PLAN });
}

#[test]
fn s11_no_packet_is_lost_with_frr_8() {
    let release = Release::Debian12;
    deaths(Plan { release, ..PLAN });
}

#[test]
fn s11_no_packet_is_lost_with_frr_8_and_its_own_channel() {
    let (release, by_channel) = (Release::Debian12, true);
    deaths(Plan {
        release,
        by_channel,
        ..PLAN
    });
}
