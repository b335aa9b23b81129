//! Neighbours that move, vanish and collide, as the kernels of real hosts do it.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use std::time::Duration;

use ferroute_tests::topology::{Host, Link};
use ferroute_tests::{Capture, Interface, Namespace, Process, Recording, Router, TwoHosts};

const LIMIT: Duration = Duration::from_secs(20);
const NEW_MAC: &str = "02:00:00:00:00:99";

/// Pings from a host until so many were sent, in the background.
fn pinging(from: &Host, to: &str, count: u32, seconds_apart: f32) -> Process {
    let line = format!("ping -n -c {count} -i {seconds_apart} -W 5 {to}");
    from.namespace().spawn(&line).unwrap()
}

/// How many echo requests were answered.
fn received(ping: &mut Process) -> u32 {
    ping.wait(LIMIT).unwrap();
    let log = ping.log();
    let words: Vec<_> = log.split_whitespace().collect();
    let place = words.iter().position(|word| *word == "received,").unwrap();
    words[place - 1].parse().unwrap()
}

/// Where the frames that pass the filter stand in the recording.
fn places(recording: &Recording, filter: &str) -> Vec<usize> {
    let found = recording.dissect(filter, &["frame.number"]).unwrap();
    found
        .iter()
        .map(|words| words[0].parse().unwrap())
        .collect()
}

#[test]
fn n_06_a_host_that_changes_its_ethernet_address_takes_its_traffic_along() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let host = lab.b.namespace();
    host.sysctl("net.ipv4.conf.eth0.arp_notify", "1").unwrap();
    host.sysctl("net.ipv6.conf.eth0.ndisc_notify", "1").unwrap();

    let capture = Capture::start(&lab.b.eth0).unwrap();
    let mut pings = [lab.b.v4, lab.b.v6].map(|link| pinging(&lab.a, link.behind, 100, 0.02));
    for ping in &pings {
        ping.wait_for("icmp_seq=10 ", LIMIT).unwrap();
    }
    // The kernel says so itself: a gratuitous ARP, and unsolicited advertisements.
    lab.b.eth0.set(&format!("address {NEW_MAC}")).unwrap();
    for ping in &mut pings {
        // Without that the old address would have been believed for 15 seconds at the least.
        let received = received(ping);
        assert!(received >= 90, "{received} of 100: {}", ping.log());
    }

    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    for (announcement, request) in [
        ("arp.isgratuitous == 1", "icmp.type == 8"),
        (
            "icmpv6.type == 136 and icmpv6.nd.na.flag.s == 0",
            "icmpv6.type == 128",
        ),
    ] {
        let told = places(
            &recording,
            &format!("eth.src == {NEW_MAC} and {announcement}"),
        )[0];
        let moved = places(&recording, &format!("eth.dst == {NEW_MAC} and {request}"))[0];
        assert!(
            told < moved,
            "{request}: traffic moved in frame {moved}, before frame {told}"
        );
        let stray = places(&recording, &format!("eth.dst != {NEW_MAC} and {request}"));
        assert!(
            stray.iter().all(|place| *place < moved),
            "{request}: some went back"
        );
    }
    router.stop().unwrap();
}

#[test]
fn n_04_n_09_a_host_that_vanished_is_asked_for_three_times_and_its_peer_is_told() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    let targets = [lab.b.v4, lab.b.v6];
    for Link { host, .. } in targets {
        assert_eq!(received(&mut pinging(&lab.a, host, 2, 0.05)), 2);
    }
    lab.b.eth0.mute().unwrap();
    // As if the times of RFC 4861 for noticing it had passed.
    router.cli("neigh flush --dev p1").unwrap();

    let capture = Capture::start(&lab.b.eth0).unwrap();
    let mut pings = targets.map(|link| pinging(&lab.a, link.host, 1, 1.0));
    for (ping, (own, words)) in pings.iter_mut().zip([
        (lab.a.v4.router, "Destination Host Unreachable"),
        (
            lab.a.v6.router,
            "Destination unreachable: Address unreachable",
        ),
    ]) {
        ping.wait(LIMIT).unwrap();
        let log = ping.log();
        let from = log.lines().find(|line| line.starts_with("From ")).unwrap();
        assert!(from.contains(own) && from.contains(words), "{log}");
    }
    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    for (request, to) in [
        (
            format!(
                "arp.opcode == 1 and arp.dst.proto_ipv4 == {}",
                lab.b.v4.host
            ),
            "ff:ff:ff:ff:ff:ff",
        ),
        (
            format!(
                "icmpv6.type == 135 and icmpv6.nd.ns.target_address == {}",
                lab.b.v6.host
            ),
            "33:33:ff:00:00:02",
        ),
    ] {
        let asked = recording
            .dissect(&request, &["frame.time_relative", "eth.dst"])
            .unwrap();
        let times: Vec<f64> = asked
            .iter()
            .map(|words| words[0].parse().unwrap())
            .collect();
        assert_eq!(times.len(), 3, "{request}: {times:?}");
        assert!(
            times
                .windows(2)
                .all(|pair| (0.98..2.0).contains(&(pair[1] - pair[0]))),
            "{request}: {times:?}"
        );
        assert!(
            asked.iter().all(|words| words[1] == to),
            "{request}: {asked:?}"
        );
    }
    router.stop().unwrap();
}

