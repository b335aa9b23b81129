//! What the kernel changes without a word, and what it says of groups of next hops.

use super::kernel::SOURCE;
use super::lab::{lab, routes, until, until_route};
use ferroute_tests::Bridge;

#[test]
fn a_link_that_goes_down_takes_its_routes_along() {
    let (lab, router) = lab();
    let _bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    lab.node
        .run("ip route add 198.51.100.0/24 via 10.0.1.2 dev p0 proto bgp")
        .unwrap();
    lab.node
        .run("ip route add 198.51.101.0/24 via 10.0.2.2 dev p1 proto bgp")
        .unwrap();
    until_route(&router, "kernel", "198.51.100.0/24", |_| true);
    until_route(&router, "kernel", "198.51.101.0/24", |_| true);
    // The kernel forgets IPv4 routes of a link that goes down without a word.
    lab.node.run("ip link set p0 down").unwrap();
    assert!(
        until(|| routes(&router, "kernel").len() == 1),
        "{:?}",
        routes(&router, "kernel")
    );
}

#[test]
fn a_group_follows_its_members_whatever_takes_them() {
    const PREFIX: &str = "198.51.100.0/24";
    let (lab, router) = lab();
    let _bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    let run = |line: &str| {
        lab.node
            .run(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    };
    let leads_over = |ports: &[&str]| {
        until_route(&router, "kernel", PREFIX, |route| {
            let hops = route["next_hops"].as_array().unwrap();
            hops.len() == ports.len()
                && hops
                    .iter()
                    .zip(ports)
                    .all(|(hop, p)| hop["interface"] == *p)
        });
    };
    run("ip nexthop add id 1 via 10.0.1.2 dev p0");
    run("ip nexthop add id 2 via 10.0.2.2 dev p1");
    run("ip nexthop add id 9 group 1/2");
    run(&format!("ip route add {PREFIX} nhid 9 proto bgp"));
    leads_over(&["p0", "p1"]);
    run("ip nexthop replace id 9 group 2");
    leads_over(&["p1"]);
    run("ip nexthop replace id 9 group 1/2");
    leads_over(&["p0", "p1"]);
    // The kernel says that the member is gone, and what is left of the group.
    run("ip nexthop del id 1");
    leads_over(&["p1"]);
    run("ip nexthop add id 1 via 10.0.1.2 dev p0");
    run("ip nexthop replace id 9 group 1/2");
    leads_over(&["p0", "p1"]);
    // The cable is cut: with the carrier the kernel drops the member, and says nothing of either.
    lab.b.eth0.set("down").unwrap();
    leads_over(&["p0"]);
}

#[test]
fn routes_go_with_the_last_address_of_their_link() {
    let (lab, router) = lab();
    for line in [
        "ip link add shadow type bridge",
        "ip link set shadow up",
        "ip address add 10.7.0.1/24 dev shadow",
        "ip route add 198.51.100.0/24 via 10.7.0.2 dev shadow proto bgp",
    ] {
        lab.node.run(line).unwrap();
    }
    let bridge = Bridge::start(&lab.node, &router, SOURCE, &[]).unwrap();
    let held = |count| {
        bridge
            .until("so many held routes", |status| {
                status["sources"][0]["pending"] == count
            })
            .unwrap()
    };
    held(1);
    lab.node
        .run("ip address del 10.7.0.1/24 dev shadow")
        .unwrap();
    held(0);
}
