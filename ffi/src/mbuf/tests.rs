use super::*;
use proptest::prelude::*;

/// A packet as plain vectors: the bytes of each segment, and the free room behind each.
#[derive(Debug)]
struct Model {
    headroom: usize,
    segments: Vec<(Vec<u8>, usize)>,
}

impl Model {
    fn of(parts: &[Vec<u8>]) -> (Mbuf, Self) {
        let mut packet = Mbuf::from_heap(parts.first().map_or(&[], Vec::as_slice));
        let mut segments = vec![(
            parts.first().cloned().unwrap_or_default(),
            packet.tailroom(),
        )];
        for part in parts.iter().skip(1) {
            packet.chain(Mbuf::heap_with_headroom(0, part)).unwrap();
            segments.push((part.clone(), packet.tailroom()));
        }
        (
            packet,
            Self {
                headroom: usize::from(HEADROOM_BYTES),
                segments,
            },
        )
    }

    fn bytes(&self) -> Vec<u8> {
        self.segments
            .iter()
            .flat_map(|(bytes, _)| bytes.iter().copied())
            .collect()
    }

    fn apply(&mut self, packet: &mut Mbuf, change: &Change) {
        match *change {
            Change::Prepend(count, fill) => match packet.prepend(count) {
                Ok(fresh) => {
                    fresh.fill(fill);
                    self.headroom -= count;
                    self.segments[0]
                        .0
                        .splice(0..0, std::iter::repeat_n(fill, count));
                }
                Err(error) => assert_eq!(
                    error,
                    NoRoom {
                        wanted_bytes: count,
                        room_bytes: self.headroom
                    }
                ),
            },
            Change::TrimFront(count) => match packet.trim_front(count) {
                Ok(()) => {
                    self.headroom += count;
                    self.segments[0].0.drain(..count);
                }
                Err(error) => assert_eq!(
                    error,
                    TooShort {
                        wanted_bytes: count,
                        length_bytes: self.segments[0].0.len()
                    }
                ),
            },
            Change::Append(count, fill) => {
                let (bytes, room) = self.segments.last_mut().unwrap();
                match packet.append(count) {
                    Ok(fresh) => {
                        fresh.fill(fill);
                        *room -= count;
                        bytes.extend(std::iter::repeat_n(fill, count));
                    }
                    Err(error) => assert_eq!(
                        error,
                        NoRoom {
                            wanted_bytes: count,
                            room_bytes: *room
                        }
                    ),
                }
            }
            Change::Truncate(length) => {
                packet.truncate(length);
                let mut left = length;
                if length < self.bytes().len() {
                    let mut kept = 0;
                    for (bytes, room) in &mut self.segments {
                        kept += 1;
                        if left <= bytes.len() {
                            *room += bytes.len() - left;
                            bytes.truncate(left);
                            break;
                        }
                        left -= bytes.len();
                    }
                    self.segments.truncate(kept);
                }
            }
        }
    }

    fn check(&self, packet: &Mbuf) {
        let bytes = self.bytes();
        let mut copy = vec![0xee];
        packet.copy_to(&mut copy);
        assert_eq!(copy[1..], bytes);
        assert_eq!(packet.len(), bytes.len());
        assert_eq!(packet.data(), self.segments[0].0);
        assert_eq!(
            (packet.headroom(), packet.tailroom()),
            (self.headroom, self.segments.last().unwrap().1)
        );
        assert_eq!(
            (packet.segment_count(), packet.is_contiguous()),
            (self.segments.len(), self.segments.len() == 1)
        );
        assert_eq!(packet.segments().len(), self.segments.len());
        assert!(
            packet
                .segments()
                .eq(self.segments.iter().map(|(bytes, _)| bytes.as_slice()))
        );
    }
}

#[derive(Clone, Debug)]
enum Change {
    Prepend(usize, u8),
    TrimFront(usize),
    Append(usize, u8),
    Truncate(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..150_usize, any::<u8>()).prop_map(|(count, fill)| Change::Prepend(count, fill)),
        (0..100_usize).prop_map(Change::TrimFront),
        (0..200_usize, any::<u8>()).prop_map(|(count, fill)| Change::Append(count, fill)),
        (0..400_usize).prop_map(Change::Truncate),
    ]
}

