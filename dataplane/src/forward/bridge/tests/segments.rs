//! Members on Ethernet segments, stations behind them, and stations learned out of tunnels.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::tunnels::{UPLINK, dissect, overlay, remote, wrapped_from};
use super::*;
use crate::ids::{EndpointId, GroupId, SegmentPathId};
use crate::snapshot::endpoint::VniTarget;
use crate::snapshot::nexthop::{Group, Hop};
use crate::snapshot::segment::{Audience, SegmentPath, Segmented};
use crate::wire::vxlan::Vni;

/// Lets the domain ask who sent the frames out of its VNI.
fn hearing(members: &[u32], ends: u8) -> Bench {
    let mut bench = overlay(members, ends);
    let mut endpoint = bench
        .snapshot
        .endpoint(EndpointId::new(1))
        .cloned()
        .unwrap();
    let vnis = [(Vni::new(77).unwrap(), VniTarget::BridgedFrom(BRIDGE))];
    endpoint.vnis = Arc::new(vnis.into_iter().collect());
    bench.snapshot.endpoints.set(1, Some(endpoint));
    bench
}

fn audience(members: &[u32], local_bias: u32, not_designated: u32) -> Audience {
    Audience {
        members: members.iter().copied().map(InterfaceId::new).collect(),
        local_bias,
        not_designated,
    }
}

/// Members 1 and 2 are on a segment shared with remote end 1, and the router is not its designated forwarder; member 3
/// is on one shared with remote end 2 for which the router is.
fn segmented() -> Bench {
    let mut bench = hearing(&[1, 2, 3], 3);
    let segmented = Segmented::new(
        audience(&[3], 0, 2),
        [
            (IpAddr::from(remote(1)), audience(&[3], 2, 0)),
            (IpAddr::from(remote(2)), audience(&[], 1, 2)),
        ],
        [(InterfaceId::new(1), audience(&[3], 1, 0))],
    );
    bench.domain(|bridge| bridge.segments = Some(Arc::new(segmented)));
    bench
}

#[test]
fn b_08_what_is_flooded_out_of_a_tunnel_reaches_segments_by_bias_and_designation() {
    let mut bench = segmented();
    bench.domain(|bridge| bridge.gateway = None);
    for kind in [EVERYBODY, station(9)] {
        let inner = frame(station(7), kind, 100);
        let mut reached = |end| ports(&bench.receive(UPLINK, &[wrapped_from(end, &inner)]));
        assert_eq!(reached(1), [2], "1 and 2 heard it on their own segment");
        assert_eq!(reached(2), [], "3 heard it, 1 and 2 are another's to serve");
        assert_eq!(reached(3), [2]);
    }
    let counted = bench.forwarder.counters().bridge(BRIDGE);
    assert_eq!(counted.local_bias.get(), 6);
    assert_eq!(counted.not_designated.get(), 8);
    assert_eq!(bench.dropped(DropReason::BridgeLocalBias), 2);
    bench.domain(|bridge| {
        let nobody = audience(&[], 0, 2);
        bridge.segments = Some(Arc::new(Segmented::new(nobody, [], [])));
    });
    let inner = frame(station(7), EVERYBODY, 100);
    assert_eq!(bench.receive(UPLINK, &[wrapped_from(3, &inner)]), []);
    assert_eq!(bench.dropped(DropReason::BridgeNotDesignated), 1);
}

#[test]
fn b_08_members_flood_to_all_others_but_their_own_segment_and_to_every_remote_end() {
    let mut bench = segmented();
    let group = frame(station(0), EVERYBODY, 100);
    let sent = bench.receive(0, std::slice::from_ref(&group));
    assert_eq!(ports(&sent), [2, UPLINK, UPLINK, UPLINK]);
    let sent = bench.receive(2, std::slice::from_ref(&group));
    assert_eq!(ports(&sent), [0, 1, UPLINK, UPLINK, UPLINK]);
    let sent = bench.inject(&frame(GATEWAY_MAC, EVERYBODY, 100), GATEWAY);
    assert_eq!(ports(&sent)[..3], [0, 1, 2], "no matter who is designated");
}

/// A flow of the station behind member 1.
fn flow(number: u16) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(station(0), station(7))
        .ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64)
        .udp(number, 2);
    let mut frame = Vec::new();
    builder.write(&mut frame, &[7; 58]).unwrap();
    frame
}

