//! Bridged VXLAN with the Linux kernel at the other ends: a bridge domain of the router, and two bridges with a VXLAN device each.
//!
//! ```text
//!                  blue                                  leaf 1 (host b)                leaf 2
//!   host a ── p0 [router] p1 ──────────── eth0 10.2.0.1, 2001:db8:b::1 ─── eth1 10.2.0.2, 2001:db8:b::2
//!   .1, ::1        irb .254, ::fe               ║ vx200                         ║ vx200
//!                  lo0 10.9.0.1, 2001:db8:9::1  br200 ── station .2, ::2        br200 ── station .3, ::3
//! ```
//!
//! The stations are in 10.110.0.0/24 and 2001:db8:110::/64. Each end floods to the two others.

use crate::lab::{OWN, Outer, config, start};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{
    Capture, Interface, Namespace, RawSocket, Recording, Router, TwoHosts, route, veth,
};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const GATEWAY: &str = "02:00:5e:00:01:01";
/// The second leaf's tunnel addresses.
const SECOND: [&str; 2] = ["10.2.0.2", "2001:db8:b::2"];
/// How many bytes VXLAN adds over each family.
const OVERHEAD: [u16; 2] = [50, 70];
/// An EtherType for local experiments (IEEE 802).
const EXPERIMENT: [u8; 2] = [0x88, 0xb5];

/// The addresses of a station or the gateway.
fn addresses(number: u8) -> [String; 2] {
    [
        format!("10.110.0.{number}"),
        format!("2001:db8:110::{number:x}"),
    ]
}

/// A station: where it is, and its Ethernet address.
struct Station {
    eth: Interface,
    mac: String,
}

impl Station {
    fn new(eth: Interface, number: u8, mtu: u16) -> Self {
        for (address, length) in addresses(number).iter().zip([24, 64]) {
            eth.address(&format!("{address}/{length}")).unwrap();
        }
        eth.set(&format!("mtu {mtu}")).unwrap();
        let mac = eth.mac().unwrap();
        Self { eth, mac }
    }

    fn octets(&self) -> [u8; 6] {
        let parts: Vec<_> = self
            .mac
            .split(':')
            .map(|part| u8::from_str_radix(part, 16).unwrap())
            .collect();
        parts.try_into().unwrap()
    }

    /// A frame of the station to all that no kernel has anything to do with.
    fn broadcast(&self, number: u8) -> Vec<u8> {
        [&[0xff; 6][..], &self.octets(), &EXPERIMENT, &[number; 50]].concat()
    }
}

/// A bridge with a VXLAN device and a station; `remotes` is where it floods to.
fn leaf(at: &Namespace, local: &str, remotes: [&str; 2], mtu: u16, number: u8) -> Station {
    let run = |line: String| drop(at.run(&line).unwrap());
    let namespace = Namespace::new("station").unwrap();
    let (port, eth) = veth((at, "station"), (&namespace, "eth0")).unwrap();
    run("ip link add br200 type bridge mcast_snooping 0".to_owned());
    run(format!(
        "ip link add vx200 type vxlan id 200 local {local} dstport 4789"
    ));
    for device in ["br200", "vx200", "station"] {
        // What the leaf says itself has no place in the stations' segment.
        at.sysctl(&format!("net.ipv6.conf.{device}.disable_ipv6"), "1")
            .unwrap();
    }
    for remote in remotes {
        run(format!(
            "bridge fdb append 00:00:00:00:00:00 dev vx200 dst {remote} self"
        ));
    }
    port.set(&format!("mtu {mtu}")).unwrap();
    for device in ["vx200", "station"] {
        run(format!("ip link set {device} mtu {mtu} master br200 up"));
    }
    run("ip link set br200 up".to_owned());
    Station::new(eth, number, mtu)
}

struct Lab {
    hosts: TwoHosts,
    router: Router,
    outer: Outer,
    /// Where the second leaf is.
    _leaf: Namespace,
    /// Behind the router, the first leaf and the second.
    stations: [Station; 3],
}

