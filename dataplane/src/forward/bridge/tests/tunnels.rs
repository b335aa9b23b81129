//! Frames into bridged VNIs and out of them. What leaves is dissected by etherparse.

use std::net::Ipv4Addr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::*;
use crate::ids::EndpointId;
use crate::snapshot::endpoint::{DecapPolicy, Endpoint, Peers, VniTable, VniTarget};
use crate::snapshot::tunnel::{Encapsulation, Ends, Tunnel, TunnelPolicy, TunnelSpec};
use crate::wire::vxlan::Vni;

pub(super) const UPLINK: u16 = 3;
const UPLINK_MAC: [u8; 6] = [2, 0, 0, 0, 0xaa, 1];
const SPINE: [u8; 6] = [2, 0, 0, 0, 0xaa, 2];
const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 129);

pub(super) fn remote(end: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 0, 113, end)
}

/// A bench with an uplink, port 3, over which each remote end 1 and up is reached by the tunnel of that
/// number, in VNI 1000 and up; the router's own VNI 77 is bridge domain 1.
pub(super) fn overlay(members: &[u32], ends: u8) -> Bench {
    overlay_of(members, ends, 1550)
}

/// The same with this MTU of the uplink.
pub(super) fn overlay_of(members: &[u32], ends: u8, mtu_bytes: u16) -> Bench {
    let mut bench = Bench::with_gateway(members);
    let uplink = Interface {
        up: true,
        mac: Mac::new(UPLINK_MAC),
        mtu_bytes,
        port: Some(PortId::new(UPLINK)),
        ..Interface::default()
    };
    bench.snapshot.interfaces.set(20, uplink);
    bench.snapshot.ports[usize::from(UPLINK)].untagged = Some(InterfaceId::new(20));
    let mut adjacency = Adjacency {
        header_len: 14,
        state: AdjacencyState::Resolved,
        port: PortId::new(UPLINK),
        mtu_bytes,
        interface: InterfaceId::new(20),
        ..Adjacency::default()
    };
    adjacency.header[..6].copy_from_slice(&SPINE);
    adjacency.header[6..12].copy_from_slice(&UPLINK_MAC);
    bench.snapshot.adjacencies.set(2, adjacency);
    let underlay = NextHopId::new(20);
    let hop = NextHop::Adjacency(AdjacencyId::new(2));
    bench.snapshot.next_hops.set(underlay.index(), hop);
    for end in 1..=ends {
        let encapsulation = Encapsulation::VxlanBridged {
            ends: Ends::Ipv4 {
                source: OWN,
                remote: remote(end),
            },
            vni: Vni::new(1_000 + u32::from(end)).unwrap(),
        };
        let spec = TunnelSpec {
            encapsulation,
            policy: TunnelPolicy::default(),
        };
        let tunnel = Tunnel::compose(&spec, underlay, mtu_bytes);
        bench.snapshot.tunnels.set(end.into(), Some(tunnel));
    }
    bench.domain(|bridge| bridge.flood = (1..=ends).map(|e| TunnelId::new(e.into())).collect());
    let vnis: VniTable = [(Vni::new(77).unwrap(), VniTarget::Bridged(BRIDGE))]
        .into_iter()
        .collect();
    let endpoint = Endpoint {
        interface: InterfaceId::new(20),
        vxlan_port: 4789,
        gue_port: 6080,
        vnis: Arc::new(vnis),
        ip: None,
        mpls: false,
        policy: DecapPolicy::default(),
        peers: Peers::Any,
    };
    bench.snapshot.endpoints.set(1, Some(endpoint));
    let hop = NextHop::Endpoint(EndpointId::new(1));
    bench.snapshot.next_hops.set(21, hop);
    let host = "192.0.2.129/32".parse().unwrap();
    bench.ipv4.set(host, NextHopId::new(21)).unwrap();
    let sink = TxSink::Handoff(Arc::clone(&bench.sent));
    let tx = TxPort::new(PortId::new(UPLINK), sink);
    bench
        .forwarder
        .set_tx(PortId::new(UPLINK), Some(Box::new(tx)));
    bench
}

/// The remote end, VNI, outer TTL and inner frame of what leaves by the uplink.
pub(super) fn dissect(sent: &[u8]) -> (Ipv4Addr, u32, u8, Vec<u8>) {
    let packet = SlicedPacket::from_ethernet(sent).unwrap();
    let Some(NetSlice::Ipv4(ip)) = &packet.net else {
        panic!("{packet:?}");
    };
    assert!(ip.header().dont_fragment());
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        panic!("{packet:?}");
    };
    assert_eq!(udp.destination_port(), 4789);
    assert!(udp.source_port() >= 49_152);
    let vxlan = udp.payload();
    assert_eq!(vxlan[..4], [8, 0, 0, 0]);
    let vni = u32::from_be_bytes([0, vxlan[4], vxlan[5], vxlan[6]]);
    let header = ip.header();
    (
        header.destination_addr(),
        vni,
        header.ttl(),
        vxlan[8..].to_vec(),
    )
}

/// A frame as remote end 1 sends it into VNI 77.
pub(super) fn wrapped(inner: &[u8]) -> Vec<u8> {
    wrapped_from(1, inner)
}

/// The same of any remote end.
pub(super) fn wrapped_from(end: u8, inner: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(SPINE, UPLINK_MAC)
        .ipv4(remote(end).octets(), OWN.octets(), 64)
        .udp(50_000, 4789);
    let vxlan = [&[8, 0, 0, 0, 0, 0, 77, 0], inner].concat();
    let mut frame = Vec::new();
    builder.write(&mut frame, &vxlan).unwrap();
    frame
}

