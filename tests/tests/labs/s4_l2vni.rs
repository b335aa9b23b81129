//! S4, S5 and S10: the router as a leaf whose bridge domains are one with those of two kernel leaves: with an anycast gateway and
//! without, with hosts that say nothing and hosts that move.

use crate::common::{LIMIT, Routed, forwarder, wait_ping};
use crate::evpn_leaves::{self, Leaf, defaults, instances, l3vnis, netdevs, networks};
use ferroute_tests::daemon::frr::{Daemon, FrrConfig};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Interface, Namespace, Node, Recorder, keep, veth};
use std::time::Instant;

const PICTURE: &str = "
    the router with FRR as a leaf beside two kernel leaves; VNI 110 bridges, VNI 120 bridges behind a gateway in red, VNI 100 routes

    hosta 192.168.20.2 ── red   ┌───────┐      ┌───────┐      ┌────┐ flat p3 ── podr 10.110.0.3
    vma   192.171.24.2 ── br120 │ leafa ├──────┤ spine ├── p0 │ r1 │ web  p4 ── vmr  192.171.24.3, 2001:db8:24::3
    poda  10.110.0.1 ──── br110 └───────┘      └───┬───┘      └────┘
    hostb 192.169.20.2 ── red   ┌───────┐          │           lo0 100.64.0.3, AS 64522
    podb  10.110.0.2 ──── br110 │ leafb ├──────────┘
                                └───────┘
    the gateway of VNI 120 is 192.171.24.1 and 2001:db8:24::1 at leafa and r1, with the same Ethernet address
";

const ROUTER: u8 = 3;
const GATEWAY: &str = "00:f3:00:00:00:79";
/// The network of VNI 120, without the last part.
const WEB: [&str; 2] = ["192.171.24.", "2001:db8:24::"];

struct Lab {
    r1: Routed,
    leaves: Vec<Leaf>,
    spine: Frr,
    /// Hosts behind the router: in VNI 110 and in VNI 120.
    pod: Namespace,
    vm: Namespace,
    /// The host in VNI 120 behind the first leaf.
    far_vm: Namespace,
    /// The host in VNI 120 behind the router once it has moved behind the first leaf: the same addresses, and not there yet.
    moved_vm: Namespace,
    /// Of the router's kernels, for the bridge's golden tests.
    recorders: Vec<Recorder>,
}

/// A host in VNI 120 whose cable ends in `other`.
fn vm(name: &str, last: u8, other: (&Namespace, &str)) -> (Namespace, Interface) {
    let host = Namespace::new(name).unwrap();
    let (inner, outer) = veth((&host, "eth0"), other).unwrap();
    web_host(&host, &inner, last);
    (host, outer)
}

/// The host goes: its cable is pulled.
fn depart(host: &Namespace) {
    Interface::named(host, "eth0").set("down").unwrap();
}

/// The host comes, and says so (RFC 5227 section 2.3).
fn arrive(host: &Namespace, last: u8) {
    let eth0 = Interface::named(host, "eth0");
    eth0.set("up").unwrap();
    let address = format!("{}{last}", WEB[0]);
    eth0.address(&format!("{}{last}/64", WEB[1])).unwrap();
    defaults(host, WEB[0], WEB[1]);
    let words = format!("arping -U -c 1 -w 5 -I eth0 {address}");
    // Nobody answers, which arping takes for a failure.
    let _ = host.run(&words);
}

fn web_host(host: &Namespace, eth0: &Interface, last: u8) {
    eth0.address(&format!("{}{last}/24", WEB[0])).unwrap();
    eth0.address(&format!("{}{last}/64", WEB[1])).unwrap();
    defaults(host, WEB[0], WEB[1]);
}

/// VNI 120 at a leaf: its bridge is the gateway, in red.
fn web(leaf: &Leaf, number: u8) {
    let red = &leaf.tenants[0].vrf;
    netdevs(&leaf.namespace, number, 120, red);
    let bridge = Interface::named(red, "br120");
    bridge.set(&format!("address {GATEWAY}")).unwrap();
    for start in WEB {
        let length = if start.contains(':') { 64 } else { 24 };
        bridge.address(&format!("{start}1/{length}")).unwrap();
    }
}

