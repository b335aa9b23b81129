//! A bridge domain between Linux hosts: the router from its configuration file, everything else the kernel's.
//!
//! ```text
//!   h0 10.0.0.10 ── p0 ┐
//!   h1 10.0.0.11 ── p1 ├ blue ── irb 10.0.0.1 (VRF red) ── p3 10.3.0.1 ── h3 10.3.0.2
//!   h2 10.0.0.12 ── p2 ┘         02:00:5e:00:01:01
//! ```
//!
//! The same in IPv6: 2001:db8::1x, 2001:db8::1, 2001:db8:3::.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what cannot go on has failed"
)]

use ferroute_proto::v1;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Capture, Interface, Namespace, RawSocket, Router, route, veth};
use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

const LIMIT: Duration = Duration::from_secs(60);
const GATEWAY: &str = "02:00:5e:00:01:01";
const NAMES: [&str; 4] = ["h0", "h1", "h2", "h3"];

struct Lab {
    router: Router,
    hosts: Vec<Interface>,
    _wires: Namespace,
}

impl Lab {
    fn start() -> Self {
        let wires = Namespace::new("wires").unwrap();
        let mut config = "twin: { enabled: false }\nvrfs: [{ name: red }]\nports:\n".to_owned();
        let mut hosts = Vec::new();
        for (number, name) in NAMES.into_iter().enumerate() {
            let namespace = Namespace::new(name).unwrap();
            let wire_name = format!("w{number}");
            let (eth0, wire) = veth((&namespace, "eth0"), (&wires, &wire_name)).unwrap();
            wire.mute().unwrap();
            let (v4, v6, gateways) = if name == "h3" {
                (
                    "10.3.0.2/24".into(),
                    "2001:db8:3::2/64".into(),
                    ["10.3.0.1", "2001:db8:3::1"],
                )
            } else {
                let v4 = format!("10.0.0.1{number}/24");
                (
                    v4,
                    format!("2001:db8::1{number}/64"),
                    ["10.0.0.1", "2001:db8::1"],
                )
            };
            let addresses: [String; 2] = [v4, v6];
            for address in &addresses {
                eth0.address(address).unwrap();
            }
            for (prefix, gateway) in ["0.0.0.0/0", "::/0"].into_iter().zip(gateways) {
                route(&namespace, &format!("{prefix} via {gateway}")).unwrap();
            }
            let device = format!("net_af_packet_p{number},iface={wire_name},qdisc_bypass=0");
            let _ = writeln!(config, "  - {{ name: p{number}, device: \"{device}\" }}");
            hosts.push(eth0);
        }
        config += &format!(
            "interfaces: [{{ name: p3, vrf: red, addresses: [10.3.0.1/24, \"2001:db8:3::1/64\"] }}]\n\
             domains:\n  - name: blue\n    members: [p0, p1, p2]\n    ageing_seconds: 10\n    suppress: true\n    \
             gateway: {{ vrf: red, interface: irb, mac: \"{GATEWAY}\", addresses: [10.0.0.1/24, \"2001:db8::1/64\"] }}\n"
        );
        let router = Router::start(&wires, &config, &[]).unwrap();
        Self {
            router,
            hosts,
            _wires: wires,
        }
    }

    fn host(&self, number: usize) -> &Namespace {
        self.hosts[number].namespace()
    }

    fn pings(&self, from: usize, to: &str) {
        let answered = self.host(from).pings(3, &format!("-s 1000 {to}"));
        assert!(answered.is_ok(), "h{from} to {to}: {answered:?}");
    }
}

