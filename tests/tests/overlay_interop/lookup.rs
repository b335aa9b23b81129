//! What the router says of a way through a tunnel is what then happens: the bytes of its lookup stand in the frames that
//! leave, and its counters are what a recording counts.

use crate::explained::{Explained, Traffic, counted, minus};
use crate::lab::{FAR, Linux, OWN, Outer, config, route_to_leaf, start};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Capture, Interface, Namespace, Recording, Router, TwoHosts};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
/// How many bytes VXLAN adds over each family.
const OVERHEAD: [u16; 2] = [50, 70];
/// A second station of the leaf on the underlay's link.
const SECOND: [&str; 2] = ["10.0.2.3", "2001:db8:2::3"];
const SECOND_MAC: &str = "02:00:00:00:0b:03";
/// Flows of each family, and the bytes of their datagrams.
const FLOWS: u16 = 40;
const DATAGRAM: [u8; 200] = [0x5a; 200];
const PORT: u16 = 7000;
/// The first flow's port: a dissector takes some of those that the kernel chooses for protocols that it knows.
const FIRST: u16 = 40_100;

/// Gives the leaf a second station on the link, with an address of its own, and has the router use both.
fn two_ways(hosts: &TwoHosts) -> String {
    let box_b = hosts.b.namespace();
    box_b
        .run(&format!(
            "ip link add second link eth0 address {SECOND_MAC} type macvlan mode bridge"
        ))
        .unwrap();
    for conf in ["all", "second"] {
        box_b
            .sysctl(&format!("net.ipv4.conf.{conf}.rp_filter"), "0")
            .unwrap();
    }
    // It has no address of its own and answers for none.
    box_b.sysctl("net.ipv4.conf.all.arp_ignore", "1").unwrap();
    Interface::named(box_b, "second").set("up").unwrap();
    let mut text = config(hosts);
    for (first, second) in [hosts.b.v4.host, hosts.b.v6.host].into_iter().zip(SECOND) {
        for via in [
            format!("address: {first} }}"),
            format!("address: \"{first}\" }}"),
        ] {
            let both = format!("{via}, {{ address: \"{second}\" }}");
            text = text.replace(&via, &both);
        }
    }
    text += "neighbours:\n";
    for address in SECOND {
        text +=
            &format!("  - {{ interface: p1, address: \"{address}\", mac: \"{SECOND_MAC}\" }}\n");
    }
    text
}

/// Sends a datagram of each flow to the tenant, which sends it back.
fn exchange(
    host: &Namespace,
    tenant: &Namespace,
    near: &str,
    far: &str,
    clients: &mut Vec<UdpSocket>,
) {
    let open = |at: &Namespace, address: &str, port| {
        let socket = at
            .enter(|| UdpSocket::bind((address, port)))
            .unwrap()
            .unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        socket
    };
    let server = open(tenant, far, PORT);
    if clients.is_empty() {
        clients.extend((FIRST..FIRST + FLOWS).map(|port| open(host, near, port)));
    }
    let mut data = [0; 1500];
    for client in clients {
        client.send_to(&DATAGRAM, (far, PORT)).unwrap();
        let (length, from) = server.recv_from(&mut data).unwrap();
        server.send_to(&data[..length], from).unwrap();
        let (length, _) = client.recv_from(&mut data).unwrap();
        assert_eq!(data[..length], DATAGRAM);
    }
}

/// The inner frames of VXLAN packets that a dissector finds from this address, counted.
fn inside(recording: &Recording, outer: Outer, source: &str) -> Traffic {
    let field = outer.of(["ip.src", "ipv6.src"]);
    let filter = format!("vxlan.vni == 100 and {field} == {source}");
    let found = recording.dissect(&filter, &["udp.length"]).unwrap();
    found.iter().fold((0, 0), |(packets, bytes), fields| {
        let udp: u64 = fields[0].parse().unwrap();
        // Behind the UDP header and VXLAN's own.
        (packets + 1, bytes + udp - 8 - 8)
    })
}

/// Waits until what is counted is what was seen: a worker counts when it has sent.
fn agree(what: &str, seen: Traffic, counted: impl Fn() -> Traffic) {
    until(what, LIMIT, || {
        let counted = counted();
        Ok(Seen::when(counted == seen, || {
            format!("{counted:?} counted, {seen:?} seen")
        }))
    })
    .unwrap();
}

