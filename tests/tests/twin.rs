//! Sessions between a neighbour and the router's own addresses, through the kernel twin.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Capture, Namespace, Router, TwoHosts};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// The port of BGP, the session that matters most (RFC 4271).
const BGP: u16 = 179;

/// Listens on the router's address in the twins' namespace: the address is there when the router is ready.
fn listen(node: &Namespace, address: &str) -> TcpListener {
    let address: IpAddr = address.parse().unwrap();
    node.enter(|| TcpListener::bind((address, BGP)))
        .unwrap()
        .unwrap()
}

fn connect(host: &Namespace, address: &str) -> TcpStream {
    let address: SocketAddr = (address.parse::<IpAddr>().unwrap(), BGP).into();
    let stream = host
        .enter(|| TcpStream::connect_timeout(&address, LIMIT))
        .unwrap()
        .unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// A session that sends `size` bytes there and back and ends in order.
fn exchange(node: &Namespace, host: &Namespace, address: &str, size: usize) {
    let listener = listen(node, address);
    let mut client = connect(host, address);
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match server.read(&mut buffer).unwrap() {
                0 => return,
                length => server.write_all(&buffer[..length]).unwrap(),
            }
        }
    });
    let sent: Vec<u8> = (0..size).map(|place| (place % 251) as u8).collect();
    let mut sender = client.try_clone().unwrap();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || {
        sender.write_all(&copy).unwrap();
        sender.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    assert!(
        received == sent,
        "{} bytes came back of {size}",
        received.len()
    );
    writer.join().unwrap();
    echo.join().unwrap();
}

#[test]
fn a_session_to_the_router_runs_in_both_families() {
    let lab = TwoHosts::build().unwrap();
    let _router = lab.start("").unwrap();
    for address in [lab.a.v4.router, lab.a.v6.router] {
        exchange(&lab.node, lab.a.namespace(), address, 300_000);
    }
}

#[test]
fn a_session_to_an_address_of_the_far_port_runs_too() {
    let lab = TwoHosts::build().unwrap();
    let _router = lab.start("").unwrap();
    for address in [lab.b.v4.router, lab.b.v6.router] {
        exchange(&lab.node, lab.a.namespace(), address, 10_000);
    }
}

#[test]
fn what_the_kernel_sends_leaves_with_its_own_ttl() {
    let lab = TwoHosts::build().unwrap();
    let _router = lab.start("").unwrap();
    lab.node.sysctl("net.ipv4.ip_default_ttl", "255").unwrap();
    let capture = Capture::start(&lab.a.eth0).unwrap();
    exchange(&lab.node, lab.a.namespace(), lab.a.v4.router, 1000);
    let recording = capture.stop().unwrap();
    assert_eq!(recording.faults().unwrap(), [""; 0]);
    let sent = recording
        .dissect(&format!("tcp.srcport == {BGP}"), &["ip.ttl", "eth.src"])
        .unwrap();
    let mac = lab.a.wire.mac().unwrap();
    assert!(!sent.is_empty());
    assert!(
        sent.iter().all(|frame| *frame == ["255", mac.as_str()]),
        "{sent:?}"
    );
}

#[test]
fn a_session_in_a_vrf_is_seen_only_there() {
    let lab = TwoHosts::build().unwrap();
    let red = Namespace::new("red").unwrap();
    let config = lab
        .config()
        .replace("name: p1, mtu", "name: p1, vrf: red, mtu");
    let vrf = format!("vrfs: [{{ name: red, netns: {} }}]\n", red.name());
    let _router = Router::start(&lab.wires, &(config + &vrf), &[&lab.node, &red]).unwrap();
    for address in [lab.b.v4.router, lab.b.v6.router] {
        exchange(&red, lab.b.namespace(), address, 10_000);
    }
    let links = lab.node.run("ip -br link").unwrap();
    assert!(links.contains("p0") && !links.contains("p1"), "{links}");
    // The other VRF's host does not get there: no lookup falls through.
    let printed = lab
        .a
        .namespace()
        .run(&format!("ping -n -c 1 -W 1 {}", lab.b.v4.router))
        .unwrap_err()
        .to_string();
    assert!(printed.contains("Destination Net Unreachable"), "{printed}");
}

#[test]
fn a_twin_that_somebody_removes_comes_back() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.node.run("ip link del p0").unwrap();
    let address = lab.a.v4.router;
    until("the twin with its address", LIMIT, || {
        let there = lab.node.run("ip -br address show p0").unwrap_or_default();
        Ok(Seen::when(there.contains(address), || {
            router.process().log()
        }))
    })
    .unwrap();
    exchange(&lab.node, lab.a.namespace(), address, 1000);
    // The router removes and moves its own without making them again.
    router.cli("port del p0").unwrap();
    router.cli("link set p1 down").unwrap();
    let links = lab.node.run("ip -br link").unwrap();
    assert!(!links.contains("p0") && links.contains("p1"), "{links}");
    assert_eq!(router.process().log().matches("made again").count(), 1);
    router.stop().unwrap();
}
