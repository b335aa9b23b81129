//! A host that is attached to two leaves, seen from the router: its frames go to both by flow (aliasing, RFC 7432 section 8.4),
//! and to the one that is left when the other is cut off from it.
//!
//! A leaf with a segment of its own needs a bond for zebra, so the leaves are GoBGP, which is told what they say.

use crate::common::{LIMIT, Routed};
use etherparse::PacketBuilder;
use ferroute_tests::daemon::Release;
use ferroute_tests::daemon::frr::{Bgp, Evpn, Families, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::gobgp::{GoBgp, GoBgpConfig, GoBgpPeer};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{
    Bridge, Capture, Interface, Namespace, Node, RawSocket, Recorder, Router, keep,
};
use serde_json::Value;

const PICTURE: &str = "
    the router with FRR, and two leaves (GoBGP) that share a host; VNI 110 bridges

                          ┌────┐ p0 192.168.1.1 ── 192.168.1.2 leafa 100.64.0.1, AS 64520 ┐
    pod ── p3, flat ──────┤ r1 │                                                          ├ segment, host 02:00:00:00:00:aa
                          └────┘ p1 192.168.2.1 ── 192.168.2.2 leafb 100.64.0.2, AS 64521 ┘
                lo0 100.64.0.3, AS 64522
";

const HOST: [u8; 6] = [2, 0, 0, 0, 0, 0xaa];
const HOST_TEXT: &str = "02:00:00:00:00:aa";
const SEGMENT: &str = "esi ARBITRARY 44:38:39:ff:ff:01:00:00:01";
/// Flows of a look at where frames go.
const FLOWS: u16 = 200;
/// What each of two ways carries at least: five standard deviations below the half.
const FEW: usize = 65;

/// What stands around the router.
struct Lab {
    leaves: Vec<Namespace>,
    pod: Namespace,
    recorder: Option<Recorder>,
}

impl Lab {
    /// The node of the router, and what stands around it. If recordings are wanted, one has this name.
    fn build(recording: &str) -> (Node, Self) {
        let mut node = Node::new("r1").unwrap();
        let mut leaves = Vec::new();
        for (number, name) in [(1, "leafa"), (2, "leafb")] {
            let leaf = Namespace::new(name).unwrap();
            let (port, ours) = (format!("p{}", number - 1), format!("192.168.{number}.1/24"));
            let cable = node.port(&port, None, &[&ours], (&leaf, "eth0")).unwrap();
            cable.address(&format!("192.168.{number}.2/24")).unwrap();
            leaves.push(leaf);
        }
        node.loopback("lo0", None, &["100.64.0.3/32"]);
        let recorder = Recorder::start(node.kernel(), recording).unwrap();
        let pod = Namespace::new("pod").unwrap();
        node.port("p3", None, &[], (&pod, "eth0")).unwrap();
        node.command("domain add flat member p3");
        node.l2vni(None, 110, "flat", "100.64.0.3");
        let lab = Self {
            leaves,
            pod,
            recorder,
        };
        (node, lab)
    }

    /// How many of so many flows to the host come by each leaf.
    fn spread(&self) -> Vec<usize> {
        let eth0 = Interface::named(&self.pod, "eth0");
        let captures = self.leaves.iter();
        let captures =
            captures.map(|leaf| Capture::start(&Interface::named(leaf, "eth0")).unwrap());
        let captures: Vec<_> = captures.collect();
        let socket = RawSocket::open(&eth0).unwrap();
        for flow in 0..FLOWS {
            let packet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], HOST)
                .ipv4([10, 110, 0, 3], [10, 110, 0, 9], 64)
                .udp(50_000 + flow, 65_000);
            let mut frame = Vec::new();
            packet.write(&mut frame, &[0; 18]).unwrap();
            socket.send(&frame).unwrap();
        }
        let came = captures.into_iter().map(|capture| {
            let recording = capture.stop().unwrap();
            assert_eq!(recording.faults().unwrap(), Vec::<String>::new());
            let wanted = format!("vxlan.vni == 110 && eth.dst == {HOST_TEXT}");
            recording.dissect(&wanted, &["udp.srcport"]).unwrap().len()
        });
        came.collect()
    }

    /// Waits until all flows go these ways, each a fair part of them.
    fn wait_spread(&self, what: &str, ways: [bool; 2]) {
        let look = || {
            let spread = self.spread();
            let fair = spread.iter().zip(ways);
            let fair = fair.fold(true, |fair, (came, way)| {
                fair && if way { *came >= FEW } else { *came == 0 }
            });
            let all = spread.iter().sum::<usize>() == usize::from(FLOWS);
            Ok(Seen::when(fair && all, || format!("{spread:?}")))
        };
        until(what, LIMIT, look).unwrap();
    }

    fn save(self) {
        if let Some(recorder) = self.recorder {
            recorder.save().unwrap();
        }
    }
}

