use super::super::testing::{headers, ipv4, reassemble};
use super::*;
use etherparse::{IpHeaders, PacketBuilder};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const HOST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const FRESH: u16 = 0x5555;

fn header4(source: Ipv4Addr, destination: Ipv4Addr) -> etherparse::Ipv4Header {
    let mut header = etherparse::Ipv4Header::new(
        0,
        7,
        etherparse::IpNumber::ICMP,
        source.octets(),
        destination.octets(),
    )
    .unwrap();
    header.identification = 0x1234;
    header.dscp = etherparse::IpDscp::try_new(46).unwrap();
    header.ecn = etherparse::IpEcn::try_new(3).unwrap();
    header
}

fn message4(request: bool, data: &[u8]) -> Vec<u8> {
    let echo = etherparse::IcmpEchoHeader {
        id: 0xabcd,
        seq: 77,
    };
    let kind = if request {
        etherparse::Icmpv4Type::EchoRequest(echo)
    } else {
        etherparse::Icmpv4Type::EchoReply(echo)
    };
    [
        etherparse::Icmpv4Header::with_checksum(kind, data)
            .to_bytes()
            .as_slice(),
        data,
    ]
    .concat()
}

fn answer4(bytes: &[u8], mtu: usize) -> Result<Option<Vec<Vec<u8>>>, DropReason> {
    answer_ipv4(&Ipv4Packet::parse(bytes).unwrap(), false, mtu, || FRESH)
}

fn echo6(source: Ipv6Addr, destination: Ipv6Addr, request: bool, data: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv6(
        source.octets(),
        destination.octets(),
        if request { 7 } else { 64 },
    );
    let builder = if request {
        builder.icmpv6_echo_request(0xabcd, 77)
    } else {
        builder.icmpv6_echo_reply(0xabcd, 77)
    };
    let mut bytes = Vec::new();
    builder.write(&mut bytes, data).unwrap();
    bytes
}

fn answer6(bytes: &[u8], mtu: usize) -> Result<Option<Vec<Vec<u8>>>, DropReason> {
    answer_ipv6(&Ipv6Packet::parse(bytes).unwrap(), ROUTER6, mtu, || {
        0xdead_beef
    })
}

proptest! {
    #[test]
    fn v4_23_a_reply_is_the_request_turned_round(data in proptest::collection::vec(any::<u8>(), 0..1472), df: bool) {
        let mut request = header4(HOST, ROUTER);
        request.dont_fragment = df;
        let replies = answer4(&ipv4(request.clone(), &message4(true, &data)), 1500).unwrap().unwrap();
        let mut expected = request;
        (expected.source, expected.destination) = (ROUTER.octets(), HOST.octets());
        expected.time_to_live = 64;
        expected.ecn = etherparse::IpEcn::ZERO;
        prop_assert_eq!(replies, vec![ipv4(expected, &message4(false, &data))]);
    }

    #[test]
    fn v6_echo_replies_are_the_request_turned_round(data in proptest::collection::vec(any::<u8>(), 0..1452)) {
        let replies = answer6(&echo6(HOST6, ROUTER6, true, &data), 1500).unwrap().unwrap();
        prop_assert_eq!(replies, vec![echo6(ROUTER6, HOST6, false, &data)]);
    }
}

#[test]
fn v4_23_a_large_reply_is_fragmented_also_against_df() {
    let data: Vec<u8> = (0..4000).map(|i| i as u8).collect();
    for df in [false, true] {
        let mut request = header4(HOST, ROUTER);
        request.dont_fragment = df;
        let replies = answer4(&ipv4(request, &message4(true, &data)), 1500)
            .unwrap()
            .unwrap();
        assert_eq!(replies.len(), 3);
        for reply in &replies {
            assert!(reply.len() <= 1500);
            let (IpHeaders::Ipv4(ip, _), _) = headers(reply) else {
                panic!("not IPv4")
            };
            assert_eq!((ip.identification, ip.dont_fragment), (FRESH, false));
        }
        assert_eq!(reassemble(&replies), message4(false, &data));
    }
    let replies = answer6(&echo6(HOST6, ROUTER6, true, &data), 1280)
        .unwrap()
        .unwrap();
    assert!(replies.len() == 4 && replies.iter().all(|reply| reply.len() <= 1280));
    assert_eq!(
        reassemble(&replies),
        echo6(ROUTER6, HOST6, false, &data)[40..]
    );
}

