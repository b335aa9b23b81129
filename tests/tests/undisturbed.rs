//! Not one numbered datagram of others is lost while a port is added, changed in every way, and removed; nor one of its own where the
//! change needs no stop, such as another worker for a queue.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "undisturbed/flow.rs"]
mod flow;
#[path = "undisturbed/queues.rs"]
mod queues;

use ferroute_tests::{Namespace, Router, TwoHosts, veth};
use flow::{Flow, flows, patient};

/// Brings a port up, changes all of it, and removes it.
fn life(router: &Router, device: &str) {
    // Both have it set up anew; the rings of packet sockets cannot be sized.
    let set_up = match device.starts_with("net_af_packet") {
        true => "port set p2 --rx-queues 1",
        false => "port set p2 --rx-descriptors 256",
    };
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
        set_up,
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
    let router = Router::start(&lab.wires, &patient(&lab), &[&lab.node]).unwrap();
    lab.add_routes(&router).unwrap();
    let flows = flows(&lab, 1);
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
    let router = Router::start(&lab.wires, &patient(&lab), &[&lab.node]).unwrap();
    lab.add_routes(&router).unwrap();
    let flows = flows(&lab, 1);
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
