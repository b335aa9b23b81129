//! A tenant's host in the VRF `red` of the router, and a leaf that is a Linux box.
//!
//! ```text
//!   host a ──── p0 (red) [router] p1 ──── eth0 leaf (host b)          tenant
//!   10.0.1.2            lo0 10.9.0.1      10.2.0.1, 2001:db8:b::1 ══ vx100  lo 203.0.113.7
//!   2001:db8:1::2           2001:db8:9::1                                      2001:db8:c::7
//! ```
//!
//! The leaf's VXLAN device stands in a namespace of its own, so that the tenant's packets and the underlay's have separate tables
//! as they would with a VRF device.

use ferroute_tests::{Interface, Namespace, Router, TwoHosts, route};

/// The router's tunnel addresses.
pub(crate) const OWN: [&str; 2] = ["10.9.0.1", "2001:db8:9::1"];
/// The tenant's addresses behind the leaf.
pub(crate) const FAR: [&str; 2] = ["203.0.113.7", "2001:db8:c::7"];
/// The router MACs: the router's and the leaf's.
pub(crate) const RMAC: &str = "02:00:00:00:01:01";
const REMOTE_RMAC: &str = "02:00:00:00:02:02";

/// The family of the underlay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outer {
    V4,
    V6,
}

impl Outer {
    /// The one of a pair of addresses that is of this family.
    pub(crate) fn of<T: Copy>(self, pair: [T; 2]) -> T {
        pair[usize::from(self == Self::V6)]
    }

    /// The addresses of tunnels: the router's and the leaf's.
    pub(crate) fn ends(self, lab: &TwoHosts) -> (&'static str, &'static str) {
        let leaf = self.of([lab.b.v4.behind, lab.b.v6.behind]);
        (self.of(OWN), leaf)
    }
}

/// The configuration: the first host's port in the VRF, the tunnel addresses on a loopback, the way to the leaf.
pub(crate) fn config(lab: &TwoHosts) -> String {
    let ports = lab
        .config()
        .replace("name: p0, mtu", "name: p0, vrf: red, mtu");
    let (v4, v6) = (lab.b.v4, lab.b.v6);
    format!(
        "{ports}  - {{ name: lo0, loopback: true, addresses: [{}/32, \"{}/128\"] }}\n\
         vrfs: [{{ name: red }}]\n\
         routes:\n  - {{ prefix: {}, via: [{{ address: {} }}] }}\n  \
         - {{ prefix: \"{}\", via: [{{ address: \"{}\" }}] }}\n",
        OWN[0], OWN[1], v4.prefix, v4.host, v6.prefix, v6.host
    )
}

/// Starts the router with an endpoint at its tunnel addresses.
pub(crate) fn start(lab: &TwoHosts, config: &str) -> Router {
    let router = Router::start(&lab.wires, config, &[&lab.node]).unwrap();
    let [v4, v6] = OWN;
    router
        .cli(&format!("endpoint add default address {v4} address {v6}"))
        .unwrap();
    router
}

/// Routes the tenant's addresses into a tunnel to the leaf.
pub(crate) fn route_into(router: &Router, leaf: &str, encap: &str) {
    for (far, length) in FAR.into_iter().zip([32, 128]) {
        router
            .cli(&format!(
                "route add {far}/{length} encap {encap} via {leaf} --vrf red"
            ))
            .unwrap();
    }
}

/// Routes the tenant's addresses into VNI 100 of the leaf.
pub(crate) fn route_to_leaf(lab: &TwoHosts, router: &Router, outer: Outer) {
    let (_, leaf) = outer.ends(lab);
    route_into(router, leaf, &format!("vxlan id 100 rmac {REMOTE_RMAC}"));
}

/// A Linux VXLAN device with the tenant behind it, and VNI 100 in the router towards it.
pub(crate) struct Linux {
    pub(crate) tenant: Namespace,
}

impl Linux {
    /// A device with the tenant behind it, and what the router needs towards it over its API. See [`Linux::plug`].
    pub(crate) fn attach(
        lab: &TwoHosts,
        router: &Router,
        outer: Outer,
        bridged: bool,
        mtu: u16,
    ) -> Self {
        let linux = Self::plug(lab, outer, bridged, mtu);
        router
            .cli(&format!("vni add 100 vrf red rmac {RMAC}"))
            .unwrap();
        route_to_leaf(lab, router, outer);
        linux
    }

    /// `bridged`: the device is the only member of a bridge that has the leaf's router MAC, as leaves with EVPN have it.
    pub(crate) fn plug(lab: &TwoHosts, outer: Outer, bridged: bool, mtu: u16) -> Self {
        let (own, leaf) = outer.ends(lab);
        let tenant = Namespace::new("tenant").unwrap();
        let box_b = lab.b.namespace();
        box_b
            .run(&format!(
                "ip link add vx100 type vxlan id 100 local {leaf} dstport 4789 nolearning"
            ))
            .unwrap();
        box_b
            .run(&format!(
                "ip link set vx100 netns {}",
                tenant.path().display()
            ))
            .unwrap();
        let run = |line: String| drop(tenant.run(&line).unwrap());
        run(format!("bridge fdb append {RMAC} dev vx100 dst {own} self"));
        let device = if bridged {
            run(format!(
                "ip link add br100 address {REMOTE_RMAC} type bridge"
            ));
            run("ip link set vx100 master br100".to_owned());
            run(format!("bridge fdb add {RMAC} dev vx100 master static"));
            "br100"
        } else {
            run(format!("ip link set vx100 address {REMOTE_RMAC}"));
            "vx100"
        };
        for link in ["vx100", device] {
            run(format!("ip link set {link} mtu {mtu} up"));
        }
        for (far, length) in FAR.into_iter().zip([32, 128]) {
            Interface::named(&tenant, "lo")
                .address(&format!("{far}/{length}"))
                .unwrap();
        }
        for gateway in ["169.254.1.1", "fe80::1"] {
            run(format!(
                "ip neigh add {gateway} lladdr {RMAC} dev {device} nud permanent"
            ));
        }
        route(
            &tenant,
            &format!(
                "10.0.1.0/24 via 169.254.1.1 dev {device} onlink src {}",
                FAR[0]
            ),
        )
        .unwrap();
        route(
            &tenant,
            &format!("2001:db8:1::/64 via fe80::1 dev {device} src {}", FAR[1]),
        )
        .unwrap();
        Self { tenant }
    }
}