#[test]
fn b_08_flows_to_a_station_behind_a_segment_spread_over_its_remote_ends_and_move_together() {
    let mut bench = hearing(&[1, 2, 3], 2);
    let path = SegmentPathId::new(1);
    bench.learned(station(7), FdbTarget::Segment(path));
    let unicast = |bench: &mut Bench| -> BTreeMap<u16, std::net::Ipv4Addr> {
        let flows = (0..200).map(|number| {
            let sent = bench.receive(0, &[flow(number)]);
            assert_eq!(ports(&sent), [UPLINK]);
            let (end, _, ttl, inner) = dissect(&sent[0].1);
            assert_eq!((ttl, inner), (64, flow(number)));
            (number, end)
        });
        flows.collect()
    };
    let hops = [1, 2].map(|t| Hop::Tunnel(TunnelId::new(t)));
    let buckets: [Hop; 64] = std::array::from_fn(|b| hops[b % 2]);
    bench.snapshot.groups.set(30, Group::new(&buckets));
    let group = NextHop::Group(GroupId::new(30));
    bench.snapshot.next_hops.set(30, group);
    let aliased = SegmentPath::NextHop(NextHopId::new(30));
    bench.snapshot.segments.set(1, aliased);
    let ends = unicast(&mut bench);
    let first = ends.values().filter(|end| **end == remote(1)).count();
    assert!((60..140).contains(&first), "{first} of 200");
    assert_eq!(unicast(&mut bench), ends, "a flow stays");
    let only = NextHop::Tunnel(TunnelId::new(2));
    bench.snapshot.next_hops.set(30, only);
    assert!(unicast(&mut bench).values().all(|end| *end == remote(2)));
    let back = wrapped_from(1, &flow(1));
    assert_eq!(bench.receive(UPLINK, std::slice::from_ref(&back)), []);
    assert_eq!(bench.dropped(DropReason::BridgeSplitHorizon), 1);
    let member = SegmentPath::Member(InterfaceId::new(3));
    bench.snapshot.segments.set(1, member);
    assert_eq!(bench.receive(0, &[flow(1)]), [(2, flow(1))]);
    assert_eq!(bench.receive(UPLINK, &[back]), [(2, flow(1))]);
    assert_eq!(bench.receive(2, &[flow(1)]), []);
    assert_eq!(bench.dropped(DropReason::BridgeSameMember), 1);
    bench.snapshot.segments.set(1, SegmentPath::Nowhere);
    let flooded = [1, 2, UPLINK, UPLINK];
    assert_eq!(ports(&bench.receive(0, &[flow(1)])), flooded);
    bench.snapshot.segments.set(1, aliased);
    bench.snapshot.next_hops.set(30, NextHop::Unreachable);
    assert_eq!(bench.receive(0, &[flow(1)]), []);
    assert_eq!(bench.dropped(DropReason::TunnelUnderlay), 1);
}

#[test]
fn b_08_nothing_goes_in_or_out_by_a_member_on_standby() {
    let mut bench = Bench::new(&[1, 3]);
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(2)));
    let mut standby = bench
        .snapshot
        .interface(InterfaceId::new(2))
        .cloned()
        .unwrap();
    (standby.up, standby.standby) = (false, true);
    bench.snapshot.interfaces.set(2, standby);
    let to = frame(station(0), station(1), 100);
    assert_eq!(bench.receive(0, &[to]), []);
    let from = frame(station(1), EVERYBODY, 100);
    assert_eq!(bench.receive(1, &[from]), []);
    assert_eq!(bench.dropped(DropReason::BridgeNotDesignated), 2);
}

#[test]
fn x_10_sources_out_of_tunnels_are_told_only_where_they_are_learned() {
    let mut bench = hearing(&[1, 2], 2);
    let inner = frame(station(7), EVERYBODY, 100);
    let told = |bench: &Bench| std::iter::from_fn(|| bench.learns.pop()).collect::<Vec<_>>();
    bench.receive(UPLINK, &[wrapped_from(1, &inner)]);
    assert_eq!(told(&bench), []);
    bench.domain(|bridge| bridge.heard = Some(Arc::default()));
    bench.receive(UPLINK, &vec![wrapped_from(1, &inner); 5]);
    let key = FdbKey::new(BRIDGE, Mac::new(station(7)));
    let learn = |end| Learn::new(key, Place::Remote(remote(end).into()));
    assert_eq!(told(&bench), [learn(1)]);
    let tunnels = [1, 2].map(|end| (IpAddr::from(remote(end)), TunnelId::new(end.into())));
    bench.domain(|bridge| bridge.heard = Some(Arc::new(tunnels.into_iter().collect())));
    bench.learned(station(7), FdbTarget::Tunnel(TunnelId::new(1)));
    bench.now_ticks = 5 * TICKS_HZ;
    bench.receive(UPLINK, &[wrapped_from(1, &inner)]);
    assert_eq!(told(&bench), []);
    assert_eq!(bench.fdb.get(key).unwrap().used, Second::new(5));
    bench.receive(UPLINK, &[wrapped_from(2, &inner)]);
    assert_eq!(told(&bench), [learn(2)]);
    let anycast = frame(GATEWAY_MAC, EVERYBODY, 100);
    bench.receive(UPLINK, &[wrapped_from(2, &anycast)]);
    assert_eq!(told(&bench), [], "an anycast gateway is everywhere");
    let truncated = wrapped_from(2, &inner);
    for bytes in 0..truncated.len() {
        bench.receive(UPLINK, &[truncated[..bytes].to_vec()]);
    }
}
