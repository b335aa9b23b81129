//! S14: many bridged and routed networks on one router: how soon all of them are ready, and what they cost.

use crate::common::{Routed, forwarder, wait_ping};
use crate::evpn_leaves;
use ferroute_tests::daemon::frr::{Bgp, Daemon, Evpn, Families, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::process::output;
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Interface, Namespace, Node, keep, veth};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const PICTURE: &str = "
    the router with FRR beside a kernel leaf; both have all of the networks, VNIs from 1001 on, with hosts in the first and the last;
    and all of the VRFs, v1, v2 and so on with VNIs from 101 on, with an address in each: 10.100.N.1 at the leaf, 10.100.N.3 at r1

    podf 10.0.F.1 ── br<F> ┌──────┐ eth0 192.168.3.2    192.168.3.1 p0 ┌────┐ n<F> p1 ── podf 10.0.F.3
    podl 10.0.L.1 ── br<L> │ leaf ├──────────────────────────────────── │ r1 │ n<L> p2 ── podl 10.0.L.3
                           └──────┘ lo 100.64.0.1       100.64.0.3 lo0 └────┘
                           AS 64512                     AS 64514
";
const FIRST: u32 = 1001;
/// The VNI of the first VRF.
const FIRST_ROUTED: u32 = 101;
const LEAF: &str = "100.64.0.1";
const ROUTER: &str = "100.64.0.3";
/// How long all of it may take on a machine that others use too.
const LIMIT: Duration = Duration::from_secs(120);

/// The name of a VRF.
fn vrf(number: u32) -> String {
    format!("v{number}")
}

/// An end of the link and its announcements, with so many VRFs.
fn speaker(asn: u32, own: &str, far: [u8; 4], vrfs: u32) -> FrrConfig {
    let id: std::net::Ipv4Addr = own.parse().unwrap();
    let far = Neighbour::at(far, Remote::External).telling(Families::V4Evpn);
    let mut bgp = Bgp::new(asn, id.octets())
        .neighbour(far)
        .networks(&[format!("{own}/32").parse().unwrap()]);
    bgp.evpn = Evpn::Vnis;
    let tenants = (1..=vrfs).map(|number| {
        let mut tenant = Bgp::new(asn, id.octets()).in_vrf(&vrf(number));
        tenant.redistribute_connected = true;
        tenant.evpn = Evpn::Prefixes;
        tenant
    });
    FrrConfig {
        bgp: std::iter::once(bgp).chain(tenants).collect(),
        l3vnis: (1..=vrfs)
            .map(|number| (vrf(number), FIRST_ROUTED + number - 1))
            .collect(),
        ..FrrConfig::default()
    }
}

/// A VRF of the leaf, with an address in it.
fn tenant(leaf: &Namespace, number: u32) -> Namespace {
    let tenant = Namespace::new(&vrf(number)).unwrap();
    evpn_leaves::netdevs(leaf, 1, FIRST_ROUTED + number - 1, &tenant);
    let lo = Interface::named(&tenant, "lo");
    lo.set("up").unwrap();
    lo.address(&format!("10.100.{number}.1/32")).unwrap();
    tenant
}

/// A host of the first or the last network, whose cable ends in `other`.
fn pod(place: usize, last: u8, other: (&Namespace, &str)) -> Namespace {
    let pod = Namespace::new(["podf", "podl"][place]).unwrap();
    let (eth0, _) = veth((&pod, "eth0"), other).unwrap();
    eth0.address(&format!("10.0.{place}.{last}/24")).unwrap();
    pod
}