#[test]
fn hosts_reach_each_other_and_by_the_gateway_all_else() {
    let lab = Lab::start();
    let captures = [1, 3].map(|host| Capture::start(&lab.hosts[host]).unwrap());
    for to in ["10.0.0.11", "2001:db8::11", "10.0.0.12", "2001:db8::12"] {
        lab.pings(0, to);
    }
    for to in ["10.0.0.1", "2001:db8::1", "10.3.0.2", "2001:db8:3::2"] {
        lab.pings(1, to);
    }
    // The way back first: nobody has spoken with h2 before.
    for to in ["10.0.0.12", "2001:db8::12"] {
        lab.pings(3, to);
    }
    for (server, address) in [(1, "10.0.0.11"), (3, "2001:db8:3::2")] {
        let mut serving = lab
            .host(server)
            .spawn("iperf3 --server --one-off --forceflush")
            .unwrap();
        serving.wait_for("Server listening", LIMIT).unwrap();
        // The receiver counts what came; with --reverse that is the client.
        let client = format!("iperf3 --client {address} --bytes 4M --json --reverse");
        let printed = lab.host(0).run(&client).unwrap();
        let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert!(report["end"]["sum_received"]["bytes"].as_u64().unwrap() >= 4 << 20);
        assert!(serving.wait(LIMIT).unwrap().success());
    }
    for gateway in ["10.0.0.1", "2001:db8::1"] {
        let shown = lab
            .host(1)
            .run(&format!("ip neigh show {gateway}"))
            .unwrap();
        assert!(shown.contains(GATEWAY), "{gateway}: {shown}");
    }
    let stations = lab.router.query("fdb show --domain blue").unwrap();
    let stations = stations.as_array().unwrap();
    for (number, eth0) in lab.hosts[..3].iter().enumerate() {
        let mac = eth0.mac().unwrap();
        let station = stations.iter().find(|s| s["mac"] == mac.as_str()).unwrap();
        assert_eq!(station["interface"], format!("p{number}"), "{station}");
        assert_eq!(station["state"], "learned", "{station}");
    }
    let neighbours = lab.router.cli("neigh show --dev irb").unwrap();
    assert!(neighbours.contains("10.0.0.11"), "MAC and IP: {neighbours}");
    for capture in captures {
        let recording = capture.stop().unwrap();
        assert_eq!(recording.faults().unwrap(), [""; 0]);
    }
    lab.router.stop().unwrap();
}

#[test]
fn broadcast_reaches_all_and_what_is_known_one() {
    let lab = Lab::start();
    let sockets: Vec<_> = lab
        .hosts
        .iter()
        .map(|h| RawSocket::open(h).unwrap())
        .collect();
    let all = frame([0xff; 6], [2, 0, 0, 0, 1, 0], 1);
    sockets[0].send(&all).unwrap();
    for socket in &sockets[1..3] {
        let what = "the broadcast as it was sent";
        socket
            .expect(what, LIMIT, |seen| (seen == all).then_some(()))
            .unwrap();
    }
    // Until it is learned, the answer is flooded.
    until("the sender is learned", LIMIT, || {
        let shown = lab.router.cli("fdb show --domain blue")?;
        let learned = shown.contains("02:00:00:00:01:00");
        Ok(Seen::when(learned, || shown))
    })
    .unwrap();
    let answer = frame([2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 1], 2);
    sockets[1].send(&answer).unwrap();
    sockets[0]
        .expect("the answer", LIMIT, |seen| (seen == answer).then_some(()))
        .unwrap();
    // What comes after the answer at the third host is the next broadcast: the answer did not come there.
    let last = frame([0xff; 6], [2, 0, 0, 0, 1, 0], 3);
    sockets[0].send(&last).unwrap();
    let tagged = |seen: &[u8]| (seen[12..14] == [0x88, 0xb5]).then(|| seen.to_vec());
    let next = sockets[2]
        .expect("the next broadcast", LIMIT, tagged)
        .unwrap();
    assert_eq!(next, last);
    let what = "nothing of it leaves the domain";
    let other = sockets[3].receive(Duration::ZERO).unwrap();
    let leaked = other.filter(|seen| seen.bytes[12..14] == [0x88, 0xb5]);
    assert_eq!(leaked, None, "{what}");
    lab.router.stop().unwrap();
}

/// A frame that no kernel has anything to do with.
fn frame(to: [u8; 6], from: [u8; 6], mark: u8) -> Vec<u8> {
    [&to[..], &from, &[0x88, 0xb5], &[mark; 50]].concat()
}

