//! Not one numbered datagram of others is lost while a port is added, changed in every way, and removed; nor one of its own where the
//! change needs no stop.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Namespace, Router, TwoHosts, veth};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
/// Between two datagrams of one flow: slow enough for the rings of a packet socket to bridge a quarter of a second without a CPU.
const INTERVAL: Duration = Duration::from_micros(1000);
const PORT: u16 = 6000;

/// A flow of numbered datagrams.
struct Flow {
    name: String,
    stop: Arc<AtomicBool>,
    sender: JoinHandle<u64>,
    receiver: JoinHandle<Vec<u64>>,
}

impl Flow {
    fn start(from: &Namespace, to: &Namespace, address: &str) -> Self {
        let target = SocketAddr::new(address.parse().unwrap(), PORT);
        let any: SocketAddr = if target.is_ipv4() {
            "0.0.0.0:0".parse().unwrap()
        } else {
            "[::]:0".parse().unwrap()
        };
        let inbound = to.enter(|| UdpSocket::bind(target)).unwrap().unwrap();
        let outbound = from.enter(|| UdpSocket::bind(any)).unwrap().unwrap();
        inbound.set_read_timeout(Some(LIMIT)).unwrap();
        outbound.connect(target).unwrap();
        // The first ones find the way to the neighbours; what follows is counted.
        let mut first = [0; 8];
        outbound.send(&u64::MAX.to_be_bytes()).unwrap();
        inbound.recv(&mut first).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let sender = std::thread::spawn(move || {
            let mut number = 0_u64;
            while !told.load(Ordering::Relaxed) {
                outbound.send(&number.to_be_bytes()).unwrap();
                number += 1;
                std::thread::sleep(INTERVAL);
            }
            // The end says how many there were; several, so that one always comes.
            for _ in 0..3 {
                outbound.send(&[]).unwrap();
            }
            number
        });
        let receiver = std::thread::spawn(move || {
            let mut numbers = Vec::new();
            let mut datagram = [0; 8];
            while inbound.recv(&mut datagram).unwrap() == 8 {
                numbers.push(u64::from_be_bytes(datagram));
            }
            numbers
        });
        Self {
            name: format!("the flow to {address}"),
            stop,
            sender,
            receiver,
        }
    }

    /// Every one that was sent came, once and in order.
    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let sent = self.sender.join().unwrap();
        let came = self.receiver.join().unwrap();
        let lost: Vec<_> = (0..sent)
            .filter(|n| came.binary_search(n).is_err())
            .collect();
        assert!(sent > 200, "{} sent only {sent}", self.name);
        assert!(
            came.iter().copied().eq(0..sent),
            "{}: {} of {sent} lost: {lost:?}",
            self.name,
            lost.len()
        );
        println!("{}: {sent} sent, none lost", self.name);
    }
}

/// Flows both ways in both families.
fn flows(lab: &TwoHosts) -> [Flow; 4] {
    let (a, b) = (&lab.a, &lab.b);
    [
        Flow::start(a.namespace(), b.namespace(), b.v4.behind),
        Flow::start(b.namespace(), a.namespace(), a.v4.behind),
        Flow::start(a.namespace(), b.namespace(), b.v6.behind),
        Flow::start(b.namespace(), a.namespace(), a.v6.behind),
    ]
}

/// Brings a port up, changes all of it, and removes it.
fn life(router: &Router, device: &str) {
    for words in [
        &format!("port add p2 {device}"),
        "link set p2 up",
        "addr add 10.0.3.1/24 dev p2",
        "addr add 2001:db8:3::1/64 dev p2",
        "route add 198.51.100.0/24 via 10.0.3.9",
        "link add p2.7 type vlan link p2 id 7",
        "addr add 10.0.7.1/24 dev p2.7",
        "link set p2 mtu 1400",
        "link set p2 down",
        "link set p2 up",
        "port set p2 --promiscuous",
        "port set p2 --rx-descriptors 256",
        "link del p2.7",
        "addr del 10.0.3.1/24 dev p2",
        "vrf add red",
        "link set p2 vrf red",
        "port del p2",
        "vrf del red",
        "route del 198.51.100.0/24",
    ] {
        router.cli(words).unwrap();
    }
}

#[test]
fn the_life_of_a_port_of_any_kind_costs_others_no_datagram() {
    let lab = TwoHosts::build().unwrap();
    let third = Namespace::new("third").unwrap();
    let (_host, wire) = veth((&third, "eth0"), (&lab.wires, "w2")).unwrap();
    wire.mute().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let flows = flows(&lab);
    for device in [
        "net_af_packet_p2,iface=w2",
        "net_tap2,iface=t2",
        &format!(
            "net_memif2,role=server,socket={}/memif,socket-abstract=no",
            folder.path().display()
        ),
    ] {
        life(&router, device);
    }
    flows.into_iter().for_each(Flow::end);
    router.stop().unwrap();
}

#[test]
fn changes_of_a_port_that_need_no_stop_cost_its_own_traffic_no_datagram() {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    lab.add_routes(&router).unwrap();
    let flows = flows(&lab);
    for _ in 0..3 {
        for words in [
            "link set p1 mtu 1400",
            "addr add 10.0.9.1/24 dev p1",
            "link add p1.7 type vlan link p1 id 7",
            "addr add 10.0.7.1/24 dev p1.7",
            "link set p1.7 mtu 1300",
            "link set p1.7 down",
            "port set p1 --promiscuous",
            "port set p1 --promiscuous=false",
            "link del p1.7",
            "addr del 10.0.9.1/24 dev p1",
            "link set p1 mtu 1500",
        ] {
            router.cli(words).unwrap();
        }
    }
    flows.into_iter().for_each(Flow::end);
    router.stop().unwrap();
}
