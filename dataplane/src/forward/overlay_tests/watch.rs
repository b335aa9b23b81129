//! What a watch tells of packets, and that it changes nothing about them.

use std::num::NonZeroU32;

use super::*;
use crate::punt::{PuntClass, PuntReason};
use crate::trace::{Filter, Frame, InterfaceSet, Path, Point, Ring, Step, Tap, Tracer, Watch};

const FABRIC_VRF: VrfId = VrfId::new(0);
const TENANT_VRF: VrfId = VrfId::new(1);

impl Bench {
    fn trace(&mut self, filter: Filter, places: usize) -> Arc<Ring<Path>> {
        let ring = Arc::new(Ring::new(places, Path::default));
        let tracer = Some(Tracer::new(Arc::clone(&ring), filter));
        let watch = Watch { tracer, tap: None };
        self.forwarder.set_watch(Some(Box::new(watch)));
        ring
    }

    fn tap(&mut self, points: &[Point]) -> Arc<Ring<Frame>> {
        let ring = Arc::new(Ring::new(64, || Frame::with_room(2048)));
        let points = points.iter().copied().collect();
        let tap = Tap::new(Arc::clone(&ring), Filter::default(), points);
        let watch = Watch {
            tracer: None,
            tap: Some(Arc::new(tap)),
        };
        self.forwarder.set_watch(Some(Box::new(watch)));
        ring
    }
}

fn paths(ring: &Ring<Path>) -> Vec<Path> {
    let mut paths = Vec::new();
    ring.drain(usize::MAX, |path| paths.push(path.clone()));
    paths
}

fn taken(interface: InterfaceId, vrf: VrfId) -> Step {
    Step::Taken { interface, vrf }
}

fn looked(vrf: VrfId, next_hop: u32, leads: NextHop) -> Step {
    Step::Looked {
        vrf,
        next_hop: NextHopId::new(next_hop),
        leads,
    }
}

fn sent(port: PortId, interface: InterfaceId) -> Step {
    let by = Some((port, interface));
    Step::Sent { by }
}

/// A routed VXLAN frame of the remote end for the host.
fn routed_frame() -> Vec<u8> {
    let inner = vxlan(VNI, ROUTER, 0x0800, &remote_packet(4, 64));
    from_remote(4, 4789, &inner)
}

#[test]
fn the_way_into_a_tunnel_is_told_with_its_underlay() {
    let mut bench = Bench::new();
    let ring = bench.trace(Filter::default(), 8);
    let frame = host_packet(4, 7, 100);
    let left = bench.host_sends(frame.clone());
    let [path] = &paths(&ring)[..] else {
        panic!("one packet, one path")
    };
    let tunnel = TunnelId::new(1);
    assert_eq!(
        path.steps[..],
        [
            taken(TENANT, TENANT_VRF),
            looked(TENANT_VRF, TO_TUNNEL, NextHop::Tunnel(tunnel)),
            Step::Encapsulated {
                tunnel,
                underlay: Some(AdjacencyId::new(1))
            },
            sent(FABRIC_PORT, UNDERLAY),
        ]
    );
    assert_eq!(path.frame_bytes, frame.len());
    assert_eq!(path.head[..], frame[..128]);
    assert_eq!(path.sent_head[..], left[..128]);
}

#[test]
fn the_way_out_of_a_tunnel_is_told_with_both_lookups() {
    let mut bench = Bench::new();
    let ring = bench.trace(Filter::default(), 8);
    bench.fabric_sends(routed_frame());
    let endpoint = EndpointId::new(1);
    let expected = [
        taken(UNDERLAY, FABRIC_VRF),
        looked(FABRIC_VRF, TO_ENDPOINT, NextHop::Endpoint(endpoint)),
        Step::Decapsulated { endpoint },
        taken(VNI_INTERFACE, TENANT_VRF),
        looked(TENANT_VRF, TO_HOST, NextHop::Adjacency(AdjacencyId::new(2))),
        sent(TENANT_PORT, TENANT),
    ];
    assert_eq!(paths(&ring)[0].steps[..], expected);

    // Who watches the tenant sees it from where it comes out of the tunnel.
    let tenant = Filter {
        interfaces: Some(Arc::new(InterfaceSet::new([VNI_INTERFACE]))),
        prefix: Some("10.2.0.0/16".parse().unwrap()),
        ..Filter::default()
    };
    let ring = bench.trace(tenant, 8);
    bench.fabric_sends(routed_frame());
    let path = &paths(&ring)[0];
    assert_eq!(path.steps[..], expected[3..]);
    assert_eq!(path.head[14..], remote_packet(4, 64));
}

#[test]
fn labels_are_told_and_so_is_the_neighbour_behind_them() {
    let mut bench = Bench::new();
    let ring = bench.trace(Filter::default(), 8);
    let frame = mpls_frame(&[entry(VRF_LABEL, 0, true, 60)], &remote_packet(4, 64));
    bench.fabric_sends(frame);
    let steps = paths(&ring)[0].steps.clone();
    assert_eq!(
        steps[..],
        [
            taken(UNDERLAY, FABRIC_VRF),
            Step::Labels,
            taken(LABEL_INTERFACE, TENANT_VRF),
            looked(TENANT_VRF, TO_HOST, NextHop::Adjacency(AdjacencyId::new(2))),
            sent(TENANT_PORT, TENANT),
        ]
    );
}

