//! What transit changes in a packet, and what it leaves alone.

use etherparse::{
    Icmpv6Type, IpFragOffset, IpNumber, Ipv6FlowLabel, Ipv6FragmentHeader, TcpHeader,
};
use ferroute_dataplane::drops::DropReason;

use crate::lab::{A, A_HOST, B, Lab, R1, R1_MAC, sent};
use crate::packets::{
    address, framed, header, icmp, ipv6, udp, udp_bytes, with_header, with_hop_limit,
};
use crate::{BEHIND_B, BEHIND_B_AND_C};

/// Sends a packet from host a through the router, and checks that it arrives with one hop less and no other
/// difference.
fn crosses(lab: &mut Lab, packet: &[u8]) {
    let sent = lab.send(A, packet);
    assert_eq!(
        sent,
        [lab.to_host(B, &with_hop_limit(packet, packet[7] - 1))]
    );
}

#[test]
fn v6_01_transit_takes_one_from_the_hop_limit_and_changes_nothing_else() {
    let mut lab = Lab::new();
    let packet = udp(A_HOST, BEHIND_B, b"data");
    for hop_limit in [2, 3, 64, 128, 254, 255] {
        crosses(&mut lab, &with_hop_limit(&packet, hop_limit));
    }
}

#[test]
fn v6_02_the_payload_length_rules() {
    let mut lab = Lab::new();
    let packet = udp(A_HOST, BEHIND_B, b"data");
    let expected = lab.to_host(B, &with_hop_limit(&packet, 63));
    for padding in [1, 2, 18, 100] {
        let padded = [&packet[..], &vec![0xee; padding]].concat();
        assert_eq!(
            lab.send(A, &padded),
            std::slice::from_ref(&expected),
            "{padding} bytes of padding"
        );
    }
    for cut in 40..packet.len() {
        assert_eq!(lab.send(A, &packet[..cut]), [], "cut at {cut}");
    }
    assert_eq!(
        lab.dropped(DropReason::Ipv6PayloadLength),
        packet.len() as u64 - 40
    );
    // The longest that the field can say is no more than the frame has.
    let mut long = header(A_HOST, BEHIND_B, IpNumber::UDP, 0);
    long.payload_length = u16::MAX;
    assert_eq!(lab.send(A, &with_header(&long, &packet[40..])), []);
    assert_eq!(
        lab.dropped(DropReason::Ipv6PayloadLength),
        packet.len() as u64 - 39
    );
    for cut in 1..40 {
        assert_eq!(lab.send(A, &packet[..cut]), [], "cut at {cut}");
    }
    assert_eq!(lab.dropped(DropReason::Ipv6Truncated), 39);
    // Nothing behind the header is a packet, too.
    crosses(
        &mut lab,
        &ipv6(A_HOST, BEHIND_B, IpNumber::IPV6_NO_NEXT_HEADER, &[]),
    );
}

/// One extension header of 8 bytes for each of these kinds, and UDP behind them.
fn chain(kinds: &[IpNumber]) -> Vec<u8> {
    let mut payload = Vec::new();
    for place in 0..kinds.len() {
        let next = *kinds.get(place + 1).unwrap_or(&IpNumber::UDP);
        match kinds[place] {
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                payload.extend(
                    Ipv6FragmentHeader::new(next, IpFragOffset::ZERO, false, 77).to_bytes(),
                );
            }
            // A routing header of type 4 with two segments left.
            IpNumber::IPV6_ROUTE_HEADER => payload.extend([next.0, 0, 4, 2, 0, 0, 0, 0]),
            // An unknown option that a node which looks at it would have to drop the packet for (RFC 8200 section 4.2).
            _ => payload.extend([next.0, 0, 0xbe, 4, 1, 2, 3, 4]),
        }
    }
    payload.extend(udp_bytes(A_HOST, BEHIND_B, b"data"));
    ipv6(
        A_HOST,
        BEHIND_B,
        *kinds.first().unwrap_or(&IpNumber::UDP),
        &payload,
    )
}

#[test]
fn v6_12_extension_headers_in_transit_are_neither_changed_nor_dropped() {
    let mut lab = Lab::new();
    for kind in [0, 43, 44, 60, 135, 139, 140, 253, 254] {
        crosses(&mut lab, &chain(&[IpNumber(kind)]));
    }
    crosses(&mut lab, &chain(&[0, 60, 43, 44, 60].map(IpNumber)));
}

