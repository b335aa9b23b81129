//! Every header cut at every byte: no crash, and one end for each frame.

use etherparse::{
    ArpOperation, EtherType, IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpNumber, PacketBuilder,
    TcpHeader,
};
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::frames::{V4, arp, framed};

use crate::lab::{FAR, HOST, HOST_MAC, P0_MAC, datagram, lab};

const HOST6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
const OWN6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const FAR6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0xf, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

/// An IPv6 packet in a frame.
fn v6(to: [u8; 16], hop_limit: u8, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, hop_limit]);
    packet.extend(HOST6);
    packet.extend(to);
    packet.extend(payload);
    framed(HOST_MAC, P0_MAC, None, EtherType::IPV6, &packet)
}

fn icmp6(to: [u8; 16], kind: Icmpv6Type, body: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(HOST_MAC, P0_MAC)
        .ipv6(HOST6, to, 255)
        .icmpv6(kind);
    let mut frame = Vec::new();
    builder.write(&mut frame, body).unwrap();
    frame
}

fn solicitation() -> Vec<u8> {
    let body = [&OWN6[..], &[1, 1], &HOST_MAC].concat();
    icmp6(
        OWN6,
        Icmpv6Type::Unknown {
            type_u8: 135,
            code_u8: 0,
            bytes5to8: [0; 4],
        },
        &body,
    )
}

/// A frame of each kind that the router looks into.
fn kinds() -> Vec<(&'static str, Vec<u8>)> {
    let echo = IcmpEchoHeader { id: 1, seq: 2 };
    let own = "10.0.0.1";
    let tcp = |to: &str| {
        let mut tcp = TcpHeader::new(40_000, 179, 1, 1000);
        tcp.syn = true;
        tcp.set_options_raw(&[2, 4, 5, 0xb4]).unwrap();
        V4::new(HOST, to, IpNumber::TCP, &tcp.to_bytes()).link(HOST_MAC, P0_MAC)
    };
    let chain = [
        &[60, 0, 1, 4, 0, 0, 0, 0][..],
        &[43, 0, 1, 4, 0, 0, 0, 0],
        &[44, 0, 4, 0, 0, 0, 0, 0],
        &[17, 0, 0, 1, 0, 0, 0, 9],
        &[0; 8],
    ]
    .concat();
    vec![
        ("IPv4 in transit", datagram(FAR).frame()),
        (
            "IPv4 with options",
            datagram(FAR).options(&[7, 7, 4, 0, 0, 0, 0, 0]).frame(),
        ),
        ("IPv4 without a route", datagram("203.0.113.1").frame()),
        ("IPv4 at its end", datagram(FAR).ttl(1).frame()),
        (
            "ICMP to the router",
            V4::icmp(HOST, own, Icmpv4Type::EchoRequest(echo), &[5; 16])
                .link(HOST_MAC, P0_MAC)
                .frame(),
        ),
        ("UDP to the router", datagram(own).frame()),
        ("TCP to the router", tcp(own).frame()),
        ("TCP in transit", tcp(FAR).frame()),
        ("VLAN", datagram(FAR).vlan(7).frame()),
        (
            "ARP request",
            arp(
                ArpOperation::REQUEST,
                (HOST_MAC, HOST),
                ([0; 6], own),
                [0xff; 6],
            ),
        ),
        (
            "ARP reply",
            arp(ArpOperation::REPLY, (HOST_MAC, HOST), (P0_MAC, own), P0_MAC),
        ),
        (
            "IPv6 in transit",
            v6(FAR6, 64, 17, &[0, 1, 0, 2, 0, 12, 0, 9, 1, 2, 3, 4]),
        ),
        ("IPv6 with a chain of headers", v6(FAR6, 64, 0, &chain)),
        ("the chain to the router", v6(OWN6, 64, 0, &chain)),
        ("IPv6 at its end", v6(FAR6, 1, 17, &[0; 12])),
        (
            "ICMPv6 to the router",
            icmp6(OWN6, Icmpv6Type::EchoRequest(echo), &[5; 16]),
        ),
        ("neighbour solicitation", solicitation()),
        (
            "UDP over IPv6 to the router",
            v6(OWN6, 64, 17, &[0, 1, 0, 2, 0, 12, 0, 9, 1, 2, 3, 4]),
        ),
        (
            "LLC",
            framed(
                HOST_MAC,
                P0_MAC,
                None,
                EtherType(40),
                &[0xfe, 0xfe, 3, 0x83, 1, 2, 3, 4],
            ),
        ),
        (
            "something else",
            framed(HOST_MAC, P0_MAC, None, EtherType(0x8847), &[0, 0x10, 1, 64]),
        ),
    ]
}