#[test]
fn stations_are_told_of_at_once_when_they_come_and_move_and_when_they_age() {
    let lab = Lab::start();
    let api = lab.router.api().unwrap();
    let mut events = api
        .watch(v1::WatchRequest {
            kinds: vec![v1::EventKind::Station.into()],
            ..v1::WatchRequest::default()
        })
        .unwrap();
    let sockets: Vec<_> = lab
        .hosts
        .iter()
        .map(|h| RawSocket::open(h).unwrap())
        .collect();
    let mut told = |mac: [u8; 6]| loop {
        let event = events.next(LIMIT).unwrap();
        let Some(v1::event::What::Station(event)) = event.what else {
            continue;
        };
        let station = event.station.clone().unwrap();
        if station.mac[..] == mac {
            return event;
        }
    };
    // A loaded machine may let the reader of events wait, but not always.
    let mut shortest = LIMIT;
    for number in 0..40 {
        let mac = [2, 0, 0, 0, 2, number];
        let began = SystemTime::now();
        sockets[0].send(&frame([0xff; 6], mac, number)).unwrap();
        let event = told(mac);
        shortest = shortest.min(began.elapsed().unwrap());
        assert_eq!(event.cause(), v1::StationCause::Learned);
    }
    println!("a new station is told of {shortest:?} after its frame at best");
    assert!(shortest < Duration::from_millis(10), "{shortest:?}");

    // A host that the gateway knows is asked for in time, so it stays however silent it is.
    lab.pings(2, "10.0.0.1");
    let moving = [2, 0, 0, 0, 2, 0];
    sockets[1].send(&frame([0xff; 6], moving, 41)).unwrap();
    let event = told(moving);
    assert_eq!(event.cause(), v1::StationCause::Moved);
    assert_eq!(event.previous_interface, "p0");
    let to = frame(moving, [2, 0, 0, 0, 2, 1], 42);
    sockets[2].send(&to).unwrap();
    sockets[1]
        .expect("the frame at the new place", LIMIT, |seen| {
            (seen == to).then_some(())
        })
        .unwrap();

    loop {
        let event = told(moving);
        if event.cause() == v1::StationCause::Aged {
            break;
        }
    }
    until("all of them age", LIMIT, || {
        let learned = lab.router.query("fdb show --domain blue --kind learned")?;
        let text = learned.to_string();
        let gone = !text.contains("02:00:00:00:02");
        Ok(Seen::when(gone, || text))
    })
    .unwrap();
    let learned = lab.router.cli("fdb show --domain blue").unwrap();
    assert!(learned.contains(&lab.hosts[2].mac().unwrap()), "{learned}");
    lab.router.stop().unwrap();
}

/// Networks that are added at once.
const NETWORKS: u32 = 500;
/// Memory that each may take, in bytes.
const NETWORK_BYTES: u64 = 1 << 20;

#[test]
fn five_hundred_networks_come_over_the_api_and_take_little_memory() {
    use ferroute_proto::v1::bridge_domain_service_client::BridgeDomainServiceClient;
    use ferroute_proto::v1::overlay_service_client::OverlayServiceClient;
    use ferroute_proto::v1::stats_service_client::StatsServiceClient;
    use ferroute_proto::v1::vrf_service_client::VrfServiceClient;

    let lab = Lab::start();
    lab.router.cli("link add lo0 type loopback").unwrap();
    lab.router.cli("addr add 192.0.2.1/32 dev lo0").unwrap();
    lab.router
        .cli("endpoint add default address 192.0.2.1")
        .unwrap();
    let api = lab.router.api().unwrap();
    let resident = || {
        let mut stats = StatsServiceClient::new(api.channel());
        let memory = api.call(stats.memory(v1::MemoryRequest {})).unwrap();
        memory.resident_bytes
    };
    let before = resident();
    let began = Instant::now();
    let mut vrfs = VrfServiceClient::new(api.channel());
    let mut domains = BridgeDomainServiceClient::new(api.channel());
    let mut overlays = OverlayServiceClient::new(api.channel());
    for number in 1000..1000 + NETWORKS {
        let (vrf, domain) = (format!("v{number}"), format!("d{number}"));
        let spec = v1::VrfSpec {
            name: vrf.clone(),
            ..v1::VrfSpec::default()
        };
        let spec = Some(spec);
        api.call(vrfs.create(v1::CreateVrfRequest { spec }))
            .unwrap();
        let [.., high, low] = number.to_be_bytes();
        let spec = Some(v1::BridgeDomainSpec {
            name: domain.clone(),
            gateway: Some(v1::BridgeGateway {
                vrf,
                mac: vec![2, 0, 0x5e, 0, high, low].into(),
                ..v1::BridgeGateway::default()
            }),
            ..v1::BridgeDomainSpec::default()
        });
        api.call(domains.create_domain(v1::CreateDomainRequest { spec }))
            .unwrap();
        let target = Some(v1::vni_spec::Target::Bridged(v1::BridgedVni { domain }));
        let spec = Some(v1::VniSpec {
            vni: number,
            target,
            ..v1::VniSpec::default()
        });
        api.call(overlays.create_vni(v1::CreateVniRequest {
            spec,
            ..v1::CreateVniRequest::default()
        }))
        .unwrap();
    }
    let each = resident().saturating_sub(before) / u64::from(NETWORKS);
    println!(
        "{NETWORKS} networks took {:?} and {each} bytes each",
        began.elapsed()
    );
    assert!(each <= NETWORK_BYTES, "{each}");
    let shown = lab.router.query("domain show").unwrap();
    assert_eq!(shown.as_array().unwrap().len(), 1 + NETWORKS as usize);
    lab.router.stop().unwrap();
}
