//! Frames of 9,000 bytes, in several buffers as cards bring them, through a bridge domain and its VNI.

use super::tunnels::{UPLINK, dissect, overlay_of, remote, wrapped};
use super::*;

/// A frame's length in bytes, link header included.
const JUMBO: usize = 9_014;
const LINK_MTU: u16 = 9_216;

/// A bench whose links take jumbo frames, with two remote ends.
fn jumbo() -> Bench {
    let mut bench = overlay_of(&[1, 2, 4], 2, LINK_MTU);
    for id in [1, 2, 3, 4, 10] {
        let interface = bench.snapshot.interface(InterfaceId::new(id)).unwrap();
        let interface = Interface {
            mtu_bytes: LINK_MTU,
            ..interface.clone()
        };
        bench.snapshot.interfaces.set(id as usize, interface);
    }
    let adjacency = *bench.snapshot.adjacency(AdjacencyId::new(1)).unwrap();
    let adjacency = Adjacency {
        mtu_bytes: LINK_MTU,
        ..adjacency
    };
    bench.snapshot.adjacencies.set(1, adjacency);
    bench
}

/// The frame in buffers of 2 KiB, the first of which has headroom.
fn chained(frame: &[u8]) -> Vec<Mbuf> {
    let (head, rest) = frame.split_at(1_920);
    let parts: Vec<_> = std::iter::once(head).chain(rest.chunks(2_048)).collect();
    vec![Mbuf::heap_chain(&parts)]
}

#[test]
fn p_07_frames_in_several_buffers_are_bridged_and_flooded_whole() {
    let mut bench = jumbo();
    bench.learned(station(1), FdbTarget::Interface(InterfaceId::new(2)));
    let known = frame(station(0), station(1), JUMBO);
    assert!(bench.receive_packets(0, chained(&known)) == [(1, known.clone())]);

    let all = frame(station(0), EVERYBODY, JUMBO);
    let sent = bench.receive_packets(0, chained(&all));
    assert_eq!(ports(&sent), [1, 2, UPLINK, UPLINK]);
    assert!(sent[0].1 == all && sent[1].1 == tagged(&all, 5));
    let mut ends: Vec<_> = sent[2..].iter().map(|(_, sent)| dissect(sent)).collect();
    ends.sort();
    for (number, (end, vni, _, inner)) in (1..).zip(ends) {
        assert_eq!((end, vni), (remote(number), 1_000 + u32::from(number)));
        assert!(inner == all);
    }
    // By the member with a tag, which goes.
    let sent = bench.receive_packets(2, chained(&tagged(&known, 5)));
    assert!(sent == [(1, known.clone())]);
}

#[test]
fn p_07_frames_in_several_buffers_come_out_of_a_vni_whole() {
    let mut bench = jumbo();
    let all = frame(station(8), EVERYBODY, JUMBO);
    let sent = bench.receive_packets(UPLINK, chained(&wrapped(&all)));
    assert_eq!(ports(&sent), [0, 1, 2]);
    assert!(sent[0].1 == all && sent[1].1 == all && sent[2].1 == tagged(&all, 5));
    // For the gateway: routed, and back into the domain.
    bench.learned(station(2), FdbTarget::Interface(InterfaceId::new(2)));
    let routed = frame(station(8), GATEWAY_MAC, JUMBO);
    let sent = bench.receive_packets(UPLINK, chained(&wrapped(&routed)));
    assert_eq!(ports(&sent), [1]);
    assert_eq!(sent[0].1[..12], [station(2), GATEWAY_MAC].concat());
    assert_eq!(sent[0].1[22], 63, "the TTL");
    assert!(sent[0].1[26..] == routed[26..]);
}
