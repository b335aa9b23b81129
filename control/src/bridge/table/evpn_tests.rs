//! Routes of EVPN and routes with labels, as the router is told of them.

use super::played::Router;
use super::*;
use crate::bridge::netlink::update::{
    Behind, Encapsulation, FdbKey, Hop, Link, LinkKind, RouteChange, RouteUpdate, Signs, Target,
};
use ferroute_dataplane::mac::Mac;
use std::net::IpAddr;

const BRIDGE: u32 = 5;
const VXLAN: u32 = 6;
/// A port with addresses, which the router has too.
const PORT: u32 = 2;

struct Lab {
    table: Table,
    names: Names,
    router: Router,
}

fn link(name: &str, kind: LinkKind, controller: Option<u32>) -> Link {
    Link {
        name: name.to_owned(),
        signs: Signs::default(),
        mac: Some(mac(1)),
        controller,
        kind,
    }
}

fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last])
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn over(interface: u32, gateway: &str, encapsulation: Encapsulation) -> Hop {
    Hop {
        gateway: Some(address(gateway)),
        interface,
        onlink: true,
        weight: 1,
        encapsulation,
    }
}

impl Lab {
    fn new() -> Self {
        let scope = Scope {
            feedback: false,
            meaning: Meaning::Kernel,
            tables: vec![ScopeTable {
                table: 254,
                vrf: "red".parse().unwrap(),
                protocols: [Protocol(186)].into(),
            }],
        };
        let mut names = Names::default();
        for (index, name) in [(PORT, "p0"), (BRIDGE, "br100"), (VXLAN, "vni100")] {
            names.links.insert(index, name.to_owned());
        }
        names.router.insert("p0".parse().unwrap());
        let netdevs = &mut names.netdevs;
        netdevs.link(BRIDGE, Some(&link("br100", LinkKind::Bridge, None)));
        let vxlan = LinkKind::Vxlan { vni: 100 };
        netdevs.link(VXLAN, Some(&link("vni100", vxlan, Some(BRIDGE))));
        Self {
            table: Table::new(scope),
            names,
            router: Router::default(),
        }
    }

    fn route(&mut self, prefix: &str, hops: &[Hop]) {
        let update = RouteUpdate {
            change: RouteChange::Replace,
            table: 254,
            prefix: prefix.parse::<ipnet::IpNet>().unwrap().try_into().unwrap(),
            selective: false,
            metric: 20,
            protocol: Protocol(186),
            target: Target::Hops(hops.iter().cloned().collect()),
        };
        self.table.apply_route(update);
    }

    /// The router's table once everything is said.
    fn text(&mut self) -> String {
        let changed = self.names.netdevs.take_changed();
        self.table.netdevs_changed(&changed);
        self.router.settle(&mut self.table, &self.names);
        self.router.text()
    }

    fn rmac(&mut self, remote: &str, last: u8, there: bool) {
        let key = FdbKey {
            interface: VXLAN,
            mac: mac(last).octets(),
            vlan: 0,
            behind: Behind::Remote(address(remote)),
        };
        self.names.netdevs.fdb(&key, there);
    }
}

