//! Packets of 9,000 bytes, in several buffers as cards bring them, through every encapsulation. They must leave as the same
//! packets in one buffer do, which tshark judges.

use super::tshark::dissected;
use super::*;

/// A length of an inner packet in bytes.
const JUMBO: usize = 9_000;
/// The links' MTU: with the longest outer header, JUMBO fits.
const LINK_MTU: u16 = 9_216;
/// How many bytes the first buffer holds behind its headroom, and each further one: those of 2 KiB, and odd ones.
const BUFFERS: [(usize, usize); 2] = [(1_920, 2_048), (333, 777)];

/// The frame in buffers of these sizes.
fn chained(frame: &[u8], (first, further): (usize, usize)) -> Mbuf {
    let (head, rest) = frame.split_at(first);
    let parts = std::iter::once(head).chain(rest.chunks(further));
    let mbuf = Mbuf::heap_chain(&parts.collect::<Vec<_>>());
    assert!(mbuf.segment_count() > 4);
    mbuf
}

/// A bench whose links take jumbo frames, with a tunnel.
fn jumbo(encapsulation: Encapsulation) -> Bench {
    let mut bench = Bench::new();
    for id in 1..=4 {
        let interface = bench.snapshot.interface(InterfaceId::new(id)).unwrap();
        let interface = Interface {
            mtu_bytes: LINK_MTU,
            ..interface.clone()
        };
        bench.snapshot.interfaces.set(id as usize, interface);
    }
    for id in 1..=3 {
        let adjacency = bench.snapshot.adjacency(AdjacencyId::new(id)).unwrap();
        let adjacency = Adjacency {
            mtu_bytes: LINK_MTU,
            ..*adjacency
        };
        bench.snapshot.adjacencies.set(id as usize, adjacency);
    }
    let spec = TunnelSpec {
        encapsulation,
        policy: TunnelPolicy::default(),
    };
    let tunnel = Tunnel::compose(&spec, NextHopId::new(TO_FABRIC), LINK_MTU);
    bench.snapshot.tunnels.set(1, Some(tunnel));
    bench
}

const fn headers(family: u8) -> usize {
    if family == 4 { 28 } else { 48 }
}

#[test]
fn p_07_packets_in_several_buffers_go_into_every_tunnel() {
    let mut all = Vec::new();
    for encapsulation in encapsulations() {
        for family in [4, 6] {
            let frame = host_packet(family, 1_000, JUMBO - headers(family));
            let sends = |packet: Mbuf| {
                let mut bench = jumbo(encapsulation.clone());
                let mut sent = bench.receive_packets(TENANT_PORT, vec![packet]);
                assert_eq!(sent.len(), 1, "{:?}", bench.drops());
                sent.remove(0)
            };
            let whole = sends(Mbuf::from_heap(&frame));
            // Behind the field that ages, what is inside is what came.
            let behind = if family == 4 { 12 } else { 8 };
            let inner = whole.len() - JUMBO + behind;
            assert_eq!(whole[inner..], frame[14 + behind..], "{encapsulation:?}");
            for buffers in BUFFERS {
                let sent = sends(chained(&frame, buffers));
                assert!(
                    sent == whole,
                    "{encapsulation:?} of IPv{family}, {buffers:?}"
                );
            }
            all.push(whole);
        }
    }
    for (protocols, expert) in dissected(&all) {
        assert_eq!(expert, "", "{protocols}");
    }
}

/// A packet in every kind of tunnel, as the remote end sends it.
fn wrapped(family: u8, packet: &[u8]) -> Vec<Vec<u8>> {
    let (kind, number) = if family == 4 {
        (0x0800, 4)
    } else {
        (0x86dd, 41)
    };
    let label = entry(VRF_LABEL, 0, true, 64);
    let mut all = vec![mpls_frame(&[label], packet)];
    for outer in [4, 6] {
        let frame = vxlan(VNI, ROUTER, kind, packet);
        all.extend([
            from_remote(outer, 4789, &frame),
            from_remote(outer, 6635, &[&label[..], packet].concat()),
            from_remote(outer, 6080, &[&[0, number, 0, 0], packet].concat()),
            ip_from_remote(outer, family, packet),
        ]);
    }
    all
}

#[test]
fn p_07_packets_in_several_buffers_come_out_of_every_tunnel() {
    let mut bench = jumbo(routed(4));
    for family in [4, 6] {
        let payload = vec![0x5a; JUMBO - headers(family)];
        let packet = |ttl| remote_packet_with(family, ttl, &payload);
        let expected = at_host(family, &packet(63));
        for frame in wrapped(family, &packet(64)) {
            for buffers in BUFFERS {
                let sent = bench.receive_packets(FABRIC_PORT, vec![chained(&frame, buffers)]);
                assert_eq!(
                    sent.len(),
                    1,
                    "{:?} of {:02x?}",
                    bench.drops(),
                    &frame[..80]
                );
                assert!(sent[0] == expected, "{:02x?}", &frame[..80]);
            }
        }
    }
}

#[test]
fn p_07_x_06_x_07_u_03_a_checksum_covers_the_last_buffer() {
    let mut bench = jumbo(routed(4));
    let packet = remote_packet_with(4, 64, &vec![0x5a; JUMBO - 28]);
    let frames = wrapped(4, &packet);
    // Those in UDP, which have a checksum here over IPv4 too.
    let has_udp = |frame: &&Vec<u8>| frame[23] == 17 || frame[20] == 17;
    let in_udp: Vec<_> = frames.iter().filter(has_udp).collect();
    assert_eq!(in_udp.len(), 6);
    for frame in in_udp {
        let mut frame = frame.clone();
        *frame.last_mut().unwrap() ^= 1;
        for buffers in BUFFERS {
            let before = bench.dropped(DropReason::TunnelChecksum);
            let sent = bench.receive_packets(FABRIC_PORT, vec![chained(&frame, buffers)]);
            assert!(sent.is_empty());
            assert_eq!(bench.dropped(DropReason::TunnelChecksum), before + 1);
        }
    }
}