proptest! {
    #[test]
    fn changes_follow_the_model(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..6),
        changes in prop::collection::vec(change(), 0..40),
    ) {
        let (mut packet, mut model) = Model::of(&parts);
        model.check(&packet);
        for change in &changes {
            model.apply(&mut packet, change);
            model.check(&packet);
        }
    }

    #[test]
    fn reads_across_segments(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 1..6),
        offset in 0..300_usize,
        length in 0..300_usize,
    ) {
        let (packet, model) = Model::of(&parts);
        let mut into = vec![0xaa; length];
        match (packet.read_at(offset, &mut into), model.bytes().get(offset..offset + length)) {
            (Ok(()), Some(bytes)) => prop_assert_eq!(into, bytes),
            (Err(error), None) => {
                prop_assert_eq!(error, TooShort { wanted_bytes: offset + length, length_bytes: packet.len() });
                prop_assert!(into.iter().all(|&byte| byte == 0xaa));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn facts_do_not_disturb_each_other(
        hash in any::<Option<u32>>(), tci in any::<Option<u16>>(), ip in any::<Option<bool>>(), l4 in any::<Option<bool>>(), port in any::<u16>(),
    ) {
        let mut packet = Mbuf::from_heap(b"facts");
        // Set all to the opposite first: what is left of that must not show.
        packet.set_rss_hash(Some(1));
        packet.set_vlan_stripped(Some(1));
        packet.set_ip_checksum(Some(ip != Some(true)));
        packet.set_l4_checksum(Some(l4 != Some(true)));
        packet.set_tx_offload(&TxOffload { l2_len_bytes: 14, l3_len_bytes: 20, l3: L3Offload::Ipv4Checksum, l4: L4Offload::TcpChecksum });
        packet.set_rss_hash(hash);
        packet.set_vlan_stripped(tci);
        packet.set_ip_checksum(ip);
        packet.set_l4_checksum(l4);
        packet.set_port(port);
        packet.clear_tx_offload();
        prop_assert_eq!((packet.rss_hash(), packet.vlan_stripped(), packet.port()), (hash, tci, port));
        prop_assert_eq!((packet.ip_checksum_good(), packet.ip_checksum_bad()), (ip == Some(true), ip == Some(false)));
        prop_assert_eq!((packet.l4_checksum_good(), packet.l4_checksum_bad()), (l4 == Some(true), l4 == Some(false)));
        prop_assert_eq!(packet.raw().tx_offload, 0);
        prop_assert_eq!(packet.data(), b"facts");
    }
}

#[test]
fn a_heap_packet_has_the_room_it_promises() {
    let packet = Mbuf::from_heap(b"0123456789");
    assert_eq!(
        (
            packet.headroom(),
            packet.data(),
            packet.port(),
            packet.is_heap()
        ),
        (128, &b"0123456789"[..], u16::MAX, true)
    );
    assert!(packet.tailroom() >= 128);
    packet.prefetch_header();
    let empty = Mbuf::heap_with_headroom(0, &[]);
    assert_eq!(
        (
            empty.headroom(),
            empty.len(),
            empty.segment_count(),
            empty.data()
        ),
        (0, 0, 1, &[][..])
    );
    assert_eq!(
        Mbuf::heap_with_headroom(u16::MAX, b"x").headroom(),
        32 * 1024
    );
    let chain = Mbuf::heap_chain(&[b"ab", b"", b"cde"]);
    assert_eq!(
        chain.segments().collect::<Vec<_>>(),
        [&b"ab"[..], b"", b"cde"]
    );
    assert_eq!(Mbuf::heap_chain(&[]).len(), 0);
}

#[test]
fn large_frames_become_chains() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 253) as u8).collect();
    let packet = Mbuf::from_heap(&bytes);
    assert_eq!(
        (packet.len(), packet.segment_count(), packet.headroom()),
        (200_000, 4, 128)
    );
    let mut copy = Vec::new();
    packet.copy_to(&mut copy);
    assert_eq!(copy, bytes);
}

#[test]
fn chains_keep_the_tail_when_they_cannot_take_it() {
    let mut packet = Mbuf::from_heap(b"head");
    packet.raw_mut().nb_segs = 1;
    packet.raw_mut().pkt_len = u32::MAX;
    let tail = packet.chain(Mbuf::from_heap(b"tail")).unwrap_err();
    assert_eq!(tail.data(), b"tail");
    packet.raw_mut().pkt_len = 4;
    packet.chain(tail).unwrap();
    assert_eq!(packet.segments().collect::<Vec<_>>(), [b"head", b"tail"]);
}

#[test]
fn data_is_changed_in_place() {
    let mut packet = Mbuf::heap_chain(&[b"abc", b"def"]);
    packet.data_mut()[1] = b'X';
    assert_eq!(packet.segments().collect::<Vec<_>>().concat(), b"aXcdef");
}

#[test]
fn offloads_have_dpdks_layout() {
    let mut packet = Mbuf::from_heap(&[0; 64]);
    packet.set_rss_hash(Some(5));
    let l4 = L4Offload::TcpSegmentation {
        header_bytes: 32,
        mss_bytes: 1448,
    };
    packet.set_tx_offload(&TxOffload {
        l2_len_bytes: 18,
        l3_len_bytes: 40,
        l3: L3Offload::Ipv6,
        l4,
    });
    assert_eq!(
        packet.raw().tx_offload,
        18 | 40 << 7 | 32 << 16 | 1448 << 24
    );
    assert_eq!(
        packet.raw().ol_flags,
        raw::SHIM_RX_RSS_HASH | raw::SHIM_TX_IPV6 | raw::SHIM_TX_TCP_SEG | raw::SHIM_TX_TCP_CKSUM
    );
    packet.set_tx_offload(&TxOffload {
        l2_len_bytes: 14,
        l3_len_bytes: 20,
        l3: L3Offload::Ipv4Checksum,
        l4: L4Offload::UdpChecksum,
    });
    let flags = raw::SHIM_TX_IPV4 | raw::SHIM_TX_IP_CKSUM | raw::SHIM_TX_UDP_CKSUM;
    assert_eq!(
        (packet.raw().ol_flags, packet.raw().tx_offload),
        (raw::SHIM_RX_RSS_HASH | flags, 14 | 20 << 7)
    );
}