impl Lab {
    fn new(outer: Outer, words: &str) -> Self {
        let hosts = TwoHosts::build().unwrap();
        let text = config(&hosts);
        let (v4, v6) = (hosts.a.v4, hosts.a.v6);
        let own = format!(
            ", addresses: [{}/{}, \"{}/{}\"]",
            v4.router, v4.length, v6.router, v6.length
        );
        let router = start(&hosts, &text.replace(&own, ""));
        let mtu = 1500 - outer.of(OVERHEAD);
        let (local, first) = outer.ends(&hosts);
        let second = outer.of(SECOND);

        let (box_b, box_c) = (hosts.b.namespace(), Namespace::new("c").unwrap());
        let (b1, c0) = veth((box_b, "eth1"), (&box_c, "eth0")).unwrap();
        b1.address("10.2.255.1/30").unwrap();
        b1.address("2001:db8:b:ff::1/64").unwrap();
        c0.address("10.2.255.2/30").unwrap();
        c0.address("2001:db8:b:ff::2/64").unwrap();
        let lo = Interface::named(&box_c, "lo");
        for ((address, length), (via, default)) in SECOND
            .into_iter()
            .zip([32, 128])
            .zip([("10.2.255.", "0.0.0.0/0"), ("2001:db8:b:ff::", "::/0")])
        {
            lo.address(&format!("{address}/{length}")).unwrap();
            route(box_b, &format!("{address}/{length} via {via}2")).unwrap();
            route(&box_c, &format!("{default} via {via}1")).unwrap();
        }
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            box_b.sysctl(key, "1").unwrap();
        }
        let stations = [
            Station::new(hosts.a.eth0.clone(), 1, mtu),
            leaf(box_b, first, [local, second], mtu, 2),
            leaf(&box_c, second, [local, first], mtu, 3),
        ];

        let say = |words: String| drop(router.cli(&words).unwrap());
        say(format!(
            "domain add blue member p0 gateway {GATEWAY} vrf red dev irb {words}"
        ));
        for (address, length) in addresses(254).iter().zip([24, 64]) {
            say(format!("addr add {address}/{length} dev irb"));
        }
        say("vni add 200 domain blue".to_owned());
        for remote in [first, second] {
            say(format!(
                "fdb add 00:00:00:00:00:00 domain blue dst {remote}"
            ));
        }
        Self {
            hosts,
            router,
            outer,
            _leaf: box_c,
            stations,
        }
    }

    /// Says behind which leaf each station is, as a routing daemon does.
    fn tell_stations(&self) {
        let (_, first) = self.outer.ends(&self.hosts);
        for (station, remote) in self.stations[1..]
            .iter()
            .zip([first, self.outer.of(SECOND)])
        {
            self.router
                .cli(&format!("fdb add {} domain blue dst {remote}", station.mac))
                .unwrap();
        }
    }

    /// Recordings of the fabric and of the stations' links.
    fn record(&self) -> [Capture; 4] {
        let [a, b, c] = &self.stations;
        [&self.hosts.b.eth0, &a.eth, &b.eth, &c.eth].map(|end| Capture::start(end).unwrap())
    }

    /// The frames on the fabric that left the router's tunnel end, by the address of the station that sent them.
    fn sent_of(&self, fabric: &Recording, station: &Station) -> Vec<String> {
        let field = self.outer.of(["ip", "ipv6"]);
        let own = self.outer.of(OWN);
        let filter = format!(
            "vxlan and {field}.src == {own} and eth.src == {}",
            station.mac
        );
        let seen = fabric.dissect(&filter, &[&format!("{field}.dst")]).unwrap();
        seen.into_iter().flatten().collect()
    }

    fn ping(&self, from: usize, to: u8, size: u16) {
        let station = &self.stations[from];
        for (to, header) in addresses(to).iter().zip([28, 48]) {
            let data = size - header;
            let host = station.eth.namespace();
            host.pings(2, &format!("-M do -s {data} {to}")).unwrap();
        }
    }
}

fn faultless(captures: [Capture; 4]) -> [Recording; 4] {
    captures.map(|capture| {
        let recording = capture.stop().unwrap();
        assert_eq!(recording.faults().unwrap(), [""; 0]);
        recording
    })
}

