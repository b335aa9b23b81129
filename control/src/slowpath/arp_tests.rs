use super::*;
use ferroute_dataplane::wire::Header;

const OURS: Mac = Mac::new([2, 0, 0, 0, 0, 1]);
const THEIRS: Mac = Mac::new([2, 0, 0, 0, 0, 2]);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn nets() -> Vec<Ipv4Net> {
    ["10.0.0.1/24", "192.0.2.0/31", "10.9.0.1/16"]
        .map(|net| net.parse().unwrap())
        .to_vec()
}

/// A packet as etherparse builds it.
fn reference(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    etherparse::ArpPacket::new(
        etherparse::ArpHardwareId::ETHERNET,
        etherparse::EtherType::IPV4,
        etherparse::ArpOperation(operation),
        &sender.0.octets(),
        &sender.1.octets(),
        &target.0.octets(),
        &target.1.octets(),
    )
    .unwrap()
    .to_bytes()
    .to_vec()
}

fn receive_bytes(bytes: &[u8]) -> Result<ArpAction, DropReason> {
    receive(
        ArpPacket::parse(bytes)?,
        &ArpInterface {
            mac: OURS,
            addresses: &nets(),
        },
    )
}

fn arp(operation: u16, sender: (Mac, Ipv4Addr), target: Ipv4Addr) -> Result<ArpAction, DropReason> {
    receive_bytes(&reference(operation, sender, (Mac::ZERO, target)))
}

fn learned(operation: ArpOperation, address: Ipv4Addr, create: bool) -> Option<ArpLearn> {
    Some(ArpLearn {
        address,
        mac: THEIRS,
        operation,
        create,
    })
}

#[test]
fn n_01_replies_for_its_own_addresses_only() {
    for (own, peer) in [
        (OWN, PEER),
        (Ipv4Addr::new(192, 0, 2, 0), Ipv4Addr::new(192, 0, 2, 1)),
        (Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 255, 1)),
    ] {
        let Ok(ArpAction::Handle {
            learn,
            reply: Some(reply),
        }) = arp(1, (THEIRS, peer), own)
        else {
            panic!("no reply for {own}");
        };
        assert_eq!(learn, learned(ArpOperation::Request, peer, true));
        assert_eq!(reply.destination, THEIRS);
        assert_eq!(
            reply.packet.bytes(),
            reference(2, (OURS, own), (THEIRS, peer))
        );
    }
    for other in [
        Ipv4Addr::new(10, 0, 0, 3),
        Ipv4Addr::new(10, 0, 0, 255),
        Ipv4Addr::BROADCAST,
    ] {
        let action = arp(1, (THEIRS, PEER), other).unwrap();
        let learn = learned(ArpOperation::Request, PEER, false);
        assert_eq!(action, ArpAction::Handle { learn, reply: None });
    }
}

#[test]
fn n_01_other_kinds_of_arp_are_refused() {
    let good = reference(1, (THEIRS, PEER), (Mac::ZERO, OWN));
    for (at, value) in [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3), (7, 8)] {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(
            receive_bytes(&bad),
            Err(DropReason::ArpInvalid),
            "byte {at}"
        );
    }
    for cut in 0..good.len() {
        assert_eq!(receive_bytes(&good[..cut]), Err(DropReason::ArpInvalid));
    }
}

#[test]
fn n_02_a_new_entry_is_made_only_when_we_are_the_target() {
    for operation in [ArpOperation::Request, ArpOperation::Reply] {
        for (target, create) in [(OWN, true), (Ipv4Addr::new(10, 0, 0, 7), false)] {
            let Ok(ArpAction::Handle { learn, reply }) =
                arp(operation as u16, (THEIRS, PEER), target)
            else {
                panic!("not handled");
            };
            assert_eq!(learn, learned(operation, PEER, create));
            assert_eq!(
                reply.is_some(),
                create && operation == ArpOperation::Request
            );
        }
    }
}