#[test]
fn an_mbuf_is_one_pointer_with_a_niche() {
    assert_eq!(size_of::<Mbuf>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Mbuf>>(), size_of::<usize>());
    let mut burst: ArrayVec<Mbuf, 4> = (0..4).map(|_| Mbuf::from_heap(b"x")).collect();
    Mbuf::free_bulk(&mut burst);
    assert!(burst.is_empty());
    assert_eq!(
        format!("{:?}", Mbuf::from_heap(b"abc")),
        "Mbuf { len: 3, segments: 1, port: 65535, rss_hash: None, heap: true }"
    );
}

#[test]
fn packets_move_to_a_burst_together_or_not_at_all() {
    let full = || [*b"a", *b"b"].map(|byte| Some(Mbuf::from_heap(&byte)));
    let mut burst: ArrayVec<Mbuf, 3> = ArrayVec::new();
    burst.push(Mbuf::from_heap(b"x"));
    let mut with_a_gap = [Some(Mbuf::from_heap(b"a")), None];
    assert!(!Mbuf::move_bulk(&mut with_a_gap, &mut burst));
    assert!(with_a_gap[0].is_some() && burst.len() == 1);
    let mut places = full();
    assert!(Mbuf::move_bulk(&mut places, &mut burst));
    assert!(places.iter().all(Option::is_none));
    let all: Vec<_> = burst.iter().flat_map(Mbuf::data).copied().collect();
    assert_eq!(all, b"xab");
    let mut more = full();
    burst.pop();
    assert!(!Mbuf::move_bulk(&mut more, &mut burst));
    assert!(more.iter().all(Option::is_some) && burst.len() == 2);
}

#[test]
fn a_copy_has_the_bytes_of_every_segment_and_is_its_own() {
    let long = vec![7; 4_000];
    let original = Mbuf::heap_chain(&[b"head", &long, b"tail"]);
    let mut copy = crate::MbufSource::Heap.copy(&original).unwrap();
    copy.data_mut()[0] = b'H';
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    copy.copy_to(&mut ours);
    original.copy_to(&mut theirs);
    assert_eq!((copy.len(), ours[0], theirs[0]), (4_008, b'H', b'h'));
    assert_eq!(ours[1..], theirs[1..]);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn eight_are_seen_together_only_where_they_lie_alike() {
    if !is_x86_feature_detected!("avx2") {
        return;
    }
    let packets = || -> [Option<Mbuf>; 8] {
        std::array::from_fn(|i| {
            let mut packet = Mbuf::from_heap(&vec![i as u8; 60 + i]);
            packet.set_port(u16::MAX - i as u16);
            packet.set_rss_hash(Some(u32::MAX));
            Some(packet)
        })
    };
    let seen = |packets: &[Option<Mbuf>; 8]| {
        // SAFETY: the CPU has AVX2.
        let eight = unsafe { Mbuf::eight::<60>(packets) };
        eight.map(|eight| {
            // SAFETY: eight words either way.
            let lengths: [u32; 8] = unsafe { std::mem::transmute(eight.lengths) };
            (eight.heads.map(|head| *head), lengths)
        })
    };
    let heads = std::array::from_fn(|i| [i as u8; 60]);
    let lengths = std::array::from_fn(|i| 60 + i as u32);
    assert_eq!(seen(&packets()), Some((heads, lengths)));
    for at in 0..8 {
        let with = |odd: Option<Mbuf>| {
            let mut packets = packets();
            packets[at] = odd;
            seen(&packets).is_some()
        };
        assert!(with(Some(Mbuf::from_heap(&[7; 60]))));
        assert!(!with(None));
        assert!(!with(Some(Mbuf::from_heap(&[7; 59]))));
        assert!(!with(Some(Mbuf::heap_chain(&[&[1; 100], &[2; 50]]))));
        let mut packet = Mbuf::from_heap(&[7; 333]);
        packet.set_vlan_stripped(Some(0xffff));
        assert!(!with(Some(packet)));
        let mut packet = Mbuf::from_heap(&[7; 333]);
        packet.trim_front(1).unwrap();
        assert!(!with(Some(packet)));
    }
    let mut moved = packets();
    for packet in moved.iter_mut().flatten() {
        packet.prepend(1).unwrap()[0] = 0x55;
    }
    assert!(seen(&moved).is_some_and(|(heads, _)| heads.iter().all(|head| head[0] == 0x55)));
    let mut vlans = packets();
    for packet in vlans.iter_mut().flatten() {
        packet.set_vlan_stripped(Some(1));
    }
    assert_eq!(seen(&vlans), None);
}
