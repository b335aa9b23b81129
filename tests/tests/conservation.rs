//! No packet is unaccounted for: at rest, every worker has sent, punted, consumed or dropped what it received.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Api, RawSocket, TwoHosts};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);

/// Received packets of all workers, after checking each worker's account.
fn received(api: &Api) -> u64 {
    let workers = api.workers_at_rest(LIMIT).unwrap();
    for worker in &workers {
        let ended = worker.tx_packets
            + worker.punted_packets
            + worker.consumed_packets
            + worker.dropped_packets;
        assert_eq!(worker.rx_packets, ended, "{worker:?}");
    }
    workers.iter().map(|worker| worker.rx_packets).sum()
}

#[test]
fn received_is_sent_punted_consumed_and_dropped() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    router.cli("route add blackhole 203.0.113.0/24").unwrap();
    let api = router.api().unwrap();
    let before = received(&api);
    let host = lab.a.namespace();
    // Forwarded both ways, to the router itself, and without a way.
    for target in [
        lab.b.v4.behind,
        lab.b.v6.behind,
        lab.a.v4.router,
        lab.b.v6.router,
    ] {
        host.run(&format!("ping -n -c 20 -i 0.01 -W 5 {target}"))
            .unwrap();
    }
    for target in ["203.0.113.1", "198.51.100.1"] {
        host.run(&format!("ping -n -c 20 -i 0.01 -W 0.1 {target}"))
            .unwrap_err();
    }
    // Frames that are broken, of an unknown protocol, for another station, and with a tag that nobody has.
    let socket = RawSocket::open(&lab.a.eth0).unwrap();
    let (ours, other) = ([0x02, 0, 0, 0, 0, 9], [0x02, 0, 0, 0, 0, 8]);
    let router_mac: Vec<u8> = lab
        .a
        .wire
        .mac()
        .unwrap()
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect();
    for _ in 0..10 {
        for behind in [
            &[0x08, 0x00, 0x45][..],
            &[0x08, 0x00, 0x65, 0, 0, 20],
            &[0x88, 0xb5, 1, 2],
            &[0x81, 0, 0, 99, 8, 0, 0x45],
        ] {
            socket
                .send(&[&router_mac[..], &ours, behind, &[0; 40]].concat())
                .unwrap();
            socket
                .send(&[&other[..], &ours, behind, &[0; 40]].concat())
                .unwrap();
        }
        socket
            .send(&[&router_mac[..], &ours, &[0x86, 0xdd, 0x60]].concat())
            .unwrap();
    }
    let passed = received(&api) - before;
    assert!(passed >= 4 * 20 + 2 * 20 + 10 * 9, "{passed}");
    let by_reason: Vec<_> = api
        .drops()
        .unwrap()
        .into_iter()
        .map(|drop| drop.reason)
        .collect();
    for reason in ["blackhole", "unknown_vlan"] {
        assert!(
            by_reason.iter().any(|seen| seen == reason),
            "{reason}: {by_reason:?}"
        );
    }
    let dropped: u64 = api
        .drops()
        .unwrap()
        .iter()
        .flat_map(|drop| &drop.by_worker)
        .sum();
    assert_eq!(
        dropped,
        api.workers_at_rest(LIMIT)
            .unwrap()
            .iter()
            .map(|worker| worker.dropped_packets)
            .sum::<u64>()
    );
    router.stop().unwrap();
}