#[test]
fn n_02_nobody_off_the_link_is_learned() {
    let stranger = Ipv4Addr::new(8, 8, 8, 8);
    let Ok(ArpAction::Handle {
        learn: None,
        reply: Some(reply),
    }) = arp(1, (THEIRS, stranger), OWN)
    else {
        panic!("it is answered, as RFC 826 has it, and not learned");
    };
    assert_eq!(reply.packet.target_ip(), stranger);
    assert_eq!(arp(2, (THEIRS, stranger), OWN), Ok(ArpAction::Ignore));
    // Neither the subnet nor all of its hosts are a host.
    for sender in [Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 0, 0, 255)] {
        assert_eq!(arp(2, (THEIRS, sender), OWN), Ok(ArpAction::Ignore));
    }
}

#[test]
fn n_03_group_and_martian_senders_are_refused() {
    for mac in [Mac::BROADCAST, Mac::new([1, 0, 0x5e, 0, 0, 1]), Mac::ZERO] {
        assert_eq!(arp(1, (mac, PEER), OWN), Err(DropReason::ArpInvalid));
    }
    for sender in [
        Ipv4Addr::BROADCAST,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 1),
        Ipv4Addr::new(0, 0, 0, 1),
    ] {
        assert_eq!(
            arp(1, (THEIRS, sender), OWN),
            Err(DropReason::ArpInvalid),
            "{sender}"
        );
    }
}

#[test]
fn n_06_gratuitous_arp_updates_and_does_not_create() {
    for operation in [ArpOperation::Request, ArpOperation::Reply] {
        let action = arp(operation as u16, (THEIRS, PEER), PEER).unwrap();
        assert_eq!(
            action,
            ArpAction::Handle {
                learn: learned(operation, PEER, false),
                reply: None
            }
        );
    }
}

#[test]
fn probes_are_answered_and_claims_are_told() {
    let Ok(ArpAction::Handle {
        learn: None,
        reply: Some(reply),
    }) = arp(1, (THEIRS, Ipv4Addr::UNSPECIFIED), OWN)
    else {
        panic!("a probe for our address is answered");
    };
    assert_eq!(
        reply.packet.bytes(),
        reference(2, (OURS, OWN), (THEIRS, Ipv4Addr::UNSPECIFIED))
    );
    let conflict = ArpAction::Conflict {
        address: OWN,
        mac: THEIRS,
    };
    for (operation, target) in [(1, OWN), (2, OWN), (1, PEER)] {
        assert_eq!(arp(operation, (THEIRS, OWN), target), Ok(conflict));
        assert_eq!(
            arp(operation, (OURS, OWN), target),
            Ok(ArpAction::Ignore),
            "our own that came back"
        );
    }
}

#[test]
fn what_is_sent_is_what_etherparse_builds() {
    let asked = request(OURS, OWN, PEER);
    assert_eq!(asked.destination, Mac::BROADCAST);
    assert_eq!(
        asked.packet.bytes(),
        reference(1, (OURS, OWN), (Mac::ZERO, PEER))
    );
    let polled = poll(OURS, OWN, PEER, THEIRS);
    assert_eq!((polled.destination, polled.packet), (THEIRS, asked.packet));
    let announced = announcement(OURS, OWN);
    assert_eq!(announced.destination, Mac::BROADCAST);
    assert_eq!(
        announced.packet.bytes(),
        reference(1, (OURS, OWN), (Mac::ZERO, OWN))
    );
}

#[test]
fn the_source_is_of_the_targets_subnet() {
    let nets = nets();
    let interface = ArpInterface {
        mac: OURS,
        addresses: &nets,
    };
    assert_eq!(
        interface.source_for(Ipv4Addr::new(10, 9, 7, 7)),
        Some(Ipv4Addr::new(10, 9, 0, 1))
    );
    assert_eq!(interface.source_for(PEER), Some(OWN));
    assert_eq!(interface.source_for(Ipv4Addr::new(8, 8, 8, 8)), Some(OWN));
    assert_eq!(
        ArpInterface {
            mac: OURS,
            addresses: &[]
        }
        .source_for(PEER),
        None
    );
}
