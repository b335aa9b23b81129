//! Frames through a twin: the test plays the network behind the port.

use super::*;
use etherparse::{
    ArpOperation, EtherType, Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
};
use ferroute_dataplane::drops::DropReason;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const HOST: [u8; 4] = [10, 0, 0, 1];
const PEER: [u8; 4] = [10, 0, 0, 2];
const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 1, 1];
const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 9, 9];
const ID: InterfaceId = InterfaceId::new(1);

/// The first frame from the twin that has what is looked for, within two seconds.
fn wait<R>(set: &mut TwinSet, mut find: impl FnMut(&SlicedPacket<'_>) -> Option<R>) -> R {
    let end = Instant::now() + Duration::from_secs(2);
    let mut buffer = [0; 2048];
    while Instant::now() < end {
        let mut ready = Vec::new();
        set.ready(100, &mut ready, &mut Vec::new()).unwrap();
        for id in ready {
            assert_eq!(id, ID);
            let length = set.recv(id, &mut buffer).unwrap();
            if let Some(found) = find(&SlicedPacket::from_ethernet(&buffer[..length]).unwrap()) {
                return found;
            }
        }
    }
    panic!("the frame did not come");
}

fn answer_arp(set: &mut TwinSet) {
    wait(set, |packet| match &packet.net {
        Some(NetSlice::Arp(arp)) if arp.target_protocol_addr() == PEER => {
            assert_eq!(
                (arp.sender_hw_addr(), arp.sender_protocol_addr()),
                (&HOST_MAC[..], &HOST[..])
            );
            Some(())
        }
        _ => None,
    });
    let reply = etherparse::ArpPacket::new(
        etherparse::ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        ArpOperation::REPLY,
        &PEER_MAC,
        &PEER,
        &HOST_MAC,
        &HOST,
    );
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(PEER_MAC, HOST_MAC)
        .arp(reply.unwrap())
        .write(&mut frame)
        .unwrap();
    set.send(ID, &frame).unwrap();
}

#[test]
fn the_kernel_speaks_through_the_twin_and_hears_through_it() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut set = TwinSet::new().unwrap();
    set.insert(twins.apply(&place.spec("p0")).unwrap().unwrap())
        .unwrap();
    let socket = place.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::from(HOST), 5000)).unwrap();
        socket.set_ttl(1).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        socket
            .send_to(b"question", (Ipv4Addr::from(PEER), 7))
            .unwrap();
        socket
    });
    answer_arp(&mut set);
    wait(&mut set, |packet| match (&packet.net, &packet.transport) {
        (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) => {
            assert_eq!(ip.header().ttl(), 1, "the TTL leaves as it was sent");
            assert_eq!(udp.payload(), b"question");
            Some(())
        }
        _ => None,
    });
    let mut frame = Vec::new();
    let answer = PacketBuilder::ethernet2(PEER_MAC, HOST_MAC)
        .ipv4(PEER, HOST, 64)
        .udp(7, 5000);
    answer.write(&mut frame, b"answer").unwrap();
    set.send(ID, &frame).unwrap();
    let mut heard = [0; 16];
    let (length, from) = socket.recv_from(&mut heard).unwrap();
    assert_eq!((&heard[..length], from.port()), (&b"answer"[..], 7));
    let mut frame = Vec::new();
    let ping = PacketBuilder::ethernet2(PEER_MAC, HOST_MAC)
        .ipv4(PEER, HOST, 64)
        .icmpv4_echo_request(3, 4);
    ping.write(&mut frame, b"ping").unwrap();
    set.send(ID, &frame).unwrap();
    wait(&mut set, |packet| match &packet.transport {
        Some(TransportSlice::Icmpv4(icmp)) => match icmp.icmp_type() {
            Icmpv4Type::EchoReply(echo) => {
                assert_eq!((echo.id, echo.seq, icmp.payload()), (3, 4, &b"ping"[..]));
                Some(())
            }
            _ => None,
        },
        _ => None,
    });
}

#[test]
fn a_twin_that_is_down_gone_or_never_was_refuses_frames() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut set = TwinSet::new().unwrap();
    assert_eq!(set.send(ID, &[0; 60]), Err(DropReason::NoTwin));
    assert_eq!(
        set.recv(ID, &mut [0; 60]).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let mut spec = place.spec("p0");
    set.insert(twins.apply(&spec).unwrap().unwrap()).unwrap();
    assert_eq!(set.send(ID, &[0; 60]), Ok(()));
    spec.up = false;
    twins.apply(&spec).unwrap();
    assert_eq!(set.send(ID, &[0; 60]), Err(DropReason::TwinRefused));
    assert!(twins.remove(ID));
    place.wait_until_gone("p0");
    assert_eq!(set.send(ID, &[0; 60]), Err(DropReason::TwinRefused));
    let (mut ready, mut gone) = (Vec::new(), Vec::new());
    set.ready(0, &mut ready, &mut gone).unwrap();
    let start = Instant::now();
    set.ready(50, &mut ready, &mut gone).unwrap();
    assert_eq!(gone, [ID]);
    assert!(
        start.elapsed() >= Duration::from_millis(50),
        "a dead descriptor must not keep the loop busy"
    );
    assert_eq!(ready, []);
    // Another twin for the same interface takes its place.
    set.insert(twins.apply(&place.spec("p0")).unwrap().unwrap())
        .unwrap();
    assert_eq!(set.send(ID, &[0; 60]), Ok(()));
    assert!(set.remove(ID).is_some() && set.remove(ID).is_none());
}

#[test]
fn reading_waits_for_nothing_and_cuts_nothing_silently() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let spec = TwinSpec {
        addresses: vec!["10.0.0.1/24".parse().unwrap()],
        ..place.spec("p0")
    };
    let twin = twins.apply(&spec).unwrap().unwrap();
    while twin.recv(&mut [0; 2048]).is_ok() {}
    assert_eq!(
        twin.recv(&mut [0; 2048]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    place.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::from(HOST), 0)).unwrap();
        socket.set_broadcast(true).unwrap();
        socket
            .send_to(&[0; 100], (Ipv4Addr::new(10, 0, 0, 255), 9))
            .unwrap();
    });
    assert_eq!(
        twin.recv(&mut [0; 64]).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[test]
fn the_set_can_be_part_of_a_larger_wait() {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut set = TwinSet::new().unwrap();
    set.insert(twins.apply(&place.spec("p0")).unwrap().unwrap())
        .unwrap();
    place.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::from(HOST), 0)).unwrap();
        socket.send_to(b"x", (Ipv4Addr::from(PEER), 9)).unwrap();
    });
    let mut watched = [PollFd::new(set.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut watched, PollTimeout::from(2000u16)), Ok(1));
}