#[test]
fn a_prefix_waits_for_the_router_mac_and_follows_it() {
    let mut lab = Lab::new();
    let hop = |gateway| over(BRIDGE, gateway, Encapsulation::None);
    lab.route("10.1.0.0/16", &[hop("100.64.0.2")]);
    lab.route("2001:db8:1::/48", &[hop("::ffff:100.64.0.2")]);
    assert_eq!(lab.text(), "");
    let census = lab.table.census(9);
    assert_eq!((census.pending, census.unsupported), (2, 0));
    assert!(
        census.problems[0]
            .message
            .contains("router MAC of 100.64.0.2")
    );

    lab.rmac("100.64.0.2", 2, true);
    let both = "red 10.1.0.0/16 via 100.64.0.2 vxlan 100 02:00:00:00:00:02\n\
                red 2001:db8:1::/48 via 100.64.0.2 vxlan 100 02:00:00:00:00:02\n";
    assert_eq!(lab.text(), both);

    // It is replaced: first the new one, then the old one goes, and for a moment there is none.
    lab.rmac("100.64.0.2", 3, true);
    let moved = both.replace(":02\n", ":03\n");
    assert_eq!(lab.text(), moved);
    lab.rmac("100.64.0.2", 2, false);
    lab.rmac("100.64.0.2", 3, false);
    assert_eq!(lab.text(), moved, "what the router had stays");
    (lab.names.netdevs).neighbour(BRIDGE, address("100.64.0.2"), Some(mac(4)));
    assert_eq!(lab.text(), both.replace(":02\n", ":04\n"));
}

#[test]
fn the_vni_may_be_said_with_the_route() {
    let mut lab = Lab::new();
    lab.rmac("100.64.0.2", 2, true);
    let downstream = Encapsulation::Tunnel {
        id: 300,
        remote: Some(address("100.64.0.2")),
    };
    lab.route("10.1.0.0/16", &[over(BRIDGE, "100.64.0.2", downstream)]);
    let told = over(BRIDGE, "100.64.0.2", Encapsulation::Vxlan(400));
    lab.route("10.2.0.0/16", &[told]);
    assert_eq!(
        lab.text(),
        "red 10.1.0.0/16 via 100.64.0.2 vxlan 300 02:00:00:00:00:02\n\
         red 10.2.0.0/16 via 100.64.0.2 vxlan 400 02:00:00:00:00:02\n"
    );
}

#[test]
fn of_two_remote_ends_the_unknown_one_is_left_out() {
    let mut lab = Lab::new();
    let hop = |gateway| over(BRIDGE, gateway, Encapsulation::None);
    lab.route("10.1.0.0/16", &[hop("100.64.0.2"), hop("100.64.0.3")]);
    lab.rmac("100.64.0.3", 3, true);
    let one = "red 10.1.0.0/16 via 100.64.0.3 vxlan 100 02:00:00:00:00:03\n";
    assert_eq!(lab.text(), one);
    lab.rmac("100.64.0.2", 2, true);
    assert_eq!(
        lab.text(),
        "red 10.1.0.0/16 via 100.64.0.2 vxlan 100 02:00:00:00:00:02, \
         via 100.64.0.3 vxlan 100 02:00:00:00:00:03\n"
    );
}

#[test]
fn labels_go_on_the_link_or_in_udp() {
    let mut lab = Lab::new();
    let labels = |stack: &[u32]| Encapsulation::Mpls(stack.iter().copied().collect());
    lab.names.mpls_udp = vec![
        "10.9.0.0/16"
            .parse::<ipnet::IpNet>()
            .unwrap()
            .try_into()
            .unwrap(),
    ];
    lab.route("10.1.0.0/16", &[over(PORT, "10.0.0.2", labels(&[17, 18]))]);
    lab.route("10.2.0.0/16", &[over(PORT, "10.9.0.2", labels(&[19]))]);
    assert_eq!(
        lab.text(),
        "red 10.1.0.0/16 via 10.0.0.2 mpls [17, 18]\n\
         red 10.2.0.0/16 via 10.9.0.2 mpls-udp [19]\n"
    );
}

/// A bridge's gateway that the router has itself is a link, also if the bridge has a VXLAN device.
#[test]
fn a_gateway_interface_of_the_router_is_a_link() {
    let mut lab = Lab::new();
    lab.names.router.insert("br100".parse().unwrap());
    lab.route(
        "10.1.0.0/16",
        &[over(BRIDGE, "10.0.5.2", Encapsulation::None)],
    );
    assert_eq!(
        lab.text(),
        "red 10.1.0.0/16 via 10.0.5.2 dev br100 onlink\n"
    );
}