impl Lab {
    /// The lab, converged. If recordings are wanted, they begin with this name.
    fn start(name: &str) -> Self {
        let release = Release::Debian13;
        let spine = forwarder("spine", &[]);
        let leaves: Vec<_> = (1..ROUTER)
            .map(|number| Leaf::start(number, &spine, release))
            .collect();
        web(&leaves[0], 1);
        let (far_vm, port) = vm("vma", 2, (&leaves[0].tenants[0].vrf, "vm"));
        port.set("master br120").unwrap();
        let (moved_vm, port) = vm("vmm", 3, (&leaves[0].tenants[0].vrf, "moved"));
        port.set("master br120").unwrap();
        depart(&moved_vm);

        let mut node = Node::new("r1").unwrap();
        let uplink = node
            .port("p0", None, &["192.168.3.1/24"], (&spine, "eth3"))
            .unwrap();
        uplink.address("192.168.3.2/24").unwrap();
        node.loopback("lo0", None, &["100.64.0.3/32"]);
        let red = node.vrf("red", 1).unwrap();
        let recorders = [(node.kernel(), "default"), (&red, "red")]
            .into_iter()
            .filter_map(|(kernel, of)| Recorder::start(kernel, &format!("{name}_{of}")).unwrap())
            .collect();
        node.l3vni("red", 100, "100.64.0.3");
        let pod = Namespace::new("podr").unwrap();
        let eth0 = node.port("p3", None, &[], (&pod, "eth0")).unwrap();
        eth0.address("10.110.0.3/24").unwrap();
        node.command("domain add flat member p3");
        node.l2vni(None, 110, "flat", "100.64.0.3");
        let vm = Namespace::new("vmr").unwrap();
        let eth0 = node.port("p4", None, &[], (&vm, "eth0")).unwrap();
        web_host(&vm, &eth0, 3);
        let own = eth0.mac().unwrap();
        let twin = Interface::named(&moved_vm, "eth0");
        twin.set(&format!("address {own}")).unwrap();
        node.command(&format!(
            "domain add web member p4 suppress on ageing 10 gateway {GATEWAY} vrf red dev gw120 twin on"
        ));
        node.command(&format!("addr add {}1/24 dev gw120", WEB[0]));
        node.command(&format!("addr add {}1/64 dev gw120", WEB[1]));
        node.l2vni(Some("red"), 120, "web", "100.64.0.3");

        let config = FrrConfig {
            bgp: instances(ROUTER)
                .into_iter()
                .filter(|bgp| bgp.vrf.as_deref() != Some("blue"))
                .collect(),
            l3vnis: l3vnis()
                .into_iter()
                .filter(|(vrf, _)| vrf == "red")
                .collect(),
            ..FrrConfig::default()
        };
        let r1 = Routed::start(node, release, &config);
        let spine_frr = evpn_leaves::reflect(&spine, release, &[1, 2, ROUTER]);
        r1.frr.wait_established(None, "192.168.3.2").unwrap();
        let lab = Self {
            r1,
            leaves,
            spine: spine_frr,
            pod,
            vm,
            far_vm,
            moved_vm,
            recorders,
        };
        let ways = [
            ("leafa", lab.leaves[0].frr.way_in()),
            ("leafb", lab.leaves[1].frr.way_in()),
            ("r1", lab.r1.frr.way_in()),
            ("spine", lab.spine.way_in()),
        ];
        let [a, b] = [0, 1].map(|place| &lab.leaves[place]);
        let boxes = [
            &lab.pod,
            &lab.vm,
            &lab.far_vm,
            &a.pod,
            &b.pod,
            lab.r1.node.kernel(),
            &spine,
        ];
        keep::ready(&format!("S4, S5{PICTURE}"), &boxes, &ways).unwrap();
        lab
    }

    /// Waits until a leaf knows a station of a VNI behind this tunnel end point; answers what it says of it.
    fn wait_station(&self, frr: &Frr, vni: u32, mac: &str, behind: Option<&str>) {
        let what = format!("{mac} in VNI {vni} behind {behind:?}");
        let look = || {
            let shown = frr.show(Daemon::Zebra, &format!("show evpn mac vni {vni} json"))?;
            let station = &shown["macs"][mac];
            let there = match behind {
                Some(end) => station["type"] == "remote" && station["remoteVtep"] == end,
                None => station["type"] == "local",
            };
            Ok(Seen::when(there, || format!("{shown:#}")))
        };
        until(&what, LIMIT, look).unwrap();
    }

    fn stop(self) {
        self.recorders
            .into_iter()
            .for_each(|recorder| recorder.save().unwrap());
        self.r1.stop();
    }

    /// Nothing was refused, and nothing is held back.
    fn assert_clean(&self) {
        let status = self.r1.bridge.status().unwrap();
        for source in status["sources"].as_array().unwrap() {
            let held = ["pending", "unsupported", "refused", "vnis_failed"];
            assert!(held.iter().all(|count| source[count] == 0), "{status:#}");
            let stations = &source["stations"];
            assert!(stations.is_null() || stations["refused"] == 0, "{status:#}");
        }
    }
}

fn mac(host: &Namespace) -> String {
    Interface::named(host, "eth0").mac().unwrap()
}