/// Stations reach each other and the gateway, whether the router was told where they are or has to flood.
fn pings_pass(outer: Outer) {
    let lab = Lab::new(outer, "");
    let whole = 1500 - outer.of(OVERHEAD);
    let captures = lab.record();
    for told in [false, true] {
        if told {
            lab.tell_stations();
        }
        for size in [100, whole] {
            for (from, to) in [(0, 2), (0, 3), (1, 1), (2, 1), (0, 254), (1, 254), (2, 254)] {
                lab.ping(from, to, size);
            }
        }
    }
    let [fabric, ..] = faultless(captures);
    let longest = fabric
        .frames
        .iter()
        .map(|frame| frame.bytes.len())
        .max()
        .unwrap();
    assert_eq!(longest, 1514, "the largest frames fill the underlay's link");
    let [a, b, c] = &lab.stations;
    assert!(!lab.sent_of(&fabric, a).is_empty());
    // Split horizon: what came out of a tunnel goes into none.
    for remote in [b, c] {
        assert_eq!(lab.sent_of(&fabric, remote), [""; 0]);
    }
    // A frame that no tunnel takes is not cut (RFC 7348 section 4.3).
    a.eth.set("mtu 1500").unwrap();
    let mut long = a.broadcast(0);
    long.resize(14 + usize::from(whole) + 1, 0);
    RawSocket::open(&a.eth).unwrap().send(&long).unwrap();
    let api = lab.router.api().unwrap();
    until("the drop", LIMIT, || {
        let drops = api.drops()?;
        let counted = drops.iter().any(|drop| drop.reason == "bridge_too_big");
        Ok(Seen::when(counted, || format!("{drops:?}")))
    })
    .unwrap();
    lab.router.stop().unwrap();
}

#[test]
fn p_04_stations_reach_each_other_and_the_gateway_over_ipv4() {
    pings_pass(Outer::V4);
}

#[test]
fn p_04_stations_reach_each_other_and_the_gateway_over_ipv6() {
    pings_pass(Outer::V6);
}

/// Connections each way between the station behind the router and those behind the leaves.
fn tcp_passes(outer: Outer) {
    let lab = Lab::new(outer, "");
    lab.tell_stations();
    let captures = lab.record();
    let client = lab.stations[0].eth.namespace();
    for (number, server) in [(2, &lab.stations[1]), (3, &lab.stations[2])] {
        for (family, reverse) in [(0, ""), (0, "--reverse"), (1, ""), (1, "--reverse")] {
            let mut server = server
                .eth
                .namespace()
                .spawn("iperf3 --server --one-off --forceflush")
                .unwrap();
            server.wait_for("Server listening", LIMIT).unwrap();
            let to = &addresses(number)[family];
            let printed = client
                .run(&format!("iperf3 --client {to} --bytes 2M --json {reverse}"))
                .unwrap();
            let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
            let received = report["end"]["sum_received"]["bytes"].as_u64().unwrap();
            // The client counts when it has sent the last byte; some are still on their way then.
            assert!(received >= 1 << 19, "{to} {reverse}: {report}");
            assert!(server.wait(LIMIT).unwrap().success());
        }
    }
    faultless(captures);
    lab.router.stop().unwrap();
}

#[test]
fn tcp_passes_through_a_bridge_domain_over_ipv4() {
    tcp_passes(Outer::V4);
}

#[test]
fn tcp_passes_through_a_bridge_domain_over_ipv6() {
    tcp_passes(Outer::V6);
}

