use super::*;
use crate::wire::address::{ALL_NODES, solicited_node};
use etherparse::Icmpv6Type;

const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const HOST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const MAC: Mac = Mac::new([2, 0, 0, 0, 0, 0xab]);

fn ip(source: Ipv6Addr, destination: Ipv6Addr) -> Ipv6Header {
    Ipv6Header::new(source, destination, Protocol::ICMPV6, HOP_LIMIT, 0)
}

/// A message as etherparse builds it: type, code, the four bytes behind the checksum, the body.
fn reference(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    kind: u8,
    code: u8,
    rest: [u8; 4],
    body: &[u8],
) -> Vec<u8> {
    let unknown = Icmpv6Type::Unknown {
        type_u8: kind,
        code_u8: code,
        bytes5to8: rest,
    };
    let header = etherparse::Icmpv6Header::with_checksum(
        unknown,
        source.octets(),
        destination.octets(),
        body,
    )
    .unwrap();
    [header.to_bytes().as_slice(), body].concat()
}

fn parse(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    kind: u8,
    rest: [u8; 4],
    body: &[u8],
) -> Result<(), NdError> {
    NdMessage::parse(
        &ip(source, destination),
        &reference(source, destination, kind, 0, rest, body),
    )
    .map(|_| ())
}

fn with_option(addresses: &[Ipv6Addr], kind: u8) -> Vec<u8> {
    addresses
        .iter()
        .flat_map(|a| a.octets())
        .chain(NdOption::link_address(kind, MAC))
        .collect()
}

#[test]
fn solicitations_are_emitted_as_etherparse_builds_them() {
    for source_link_address in [None, Some(MAC)] {
        let message = NeighbourSolicitation {
            target: HOST,
            source_link_address,
        };
        let to = solicited_node(HOST);
        let bytes = message.emit(ROUTER, to);
        let body = if source_link_address.is_some() {
            with_option(&[HOST], 1)
        } else {
            HOST.octets().to_vec()
        };
        assert_eq!(bytes[..], reference(ROUTER, to, 135, 0, [0; 4], &body));
        assert_eq!(
            NdMessage::parse(&ip(ROUTER, to), &bytes),
            Ok(NdMessage::NeighbourSolicitation(message))
        );
    }
}

#[test]
fn n_08_advertisements_are_emitted_as_etherparse_builds_them() {
    for bits in 0..8u8 {
        let message = NeighbourAdvertisement {
            router: bits & 4 != 0,
            solicited: bits & 2 != 0,
            overrides: bits & 1 != 0,
            target: HOST,
            target_link_address: Some(MAC),
        };
        let bytes = message.emit(ROUTER, HOST);
        assert_eq!(
            bytes[..],
            reference(
                ROUTER,
                HOST,
                136,
                0,
                [bits << 5, 0, 0, 0],
                &with_option(&[HOST], 2)
            )
        );
        assert_eq!(
            NdMessage::parse(&ip(ROUTER, HOST), &bytes),
            Ok(NdMessage::NeighbourAdvertisement(message))
        );
    }
}

#[test]
fn router_messages_are_taken_apart() {
    let body = [
        &[0, 0, 0x75, 0x30, 0, 0, 3, 0xe8][..],
        &NdOption::link_address(1, MAC),
    ]
    .concat();
    let bytes = reference(ROUTER, ALL_NODES, 134, 0, [64, 0xc0, 7, 8], &body);
    let NdMessage::RouterAdvertisement(ra) =
        NdMessage::parse(&ip(ROUTER, ALL_NODES), &bytes).unwrap()
    else {
        panic!("not a router advertisement");
    };
    assert_eq!((ra.hop_limit, ra.flags, ra.lifetime_s), (64, 0xc0, 0x708));
    assert_eq!((ra.reachable_ms, ra.retransmit_ms), (30_000, 1000));
    assert_eq!(ra.options.mac(SOURCE_LINK_ADDRESS), Some(MAC));

    let bytes = reference(
        ROUTER,
        HOST,
        137,
        0,
        [0; 4],
        &with_option(&[ROUTER, HOST], 2),
    );
    let NdMessage::Redirect(redirect) = NdMessage::parse(&ip(ROUTER, HOST), &bytes).unwrap() else {
        panic!("not a redirect");
    };
    assert_eq!((redirect.target, redirect.destination), (ROUTER, HOST));
    assert_eq!(redirect.options.mac(TARGET_LINK_ADDRESS), Some(MAC));

    let bytes = reference(
        HOST,
        ROUTER,
        133,
        0,
        [0; 4],
        &NdOption::link_address(1, MAC),
    );
    let expected = NdMessage::RouterSolicitation(RouterSolicitation {
        source_link_address: Some(MAC),
    });
    assert_eq!(NdMessage::parse(&ip(HOST, ROUTER), &bytes), Ok(expected));
}

