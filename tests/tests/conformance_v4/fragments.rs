//! Packets that are larger than the next link takes.

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{IpFragOffset, IpNumber, Ipv4Header};
use ferroute_tests::bench::frames::{V4, assert_sound};

use crate::errors::unreachable;
use crate::lab::{FAR, GATEWAY_MAC, HOST, P1_MAC, dropped_for, expect, forwarded, from_host, lab};

fn data(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|b| (b * 7 + b / 256) as u8).collect()
}

/// The headers and payloads of frames, and that each fits, is sound, and goes to the gateway.
fn fragments(frames: &[ferroute_tests::bench::Sent], mtu: usize) -> Vec<(Ipv4Header, Vec<u8>)> {
    frames
        .iter()
        .map(|sent| {
            assert_sound(&sent.frame);
            assert_eq!(
                (&sent.frame[..6], &sent.frame[6..12]),
                (&GATEWAY_MAC[..], &P1_MAC[..])
            );
            assert!(sent.frame.len() <= 14 + mtu);
            let (header, payload) = Ipv4Header::from_slice(&sent.frame[14..]).unwrap();
            (header, payload.to_vec())
        })
        .collect()
}

/// Puts the payload together again, and checks that nothing is missing, twice there, or badly cut.
fn reassembled(parts: &[(Ipv4Header, Vec<u8>)]) -> Vec<u8> {
    let mut whole = Vec::new();
    for (place, (header, payload)) in parts.iter().enumerate() {
        assert_eq!(usize::from(header.fragment_offset.value()) * 8, whole.len());
        let last = place + 1 == parts.len();
        assert_eq!(header.more_fragments, !last);
        assert!(last || payload.len() % 8 == 0);
        whole.extend_from_slice(payload);
    }
    whole
}

#[test]
fn v4_14_packets_without_df_are_fragmented_to_fit() {
    let mut bench = lab();
    for mtu in [68, 576, 1280, 1499] {
        bench.mtu("p1", mtu);
        for bytes in [mtu as usize - 27, 1000, 1472] {
            let packet =
                from_host(V4::udp(HOST, FAR, &data(bytes))).with(|h| h.identification = 0x4711);
            let sent = bench.receive("p0", &packet.frame());
            if bytes + 28 <= mtu as usize {
                assert_eq!(sent, [forwarded(&packet)]);
                continue;
            }
            let parts = fragments(&sent, mtu as usize);
            assert!(parts.len() > 1);
            for (header, _) in &parts {
                assert_eq!(
                    (header.identification, header.time_to_live, header.protocol),
                    (0x4711, 63, IpNumber::UDP)
                );
                assert!(!header.dont_fragment);
            }
            assert_eq!(reassembled(&parts), packet.payload);
        }
    }
    // Exactly as large as the link takes: whole.
    bench.mtu("p1", 1400);
    let packet = from_host(V4::udp(HOST, FAR, &data(1372)));
    expect(&mut bench, &packet, &[forwarded(&packet)]);
}

#[test]
fn v4_14_fragments_of_fragments_keep_their_place() {
    let mut bench = lab();
    bench.mtu("p1", 576);
    let middle = from_host(V4::new(HOST, FAR, IpNumber::UDP, &data(1200))).with(|h| {
        h.fragment_offset = IpFragOffset::try_new(150).unwrap();
        h.more_fragments = true;
    });
    let parts = fragments(&bench.receive("p0", &middle.frame()), 576);
    assert!(
        parts.iter().all(|(header, _)| header.more_fragments),
        "more follows, after the last of these too"
    );
    let mut at = 150 * 8;
    for (header, payload) in &parts {
        assert_eq!(usize::from(header.fragment_offset.value()) * 8, at);
        at += payload.len();
    }
    assert_eq!(at, 150 * 8 + 1200);
}

#[test]
fn v4_14_only_options_with_the_copy_bit_are_in_later_fragments() {
    let mut bench = lab();
    bench.mtu("p1", 576);
    // Security (copied), an experimental one (not copied), a router does not know the third (copied), the end.
    let packet = from_host(V4::udp(HOST, FAR, &data(1400))).options(
        &[
            &[0x82, 4, 1, 2][..],
            &[0x1e, 4, 7, 7],
            &[0x95, 4, 9, 9],
            &[1, 1, 1, 0],
        ]
        .concat(),
    );
    let parts = fragments(&bench.receive("p0", &packet.frame()), 576);
    assert_eq!(
        parts[0].0.options.as_slice(),
        packet.header.options.as_slice()
    );
    for (header, _) in &parts[1..] {
        assert_eq!(header.options.as_slice(), [0x82, 4, 1, 2, 0x95, 4, 9, 9]);
    }
    assert_eq!(reassembled(&parts), packet.payload);
}

#[test]
fn v4_15_packets_with_df_are_dropped_and_the_sender_is_told_the_mtu() {
    let mut bench = lab();
    for mtu in [68, 576, 1300, 1499] {
        bench.mtu("p1", mtu);
        let packet = from_host(V4::udp(HOST, FAR, &data(1472))).with(|h| h.dont_fragment = true);
        let told = unreachable(
            DestUnreachableHeader::FragmentationNeeded {
                next_hop_mtu: mtu as u16,
            },
            &packet,
        );
        expect(&mut bench, &packet, &[told]);
    }
    assert_eq!(
        bench.drops().into_iter().collect::<Vec<_>>(),
        [("packet_too_big", 4)]
    );
    // A packet that expired as well is told only that.
    let packet = from_host(V4::udp(HOST, FAR, &data(1472)))
        .with(|h| h.dont_fragment = true)
        .ttl(1);
    expect(
        &mut bench,
        &packet,
        &[crate::lab::to_host(&crate::errors::time_exceeded(
            &packet.packet(),
        ))],
    );
    // Nobody is told of a later fragment; it is dropped all the same.
    let later = packet
        .ttl(64)
        .with(|h| h.fragment_offset = IpFragOffset::try_new(8).unwrap());
    dropped_for(&mut bench, &later.frame(), "packet_too_big");
}

#[test]
fn v4_14_what_waited_for_its_neighbour_is_fragmented_too() {
    let mut bench = lab();
    bench.mtu("p1", 576);
    let packet = from_host(V4::udp(HOST, "10.0.1.50", &data(1200)));
    assert_eq!(
        bench.receive("p0", &packet.frame()).len(),
        1,
        "an ARP request"
    );
    let mac = GATEWAY_MAC;
    let answer = ferroute_tests::bench::frames::arp(
        etherparse::ArpOperation::REPLY,
        (mac, "10.0.1.50"),
        (P1_MAC, "10.0.1.1"),
        P1_MAC,
    );
    let parts = fragments(&bench.receive("p1", &answer), 576);
    assert!(parts.iter().all(|(header, _)| header.time_to_live == 63));
    assert_eq!(reassembled(&parts), packet.payload);
}
