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

fn receive_bytes(bytes: &[u8]) -> Result<ArpOutcome, DropReason> {
    let nets = nets();
    receive(ArpPacket::parse(bytes)?, &interface(&nets))
}

const ID: InterfaceId = InterfaceId::new(7);

fn interface(addresses: &[Ipv4Net]) -> ArpInterface<'_> {
    ArpInterface {
        id: ID,
        mac: OURS,
        addresses,
    }
}

fn arp(
    operation: u16,
    sender: (Mac, Ipv4Addr),
    target: Ipv4Addr,
) -> Result<ArpOutcome, DropReason> {
    receive_bytes(&reference(operation, sender, (Mac::ZERO, target)))
}

/// What the table hears of [`THEIRS`].
fn seen(operation: u16, sender: Ipv4Addr, target: Ipv4Addr) -> Option<ArpSeen> {
    let operation = if operation == 1 {
        neighbour::ArpOperation::Request
    } else {
        neighbour::ArpOperation::Reply
    };
    let own = |address| nets().iter().any(|net| net.addr() == address);
    let (sender_is_ours, target_is_ours) = (own(sender), own(target));
    Some(ArpSeen {
        interface: ID,
        operation,
        sender_mac: THEIRS,
        sender,
        target,
        sender_is_ours,
        target_is_ours,
    })
}

const NOTHING: ArpOutcome = ArpOutcome {
    seen: None,
    reply: None,
};

#[test]
fn n_01_replies_for_its_own_addresses_only() {
    for (own, peer) in [
        (OWN, PEER),
        (Ipv4Addr::new(192, 0, 2, 0), Ipv4Addr::new(192, 0, 2, 1)),
        (Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 255, 1)),
    ] {
        let outcome = arp(1, (THEIRS, peer), own).unwrap();
        assert_eq!(outcome.seen, seen(1, peer, own));
        let reply = outcome.reply.unwrap();
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
        assert_eq!(
            arp(1, (THEIRS, PEER), other),
            Ok(ArpOutcome {
                seen: seen(1, PEER, other),
                reply: None
            })
        );
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
fn n_02_the_table_hears_whether_we_are_the_target() {
    for operation in [1, 2] {
        for target in [OWN, Ipv4Addr::new(10, 0, 0, 7)] {
            let outcome = arp(operation, (THEIRS, PEER), target).unwrap();
            assert_eq!(outcome.seen, seen(operation, PEER, target));
            assert_eq!(outcome.seen.unwrap().target_is_ours, target == OWN);
            assert_eq!(outcome.reply.is_some(), operation == 1 && target == OWN);
        }
    }
}

#[test]
fn n_02_nobody_off_the_link_is_learned() {
    // It is answered, as RFC 826 has it.
    let stranger = Ipv4Addr::new(8, 8, 8, 8);
    let outcome = arp(1, (THEIRS, stranger), OWN).unwrap();
    assert_eq!(outcome.seen, None);
    assert_eq!(outcome.reply.unwrap().packet.target_ip(), stranger);
    assert_eq!(arp(2, (THEIRS, stranger), OWN), Ok(NOTHING));
    // Neither the subnet nor all of its hosts are a host.
    for sender in [Ipv4Addr::new(10, 0, 0, 0), Ipv4Addr::new(10, 0, 0, 255)] {
        assert_eq!(arp(2, (THEIRS, sender), OWN), Ok(NOTHING));
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
fn n_06_the_table_hears_gratuitous_arp() {
    for operation in [1, 2] {
        let outcome = arp(operation, (THEIRS, PEER), PEER);
        assert_eq!(
            outcome,
            Ok(ArpOutcome {
                seen: seen(operation, PEER, PEER),
                reply: None
            })
        );
    }
}

#[test]
fn probes_are_answered_and_claims_are_told() {
    let probed = arp(1, (THEIRS, Ipv4Addr::UNSPECIFIED), OWN).unwrap();
    assert_eq!(probed.seen, None);
    let reply = reference(2, (OURS, OWN), (THEIRS, Ipv4Addr::UNSPECIFIED));
    assert_eq!(probed.reply.unwrap().packet.bytes(), reply);
    for (operation, target) in [(1, OWN), (2, OWN), (1, PEER)] {
        let claim = arp(operation, (THEIRS, OWN), target).unwrap();
        assert_eq!(
            claim,
            ArpOutcome {
                seen: seen(operation, OWN, target),
                reply: None
            }
        );
        assert!(claim.seen.unwrap().sender_is_ours);
        assert_eq!(
            arp(operation, (OURS, OWN), target),
            Ok(NOTHING),
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
    let ours = interface(&nets);
    assert_eq!(
        ours.source_for(Ipv4Addr::new(10, 9, 7, 7)),
        Some(Ipv4Addr::new(10, 9, 0, 1))
    );
    assert_eq!(ours.source_for(PEER), Some(OWN));
    assert_eq!(ours.source_for(Ipv4Addr::new(8, 8, 8, 8)), Some(OWN));
    assert_eq!(interface(&[]).source_for(PEER), None);
}
