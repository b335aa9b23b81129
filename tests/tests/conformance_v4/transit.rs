//! What transit changes in a packet, and what it leaves alone.

use etherparse::{IpFragOffset, IpNumber};
use ferroute_tests::bench::frames::V4;

use crate::lab::{
    FAR, GATEWAY_MAC, HOST, P1_MAC, datagram, dropped_for, expect, forwarded, from_host, lab,
};

#[test]
fn v4_01_transit_ttl_is_decremented_by_one_and_nothing_else_changes() {
    let mut bench = lab();
    for ttl in [2, 3, 63, 64, 128, 255] {
        let packet = datagram(FAR).ttl(ttl).with(|h| {
            h.dscp = 46.try_into().unwrap();
            h.ecn = 1.try_into().unwrap();
            h.identification = 0xbeef;
        });
        expect(&mut bench, &packet, &[forwarded(&packet)]);
    }
    for protocol in [0, 1, 4, 6, 41, 50, 89, 132, 255] {
        let packet = from_host(V4::new(HOST, FAR, IpNumber(protocol), &[0xa5; 33]));
        expect(&mut bench, &packet, &[forwarded(&packet)]);
    }
    assert!(bench.drops().is_empty());
}

#[test]
fn v4_02_the_checksum_equals_a_full_recompute_for_every_ttl_and_checksum() {
    let mut bench = lab();
    // The identification runs through all values, and with it the checksum through all that a right header can have;
    // the other fields are constant, so etherparse's header is patched with a plain sum instead of built anew.
    let base = datagram(FAR).frame();
    let mut seen = std::collections::HashSet::new();
    for ttl in 2..=255_u8 {
        // All TTLs for the corners, all identifications for some TTLs.
        let all = matches!(ttl, 2 | 64 | 255);
        let ids: Vec<u16> = if all {
            (0..=u16::MAX).collect()
        } else {
            (0..=u16::MAX).step_by(257).collect()
        };
        let frames: Vec<Vec<u8>> = ids.iter().map(|id| patched(&base, ttl, *id)).collect();
        for frame in &frames {
            seen.insert((frame[24], frame[25]));
        }
        for (chunk, ids) in frames.chunks(4096).zip(ids.chunks(4096)) {
            let sent = bench.receive_all("p0", chunk);
            assert_eq!(sent.len(), chunk.len());
            for (sent, id) in sent.iter().zip(ids) {
                let mut expected = patched(&base, ttl - 1, *id);
                expected[..6].copy_from_slice(&GATEWAY_MAC);
                expected[6..12].copy_from_slice(&P1_MAC);
                assert_eq!(sent.frame, expected, "ttl {ttl}, identification {id}");
            }
        }
    }
    // A header that is not all zero has no checksum of 0xffff; every other value was there.
    assert_eq!(seen.len(), 0xffff);
    assert!(seen.contains(&(0, 0)) && seen.contains(&(0xff, 0xfe)));
}

/// The frame with another TTL and identification, and the checksum of RFC 791: the complement of the sum of all words.
fn patched(frame: &[u8], ttl: u8, identification: u16) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[18..20].copy_from_slice(&identification.to_be_bytes());
    frame[22] = ttl;
    frame[24..26].fill(0);
    let mut sum: u32 = frame[14..34]
        .chunks_exact(2)
        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    frame
}

#[test]
fn v4_07_padding_is_trimmed_and_enters_no_quotation() {
    let mut bench = lab();
    let packet = datagram(FAR);
    for padding in [1, 7, 18, 400] {
        let padded = [packet.frame(), vec![0xee; padding]].concat();
        assert_eq!(bench.receive("p0", &padded), [forwarded(&packet)]);
        let expiring = packet.clone().ttl(1);
        let padded = [expiring.frame(), vec![0xee; padding]].concat();
        let error = crate::lab::to_host(&crate::errors::time_exceeded(&expiring.packet()));
        assert_eq!(bench.receive("p0", &padded), [error]);
    }
}

#[test]
fn v4_08_options_are_forwarded_as_they_are_and_source_routes_dropped() {
    let mut bench = lab();
    for options in [
        &[1, 1, 1, 0][..],
        &[0, 0, 0, 0],
        // Unknown options: an experimental one (RFC 4727), one that nobody assigned.
        &[0x9e, 8, 1, 2, 3, 4, 5, 6],
        &[0x55, 4, 0xaa, 0xbb],
        // Security (RFC 1108), quick start, and the longest header.
        &[0x82, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0],
        &[1; 40],
    ] {
        let packet = datagram(FAR).options(options);
        expect(&mut bench, &packet, &[forwarded(&packet)]);
    }
    for kind in [131, 137] {
        let packet = datagram(FAR).options(&[kind, 7, 4, 10, 0, 1, 2, 0]);
        dropped_for(&mut bench, &packet.frame(), "ipv4_source_route");
    }
    for malformed in [
        &[0x94, 1, 0, 0][..],
        &[0x94, 5, 0, 0],
        &[7, 0, 0, 0],
        &[1, 1, 1, 0x94],
    ] {
        dropped_for(
            &mut bench,
            &datagram(FAR).options(malformed).frame(),
            "ipv4_options",
        );
    }
}

