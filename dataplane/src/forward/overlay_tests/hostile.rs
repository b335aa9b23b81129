//! Bad input: every truncation, any bytes, tunnels without end; and what tshark says of what is sent.

use proptest::prelude::*;

use super::tshark::dissected;
use super::*;

fn samples() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for family in [4, 6] {
        let packet = remote_packet(family, 64);
        let kind = if family == 4 { 0x0800 } else { 0x86dd };
        let stack = [entry(17, 0, false, 9), entry(VRF_LABEL, 0, true, 9)];
        for outer in [4, 6] {
            let inner = vxlan(VNI, ROUTER, kind, &packet);
            all.push(from_remote(outer, 4789, &inner));
            all.push(from_remote(
                outer,
                6635,
                &[&stack.concat(), &packet[..]].concat(),
            ));
            all.push(from_remote(
                outer,
                6080,
                &[&[0, 4, 0, 0], &packet[..]].concat(),
            ));
            all.push(ip_from_remote(outer, family, &packet));
        }
        all.push(mpls_frame(&stack, &packet));
    }
    all
}

#[test]
fn r_01_every_truncation_ends_once_and_is_never_sent() {
    let mut bench = Bench::new();
    for sample in samples() {
        for cut in 0..sample.len() {
            let sent = bench.receive(FABRIC_PORT, &[sample[..cut].to_vec()]);
            assert!(sent.is_empty(), "cut at {cut} of {}", sample.len());
            while bench.punts.pop().is_some() {}
        }
    }
}

/// Shortens a UDP tunnel packet to what is left of it, so that all outer lengths agree and only the
/// inner headers are cut.
#[test]
fn r_01_every_truncation_of_the_inner_headers_ends_once() {
    let mut bench = Bench::new();
    let packet = remote_packet(4, 64);
    let stack = entry(VRF_LABEL, 0, true, 9);
    for (port, payload) in [
        (4789, vxlan(VNI, ROUTER, 0x0800, &packet)),
        (6635, [&stack[..], &packet].concat()),
        (6080, [&[0, 4, 0, 0], &packet[..]].concat()),
    ] {
        for outer in [4, 6] {
            for cut in 0..payload.len() {
                let sent = bench.receive(FABRIC_PORT, &[from_remote(outer, port, &payload[..cut])]);
                assert!(sent.is_empty(), "{port} cut at {cut}");
            }
            assert_eq!(bench.punts.pop().map(|p| p.reason), None);
        }
    }
    for (outer, family) in [(4, 4), (4, 6), (6, 4), (6, 6)] {
        let packet = remote_packet(family, 64);
        for cut in 0..packet.len() {
            let frame = ip_from_remote(outer, family, &packet[..cut]);
            let sent = bench.receive(FABRIC_PORT, &[frame]);
            assert!(sent.is_empty(), "IPv{family} in IPv{outer} cut at {cut}");
        }
        assert_eq!(bench.punts.pop().map(|p| p.reason), None);
    }
}

#[test]
fn vxlan_in_vxlan_without_end_is_dropped_after_four_rounds() {
    let mut bench = Bench::new();
    let here = format!("{HERE4}/32").parse().unwrap();
    bench
        .tenant
        .0
        .set(here, NextHopId::new(TO_ENDPOINT))
        .unwrap();
    let mut packet = remote_packet(4, 64);
    for depth in 1..=12 {
        let frame = from_remote(4, 4789, &vxlan(VNI, ROUTER, 0x0800, &packet));
        let sent = bench.receive(FABRIC_PORT, std::slice::from_ref(&frame));
        assert_eq!(sent.len(), usize::from(depth <= 3), "depth {depth}");
        packet = frame[14..].to_vec();
    }
    assert_eq!(bench.dropped(DropReason::TunnelNesting), 9);
}

#[test]
fn a_burst_of_all_kinds_is_sorted_out() {
    let mut bench = Bench::new();
    let samples = samples();
    let frames: Vec<_> = samples.iter().cycle().take(512).cloned().collect();
    let sent = bench.receive(FABRIC_PORT, &frames);
    // GUE that says IPv4 in front of IPv6 is no packet.
    let wrong = frames.len() - sent.len();
    assert_eq!(bench.dropped(DropReason::LabelPayload), wrong as u64);
    assert!(sent.len() > 400);
}

proptest! {
    #[test]
    fn r_01_any_change_of_a_tunnel_packet_is_safe(
        which in 0..18usize,
        changes in prop::collection::vec((14..120usize, any::<u8>()), 1..6),
    ) {
        let mut frame = samples().swap_remove(which);
        for (place, byte) in changes {
            if let Some(place) = frame.get_mut(place) {
                *place = byte;
            }
        }
        // `receive` asserts that every packet ends once.
        Bench::new().receive(FABRIC_PORT, &[frame]);
    }

    #[test]
    fn r_01_any_bytes_behind_udp_are_safe(
        port in prop::sample::select(vec![4789u16, 6635, 6080]),
        bytes in prop::collection::vec(any::<u8>(), 0..90),
    ) {
        Bench::new().receive(FABRIC_PORT, &[from_remote(4, port, &bytes)]);
    }
}

#[test]
fn tshark_finds_nothing_wrong_with_what_is_sent() {
    let mut frames = Vec::new();
    for encapsulation in encapsulations() {
        let mut bench = Bench::new();
        bench.tunnel(encapsulation, TunnelPolicy::default());
        for (family, bytes) in [(4, 33), (6, 400)] {
            frames.push(bench.host_sends(host_packet(family, 1000, bytes)));
        }
    }
    for (protocols, expert) in dissected(&frames) {
        assert_eq!(expert, "", "{protocols}");
        // It does not know GUE; what that carries is taken apart by the other tests.
        let is_gue = protocols.ends_with(":udp:data") && !protocols.contains("vxlan");
        let ips = protocols.matches(":ip").count();
        assert!(
            ips == 2 || is_gue || protocols.contains("mpls"),
            "{protocols}"
        );
    }
}
