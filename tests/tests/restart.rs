//! What clients made comes back when the router starts again, and only that.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "restart/model.rs"]
mod model;
#[path = "restart/owned.rs"]
mod owned;

use ferroute_control::core::request::SystemRequest;
use ferroute_control::core::state::Restore;
use ferroute_control::state::{Journal, open};
use ferroute_tests::bench::Bench;
use ferroute_tests::{LabError, Router, TwoHosts};
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;

/// A router takes up what was left in a file, refusing none of it, and writes there itself from now on if it is to.
fn take_up(bench: &mut Bench, path: &Path, writes: bool) {
    let (saved, journal) = open(path);
    let journal = if writes { journal } else { Journal::off() };
    let restore = Box::new(Restore { saved, journal });
    let done = bench.call(|reply| SystemRequest::Restore(restore, reply).into());
    assert_eq!(done.unwrap().refused, 0);
    if writes {
        bench.wait_until("the file is there", |_| path.exists());
    }
}

/// What clients can list of all that they can make.
const LISTS: [&str; 12] = [
    "vrf show",
    "port show",
    "interface show",
    "addr show",
    "endpoint show",
    "vni show",
    "label show",
    "domain show",
    "fdb show",
    "neigh show --state permanent",
    "nexthop show",
    "route show",
];

/// What differs from run to run: numbers of the process, counters, the state of links and times.
const PASSING: &[&str] = &[
    "dropped_packets",
    "punted_packets",
    "frames",
    "flooded",
    "copies",
    "dropped",
    "learned",
    "answered",
    "packets",
    "bytes",
    "id",
    "ifindex",
    "mac",
    "counters",
    "traffic",
    "rx",
    "tx",
    "epoch",
    "idle_seconds",
    "next_hop_id",
    "oper_up",
    "stale",
    "state",
    "link",
    "queues",
    "ipv4_prefixes",
    "ipv6_prefixes",
    "resolved",
    "group",
    "twin",
    "prefixes",
];

