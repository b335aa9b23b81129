use super::*;
use etherparse::Icmpv6Type;

const ID: InterfaceId = InterfaceId::new(7);
const OURS: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
const THEIRS: Mac = Mac::new([2, 0, 0, 0, 0, 2]);
const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xaa, 1);
const OWN_LINK: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xbb, 2);
const ALL_NODES_MAC: Mac = Mac::new([0x33, 0x33, 0, 0, 0, 1]);

fn nets() -> Vec<Ipv6Net> {
    ["2001:db8::aa:1/64", "fe80::1/64"]
        .map(|net| net.parse().unwrap())
        .to_vec()
}

/// A whole packet as etherparse builds it.
fn reference(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_limit: u8,
    kind: u8,
    rest: [u8; 4],
    body: &[u8],
) -> Vec<u8> {
    let message = Icmpv6Type::Unknown {
        type_u8: kind,
        code_u8: 0,
        bytes5to8: rest,
    };
    let mut bytes = Vec::new();
    etherparse::PacketBuilder::ipv6(source.octets(), destination.octets(), hop_limit)
        .icmpv6(message)
        .write(&mut bytes, body)
        .unwrap();
    bytes
}

fn target(address: Ipv6Addr, option: Option<(u8, Mac)>) -> Vec<u8> {
    let mut body = address.octets().to_vec();
    if let Some((kind, mac)) = option {
        body.extend([kind, 1]);
        body.extend(mac.octets());
    }
    body
}

fn receive_bytes(bytes: &[u8]) -> Result<NdAction, DropReason> {
    receive(
        &Ipv6Packet::parse(bytes)?,
        THEIRS,
        &NdInterface {
            id: ID,
            mac: OURS,
            addresses: &nets(),
        },
    )
}

fn solicit_us(
    source: Ipv6Addr,
    to: Ipv6Addr,
    address: Ipv6Addr,
    option: Option<Mac>,
) -> Result<NdAction, DropReason> {
    receive_bytes(&reference(
        source,
        to,
        255,
        135,
        [0; 4],
        &target(address, option.map(|mac| (1, mac))),
    ))
}

const ROUTER_SOLICITED_OVERRIDE: [u8; 4] = [0xe0, 0, 0, 0];
const ROUTER_OVERRIDE: [u8; 4] = [0xa0, 0, 0, 0];

#[test]
fn n_08_solicitations_for_own_addresses_are_answered() {
    for own in [OWN, OWN_LINK] {
        for to in [own, solicited_node(own)] {
            for option in [Some(THEIRS), None] {
                let expected = NdAction::Answer {
                    learn: option.map(|mac| (PEER, mac)),
                    reply: NdSend {
                        destination: THEIRS,
                        packet: reference(
                            own,
                            PEER,
                            255,
                            136,
                            ROUTER_SOLICITED_OVERRIDE,
                            &target(own, Some((2, OURS))),
                        ),
                    },
                };
                assert_eq!(solicit_us(PEER, to, own, option), Ok(expected));
            }
        }
    }
    let other = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xcc, 1);
    assert_eq!(
        solicit_us(PEER, solicited_node(other), other, Some(THEIRS)),
        Ok(NdAction::Ignore)
    );
}

#[test]
fn n_08_duplicate_address_detection_is_answered_to_all_nodes() {
    let packet = reference(
        OWN,
        ALL_NODES,
        255,
        136,
        ROUTER_OVERRIDE,
        &target(OWN, Some((2, OURS))),
    );
    let reply = NdSend {
        destination: ALL_NODES_MAC,
        packet,
    };
    let action = solicit_us(Ipv6Addr::UNSPECIFIED, solicited_node(OWN), OWN, None);
    assert_eq!(action, Ok(NdAction::Answer { learn: None, reply }));
}

#[test]
fn nobody_off_the_link_and_no_group_is_learned() {
    let stranger = Ipv6Addr::new(0x2001, 0xdb8, 9, 9, 0, 0, 0, 9);
    let Ok(NdAction::Answer { learn: None, .. }) = solicit_us(stranger, OWN, OWN, Some(THEIRS))
    else {
        panic!("it is answered and not learned");
    };
    let group_mac = Mac::new([0x33, 0x33, 0, 0, 0, 9]);
    assert_eq!(
        solicit_us(PEER, OWN, OWN, Some(group_mac)),
        Err(DropReason::NdInvalid)
    );
    let advertised = reference(
        PEER,
        OWN,
        255,
        136,
        [0x60, 0, 0, 0],
        &target(PEER, Some((2, Mac::BROADCAST))),
    );
    assert_eq!(receive_bytes(&advertised), Err(DropReason::NdInvalid));
}