#[test]
fn v4_23_nothing_is_said_to_or_from_many() {
    for (source, destination) in [
        (HOST, Ipv4Addr::BROADCAST),
        (HOST, Ipv4Addr::new(224, 0, 0, 1)),
        (Ipv4Addr::UNSPECIFIED, ROUTER),
        (Ipv4Addr::new(224, 0, 0, 1), ROUTER),
    ] {
        let bytes = ipv4(header4(source, destination), &message4(true, &[]));
        assert_eq!(
            answer4(&bytes, 1500),
            Err(DropReason::IcmpNotAllowed),
            "{source} to {destination}"
        );
    }
    let bytes = ipv4(header4(HOST, ROUTER), &message4(true, &[]));
    let in_group_frame = answer_ipv4(&Ipv4Packet::parse(&bytes).unwrap(), true, 1500, || FRESH);
    assert_eq!(in_group_frame, Err(DropReason::IcmpNotAllowed));
    for source in [Ipv6Addr::UNSPECIFIED, ALL_NODES, Ipv6Addr::LOCALHOST] {
        assert_eq!(
            answer6(&echo6(source, ROUTER6, true, &[]), 1500),
            Err(DropReason::IcmpNotAllowed)
        );
    }
}

#[test]
fn ipv6_requests_to_a_group_are_answered_from_an_own_address() {
    let replies = answer6(&echo6(HOST6, ALL_NODES, true, &[1, 2]), 1500)
        .unwrap()
        .unwrap();
    assert_eq!(replies, [echo6(ROUTER6, HOST6, false, &[1, 2])]);
}

#[test]
fn bad_checksums_and_lengths_are_refused() {
    let mut bad = message4(true, &[1, 2, 3]);
    bad[9] ^= 1;
    assert_eq!(
        answer4(&ipv4(header4(HOST, ROUTER), &bad), 1500),
        Err(DropReason::IcmpInvalid)
    );
    assert_eq!(
        answer4(&ipv4(header4(HOST, ROUTER), &[8, 0, 0]), 1500),
        Err(DropReason::IcmpInvalid)
    );
    let mut bad = echo6(HOST6, ROUTER6, true, &[1, 2, 3]);
    bad[50] ^= 1;
    assert_eq!(answer6(&bad, 1500), Err(DropReason::IcmpInvalid));
}

#[test]
fn the_twin_gets_what_is_not_answered_here() {
    let request = message4(true, &[9; 16]);
    let mut fragment = header4(HOST, ROUTER);
    fragment.more_fragments = true;
    let mut with_options = header4(HOST, ROUTER);
    with_options.options = [7u8, 7, 4, 0, 0, 0, 0, 0].as_slice().try_into().unwrap();
    let mut udp = header4(HOST, ROUTER);
    udp.protocol = etherparse::IpNumber::UDP;
    for header in [fragment, with_options, udp] {
        assert_eq!(answer4(&ipv4(header, &request), 1500), Ok(None));
    }
    assert_eq!(
        answer4(&ipv4(header4(HOST, ROUTER), &message4(false, &[])), 1500),
        Ok(None)
    );
    assert_eq!(answer6(&echo6(HOST6, ROUTER6, false, &[]), 1500), Ok(None));
    let mut fragment = echo6(HOST6, ROUTER6, true, &[9; 16]);
    fragment.splice(40..40, [58, 0, 0, 1, 0, 0, 0, 1]);
    (fragment[5], fragment[6]) = (fragment[5] + 8, 44);
    assert_eq!(answer6(&fragment, 1500), Ok(None));
}