/// The kernel's netdevs of all networks at the leaf.
fn netdevs(leaf: &Namespace, vnis: impl Iterator<Item = u32>) {
    let mut lines = String::new();
    for vni in vnis {
        write!(
            lines,
            "link add br{vni} type bridge mcast_snooping 0\n\
             link set br{vni} addrgenmode none\nlink set br{vni} up\n\
             link add vni{vni} type vxlan id {vni} local {LEAF} dstport 4789 nolearning\n\
             link set vni{vni} master br{vni} addrgenmode none\nlink set vni{vni} up\n"
        )
        .unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    output(leaf.command("ip").arg("-batch").arg(file.path())).unwrap();
}

/// Waits until the router floods each network to the leaf, and the leaf each to the router; answers when either was so.
fn wait_flooded(r1: &Routed, leaf: &Namespace, count: u32, since: Instant) -> [Duration; 2] {
    until("all flood lists in the router", LIMIT, || {
        let status = r1.bridge.status()?;
        let stations = &status["sources"][0]["stations"];
        let all = stations["ends"] == count && stations["vnis"] == count;
        Ok(Seen::when(all, || format!("{stations:#}")))
    })
    .unwrap();
    let there = since.elapsed();
    until("all flood lists in the leaf", LIMIT, || {
        let shown = leaf.run("bridge fdb")?;
        let to_router =
            |line: &&str| line.contains(ROUTER) && line.starts_with("00:00:00:00:00:00");
        let ends = shown.lines().filter(to_router).count();
        Ok(Seen::when(ends == count as usize, || ends.to_string()))
    })
    .unwrap();
    [there, since.elapsed()]
}

fn scale(count: u32, routed: u32) {
    let vnis = || FIRST..FIRST + count;
    let leaf = forwarder("leaf", &[&format!("{LEAF}/32")]);
    let mut node = Node::new("r1").unwrap();
    let uplink = node.port("p0", None, &["192.168.3.1/24"], (&leaf, "eth0"));
    uplink.unwrap().address("192.168.3.2/24").unwrap();
    node.loopback("lo0", None, &[&format!("{ROUTER}/32")]);
    netdevs(&leaf, vnis());
    let ends = [(FIRST, "p1"), (FIRST + count - 1, "p2")];
    let mut pods = Vec::new();
    for (place, (vni, port)) in ends.into_iter().enumerate() {
        let near = Namespace::new(["podf", "podl"][place]).unwrap();
        let eth0 = node.port(port, None, &[], (&near, "eth0")).unwrap();
        eth0.address(&format!("10.0.{place}.3/24")).unwrap();
        let cable = format!("pod{place}");
        let far = pod(place, 1, (&leaf, &cable));
        let cable = Interface::named(&leaf, &cable);
        cable.set(&format!("master br{vni}")).unwrap();
        pods.push((near, far));
    }
    node.configure("domains:");
    for vni in vnis() {
        let port = ends.iter().find(|(end, _)| *end == vni);
        let members = port.map_or("", |(_, port)| *port);
        node.configure(&format!("  - {{ name: n{vni}, members: [{members}] }}"));
        node.l2vni(None, vni, &format!("n{vni}"), ROUTER);
    }
    let mut tenants = Vec::new();
    for number in 1..=routed {
        let (name, own) = (vrf(number), format!("10.100.{number}.3/32"));
        node.vrf(&name, number).unwrap();
        node.l3vni(&name, FIRST_ROUTED + number - 1, ROUTER);
        node.loopback(&format!("l{number}"), Some(&name), &[&own]);
        tenants.push(tenant(&leaf, number));
    }
    let far = speaker(64512, LEAF, [192, 168, 3, 1], routed);
    let named: Vec<_> = tenants.iter().collect();
    let leaf_frr = Frr::start(&leaf, Release::Debian13, &far, &named).unwrap();

    let since = Instant::now();
    let config = speaker(64514, ROUTER, [192, 168, 3, 2], routed);
    let r1 = Routed::start(node, Release::Debian13, &config);
    let started = since.elapsed();
    r1.frr.wait_established(None, "192.168.3.2").unwrap();
    let [router, peer] = wait_flooded(&r1, &leaf, count, since);
    println!(
        "S14: {count} networks and {routed} VRFs: router, FRR and bridge started after {started:.1?}, all flood lists in the router after {router:.1?}, in the leaf after {peer:.1?}"
    );
    for (near, far) in &pods {
        let place = usize::from(near.name() == "podl");
        let (ours, theirs) = (format!("10.0.{place}.3"), format!("10.0.{place}.1"));
        wait_ping(near, &ours, &theirs);
        wait_ping(far, &theirs, &ours);
    }
    for (tenant, number) in tenants.iter().zip(1..) {
        let [theirs, ours] = [1, 3].map(|last| format!("10.100.{number}.{last}"));
        wait_ping(tenant, &theirs, &ours);
    }
    println!(
        "S14: {count} networks and {routed} VRFs: all of them reached after {:.1?}",
        since.elapsed()
    );
    let mebibytes = |process: &ferroute_tests::Process| process.resident_bytes() >> 20;
    let daemon = |daemon| r1.frr.process(daemon).map_or(0, mebibytes);
    println!(
        "S14: {count} networks and {routed} VRFs: MiB resident: router {}, bridge {}, zebra {}, bgpd {}",
        mebibytes(r1.router.get().process()),
        mebibytes(r1.bridge.process()),
        daemon(Daemon::Zebra),
        daemon(Daemon::Bgpd)
    );
    let ways = [("leaf", leaf_frr.way_in()), ("r1", r1.frr.way_in())];
    let mut boxes: Vec<_> = pods.iter().map(|(near, _)| near).collect();
    boxes.extend([r1.node.kernel(), &leaf]);
    keep::ready(&format!("S14:{PICTURE}"), &boxes, &ways).unwrap();

    // What the bridge made goes with it.
    let Routed {
        node, bridge, frr, ..
    } = r1;
    let since = Instant::now();
    bridge.stop().unwrap();
    println!(
        "S14: {count} networks and {routed} VRFs: netdevs taken down in {:.1?}",
        since.elapsed()
    );
    let left = node.kernel().run("ip -br link").unwrap();
    let ours = |name: &str| {
        ["vni", "br", "st"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let left: Vec<_> = left.lines().filter(|line| ours(line)).collect();
    assert!(left.is_empty(), "{left:#?}");
    drop((frr, leaf_frr));
}

/// With 500 networks and 50 VRFs for whoever plays with it; a tenth of that shows that it works.
#[test]
fn s14_many_bridged_and_routed_networks_are_ready_and_go() {
    if keep::is_wanted() {
        scale(500, 50);
    } else {
        scale(50, 5);
    }
}