/// The same without what passes.
fn lasting(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields
                .into_iter()
                .filter(|(name, _)| !PASSING.contains(&name.as_str()));
            Value::Object(
                kept.map(|(name, field)| (name, lasting(field)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(lasting).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        other => other,
    }
}

fn everything(router: &Router) -> Vec<(&'static str, Value)> {
    let list = |words| {
        let listed = router.query(words).unwrap();
        // What follows from neighbours that answer is not what clients made.
        let rows = listed.as_array().cloned().unwrap_or_default().into_iter();
        let own = rows.filter(|row| {
            row["owner"] != "neighbour"
                && !(words == "nexthop show" && row["owner"].as_str().is_none_or(str::is_empty))
        });
        (words, lasting(Value::Array(own.collect())))
    };
    LISTS.map(list).into()
}

const MADE: [&str; 24] = [
    "vrf add red table 100",
    "link add p0.100 type vlan link p0 id 100 vrf red",
    "link add p1.7 type vlan link p1 id 7",
    "link add lo9 type loopback",
    "addr add 192.0.2.9/32 dev lo9",
    "addr add 10.9.0.1/24 dev p0.100",
    "addr add 10.77.0.1/24 dev p1",
    "link set p0.100 mtu 1400",
    "endpoint add fabric address 192.0.2.9",
    "vni add 100 vrf red rmac 02:00:00:00:00:01 endpoint fabric",
    "addr add 10.66.0.1/24 dev vni100",
    "domain add blue member p1.7 gateway 02:00:00:00:00:02 vrf red",
    "vni add 200 domain blue endpoint fabric",
    "fdb add 02:00:00:00:00:07 domain blue dst 192.0.2.77 seq 3 sticky",
    "fdb add 02:00:00:00:00:08 domain blue dev p1.7",
    "fdb append 00:00:00:00:00:00 domain blue dst 192.0.2.78",
    "neigh add 10.77.0.5 lladdr 02:00:00:00:00:05 dev p1",
    "label add 100 vrf red",
    "nexthop add id 5 via 10.77.0.5",
    "route add 10.50.0.0/16 via 10.77.0.5",
    "route add 10.51.0.0/16 via 10.77.0.5 dev p1 weight 2 nexthop via 10.77.0.6 dev p1 --metric 5",
    "route add blackhole 10.52.0.0/16 --vrf red",
    "route add 2001:db8:50::/48 encap vxlan id 100 rmac 02:00:00:00:00:09 endpoint fabric via 10.0.1.2 --vrf red",
    "route add 10.53.0.0/16 via 10.50.0.1 --owner other",
];

fn comes_back(end: impl FnOnce(&mut Router) -> Result<(), LabError>) {
    let lab = TwoHosts::build().unwrap();
    let mut router = lab
        .start("vrfs: [{ name: own, table: 9 }]\nroutes: [{ prefix: 10.40.0.0/16, type: blackhole }]\n")
        .unwrap();
    for words in MADE {
        router.cli(words).unwrap();
    }
    // Of what goes again nothing is left.
    for words in [
        "vrf add gone",
        "route add blackhole 10.60.0.0/16 --vrf gone",
        "vrf del gone",
        "route add blackhole 10.61.0.0/16",
        "route del 10.61.0.0/16",
        "route add blackhole 10.62.0.0/16 --owner away",
        "route remove-owner away",
        "addr add 10.78.0.1/24 dev p1",
        "addr del 10.78.0.1/24 dev p1",
        "link add p1.8 type vlan link p1 id 8",
        "addr add 10.79.0.1/24 dev p1.8",
        "link del p1.8",
    ] {
        router.cli(words).unwrap();
    }
    let before = everything(&router);
    // No VRF: whether it is still there afterwards must not say which numbers the others get.
    router
        .wait_saved("route add blackhole 10.99.0.0/16 --owner last")
        .unwrap();
    router.cli("route remove-owner last").unwrap();
    end(&mut router).unwrap();
    router.restart().unwrap();
    router.cli("route remove-owner last").ok();
    for ((words, before), (_, after)) in before.into_iter().zip(everything(&router)) {
        assert_eq!(after, before, "{words}\n{}", router.process().log());
    }

    // And once more, from what the second run wrote.
    router
        .wait_saved("route add blackhole 10.99.0.0/16 --owner last2")
        .unwrap();
    router.cli("route remove-owner last2").unwrap();
    let before = everything(&router);
    router.halt().unwrap();
    router.restart().unwrap();
    router.cli("route remove-owner last2").ok();
    for ((words, before), (_, after)) in before.into_iter().zip(everything(&router)) {
        assert_eq!(after, before, "{words}\n{}", router.process().log());
    }
    router.stop().unwrap();
}

#[test]
fn what_clients_made_outlives_a_death() {
    comes_back(Router::kill);
}

#[test]
fn what_clients_made_outlives_a_planned_restart() {
    comes_back(Router::halt);
}

/// What the configuration had and has no more is gone, with its twin; what clients made beside it stays.
#[test]
fn the_configuration_counts_where_it_changed() {
    let lab = TwoHosts::build().unwrap();
    let config = lab.config();
    let more = "  - { name: lo1, loopback: true, addresses: [192.0.2.1/32] }\n";
    let mut router = lab.start(more).unwrap();
    router.cli("link add lo2 type loopback").unwrap();
    router.cli("addr add 192.0.2.2/32 dev lo2").unwrap();
    router.wait_saved("vrf add last").unwrap();
    router.kill().unwrap();
    let links = || lab.node.run("ip -br link").unwrap();
    assert!(
        links().contains("lo1") && links().contains("lo2"),
        "{}",
        links()
    );
    router.reconfigure(&config).unwrap();
    router.restart().unwrap();
    assert!(
        !links().contains("lo1") && links().contains("lo2"),
        "{}",
        links()
    );
    assert!(router.cli("interface show lo1").is_err());
    let addresses = lab.node.run("ip -br addr show dev lo2").unwrap();
    assert!(addresses.contains("192.0.2.2"), "{addresses}");
    router.stop().unwrap();
}

/// It could not go back to its VRF, and what it brings must not get into another.
#[test]
fn an_interface_whose_vrf_does_not_come_back_forwards_nothing_elsewhere() {
    let lab = TwoHosts::build().unwrap();
    let mut router = Router::start(&lab.wires, "", &[]).unwrap();
    router
        .cli("port add p1 net_af_packet_p1,iface=w1 --no-twin")
        .unwrap();
    router.cli("vrf add red table 100").unwrap();
    router.cli("link set p1 vrf red").unwrap();
    router.cli("addr add 10.0.2.1/24 dev p1").unwrap();
    router.wait_saved("vrf add last").unwrap();
    router.halt().unwrap();
    // Another VRF has the table now, so red is refused.
    router
        .reconfigure("vrfs: [{ name: blue, table: 100 }]\n")
        .unwrap();
    router.restart().unwrap();
    let log = router.process().log();
    assert!(
        log.contains("VRF red, which the last router had, does not come back"),
        "{log}"
    );
    let link = &router.query("link show p1").unwrap()[0];
    assert_eq!(link["admin_up"], false, "{link}");
    assert!(!router.cli("route show").unwrap().contains("10.0.2"));
    router.stop().unwrap();
}

/// Addresses and routes of the kernel stay on twins, also those that others put there; what the router put there goes when it is not
/// wanted any more.
#[test]
fn twins_live_on_with_what_others_put_there() {
    let lab = TwoHosts::build().unwrap();
    let mut router = lab.start("").unwrap();
    router.cli("addr add 10.77.0.1/24 dev p1").unwrap();
    // On the other nothing is but what the router put there: an address that went for a moment would take the routes along.
    lab.node.run("ip addr add 10.88.0.1/24 dev p1").unwrap();
    lab.node
        .run("ip route add 203.0.113.0/24 via 10.0.1.2 dev p0")
        .unwrap();
    lab.node
        .run("ip route add 198.51.100.0/24 via 10.0.2.2 dev p1")
        .unwrap();
    let index = || {
        let shown = lab.node.run("ip -o link show dev p1").unwrap();
        shown.split(':').next().unwrap_or_default().to_owned()
    };
    let before = index();
    router.wait_saved("vrf add last").unwrap();
    router.halt().unwrap();
    assert!(
        lab.node
            .run("ip route")
            .unwrap()
            .contains("198.51.100.0/24")
    );
    router.restart().unwrap();
    let addresses = lab.node.run("ip -br addr show dev p1").unwrap();
    for address in ["10.0.2.1/24", "10.77.0.1/24", "10.88.0.1/24"] {
        assert!(addresses.contains(address), "{addresses}");
    }
    assert!(
        lab.node
            .run("ip route")
            .unwrap()
            .contains("198.51.100.0/24")
    );
    assert!(lab.node.run("ip route").unwrap().contains("203.0.113.0/24"));
    assert_eq!(index(), before);
    lab.b
        .namespace()
        .run(&format!("ping -n -c 1 -W 5 {}", lab.b.v4.router))
        .unwrap();

    // Stopped for good.
    router.halt().unwrap();
    router.forget().unwrap();
    assert!(!lab.node.run("ip -br link").unwrap().contains("p1"));
    assert!(!router.state().exists());
    router.restart().unwrap();
    let addresses = lab.node.run("ip -br addr show dev p1").unwrap();
    assert!(
        addresses.contains("10.0.2.1/24") && !addresses.contains("10.77"),
        "{addresses}"
    );
    assert!(router.forget().is_err(), "it runs");
    router.stop().unwrap();
}

/// A state that makes no sense is put aside, and one that ends in the middle of something is used as far as it goes.
#[test]
fn a_state_that_is_damaged_keeps_no_router_from_starting() {
    let lab = TwoHosts::build().unwrap();
    let mut router = lab.start("").unwrap();
    router.cli("vrf add red").unwrap();
    router.wait_saved("vrf add last").unwrap();
    router.kill().unwrap();
    let whole = fs::read(router.state()).unwrap();
    fs::write(router.state(), [&whole[..], b"half a frame"].concat()).unwrap();
    router.restart().unwrap();
    router.cli("vrf show red").unwrap();
    assert!(router.process().log().contains("was not written whole"));
    router.kill().unwrap();

    fs::write(router.state(), b"no state at all").unwrap();
    router.restart().unwrap();
    assert!(router.cli("vrf show red").is_err());
    assert!(router.process().log().contains("is of no use"));
    let aside = router.state().with_extension("state.bad");
    assert_eq!(fs::read(aside).unwrap(), b"no state at all");
    // The one that is written now is good again.
    router.cli("vrf add red").unwrap();
    router.wait_saved("vrf add last").unwrap();
    router.kill().unwrap();
    router.restart().unwrap();
    router.cli("vrf show red").unwrap();
    router.stop().unwrap();
}