/// What a station says to all reaches every other station once, and never comes back.
fn broadcasts_arrive_once(outer: Outer) {
    const FRAMES: u8 = 20;
    let lab = Lab::new(outer, "");
    let captures = lab.record();
    for (from, station) in lab.stations.iter().enumerate() {
        let socket = RawSocket::open(&station.eth).unwrap();
        let others: Vec<_> = lab
            .stations
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != from)
            .collect();
        let ears: Vec<_> = others
            .iter()
            .map(|(_, other)| RawSocket::open(&other.eth).unwrap())
            .collect();
        for number in 0..FRAMES {
            socket.send(&station.broadcast(number)).unwrap();
        }
        let last = station.broadcast(FRAMES - 1);
        for ear in ears {
            ear.expect("the last frame", LIMIT, |bytes| {
                (bytes == last).then_some(())
            })
            .unwrap();
        }
    }
    lab.router.api().unwrap().workers_at_rest(LIMIT).unwrap();
    let [fabric, heard @ ..] = faultless(captures);
    for (here, recording) in heard.iter().enumerate() {
        for (from, station) in lab.stations.iter().enumerate() {
            for number in 0..FRAMES {
                let frame = station.broadcast(number);
                let times = recording
                    .frames
                    .iter()
                    .filter(|seen| seen.bytes == frame)
                    .count();
                assert_eq!(times, 1, "frame {number} of {from} at {here}");
            }
        }
    }
    let [a, b, c] = &lab.stations;
    let (_, first) = outer.ends(&lab.hosts);
    let sent = lab.sent_of(&fabric, a);
    for remote in [first, outer.of(SECOND)] {
        let copies = sent.iter().filter(|to| *to == remote).count();
        assert!(copies >= FRAMES.into(), "to {remote}: {copies}");
    }
    for remote in [b, c] {
        assert_eq!(lab.sent_of(&fabric, remote), [""; 0]);
    }
    lab.router.stop().unwrap();
}

#[test]
fn x_09_broadcasts_arrive_once_over_ipv4() {
    broadcasts_arrive_once(Outer::V4);
}

#[test]
fn x_09_broadcasts_arrive_once_over_ipv6() {
    broadcasts_arrive_once(Outer::V6);
}

/// Requests for a station that is known are answered here and counted; the others go out.
fn requests_are_answered_here(outer: Outer) {
    let lab = Lab::new(outer, "suppress on");
    lab.tell_stations();
    let [a, b, c] = &lab.stations;
    for (known, number) in [(b, 2), (c, 3)] {
        for address in addresses(number) {
            lab.router
                .cli(&format!("neigh add {address} lladdr {} dev irb", known.mac))
                .unwrap();
        }
    }
    let captures = lab.record();
    let host = a.eth.namespace();
    for (known, number) in [(b, 2), (c, 3)] {
        let [v4, v6] = addresses(number);
        let printed = host
            .run(&format!("arping -c 1 -w 10 -I eth0 {v4}"))
            .unwrap();
        assert!(printed.to_lowercase().contains(&known.mac), "{printed}");
        let printed = host
            .run(&format!("ndisc6 -n -1 -r 1 -w 10000 {v6} eth0"))
            .unwrap();
        assert!(printed.to_lowercase().contains(&known.mac), "{printed}");
    }
    let blue = lab.router.query("domain show blue").unwrap();
    assert_eq!(blue[0]["answered"], 4, "{blue}");
    // Nobody has these; the leaves hear that they are asked for.
    let [v4, v6] = addresses(77);
    let _ = host.run(&format!("arping -c 1 -w 1 -I eth0 {v4}"));
    let _ = host.run(&format!("ndisc6 -n -1 -r 1 -w 1000 {v6} eth0"));
    let [fabric, ..] = faultless(captures);
    let field = outer.of(["ip.src", "ipv6.src"]);
    let own = format!("{field} == {}", outer.of(OWN));
    for (asked, field, targets) in [
        (
            "arp.opcode == 1",
            "arp.dst.proto_ipv4",
            [addresses(2)[0].clone(), v4],
        ),
        (
            "icmpv6.type == 135",
            "icmpv6.nd.ns.target_address",
            [addresses(2)[1].clone(), v6],
        ),
    ] {
        let [known, unknown] = targets.map(|target| {
            let filter = format!("vxlan and {own} and {asked} and {field} == {target}");
            fabric.dissect(&filter, &["vxlan.vni"]).unwrap().len()
        });
        assert_eq!((known, unknown), (0, 2), "{asked}");
    }
    lab.router.stop().unwrap();
}

#[test]
fn b_07_requests_for_remote_stations_are_answered_here_over_ipv4() {
    requests_are_answered_here(Outer::V4);
}

#[test]
fn b_07_requests_for_remote_stations_are_answered_here_over_ipv6() {
    requests_are_answered_here(Outer::V6);
}