/// VNI 110: an Ethernet segment, and nobody routes.
#[test]
fn s5_stations_of_a_disconnected_network_at_leaves_and_the_router() {
    let lab = Lab::start("s5");
    for (leaf, last) in lab.leaves.iter().zip(1..) {
        let (ours, theirs) = ("10.110.0.3", format!("10.110.0.{last}"));
        wait_ping(&lab.pod, ours, &theirs);
        wait_ping(&leaf.pod, &theirs, ours);
        lab.wait_station(&leaf.frr, 110, &mac(&lab.pod), Some("100.64.0.3"));
        let end = format!("100.64.0.{last}");
        lab.wait_station(&lab.r1.frr, 110, &mac(&leaf.pod), Some(&end));
    }
    lab.wait_station(&lab.r1.frr, 110, &mac(&lab.pod), None);
    lab.assert_clean();
    lab.stop();
}

/// VNI 120: the same, with a gateway at two leaves, and hosts of the VRF elsewhere.
#[test]
fn s4_stations_behind_an_anycast_gateway_and_the_prefixes_of_its_vrf() {
    let lab = Lab::start("s4");
    let [a, b] = [0, 1].map(|place| &lab.leaves[place]);
    for (family, web) in WEB.iter().enumerate() {
        let (ours, theirs) = (format!("{web}3"), format!("{web}2"));
        wait_ping(&lab.vm, &ours, &theirs);
        wait_ping(&lab.far_vm, &theirs, &ours);
        for (leaf, number) in [(a, 1), (b, 2)] {
            let host = format!("{}2", networks(number, 20)[family]);
            wait_ping(&lab.vm, &ours, &host);
            wait_ping(&lab.far_vm, &theirs, &host);
            wait_ping(&leaf.tenants[0].host, &host, &ours);
            wait_ping(&leaf.tenants[0].host, &host, &theirs);
        }
    }
    lab.wait_station(&a.frr, 120, &mac(&lab.vm), Some("100.64.0.3"));
    lab.assert_clean();
    lab.stop();
}

/// Seconds since a station behind the router sent something; none if it is not known there.
fn idle(lab: &Lab, mac: &str) -> Option<u64> {
    let stations = lab.r1.router.get().query("fdb show").unwrap();
    let mut stations = stations.as_array().unwrap().iter();
    let own = stations.find(|station| station["mac"] == mac && station["state"] == "learned")?;
    own["idle_seconds"].as_u64()
}

/// A host that says nothing of its own accord is asked before it is forgotten, so its routes stay.
#[test]
fn s10_a_silent_host_stays_known_beyond_its_age() {
    let lab = Lab::start("s10_silent");
    let [a, b] = [0, 1].map(|place| &lab.leaves[place]);
    let own = mac(&lab.vm);
    let host = format!("{}2", networks(2, 20)[0]);
    wait_ping(&b.tenants[0].host, &host, &format!("{}3", WEB[0]));
    lab.wait_station(&a.frr, 120, &own, Some("100.64.0.3"));
    // Ten seconds of silence would be its end. It is asked and answers, twice.
    let (mut last, mut answers) = (0, 0);
    until("two answers of a silent host", LIMIT * 2, || {
        let now = idle(&lab, &own);
        answers += usize::from(now.is_some_and(|now| now < last));
        last = now.unwrap_or(last);
        Ok(Seen::when(answers >= 2, || {
            format!("{answers} answers, idle {now:?}")
        }))
    })
    .unwrap();
    lab.wait_station(&a.frr, 120, &own, Some("100.64.0.3"));
    lab.stop();
}

/// A host moves from the router to a leaf and back, with its addresses.
#[test]
fn s10_a_host_that_moves_between_leaves_is_found() {
    let lab = Lab::start("s10");
    let [a, b] = [0, 1].map(|place| &lab.leaves[place]);
    let own = mac(&lab.vm);
    let (host, address) = (format!("{}2", networks(2, 20)[0]), format!("{}3", WEB[0]));
    let neighbour = format!("{}2", WEB[0]);
    let reach = |what: &str| {
        let start = Instant::now();
        wait_ping(&lab.far_vm, &neighbour, &address);
        let bridged = start.elapsed();
        wait_ping(&b.tenants[0].host, &host, &address);
        let routed = start.elapsed();
        println!("{what}: bridged after {bridged:.1?}, routed after {routed:.1?}");
    };
    reach("at first");
    lab.wait_station(&a.frr, 120, &own, Some("100.64.0.3"));
    depart(&lab.vm);
    arrive(&lab.moved_vm, 3);
    reach("moved to the leaf");
    lab.wait_station(&lab.r1.frr, 120, &own, Some("100.64.0.1"));
    depart(&lab.moved_vm);
    arrive(&lab.vm, 3);
    reach("moved back");
    lab.wait_station(&a.frr, 120, &own, Some("100.64.0.3"));
    lab.wait_station(&lab.r1.frr, 120, &own, None);
    lab.stop();
}