#[test]
fn x_12_a_frame_for_a_remote_station_is_encapsulated_with_its_inner_ttl_untouched() {
    let mut bench = overlay(&[1, 2, 4], 2);
    bench.learned(station(7), FdbTarget::Tunnel(TunnelId::new(2)));
    let inner = frame(station(0), station(7), 100);
    for received in [(0, inner.clone()), (2, tagged(&inner, 5))] {
        let sent = bench.receive(received.0, &[received.1]);
        assert_eq!(ports(&sent), [UPLINK]);
        assert_eq!(dissect(&sent[0].1), (remote(2), 1_002, 64, inner.clone()));
    }
}

#[test]
fn x_09_group_frames_go_to_every_remote_end_once_and_never_from_tunnel_to_tunnel() {
    let mut bench = overlay(&[1, 2, 3], 40);
    let group = frame(station(0), EVERYBODY, 100);
    let sent = bench.receive(0, std::slice::from_ref(&group));
    assert_eq!(ports(&sent)[..2], [1, 2]);
    let mut ends: Vec<_> = sent[2..].iter().map(|(_, f)| dissect(f)).collect();
    ends.sort();
    let expected: Vec<_> = (1..=40)
        .map(|e| (remote(e), 1_000 + u32::from(e), 64, group.clone()))
        .collect();
    assert_eq!(ends, expected);
    let sent = bench.receive(UPLINK, &[wrapped(&group)]);
    assert_eq!(ports(&sent), [0, 1, 2]);
    assert!(sent.iter().all(|(_, f)| *f == group));
    bench.learned(station(7), FdbTarget::Tunnel(TunnelId::new(2)));
    let back = frame(station(8), station(7), 100);
    assert_eq!(bench.receive(UPLINK, &[wrapped(&back)]), []);
    assert_eq!(bench.dropped(DropReason::BridgeSplitHorizon), 1);
}

#[test]
fn x_10_sources_out_of_tunnels_are_not_learned() {
    let mut bench = overlay(&[1], 1);
    bench.receive(UPLINK, &[wrapped(&frame(station(8), EVERYBODY, 100))]);
    assert_eq!(bench.learns.pop(), None);
}

#[test]
fn x_14_an_inner_runt_is_padded_on_a_port_and_not_in_a_tunnel() {
    let mut bench = overlay(&[1], 1);
    let mut runt = frame(station(0), EVERYBODY, 50);
    let sent = bench.receive(0, std::slice::from_ref(&runt));
    assert_eq!(dissect(&sent[0].1).3, runt);
    let sent = bench.receive(UPLINK, &[wrapped(&runt)]);
    runt.resize(60, 0);
    assert_eq!(sent, [(0, runt)]);
}

#[test]
fn p_04_a_frame_that_does_not_fit_the_tunnel_is_dropped_and_counted_never_fragmented() {
    let mut bench = overlay(&[1], 1);
    let (fits, big) = (
        frame(station(0), EVERYBODY, 1514),
        frame(station(0), EVERYBODY, 1515),
    );
    assert_eq!(bench.receive(0, &[fits, big]).len(), 1);
    assert_eq!(bench.dropped(DropReason::BridgeTooBig), 1);
    assert_eq!(bench.forwarder.counters().bridge(BRIDGE).dropped.get(), 1);
}

#[test]
fn b_03_what_comes_out_of_a_bridged_vni_for_the_gateway_is_routed() {
    let mut bench = overlay(&[1, 2, 3], 1);
    bench.learned(station(2), FdbTarget::Interface(InterfaceId::new(3)));
    let sent = bench.receive(UPLINK, &[wrapped(&frame(station(8), GATEWAY_MAC, 100))]);
    assert_eq!(ports(&sent), [2]);
    assert_eq!(sent[0].1[..6], station(2));
    assert_eq!(sent[0].1[22], 63, "the TTL");
}

#[test]
fn a_routed_packet_for_a_remote_station_goes_from_the_gateway_into_the_tunnel() {
    let mut bench = overlay(&[1, 2], 1);
    bench.learned(station(2), FdbTarget::Tunnel(TunnelId::new(1)));
    let sent = bench.receive(0, &[frame(station(0), GATEWAY_MAC, 100)]);
    let (end, vni, _, inner) = dissect(&sent[0].1);
    assert_eq!((end, vni, inner[22]), (remote(1), 1_001, 63));
    assert_eq!(inner[..12], [station(2), GATEWAY_MAC].concat());
}

#[test]
fn a_tagged_inner_frame_is_dropped() {
    let mut bench = overlay(&[1], 1);
    let inner = tagged(&frame(station(8), EVERYBODY, 100), 5);
    assert_eq!(bench.receive(UPLINK, &[wrapped(&inner)]), []);
    assert_eq!(bench.dropped(DropReason::VxlanInnerVlan), 1);
}

#[test]
fn a_wrapped_frame_cut_at_every_byte_is_taken_or_dropped() {
    let mut bench = overlay(&[1, 2], 1);
    let inner = frame(station(8), EVERYBODY, 60);
    for bytes in 0..inner.len() {
        bench.receive(UPLINK, &[wrapped(&inner[..bytes])]);
        while bench.punts.pop().is_some() {}
    }
}