#[test]
fn v4_08_record_route_is_written_and_router_alert_passes_both_at_a_limited_rate() {
    let mut bench = lab();
    // Room for two addresses; the router writes that of the interface by which it sends.
    let packet = datagram(FAR).options(&[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut recorded = forwarded(&packet);
    let written = packet
        .clone()
        .ttl(63)
        .options(&[7, 11, 8, 10, 0, 1, 1, 0, 0, 0, 0, 0]);
    recorded.frame = written.link(P1_MAC, GATEWAY_MAC).frame();
    expect(&mut bench, &packet, &[recorded]);
    // A full record passes unchanged.
    let packet = datagram(FAR).options(&[7, 7, 8, 10, 9, 9, 9, 0]);
    expect(&mut bench, &packet, &[forwarded(&packet)]);
    // Time stamps only, two places: the second is the router's.
    let packet = datagram(FAR).options(&[68, 12, 9, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    let sent = bench.receive("p0", &packet.frame());
    assert_eq!(sent.len(), 1);
    ferroute_tests::bench::frames::assert_sound(&sent[0].frame);
    let options = &sent[0].frame[34..46];
    assert_eq!(options[..8], [68, 12, 13, 0, 0, 0, 0, 1]);
    assert_ne!(options[8..], [0; 4], "the time of day");
    let alert = datagram(FAR).options(&[148, 4, 0, 0]);
    expect(&mut bench, &alert, &[forwarded(&alert)]);
    // A flood of them is policed, and nothing else suffers.
    let mut sent = Vec::new();
    let drops = bench.drops_of(|bench| sent = bench.receive_all("p0", vec![alert.frame(); 3000]));
    assert!((900..=1100).contains(&sent.len()), "{} of 3000", sent.len());
    assert_eq!(
        drops.into_iter().collect::<Vec<_>>(),
        [("punt_policed", 3000 - sent.len() as u64)]
    );
    let plain = datagram(FAR);
    expect(&mut bench, &plain, &[forwarded(&plain)]);
}

#[test]
fn v4_19_transit_changes_neither_identification_nor_flags() {
    let mut bench = lab();
    for identification in [0, 1, 0xffff] {
        for (dont, more, offset) in [
            (false, false, 0),
            (true, false, 0),
            (false, true, 0),
            (false, true, 100),
            (false, false, 8191),
            (true, true, 3),
        ] {
            let packet = from_host(V4::new(HOST, FAR, IpNumber::UDP, &[7; 8])).with(|h| {
                h.identification = identification;
                (h.dont_fragment, h.more_fragments) = (dont, more);
                h.fragment_offset = IpFragOffset::try_new(offset).unwrap();
            });
            expect(&mut bench, &packet, &[forwarded(&packet)]);
        }
    }
    // The reserved bit is not the router's to judge.
    let packet = datagram(FAR);
    let mut evil = packet.packet();
    evil[6] |= 0x80;
    evil[10..12].fill(0);
    let checksum = etherparse::checksum::Sum16BitWords::new()
        .add_slice(&evil[..20])
        .ones_complement()
        .to_be()
        .to_be_bytes();
    evil[10..12].copy_from_slice(&checksum);
    let sent = bench.receive("p0", &packet.around(&evil));
    assert_eq!((sent.len(), sent[0].frame[20]), (1, 0x80));
}

#[test]
fn v4_19_what_the_router_makes_is_atomic_or_has_identifications_of_its_own() {
    let mut bench = lab();
    bench.mtu("p0", 576);
    // Replies too long for the link are fragmented: each has another identification.
    let mut identifications = std::collections::HashSet::new();
    for _ in 0..500 {
        let kind =
            etherparse::Icmpv4Type::EchoRequest(etherparse::IcmpEchoHeader { id: 1, seq: 1 });
        let request = from_host(V4::icmp(HOST, "10.0.0.1", kind, &[0; 1000]));
        let sent = bench.receive("p0", &request.frame());
        let ids: std::collections::BTreeSet<_> =
            sent.iter().map(|s| [s.frame[18], s.frame[19]]).collect();
        assert_eq!((sent.len(), ids.len()), (2, 1), "fragments of one reply");
        assert!(identifications.insert(ids), "an identification came again");
    }
    // Errors are atomic.
    let sent = bench.receive("p0", &datagram("203.0.113.1").frame());
    assert_eq!(sent[0].frame[20..22], [0x40, 0]);
}