#[test]
fn v6_13_many_and_truncated_extension_headers_are_safe_in_transit() {
    let mut lab = Lab::new();
    for count in [8, 16, 17, 100] {
        crosses(
            &mut lab,
            &chain(&vec![IpNumber::IPV6_DESTINATION_OPTIONS; count]),
        );
    }
    // A header that says it is longer than the packet; a chain that ends anywhere; by one path and by several.
    for destination in [BEHIND_B, BEHIND_B_AND_C] {
        for kind in 0..=255 {
            let chained = [60, 255, 1, 2, 3, 4, 5, 6];
            for bytes in 0..=chained.len() {
                let packet = ipv6(A_HOST, destination, IpNumber(kind), &chained[..bytes]);
                assert_eq!(lab.send(A, &packet).len(), 1, "kind {kind}, {bytes} bytes");
            }
        }
    }
}

#[test]
fn v6_14_flow_label_and_traffic_class_stay() {
    let mut lab = Lab::new();
    let data = udp_bytes(A_HOST, BEHIND_B, b"data");
    for destination in [BEHIND_B, BEHIND_B_AND_C] {
        for (label, class) in [(1, 0), (0xf_ffff, 0xff), (0x8_0001, 0xb8), (0, 3)] {
            let mut header = header(A_HOST, destination, IpNumber::UDP, data.len());
            header.flow_label = Ipv6FlowLabel::try_new(label).unwrap();
            header.traffic_class = class;
            let packet = with_header(&header, &data);
            let sent = lab.send(A, &packet);
            let expected = with_hop_limit(&packet, 63);
            assert_eq!(sent.len(), 1);
            assert_eq!(
                sent[0].frame[14..],
                expected,
                "label {label:x}, class {class:x}"
            );
        }
    }
}

#[test]
fn v6_16_zero_checksums_of_transports_stay_as_they_are() {
    let mut lab = Lab::new();
    let mut udp = udp_bytes(A_HOST, BEHIND_B, b"data");
    udp[6..8].fill(0);
    crosses(&mut lab, &ipv6(A_HOST, BEHIND_B, IpNumber::UDP, &udp));
    udp[6..8].fill(0xff);
    crosses(&mut lab, &ipv6(A_HOST, BEHIND_B, IpNumber::UDP, &udp));
    // And wrong ones: the ends judge them.
    udp[6..8].copy_from_slice(&[0x12, 0x34]);
    crosses(&mut lab, &ipv6(A_HOST, BEHIND_B, IpNumber::UDP, &udp));
    let tcp = TcpHeader::new(4000, 5000, 1, 1000);
    assert_eq!(tcp.checksum, 0);
    crosses(
        &mut lab,
        &ipv6(A_HOST, BEHIND_B, IpNumber::TCP, &tcp.to_bytes()),
    );
}

#[test]
fn v6_01_what_waited_for_its_neighbour_leaves_with_one_hop_less_too() {
    let mut lab = Lab::new();
    let mut header = header(A_HOST, "2001:db8:2::77", IpNumber::UDP, 4);
    header.flow_label = Ipv6FlowLabel::try_new(0xabcde).unwrap();
    let packet = with_header(&header, &[1, 2, 3, 4]);
    assert_eq!(lab.send(A, &packet).len(), 1, "a solicitation");
    let (target, mac) = ("2001:db8:2::77", [2, 0, 0, 0, 0, 0x77]);
    // A solicited advertisement that overrides (RFC 4861 section 4.4), with the target's link-layer address.
    let kind = Icmpv6Type::Unknown {
        type_u8: 136,
        code_u8: 0,
        bytes5to8: [0x60, 0, 0, 0],
    };
    let body = [&address(target).octets()[..], &[2, 1], &mac].concat();
    let answer = with_hop_limit(&icmp(target, R1, kind, &body), 255);
    let left = lab.receive(B, &framed(R1_MAC, mac, &answer));
    let frame = framed(mac, R1_MAC, &with_hop_limit(&packet, 63));
    assert_eq!(left, [sent(B, frame)]);
}