/// A router that takes VLAN 7 too.
fn router() -> Bench {
    let mut bench = lab();
    bench.vlan("p0.7", "p0", 7, "", &["10.7.0.1/24"]);
    bench
}

/// How packets ended so far, all ends together.
fn ends(bench: &Bench) -> u64 {
    let (worker, exception) = (bench.worker_counters(), bench.exception_counters());
    let kept = exception.to_twin.get()
        + exception.consumed.get()
        + exception.forwarded.get()
        + exception.held_now();
    worker.tx.get() + worker.consumed.get() + worker.dropped() + kept + exception.dropped()
}

/// Receives a frame and wants one end for it.
#[track_caller]
fn one_end(bench: &mut Bench, what: &str, frame: &[u8]) {
    let before = ends(bench);
    bench.receive("p0", frame);
    assert_eq!(ends(bench), before + 1, "{what}: {frame:02x?}");
}

#[test]
fn r_01_frames_cut_at_every_byte_have_one_end_each() {
    let mut bench = router();
    for (what, frame) in kinds() {
        for cut in 0..=frame.len() {
            one_end(&mut bench, what, &frame[..cut]);
        }
        bench.advance(ferroute_tests::bench::SECOND);
    }
}

/// The IP packet of a frame cut to `bytes` with its lengths and header checksum made right again, so that the cut goes
/// into what it carries.
fn shortened(frame: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let mut frame = frame.get(..14 + bytes)?.to_vec();
    match u16::from_be_bytes([frame[12], frame[13]]) {
        0x0800 => {
            let header = usize::from(frame[14] & 0xf) * 4;
            if bytes < header {
                return None;
            }
            frame[16..18].copy_from_slice(&(bytes as u16).to_be_bytes());
            frame[24..26].fill(0);
            let sum = etherparse::checksum::Sum16BitWords::new().add_slice(&frame[14..14 + header]);
            frame[24..26].copy_from_slice(&sum.ones_complement().to_be().to_be_bytes());
        }
        0x86dd if bytes >= 40 => frame[18..20].copy_from_slice(&(bytes as u16 - 40).to_be_bytes()),
        _ => return None,
    }
    Some(frame)
}

#[test]
fn r_01_what_ip_carries_cut_at_every_byte_has_one_end() {
    let mut bench = router();
    let mut tried = 0;
    for (what, frame) in kinds() {
        for bytes in 20..frame.len() - 14 {
            let Some(short) = shortened(&frame, bytes) else {
                continue;
            };
            one_end(&mut bench, what, &short);
            tried += 1;
        }
        bench.advance(ferroute_tests::bench::SECOND);
    }
    assert!(tried > 300, "{tried} cuts");
}

#[test]
fn r_01_every_byte_turned_over_has_one_end() {
    let mut bench = router();
    for (what, frame) in kinds() {
        for at in 0..frame.len() {
            for mask in [0xff, 0x01, 0x80] {
                let mut broken = frame.clone();
                broken[at] ^= mask;
                one_end(&mut bench, what, &broken);
            }
        }
        bench.advance(20 * ferroute_tests::bench::SECOND);
    }
}
