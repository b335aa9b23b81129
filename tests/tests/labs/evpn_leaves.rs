//! The leaves of S2 and S4: kernels with VXLAN and FRR, as they will face the router.

use crate::common::{LIMIT, forwarder, wait_ping};
use ferroute_tests::daemon::frr::{Bgp, Daemon, Evpn, Families, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Interface, Namespace, keep, route, veth};

const PICTURE: &str = "
    two kernel leaves and a spine; VRF red is a namespace, VNI 100 routes, VNI 110 bridges

    hosta 192.168.20.2 ── red ┌───────┐ eth0 192.168.1.1 ── eth1 ┌───────┐ eth2 ── eth0 ┌───────┐ red ── hostb 192.169.20.2
    poda  10.110.0.1 ── br110 │ leafa │ lo 100.64.0.1            │ spine │              │ leafb │ br110 ── podb 10.110.0.2
                              └───────┘ AS 64520                 └───────┘ AS 64612     └───────┘ lo 100.64.0.2, AS 64521
";

/// A leaf with its hosts.
struct Leaf {
    namespace: Namespace,
    red: Namespace,
    host: Namespace,
    pod: Namespace,
    frr: Frr,
}

impl Leaf {
    fn start(number: u8, spine: &Namespace, release: Release) -> Self {
        let letter = if number == 1 { 'a' } else { 'b' };
        let vtep = format!("100.64.0.{number}");
        let namespace = forwarder(&format!("leaf{letter}"), &[&format!("{vtep}/32")]);
        let red = forwarder("red", &[]);
        let (up, down) = veth((&namespace, "eth0"), (spine, &format!("eth{number}"))).unwrap();
        up.address(&format!("192.168.{number}.1/24")).unwrap();
        down.address(&format!("192.168.{number}.2/24")).unwrap();
        // A bridge and a VXLAN device for each VNI; made here, so that zebra takes their underlay for the default VRF's.
        for (vni, home) in [(100, Some(&red)), (110, None)] {
            let mac = format!("aa:bb:cc:00:{:02x}:6{number}", vni - 100);
            namespace
                .run(&format!(
                    "ip link add vni{vni} type vxlan id {vni} local {vtep} dstport 4789 nolearning"
                ))
                .unwrap();
            let home = match home {
                Some(red) => {
                    namespace
                        .run(&format!(
                            "ip link set vni{vni} netns {}",
                            red.path().display()
                        ))
                        .unwrap();
                    red
                }
                None => &namespace,
            };
            home.run(&format!("ip link add br{vni} address {mac} type bridge"))
                .unwrap();
            for words in [
                format!("ip link set vni{vni} master br{vni} addrgenmode none"),
                format!("ip link set br{vni} addrgenmode none"),
                format!("ip link set br{vni} up"),
                format!("ip link set vni{vni} up"),
            ] {
                home.run(&words).unwrap();
            }
        }
        let host = Namespace::new(&format!("host{letter}")).unwrap();
        let net = format!("192.{}.20", 167 + u16::from(number));
        let (inner, outer) = veth((&host, "eth0"), (&red, "host")).unwrap();
        inner.address(&format!("{net}.2/24")).unwrap();
        outer.address(&format!("{net}.1/24")).unwrap();
        route(&host, &format!("0.0.0.0/0 via {net}.1")).unwrap();
        let pod = Namespace::new(&format!("pod{letter}")).unwrap();
        let (inner, outer) = veth((&pod, "eth0"), (&namespace, "pod")).unwrap();
        inner.address(&format!("10.110.0.{number}/24")).unwrap();
        Interface::named(&namespace, outer.name())
            .set("master br110")
            .unwrap();

        let asn = 64519 + u32::from(number);
        let fabric =
            Neighbour::at([192, 168, number, 2], Remote::External).telling(Families::V4Evpn);
        let mut underlay = Bgp::new(asn, [100, 64, 0, number])
            .neighbour(fabric)
            .networks(&[format!("{vtep}/32").parse().unwrap()]);
        underlay.evpn = Evpn::Vnis;
        let mut tenant = Bgp::new(asn, [100, 64, 0, number]).in_vrf("red");
        tenant.redistribute_connected = true;
        tenant.evpn = Evpn::Prefixes;
        let config = FrrConfig {
            bgp: vec![underlay, tenant],
            l3vnis: vec![("red".to_owned(), 100)],
            ..FrrConfig::default()
        };
        let frr = Frr::start(&namespace, release, &config, &[&red]).unwrap();
        Self {
            namespace,
            red,
            host,
            pod,
            frr,
        }
    }
}

fn leaves(release: Release) {
    let spine = forwarder("spine", &[]);
    let [a, b] = [1, 2].map(|number| Leaf::start(number, &spine, release));
    let bgp = [1, 2]
        .into_iter()
        .fold(Bgp::new(64612, [100, 65, 0, 1]), |bgp, number| {
            let leaf = Neighbour::at([192, 168, number, 1], Remote::External);
            bgp.neighbour(leaf.telling(Families::V4Evpn).unchanged())
        });
    let spine_frr = Frr::start(&spine, release, &FrrConfig::bgp(bgp), &[]).unwrap();
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
        &a.host,
        &b.host,
        &a.pod,
        &b.pod,
        &a.namespace,
        &b.namespace,
        &spine,
    ];
    keep::ready(&format!("S2, S4: leaves{PICTURE}"), &boxes, &ways).unwrap();

    // Type 5: the prefix leads to the other leaf's tunnel end point.
    let shown = a.red.run("ip route show 192.169.20.0/24").unwrap();
    assert!(shown.contains("via 100.64.0.2 dev br100"), "{shown}");
    wait_ping(&a.host, "192.168.20.2", "192.169.20.2");
    wait_ping(&b.host, "192.169.20.2", "192.168.20.2");
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