fn the_lookup_is_what_happens(outer: Outer) {
    let hosts = TwoHosts::build().unwrap();
    let router = start(&hosts, &two_ways(&hosts));
    let linux = Linux::attach(&hosts, &router, outer, false, 1500 - outer.of(OVERHEAD));
    let (host, tenant) = (hosts.a.namespace(), &linux.tenant);
    let pairs = [(hosts.a.v4.host, FAR[0]), (hosts.a.v6.host, FAR[1])];
    let mut clients = [Vec::new(), Vec::new()];
    let mut talk = || {
        for ((near, far), clients) in pairs.into_iter().zip(&mut clients) {
            exchange(host, tenant, near, far, clients);
        }
    };
    // What waits for a neighbour is sent by the exception path, and counted there.
    talk();
    let explained = FAR.map(|far| Explained::ask(&router, far));
    let rx = |router: &Router| counted(router, "vni show", ("vni", 100), "rx_");
    let tx = |router: &Router| counted(router, "vni show", ("vni", 100), "tx_");
    let before = (rx(&router), tx(&router), explained[0].counted(&router));

    let capture = Capture::start(&hosts.b.eth0).unwrap();
    talk();
    let fabric = capture.stop().unwrap();
    assert_eq!(fabric.faults().unwrap(), [""; 0]);

    // Both families go into one tunnel, by both ways of the underlay.
    let flows = 2 * u64::from(FLOWS);
    for explained in &explained {
        assert_eq!(explained.rewrites.len(), 2, "{explained:?}");
        assert_eq!(explained.seen(&fabric).0, flows, "{explained:?}");
        let frames = fabric.frames.iter().map(|frame| &frame.bytes);
        let ways: BTreeSet<_> = frames.filter_map(|f| explained.way_of(f)).collect();
        assert_eq!(ways.len(), 2, "{explained:?}");
    }
    let (_, leaf) = outer.ends(&hosts);
    let (sent, received) = (
        inside(&fabric, outer, outer.of(OWN)),
        inside(&fabric, outer, leaf),
    );
    assert_eq!((sent.0, received.0), (flows, flows));
    agree("the VNI's sent packets", sent, || {
        minus(tx(&router), before.1)
    });
    agree("its received packets", received, || {
        minus(rx(&router), before.0)
    });
    agree("the tunnel's packets", explained[0].seen(&fabric), || {
        minus(explained[0].counted(&router), before.2)
    });
    let shown = router
        .cli(&format!("route lookup {} --vrf red", FAR[0]))
        .unwrap();
    assert_eq!(shown.matches("over adjacency").count(), 2, "{shown}");
    router.stop().unwrap();
}

#[test]
fn the_lookup_is_what_happens_over_ipv4() {
    the_lookup_is_what_happens(Outer::V4);
}

#[test]
fn the_lookup_is_what_happens_over_ipv6() {
    the_lookup_is_what_happens(Outer::V6);
}

/// The file gives the VNI what keeps connections from sending more than the tunnel takes, both ways.
#[test]
fn p_06_connections_fit_the_tunnel_by_the_configuration() {
    const TCP_MTU: u16 = 1300;
    let outer = Outer::V4;
    let hosts = TwoHosts::build().unwrap();
    let text = config(&hosts).replace(
        "name: p0, vrf",
        &format!("name: p0, tcp_mtu: {TCP_MTU}, vrf"),
    ) + &format!(
        "endpoints: [{{ addresses: [{}] }}]\n\
             vnis: [{{ vni: 100, vrf: red, router_mac: \"{}\", tcp_mtu: {TCP_MTU} }}]\n",
        OWN[0],
        crate::lab::RMAC
    );
    let router = Router::start(&hosts.wires, &text, &[&hosts.node]).unwrap();
    let linux = Linux::plug(&hosts, outer, false, 1450);
    route_to_leaf(&hosts, &router, outer);
    let captures = [&hosts.a.eth0, &hosts.b.eth0].map(|end| Capture::start(end).unwrap());
    let pairs = [(hosts.a.v4.host, FAR[0]), (hosts.a.v6.host, FAR[1])];
    for (near, far) in pairs {
        for (server, client, address) in [
            (&linux.tenant, hosts.a.namespace(), far),
            (hosts.a.namespace(), &linux.tenant, near),
        ] {
            let mut serving = server
                .spawn("iperf3 --server --one-off --forceflush")
                .unwrap();
            serving.wait_for("Server listening", LIMIT).unwrap();
            client
                .run(&format!("iperf3 --client {address} --bytes 500K"))
                .unwrap();
            assert!(serving.wait(LIMIT).unwrap().success());
        }
    }
    let [access, fabric] = captures.map(|capture| capture.stop().unwrap());
    for recording in [&access, &fabric] {
        assert_eq!(recording.faults().unwrap(), [""; 0]);
    }
    // What reaches the host, and what the router sends to the leaf: openings and their answers.
    let host_mac = hosts.a.eth0.mac().unwrap();
    let to_host = format!("tcp.flags.syn == 1 and eth.dst == {host_mac}");
    let to_leaf = format!("tcp.flags.syn == 1 and vxlan and ip.src == {}", OWN[0]);
    for (recording, filter) in [(&access, &to_host), (&fabric, &to_leaf)] {
        for (family, headers) in [("ip", 40), ("ipv6", 60)] {
            let inner = match (family, filter.contains("vxlan")) {
                ("ip", true) => format!("{filter} and not ipv6"),
                ("ip", false) => format!("{filter} and ip"),
                _ => format!("{filter} and ipv6"),
            };
            let seen = recording.dissect(&inner, &["tcp.options.mss_val"]).unwrap();
            // A connection of control and one of data each way.
            assert!(seen.len() >= 4, "{inner}: {seen:?}");
            let expected = (TCP_MTU - headers).to_string();
            assert!(
                seen.iter().all(|mss| mss[0] == expected),
                "{inner}: {seen:?}"
            );
        }
    }
    router.stop().unwrap();
}