/// Waits until the router has a segment with so many peers, or none.
fn wait_segment(router: &Router, peers: Option<usize>) {
    let look = || {
        let shown = router.query("segment show")?;
        let segments = shown.as_array().map_or(&[][..], Vec::as_slice);
        let found: Vec<_> = segments
            .iter()
            .map(|segment| segment["peers"].as_array().map_or(0, Vec::len))
            .collect();
        Ok(Seen::when(found == Vec::from_iter(peers), || {
            format!("{shown:#}")
        }))
    };
    until(&format!("a segment of {peers:?} peers"), LIMIT, look).unwrap();
}

/// Waits until the host is a remote station, or is none.
fn wait_host(router: &Router, there: bool) {
    let look = || {
        let shown = router.query("fdb show")?;
        let stations = shown.as_array().map_or(&[][..], Vec::as_slice);
        let known = stations.iter().any(|station| station["mac"] == HOST_TEXT);
        Ok(Seen::when(known == there, || format!("{shown:#}")))
    };
    until(&format!("the host is there: {there}"), LIMIT, look).unwrap();
}

fn stations(bridge: &Bridge) -> Value {
    bridge.status().unwrap()["sources"][0]["stations"].clone()
}

/// What zebra would write, written by hand: every change of a group and its ends, and a bridge that starts anew.
#[test]
fn multihoming_groups_of_the_kernel_lead_to_all_their_ends() {
    let (mut node, lab) = Lab::build("multihoming_kernel");
    for number in [1, 2] {
        node.command(&format!(
            "route add 100.64.0.{number}/32 via 192.168.{number}.2"
        ));
    }
    let router = node.start().unwrap();
    let config = node.bridge_config();
    let mut bridge = Bridge::start(node.kernel(), &router, &config, &[]).unwrap();
    bridge
        .until("VNI 110", |status| {
            status["sources"][0]["stations"]["vnis"] == 1
        })
        .unwrap();
    let say = |words: &str| node.kernel().run(words).unwrap();
    say("ip nexthop add id 1 via 100.64.0.1 fdb");
    say("ip nexthop add id 2 via 100.64.0.2 fdb");
    say("ip nexthop add id 10 group 1/2 fdb");
    say(&format!(
        "bridge fdb add {HOST_TEXT} dev vni110 self nhid 10 extern_learn"
    ));
    lab.wait_spread("both leaves", [true, true]);
    wait_segment(&router, Some(2));
    let now = stations(&bridge);
    let counts = ["segments", "remote", "refused"].map(|count| now[count].as_u64());
    assert_eq!(counts, [1, 1, 0].map(Some), "{now:#}");

    // A leaf is cut off from the host: one change, and no word on the station.
    say("ip nexthop replace id 10 group 2 fdb");
    lab.wait_spread("the leaf that is left", [false, true]);
    // An end moves.
    say("ip nexthop replace id 2 via 100.64.0.1 fdb");
    lab.wait_spread("its new place", [true, false]);

    // While nobody listens it moves back, and the other comes back.
    bridge.kill().unwrap();
    say("ip nexthop replace id 2 via 100.64.0.2 fdb");
    lab.wait_spread("the last word", [true, false]);
    say("ip nexthop replace id 10 group 1/2 fdb");
    bridge.restart().unwrap();
    lab.wait_spread("both leaves again", [true, true]);
    wait_segment(&router, Some(2));

    // The kernel takes the entries of a group along, and says nothing of them.
    say("ip nexthop del id 10");
    wait_host(&router, false);
    wait_segment(&router, None);
    assert_eq!(stations(&bridge)["refused"], 0);
    lab.save();
    bridge.stop().unwrap();
    router.stop().unwrap();
}

