//! The leaves of S2 and S4: kernels with VXLAN and FRR, as they will face the router.

use crate::common::{LIMIT, forwarder, wait_ping};
use ferroute_tests::daemon::frr::{Bgp, Daemon, Evpn, Families, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Interface, Namespace, keep, route, veth};

const PICTURE: &str = "
    two kernel leaves and a spine; VRFs red and blue are namespaces, VNIs 100 and 200 route, VNI 110 bridges

    hosta 192.168.20.2 ── red ┌───────┐ eth0 192.168.1.1 ── eth1 ┌───────┐ eth2 ── eth0 ┌───────┐ red ── hostb 192.169.20.2
    bluea 192.168.21.2 ─ blue │ leafa │ lo 100.64.0.1            │ spine │              │ leafb │ blue ─ blueb 192.169.21.2
    poda  10.110.0.1 ── br110 └───────┘ AS 64520                 └───────┘ AS 64612     └───────┘ br110 ── podb 10.110.0.2
                                                                                         lo 100.64.0.2, AS 64521
";

/// The VRFs: name, VNI, and the number in addresses.
pub(crate) const TENANTS: [(&str, u32, u8); 2] = [("red", 100, 20), ("blue", 200, 21)];

/// The networks of a tenant's host behind a box, in both families, without their lengths.
pub(crate) fn networks(number: u8, tenant: u8) -> [String; 2] {
    let second = 167 + u16::from(number);
    [
        format!("192.{second}.{tenant}."),
        format!("2001:db8:{tenant}:{number}::"),
    ]
}

/// A VRF of a leaf with a host.
pub(crate) struct Tenant {
    pub(crate) vrf: Namespace,
    pub(crate) host: Namespace,
}

/// A leaf with its hosts.
pub(crate) struct Leaf {
    pub(crate) namespace: Namespace,
    /// As in [`TENANTS`].
    pub(crate) tenants: Vec<Tenant>,
    /// A host in VNI 110, which nobody routes.
    pub(crate) pod: Namespace,
    pub(crate) frr: Frr,
}

/// A bridge and a VXLAN device for a VNI. It is made in the namespace of the leaf, so that zebra takes its underlay for the default
/// VRF's.
pub(crate) fn netdevs(leaf: &Namespace, number: u8, vni: u32, home: &Namespace) {
    let mac = format!("aa:bb:cc:00:{vni:02x}:6{number}");
    leaf.run(&format!(
        "ip link add vni{vni} type vxlan id {vni} local 100.64.0.{number} dstport 4789 nolearning"
    ))
    .unwrap();
    if home.path() != leaf.path() {
        leaf.run(&format!(
            "ip link set vni{vni} netns {}",
            home.path().display()
        ))
        .unwrap();
    }
    for words in [
        format!("ip link add br{vni} address {mac} type bridge"),
        format!("ip link set vni{vni} master br{vni} addrgenmode none"),
        format!("ip link set br{vni} addrgenmode none"),
        format!("ip link set br{vni} up"),
        format!("ip link set vni{vni} up"),
    ] {
        home.run(&words).unwrap();
    }
}

/// A host with an address of each family in the networks of a tenant, and its default routes; its cable's other end is in `vrf`.
pub(crate) fn host(name: &str, [v4, v6]: &[String; 2], vrf: &Namespace) -> Namespace {
    let host = Namespace::new(name).unwrap();
    let (inner, outer) = veth((&host, "eth0"), (vrf, "host")).unwrap();
    for (end, last) in [(&inner, 2), (&outer, 1)] {
        end.address(&format!("{v4}{last}/24")).unwrap();
        end.address(&format!("{v6}{last}/64")).unwrap();
    }
    defaults(&host, v4, v6);
    host
}

/// The default routes of a tenant's host.
pub(crate) fn defaults(host: &Namespace, v4: &str, v6: &str) {
    route(host, &format!("0.0.0.0/0 via {v4}1")).unwrap();
    route(host, &format!("::/0 via {v6}1")).unwrap();
}

/// The BGP instance of a box with tunnels that start at `100.64.0.number`, and those of its VRFs.
pub(crate) fn instances(number: u8) -> Vec<Bgp> {
    let asn = 64519 + u32::from(number);
    let fabric = Neighbour::at([192, 168, number, 2], Remote::External).telling(Families::V4Evpn);
    let mut underlay = Bgp::new(asn, [100, 64, 0, number])
        .neighbour(fabric)
        .networks(&[format!("100.64.0.{number}/32").parse().unwrap()]);
    underlay.evpn = Evpn::Vnis;
    let tenants = TENANTS.iter().map(|(vrf, ..)| {
        let mut tenant = Bgp::new(asn, [100, 64, 0, number]).in_vrf(vrf);
        tenant.redistribute_connected = true;
        tenant.evpn = Evpn::Prefixes;
        tenant
    });
    std::iter::once(underlay).chain(tenants).collect()
}