#[test]
fn n_07_invalid_messages_are_dropped() {
    for kind in 133..=137 {
        let body = [OWN_LINK.octets(), OWN.octets()].concat();
        let good = reference(
            OWN_LINK,
            OWN,
            255,
            kind,
            [0; 4],
            if kind < 135 { &[0; 8][..0] } else { &body },
        );
        let far = reference(OWN_LINK, OWN, 254, kind, [0; 4], &body);
        assert_eq!(receive_bytes(&far), Err(DropReason::NdInvalid), "{kind}");
        let mut bad_checksum = good;
        bad_checksum[43] ^= 1;
        assert_eq!(
            receive_bytes(&bad_checksum),
            Err(DropReason::NdInvalid),
            "{kind}"
        );
        let mut zero_option = target(OWN, None);
        zero_option.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        let zero_option = reference(PEER, OWN, 255, kind, [0; 4], &zero_option);
        assert_eq!(
            receive_bytes(&zero_option),
            Err(DropReason::NdInvalid),
            "{kind}"
        );
    }
    // A fragment header, even an atomic one (RFC 6980).
    let whole = reference(PEER, OWN, 255, 135, [0; 4], &target(OWN, None));
    let mut fragment = whole.clone();
    fragment[6] = 44;
    fragment[5] += 8;
    fragment.splice(40..40, [58, 0, 0, 0, 0, 0, 0, 1]);
    assert!(matches!(receive_bytes(&whole), Ok(NdAction::Answer { .. })));
    assert_eq!(receive_bytes(&fragment), Err(DropReason::NdInvalid));
}

#[test]
fn advertisements_are_handed_on() {
    for (address, ours) in [(PEER, false), (OWN, true)] {
        let bytes = reference(
            PEER,
            OWN,
            255,
            136,
            [0x60, 0, 0, 0],
            &target(address, Some((2, THEIRS))),
        );
        let seen = AdvertisementSeen {
            interface: ID,
            target: address,
            mac: Some(THEIRS),
            router: false,
            solicited: true,
            overrides: true,
            target_is_ours: ours,
        };
        assert_eq!(receive_bytes(&bytes), Ok(NdAction::Advertised(seen)));
    }
}

#[test]
fn n_11_router_messages_go_to_the_twin() {
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
    let advertisement = reference(router, ALL_NODES, 255, 134, [64, 0, 7, 8], &[0; 8]);
    assert_eq!(
        receive_bytes(&advertisement),
        Ok(NdAction::Twin { learn: None })
    );
    let redirect = reference(
        router,
        OWN,
        255,
        137,
        [0; 4],
        &[router.octets(), PEER.octets()].concat(),
    );
    assert_eq!(receive_bytes(&redirect), Ok(NdAction::Twin { learn: None }));
    let option = [&[1, 1][..], &THEIRS.octets()].concat();
    let solicitation = reference(PEER, OWN, 255, 133, [0; 4], &option);
    assert_eq!(
        receive_bytes(&solicitation),
        Ok(NdAction::Twin {
            learn: Some((PEER, THEIRS))
        })
    );
}

#[test]
fn what_is_sent_is_what_etherparse_builds() {
    let group = solicited_node(PEER);
    let asked = solicitation(OURS, OWN, PEER);
    assert_eq!(asked.destination, Mac::new([0x33, 0x33, 0xff, 0xbb, 0, 2]));
    assert_eq!(
        asked.packet,
        reference(OWN, group, 255, 135, [0; 4], &target(PEER, Some((1, OURS))))
    );
    let probed = probe(OURS, OWN, PEER, THEIRS);
    assert_eq!(probed.destination, THEIRS);
    assert_eq!(
        probed.packet,
        reference(OWN, PEER, 255, 135, [0; 4], &target(PEER, Some((1, OURS))))
    );
    let announced = announcement(OURS, OWN);
    assert_eq!(announced.destination, ALL_NODES_MAC);
    assert_eq!(
        announced.packet,
        reference(
            OWN,
            ALL_NODES,
            255,
            136,
            ROUTER_OVERRIDE,
            &target(OWN, Some((2, OURS)))
        )
    );
}

#[test]
fn the_source_is_of_the_targets_subnet() {
    let nets = nets();
    let interface = NdInterface {
        id: ID,
        mac: OURS,
        addresses: &nets,
    };
    assert_eq!(interface.source_for(PEER), Some(OWN));
    assert_eq!(
        interface.source_for(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9)),
        Some(OWN_LINK)
    );
    assert_eq!(interface.source_for(Ipv6Addr::LOCALHOST), Some(OWN_LINK));
    assert_eq!(
        NdInterface {
            id: ID,
            mac: OURS,
            addresses: &[]
        }
        .source_for(PEER),
        None
    );
}