/// A leaf that tells of the host's segment, and of its own tunnels.
fn leaf(number: u8, namespace: &Namespace) -> GoBgp {
    let asn = 64519 + u32::from(number);
    let mut peer = GoBgpPeer::new([192, 168, number, 1], 64522);
    peer.evpn = true;
    let config = GoBgpConfig {
        asn,
        router_id: [100, 64, 0, number].into(),
        peers: vec![peer],
    };
    let leaf = GoBgp::start(namespace, Release::Debian13, &config).unwrap();
    let own = format!("100.64.0.{number}/32").parse().unwrap();
    leaf.announce(own, [192, 168, number, 2].into()).unwrap();
    evpn(&leaf, number, "add", &per_segment(number));
    evpn(&leaf, number, "add", &per_instance(number));
    leaf
}

fn evpn(leaf: &GoBgp, number: u8, what: &str, route: &str) {
    leaf.say(&format!(
        "global rib {what} -a evpn {route} nexthop 100.64.0.{number}"
    ))
    .unwrap();
}

/// The leaf is attached to the segment (RFC 7432 section 8.2.1).
fn per_segment(number: u8) -> String {
    let asn = 64519 + u32::from(number);
    format!(
        "a-d {SEGMENT} etag 4294967295 label 0 rd 100.64.0.{number}:1 rt {asn}:110 encap vxlan esi-label 0 all-active"
    )
}

/// And has it in VNI 110 (section 8.4.1).
fn per_instance(number: u8) -> String {
    let asn = 64519 + u32::from(number);
    format!("a-d {SEGMENT} etag 0 label 110 rd 100.64.0.{number}:110 rt {asn}:110 encap vxlan")
}

/// The host as one leaf has heard it, which speaks for both.
fn host(number: u8) -> String {
    let asn = 64519 + u32::from(number);
    format!(
        "macadv {HOST_TEXT} 0.0.0.0 {SEGMENT} etag 0 label 110 rd 100.64.0.{number}:110 rt {asn}:110 encap vxlan"
    )
}

#[test]
fn multihoming_a_host_that_one_of_two_leaves_tells_of_is_behind_both() {
    let (node, lab) = Lab::build("multihoming");
    let speakers = lab.leaves.iter().zip(1..);
    let speakers: Vec<_> = speakers
        .map(|(namespace, number)| leaf(number, namespace))
        .collect();
    evpn(&speakers[0], 1, "add", &host(1));
    let mut bgp = Bgp::new(64522, [100, 64, 0, 3]).networks(&["100.64.0.3/32".parse().unwrap()]);
    for number in [1, 2] {
        let leaf = Neighbour::at([192, 168, number, 2], Remote::External);
        bgp = bgp.neighbour(leaf.telling(Families::V4Evpn));
    }
    bgp.evpn = Evpn::Vnis;
    let r1 = Routed::start(node, Release::Debian13, &FrrConfig::bgp(bgp));
    for number in [1, 2] {
        let peer = format!("192.168.{number}.2");
        r1.frr.wait_established(None, &peer).unwrap();
    }
    let router = r1.router.get();
    wait_host(router, true);
    wait_segment(router, Some(2));
    lab.wait_spread("both leaves", [true, true]);
    let ways = [("r1", r1.frr.way_in())];
    let boxes = [&lab.pod, r1.node.kernel(), &lab.leaves[0], &lab.leaves[1]];
    keep::ready(&format!("multihoming{PICTURE}"), &boxes, &ways).unwrap();

    // The second leaf is cut off from the host (RFC 7432 section 8.2), and attached again.
    evpn(&speakers[1], 2, "del", &per_segment(2));
    lab.wait_spread("the leaf that is left", [true, false]);
    evpn(&speakers[1], 2, "add", &per_segment(2));
    lab.wait_spread("both leaves again", [true, true]);
    // Nobody knows the host any more.
    evpn(&speakers[0], 1, "del", &host(1));
    wait_host(router, false);
    assert_eq!(stations(&r1.bridge)["refused"], 0);
    lab.save();
    r1.stop();
}