#[test]
fn n_08_a_host_finds_out_that_the_routers_addresses_are_taken() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    let host = lab.b.namespace();
    let capture = Capture::start(&lab.b.eth0).unwrap();

    // RFC 5227: a probe from no address; arping fails when somebody answers.
    let probe = format!("arping -D -c 2 -w 5 -I eth0 {}", lab.b.v4.router);
    let printed = host.run(&probe).unwrap_err().to_string();
    assert!(
        printed.to_lowercase().contains(&lab.b.wire.mac().unwrap()),
        "{printed}"
    );

    // RFC 4862: the kernel gives the address up.
    host.sysctl("net.ipv6.conf.eth0.accept_dad", "1").unwrap();
    let watch = host.spawn("ip -6 monitor address").unwrap();
    host.run(&format!("ip address add {}/64 dev eth0", lab.b.v6.router))
        .unwrap();
    watch.wait_for("dadfailed", LIMIT).unwrap();

    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    let answer = format!(
        "icmpv6.type == 136 and eth.src == {} and icmpv6.nd.na.target_address == {} \
         and icmpv6.nd.na.flag.r == 1 and icmpv6.nd.na.flag.s == 0 and icmpv6.nd.na.flag.o == 1",
        lab.b.wire.mac().unwrap(),
        lab.b.v6.router
    );
    let probed = places(
        &recording,
        &format!(
            "ipv6.src == :: and icmpv6.nd.ns.target_address == {}",
            lab.b.v6.router
        ),
    )
    .first()
    .copied();
    let answers = recording
        .dissect(
            &answer,
            &["frame.number", "eth.dst", "ipv6.dst", "ipv6.hlim"],
        )
        .unwrap();
    let after = answers
        .iter()
        // An announcement of the router may come first: then the host gives up before it asks.
        .find(|words| probed.is_none_or(|probed| words[0].parse::<usize>().unwrap() > probed));
    assert_eq!(after.unwrap()[1..], ["33:33:00:00:00:01", "ff02::1", "255"]);

    // The router goes on with its addresses.
    for address in [lab.b.v4.router, lab.b.v6.host] {
        assert_eq!(
            received(&mut pinging(&lab.a, address, 2, 0.05)),
            2,
            "{address}"
        );
    }
    router.stop().unwrap();
}

#[test]
fn n_12_a_card_is_told_to_take_all_groups_and_solicitations_arrive() {
    let wires = Namespace::new("wires").unwrap();
    let config = "twin: { enabled: false }\n\
                  ports:\n  - { name: p0, device: \"net_tap0,iface=t0\" }\n\
                  interfaces:\n  - { name: p0, addresses: [\"2001:db8:3::1/64\"] }\n";
    let router = Router::start(&wires, config, &[]).unwrap();
    let card = Interface::named(&wires, "t0");
    // What the driver set on the device beneath it.
    let flags = wires.run("ip link show dev t0").unwrap();
    assert!(
        flags.contains("ALLMULTI") && !flags.contains("PROMISC"),
        "{flags}"
    );

    // The kernel is the far end of this wire; it starts with the port's own address.
    card.set(&format!("address {NEW_MAC}")).unwrap();
    card.address("2001:db8:3::2/64").unwrap();
    let capture = Capture::start(&card).unwrap();
    let printed = wires.run("ping -n -c 1 -W 5 2001:db8:3::1").unwrap();
    assert!(printed.contains(" 1 received"), "{printed}");
    let recording = capture.stop().unwrap();
    let asked = "icmpv6.nd.ns.target_address == 2001:db8:3::1 and eth.dst == 33:33:ff:00:00:01";
    assert!(!places(&recording, asked).is_empty());
    router.stop().unwrap();
}