/// The VNIs of the VRFs.
pub(crate) fn l3vnis() -> Vec<(String, u32)> {
    let tenants = TENANTS.iter();
    tenants
        .map(|(vrf, vni, _)| ((*vrf).to_owned(), *vni))
        .collect()
}

/// The FRR of the spine, between boxes of these numbers.
pub(crate) fn reflect(spine: &Namespace, release: Release, numbers: &[u8]) -> Frr {
    let bgp = numbers
        .iter()
        .fold(Bgp::new(64612, [100, 65, 0, 1]), |bgp, number| {
            let leaf = Neighbour::at([192, 168, *number, 1], Remote::External);
            bgp.neighbour(leaf.telling(Families::V4Evpn).unchanged())
        });
    Frr::start(spine, release, &FrrConfig::bgp(bgp), &[]).unwrap()
}

impl Leaf {
    pub(crate) fn start(number: u8, spine: &Namespace, release: Release) -> Self {
        let letter = if number == 1 { 'a' } else { 'b' };
        let vtep = format!("100.64.0.{number}/32");
        let namespace = forwarder(&format!("leaf{letter}"), &[&vtep]);
        let (up, down) = veth((&namespace, "eth0"), (spine, &format!("eth{number}"))).unwrap();
        up.address(&format!("192.168.{number}.1/24")).unwrap();
        down.address(&format!("192.168.{number}.2/24")).unwrap();
        let tenants = TENANTS.map(|(name, vni, place)| {
            let vrf = forwarder(name, &[]);
            netdevs(&namespace, number, vni, &vrf);
            let called = if name == "red" { "host" } else { name };
            let host = host(&format!("{called}{letter}"), &networks(number, place), &vrf);
            Tenant { vrf, host }
        });
        netdevs(&namespace, number, 110, &namespace);
        let pod = Namespace::new(&format!("pod{letter}")).unwrap();
        let (inner, outer) = veth((&pod, "eth0"), (&namespace, "pod")).unwrap();
        inner.address(&format!("10.110.0.{number}/24")).unwrap();
        Interface::named(&namespace, outer.name())
            .set("master br110")
            .unwrap();
        let config = FrrConfig {
            bgp: instances(number),
            l3vnis: l3vnis(),
            ..FrrConfig::default()
        };
        let vrfs: Vec<_> = tenants.iter().map(|tenant| &tenant.vrf).collect();
        let frr = Frr::start(&namespace, release, &config, &vrfs).unwrap();
        Self {
            namespace,
            tenants: tenants.into(),
            pod,
            frr,
        }
    }
}

fn leaves(release: Release) {
    let spine = forwarder("spine", &[]);
    let [a, b] = [1, 2].map(|number| Leaf::start(number, &spine, release));
    let spine_frr = reflect(&spine, release, &[1, 2]);
    for (leaf, peer, prefix) in [
        (&a, "192.168.1.2", "192.169.20.0/24"),
        (&b, "192.168.2.2", "192.168.20.0/24"),
    ] {
        leaf.frr.wait_established(None, peer).unwrap();
        leaf.frr.wait_route(Some("red"), prefix, 1).unwrap();
    }
    let ways = [
        ("leafa", a.frr.way_in()),
        ("leafb", b.frr.way_in()),
        ("spine", spine_frr.way_in()),
    ];
    let boxes = [
        &a.tenants[0].host,
        &b.tenants[0].host,
        &a.pod,
        &b.pod,
        &a.namespace,
        &b.namespace,
        &spine,
    ];
    keep::ready(&format!("S2, S4: leaves{PICTURE}"), &boxes, &ways).unwrap();

    // Type 5: the prefix leads to the other leaf's tunnel end point.
    let shown = a.tenants[0]
        .vrf
        .run("ip route show 192.169.20.0/24")
        .unwrap();
    assert!(shown.contains("via 100.64.0.2 dev br100"), "{shown}");
    wait_ping(&a.tenants[0].host, "192.168.20.2", "192.169.20.2");
    wait_ping(&b.tenants[0].host, "192.169.20.2", "192.168.20.2");
    // Type 3 floods the question, type 2 then names the place.
    wait_ping(&a.pod, "10.110.0.1", "10.110.0.2");
    let mac = Interface::named(&b.pod, "eth0").mac().unwrap();
    until("the other leaf's pod as a type 2 route", LIMIT, || {
        let shown = a.frr.show(Daemon::Zebra, "show evpn mac vni 110 json")?;
        let remote = shown["macs"][&mac]["type"] == "remote"
            && shown["macs"][&mac]["remoteVtep"] == "100.64.0.2";
        Ok(Seen::when(remote, || format!("{mac}: {shown:#}")))
    })
    .unwrap();
}

#[test]
fn s2_s4_two_kernel_leaves_exchange_prefixes_and_stations() {
    leaves(Release::Debian13);
}

#[test]
fn s2_s4_two_kernel_leaves_with_frr_8_do_as_well() {
    leaves(Release::Debian12);
}