#[test]
fn the_member_that_is_told_is_the_one_that_sends() {
    let mut bench = Bench::new();
    let prefix = "198.51.100.0/24".parse().unwrap();
    let group = NextHopId::new(TO_FABRICS);
    bench.tenant.0.set(prefix, group).unwrap();
    let ring = bench.trace(Filter::default(), 64);
    let mut members = Vec::new();
    for flow in 0..16 {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(HOST, ROUTER.octets())
            .ipv4(HOST4, [198, 51, 100, 1], 64)
            .udp(flow, 9)
            .write(&mut frame, &[])
            .unwrap();
        bench.host_sends(frame);
        let path = paths(&ring).remove(0);
        let Step::Picked {
            hop: Some(Hop::Adjacency(id)),
            ..
        } = path.steps[2]
        else {
            panic!("{:?}", path.steps)
        };
        let rewrite = bench.snapshot.adjacency(id).unwrap();
        assert_eq!(path.sent_head[..12], rewrite.header[..12]);
        members.push(id);
    }
    members.sort_unstable();
    members.dedup();
    assert_eq!(members.len(), 2, "flows took both");
}

#[test]
fn what_ends_early_is_told_with_its_reason() {
    let mut bench = Bench::new();
    let ring = bench.trace(Filter::default(), 8);
    let mut broken = host_packet(4, 7, 10);
    broken[24] ^= 1;
    let mut expired = host_packet(4, 7, 10);
    expired[22] = 1;
    expired[24] += 63;
    bench.receive(TENANT_PORT, &[broken.clone(), expired, vec![0; 9]]);
    let ends: Vec<_> = paths(&ring)
        .iter()
        .map(|path| (path.steps[0], *path.steps.last().unwrap()))
        .collect();
    let dropped = |reason| Step::Dropped { reason };
    assert_eq!(ends[0].1, dropped(DropReason::Ipv4Checksum));
    assert_eq!(ends[1].1, dropped(DropReason::EthernetTruncated));
    assert_eq!(ends[2].0, taken(TENANT, TENANT_VRF));
    let (reason, class) = (PuntReason::TtlExpired, PuntClass::Exception);
    assert_eq!(ends[2].1, Step::Punted { reason, class });

    let only = Filter {
        reason: Some("ipv4_checksum"),
        sample: NonZeroU32::new(2).unwrap(),
        ..Filter::default()
    };
    let ring = bench.trace(only, 8);
    bench.receive(
        TENANT_PORT,
        &[vec![0; 9], broken.clone(), broken.clone(), broken],
    );
    let ends: Vec<_> = paths(&ring).iter().map(|p| p.steps[1]).collect();
    assert_eq!(
        ends,
        [dropped(DropReason::Ipv4Checksum); 2],
        "every second one"
    );
}

#[test]
fn a_watch_changes_nothing_and_a_full_ring_loses_only_records() {
    let mut frames: Vec<Vec<u8>> = (0..40).map(|flow| host_packet(4, flow, 30)).collect();
    frames.extend((0..20).map(|flow| host_packet(6, flow, 1400)));
    frames.push(vec![0; 13]);
    frames.push(host_packet(4, 1, 4000));
    let fabric: Vec<Vec<u8>> = std::iter::repeat_n(routed_frame(), 70).collect();
    let run = |watched: bool| {
        let mut bench = Bench::new();
        let ring = watched.then(|| bench.trace(Filter::default(), 10));
        let mut sent = bench.receive(TENANT_PORT, &frames);
        sent.extend(bench.receive(FABRIC_PORT, &fabric));
        let punted = std::iter::from_fn(|| bench.punts.pop()).map(|punt| punt.reason);
        let outcome = (sent, punted.collect::<Vec<_>>(), bench.drops());
        (outcome, ring)
    };
    let ((unwatched, _), (watched, ring)) = (run(false), run(true));
    assert_eq!(unwatched, watched);
    let ring = ring.unwrap();
    assert_eq!(paths(&ring).len(), 10);
    assert_eq!(ring.lost(), (frames.len() + fabric.len() - 10) as u64);
}

#[test]
fn one_in_so_many_is_traced() {
    let mut bench = Bench::new();
    let sampled = Filter {
        sample: NonZeroU32::new(7).unwrap(),
        ..Filter::default()
    };
    let ring = bench.trace(sampled, 64);
    let frames: Vec<_> = (0..70).map(|flow| host_packet(4, flow, 30)).collect();
    bench.receive(TENANT_PORT, &frames);
    assert_eq!(paths(&ring).len(), 10);
    bench.forwarder.set_watch(None);
    bench.receive(TENANT_PORT, &frames);
    assert_eq!(paths(&ring).len(), 0, "nobody watches any more");
}

#[test]
fn a_tap_sees_frames_as_they_come_and_as_they_end() {
    let mut bench = Bench::new();
    let ring = bench.tap(&[Point::Receive, Point::Punt, Point::Drop]);
    let mut broken = host_packet(4, 7, 10);
    broken[24] ^= 1;
    let mut padded = host_packet(4, 7, 1);
    padded.resize(60, 0);
    let nowhere = {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(HOST, ROUTER.octets())
            .ipv4(HOST4, [203, 0, 113, 1], 64)
            .udp(1, 9)
            .write(&mut frame, &[5; 30])
            .unwrap();
        frame
    };
    let burst = [broken.clone(), padded.clone(), nowhere.clone()];
    bench.receive(TENANT_PORT, &burst);
    let mut seen = Vec::new();
    ring.drain(usize::MAX, |frame| {
        assert_eq!(frame.interface, TENANT);
        seen.push((frame.point, frame.reason, frame.bytes().to_vec()));
    });
    assert_eq!(
        seen,
        [
            (Point::Receive, None, broken.clone()),
            (Point::Receive, None, padded),
            (Point::Receive, None, nowhere.clone()),
            (Point::Drop, Some("ipv4_checksum"), broken),
            (Point::Punt, Some("no_route"), nowhere),
        ]
    );
}
