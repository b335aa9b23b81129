use super::super::testing::{headers, ipv4, reassemble, udp6};
use super::*;
use ferroute_dataplane::wire::ipv6::Ipv6Packet;
use proptest::collection::vec;
use proptest::prelude::*;

fn datagram(options: &[u8], payload: &[u8]) -> etherparse::Ipv4Header {
    let mut header = etherparse::Ipv4Header::new(
        0,
        63,
        etherparse::IpNumber::EXPERIMENTAL_AND_TESTING_0,
        [10, 0, 0, 1],
        [10, 0, 0, 2],
    )
    .unwrap();
    header.options = options.try_into().unwrap();
    header.identification = 0xbeef;
    header.dont_fragment = false;
    header.dscp = etherparse::IpDscp::try_new(46).unwrap();
    header.set_payload_len(payload.len()).unwrap();
    header
}

fn fragments(bytes: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    fragment_ipv4(&Ipv4Packet::parse(bytes).unwrap(), mtu)
}

fn counting(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

#[test]
fn v4_14_the_cut_of_a_full_frame() {
    let payload = counting(1480);
    let packets = fragments(&ipv4(datagram(&[], &payload), &payload), 576).unwrap();
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| {
            let (etherparse::IpHeaders::Ipv4(ip, _), data) = headers(packet) else {
                panic!("not IPv4")
            };
            (ip.fragment_offset.value(), ip.more_fragments, data.len())
        })
        .collect();
    // 556 bytes of room, 552 in whole eights.
    assert_eq!(seen, [(0, true, 552), (69, true, 552), (138, false, 376)]);
}

#[test]
fn v4_14_only_copied_options_go_into_later_fragments() {
    // Record route (not copied), security (copied), a no-operation, stream id (copied).
    let options = [7, 7, 4, 0, 0, 0, 0, 130, 3, 9, 1, 136, 4, 0, 5, 0];
    let payload = counting(100);
    let packets = fragments(&ipv4(datagram(&options, &payload), &payload), 76).unwrap();
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| match headers(packet) {
            (etherparse::IpHeaders::Ipv4(ip, _), _) => ip.options.as_slice().to_vec(),
            _ => panic!("not IPv4"),
        })
        .collect();
    let copied = vec![130, 3, 9, 136, 4, 0, 5, 0];
    assert_eq!(seen, [options.to_vec(), copied.clone(), copied]);
    assert_eq!(reassemble(&packets), payload);
}

#[test]
fn v4_14_what_cannot_be_cut_is_refused() {
    let payload = counting(100);
    let mut header = datagram(&[], &payload);
    assert_eq!(
        fragments(&ipv4(header.clone(), &payload), 27),
        Err(FragmentError::MtuTooSmall)
    );
    assert_eq!(
        fragments(&ipv4(header.clone(), &payload), 0),
        Err(FragmentError::MtuTooSmall)
    );
    header.dont_fragment = true;
    assert_eq!(
        fragments(&ipv4(header.clone(), &payload), 119),
        Err(FragmentError::DontFragment)
    );
    assert_eq!(
        DropReason::from(FragmentError::DontFragment),
        DropReason::PacketTooBig
    );
    let whole = ipv4(header.clone(), &payload);
    assert_eq!(fragments(&whole, 120), Ok(vec![whole]));
    header.dont_fragment = false;
    header.fragment_offset = etherparse::IpFragOffset::try_new(8191).unwrap();
    assert_eq!(
        fragments(&ipv4(header, &payload), 68),
        Err(FragmentError::PastEnd)
    );
    let malformed = datagram(&[7, 9, 4, 0], &payload);
    assert_eq!(
        fragments(&ipv4(malformed, &payload), 68),
        Err(FragmentError::Options)
    );
}

proptest! {
    #[test]
    fn v4_14_fragments_reassemble_in_any_order(
        payload in vec(any::<u8>(), 1..4000),
        mtu in 68usize..1500,
        options in vec(prop_oneof![Just(vec![1u8]), Just(vec![130, 3, 7]), Just(vec![7, 3, 4]), Just(vec![148, 4, 0, 0])], 0..8),
        seed in any::<u64>(),
    ) {
        let mut options = options.concat();
        options.resize(options.len().next_multiple_of(4), 0);
        let original = datagram(&options, &payload);
        let mut packets = fragments(&ipv4(original.clone(), &payload), mtu).unwrap();
        for packet in &packets {
            prop_assert!(packet.len() <= mtu);
            let (etherparse::IpHeaders::Ipv4(ip, _), data) = headers(packet) else { panic!("not IPv4") };
            prop_assert!(!ip.more_fragments || data.len() % 8 == 0);
            // All else is as in the original.
            let mut expected = original.clone();
            expected.options = ip.options.clone();
            expected.total_len = ip.total_len;
            expected.fragment_offset = ip.fragment_offset;
            expected.more_fragments = ip.more_fragments;
            expected.header_checksum = ip.header_checksum;
            prop_assert_eq!(ip, expected);
        }
        shuffle(&mut packets, seed);
        prop_assert_eq!(reassemble(&packets), payload);
    }

    #[test]
    fn v4_14_fragments_of_fragments_reassemble(payload in vec(any::<u8>(), 1..4000), first in 300usize..1500, second in 68usize..600, seed in any::<u64>()) {
        let once = fragments(&ipv4(datagram(&[], &payload), &payload), first).unwrap();
        let mut twice: Vec<_> = once.iter().flat_map(|packet| fragments(packet, second).unwrap()).collect();
        prop_assert!(twice.iter().all(|packet| packet.len() <= second));
        shuffle(&mut twice, seed);
        prop_assert_eq!(reassemble(&twice), payload);
    }

    #[test]
    fn ipv6_fragments_reassemble_in_any_order(data in vec(any::<u8>(), 0..4000), mtu in 1280usize..1600, identification: u32, seed in any::<u64>()) {
        let bytes = udp6("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap(), 64, &data);
        let packet = Ipv6Packet::parse(&bytes).unwrap();
        let mut packets = fragment_ipv6(packet.header(), packet.payload(), identification, mtu).unwrap();
        prop_assert!(packets.iter().all(|packet| packet.len() <= mtu));
        prop_assert_eq!(packets.len() == 1, bytes.len() <= mtu);
        if packets.len() == 1 {
            prop_assert_eq!(&packets[0], &bytes);
        }
        shuffle(&mut packets, seed);
        prop_assert_eq!(reassemble(&packets), packet.payload());
    }
}

fn shuffle(packets: &mut [Vec<u8>], mut seed: u64) {
    for place in (1..packets.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        packets.swap(place, (seed >> 33) as usize % (place + 1));
    }
}