#[test]
fn n_07_hop_limit_code_checksum_and_option_length() {
    let bodies = [
        (133, vec![]),
        (134, vec![0; 8]),
        (135, HOST.octets().to_vec()),
        (136, HOST.octets().to_vec()),
        (137, [ROUTER.octets(), HOST.octets()].concat()),
    ];
    for (kind, body) in bodies {
        let good = reference(ROUTER, HOST, kind, 0, [0; 4], &body);
        let header = ip(ROUTER, HOST);
        assert!(NdMessage::parse(&header, &good).is_ok(), "{kind}");
        for hop_limit in [0, 1, 254] {
            let far = Ipv6Header::new(ROUTER, HOST, Protocol::ICMPV6, hop_limit, 0);
            assert_eq!(NdMessage::parse(&far, &good), Err(NdError::HopLimit));
        }
        let code = reference(ROUTER, HOST, kind, 1, [0; 4], &body);
        assert_eq!(NdMessage::parse(&header, &code), Err(NdError::Code));
        assert_eq!(
            NdMessage::parse(&ip(ROUTER, ROUTER), &good),
            Err(NdError::Checksum)
        );
        let mut option = body.clone();
        option.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            parse(ROUTER, HOST, kind, [0; 4], &option),
            Err(NdError::OptionLength(OptionLengthError))
        );
        for cut in 0..good.len() {
            assert!(
                NdMessage::parse(&header, &good[..cut]).is_err(),
                "{kind} cut at {cut}"
            );
            // Also with a checksum that is right for what is left.
            if cut >= 8 {
                assert_eq!(
                    parse(ROUTER, HOST, kind, [0; 4], &body[..cut - 8]),
                    Err(NdError::Truncated)
                );
            }
        }
    }
    assert_eq!(parse(ROUTER, HOST, 128, [0; 4], &[]), Err(NdError::Type));
}

#[test]
fn n_07_rules_about_addresses() {
    const NOBODY: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
    let group = solicited_node(HOST);
    let target = HOST.octets();
    let solicited = [0x40, 0, 0, 0];
    // Duplicate address detection is right, with a link address or to elsewhere it is not.
    assert_eq!(parse(NOBODY, group, 135, [0; 4], &target), Ok(()));
    assert_eq!(
        parse(NOBODY, group, 135, [0; 4], &with_option(&[HOST], 1)),
        Err(NdError::LinkAddressOfNobody)
    );
    assert_eq!(
        parse(NOBODY, HOST, 135, [0; 4], &target),
        Err(NdError::DetectionDestination)
    );
    assert_eq!(
        parse(NOBODY, ALL_NODES, 133, [0; 4], &with_option(&[], 1)),
        Err(NdError::LinkAddressOfNobody)
    );
    for kind in [135, 136] {
        assert_eq!(
            parse(ROUTER, HOST, kind, [0; 4], &group.octets()),
            Err(NdError::TargetMulticast)
        );
    }
    assert_eq!(
        parse(ROUTER, ALL_NODES, 136, solicited, &target),
        Err(NdError::SolicitedMulticast)
    );
    assert_eq!(parse(ROUTER, ALL_NODES, 136, [0; 4], &target), Ok(()));
    assert_eq!(
        parse(HOST, ALL_NODES, 134, [0; 4], &[0; 8]),
        Err(NdError::SourceNotLinkLocal)
    );
    let redirect = |target: Ipv6Addr, to: Ipv6Addr| [target.octets(), to.octets()].concat();
    assert_eq!(
        parse(HOST, HOST, 137, [0; 4], &redirect(ROUTER, HOST)),
        Err(NdError::SourceNotLinkLocal)
    );
    assert_eq!(
        parse(ROUTER, HOST, 137, [0; 4], &redirect(HOST, HOST)),
        Ok(())
    );
    assert_eq!(
        parse(ROUTER, HOST, 137, [0; 4], &redirect(HOST, ROUTER)),
        Err(NdError::RedirectTarget)
    );
    assert_eq!(
        parse(ROUTER, HOST, 137, [0; 4], &redirect(ROUTER, ALL_NODES)),
        Err(NdError::TargetMulticast)
    );
}
