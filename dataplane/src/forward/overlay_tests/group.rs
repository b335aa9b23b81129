//! Bursts over groups of uplinks, of tunnels, and of both, and the same packets one by one: the same becomes of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The first of the adjacencies that are members.
const FIRST: u32 = 10;
/// The group, the tunnels' underlay, and what both lead by.
const MEMBERS: u32 = 5;
const BELOW: u32 = 6;
const TO_BELOW: u32 = 40;
const TO_FIRST: u32 = 41;
const TO_LAST: u32 = 42;

/// What payloads start with, before the packet's number.
const MARK: &[u8] = b"packet number";

/// How a member is.
#[derive(Clone, Copy, Debug)]
enum Way {
    Ready,
    Tagged,
    Unresolved,
    Down,
    /// Of a link for packets of so many bytes.
    Narrow(u16),
    /// By a port that this worker does not send on.
    Elsewhere,
}

/// Where the packets go.
#[derive(Clone, Copy, Debug)]
enum Over {
    Neighbours,
    /// One tunnel, whose underlay has all neighbours.
    Tunnel,
    /// The neighbours and so many tunnels, of most of which the underlay has all neighbours.
    Both(u8),
}

/// A packet of a flow.
#[derive(Clone, Copy, Debug)]
struct Sent {
    family: u8,
    flow: u16,
    ttl: u8,
    bytes: usize,
    /// Whether its frame is addressed to everyone.
    to_all: bool,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        12 => Just(Way::Ready),
        1 => Just(Way::Tagged),
        1 => Just(Way::Unresolved),
        1 => Just(Way::Down),
        1 => (300..1500_u16).prop_map(Way::Narrow),
        1 => Just(Way::Elsewhere),
    ]
}

fn over() -> impl Strategy<Value = Over> {
    prop_oneof![
        Just(Over::Neighbours),
        Just(Over::Tunnel),
        (1..20_u8).prop_map(Over::Both)
    ]
}

fn sent() -> impl Strategy<Value = Sent> {
    let family = prop_oneof![3 => Just(4), 1 => Just(6)];
    let ttl = prop_oneof![30 => Just(64), 1 => Just(1)];
    let bytes = prop_oneof![20 => Just(100_usize), 1 => 200..1460_usize, 2 => 1180..1232_usize];
    let to_all = prop::bool::weighted(0.03);
    (family, 1..40_u16, ttl, bytes, to_all).prop_map(|(family, flow, ttl, bytes, to_all)| Sent {
        family,
        flow,
        ttl,
        bytes,
        to_all,
    })
}

impl Sent {
    /// The packet, with its number in its payload.
    fn frame(self, number: u8) -> Vec<u8> {
        let mut payload = vec![number; self.bytes];
        payload[..MARK.len()].copy_from_slice(MARK);
        let to = if self.to_all {
            [0xff; 6]
        } else {
            ROUTER.octets()
        };
        let link = PacketBuilder::ethernet2(HOST, to);
        let mut frame = Vec::new();
        if self.family == 4 {
            let packet = link.ipv4(HOST4, REMOTE4, self.ttl).udp(self.flow, 9);
            packet.write(&mut frame, &payload).unwrap();
        } else {
            let [from, to] = ["2001:db8:2::9", "2001:db8:1::9"]
                .map(|address| address.parse::<Ipv6Addr>().unwrap().octets());
            let packet = link.ipv6(from, to, self.ttl).udp(self.flow, 9);
            packet.write(&mut frame, &payload).unwrap();
        }
        frame
    }
}

/// Which packet a frame carries.
fn number_of(frame: &[u8]) -> usize {
    let mark = frame.windows(MARK.len()).position(|bytes| bytes == MARK);
    usize::from(frame[mark.unwrap() + MARK.len()])
}

/// A frame without what differs between two that are alike: the identification of an outer IPv4 header, whose checksum is right.
fn alike(mut frame: Vec<u8>) -> Vec<u8> {
    let l3 = if frame[12..14] == [0x81, 0x00] {
        18
    } else {
        14
    };
    let outer = &frame[l3..l3 + 20];
    if outer[0] == 0x45 && outer[16..] == THERE4.octets() {
        let words = outer
            .chunks(2)
            .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
        let sum: u32 = words.sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{outer:02x?}");
        frame[l3 + 4..l3 + 6].fill(0);
        frame[l3 + 10..l3 + 12].fill(0);
    }
    frame
}

/// A router whose routes to the remote site go over these.
fn router(ways: &[Way], over: Over) -> Bench {
    let mut bench = Bench::new();
    for (number, way) in (0..).zip(ways) {
        let mut to = FABRIC;
        to[4] = 0x77;
        to[5] = number;
        let mut entry = adjacency(to, FABRIC_PORT, UNDERLAY);
        match way {
            Way::Ready => {}
            Way::Tagged => {
                entry.header[12..16].copy_from_slice(&[0x81, 0x00, 0, 7]);
                entry.header_len = 18;
            }
            Way::Unresolved => entry.state = AdjacencyState::Unresolved,
            Way::Down => entry.state = AdjacencyState::Down,
            Way::Narrow(bytes) => entry.mtu_bytes = *bytes,
            Way::Elsewhere => entry.port = PortId::new(9),
        }
        let id = FIRST as usize + usize::from(number);
        bench.snapshot.adjacencies.set(id, entry);
    }
    let neighbours: Vec<_> = (0..ways.len() as u32)
        .map(|number| Hop::Adjacency(AdjacencyId::new(FIRST + number)))
        .collect();
    let buckets = |hops: &[Hop]| {
        let buckets: Vec<_> = hops.iter().copied().cycle().take(128).collect();
        Group::new(&buckets)
    };
    let tunnels = match over {
        Over::Neighbours => 0,
        Over::Tunnel => 1,
        Over::Both(tunnels) => tunnels,
    };
    for number in 1..=usize::from(tunnels) {
        let spec = TunnelSpec {
            encapsulation: routed(if number % 7 == 0 { 6 } else { 4 }),
            policy: TunnelPolicy::default(),
        };
        let below = [TO_FIRST, TO_BELOW, TO_LAST, TO_BELOW][number % 4];
        // Of IPv6, the shorter one takes more than fits.
        let bytes = if number % 2 == 1 { 1300 } else { 1500 };
        let tunnel = Tunnel::compose(&spec, NextHopId::new(below), bytes);
        bench.snapshot.tunnels.set(number, Some(tunnel));
    }
    let tunnels = (1..=u32::from(tunnels)).map(|id| Hop::Tunnel(TunnelId::new(id)));
    let hops = match over {
        Over::Neighbours => neighbours.clone(),
        Over::Tunnel => tunnels.collect(),
        Over::Both(_) => neighbours.iter().copied().chain(tunnels).collect(),
    };
    for (id, hops) in [(MEMBERS, &hops), (BELOW, &neighbours)] {
        bench.snapshot.groups.set(id as usize, buckets(hops));
    }
    for (place, id) in [(TO_TUNNEL, MEMBERS), (TO_BELOW, BELOW)] {
        let group = NextHop::Group(GroupId::new(id));
        bench.snapshot.next_hops.set(place as usize, group);
    }
    for (place, member) in [(TO_FIRST, 0), (TO_LAST, ways.len() as u32 - 1)] {
        let alone = NextHop::Adjacency(AdjacencyId::new(FIRST + member));
        bench.snapshot.next_hops.set(place as usize, alone);
    }
    bench
}

/// All that was counted.
fn counted(bench: &Bench) -> (Vec<u64>, Vec<(&'static str, u64)>, u64) {
    let counters = bench.forwarder.counters();
    let adjacencies = (0..64).map(|id| counters.adjacency(AdjacencyId::new(id)));
    let tunnels = (0..32).map(|id| counters.tunnel(TunnelId::new(id)));
    let each = adjacencies.chain(tunnels);
    let each = each.flat_map(|counter| [counter.packets.get(), counter.bytes.get()]);
    (each.collect(), bench.drops(), counters.punted.get())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_burst_over_a_group_goes_as_its_packets_do_alone(
        ways in prop::collection::vec(way(), 1..24),
        over in over(),
        packets in prop::collection::vec(sent(), 1..=64),
    ) {
        let frames: Vec<_> = (0..).zip(&packets).map(|(number, p)| p.frame(number)).collect();
        let mut together = router(&ways, over);
        let sent = together.receive(TENANT_PORT, &frames);
        let mut alone = router(&ways, over);
        let mut expected: Vec<_> = frames
            .iter()
            .flat_map(|frame| alone.receive(TENANT_PORT, std::slice::from_ref(frame)))
            .map(alike)
            .collect();

        // A flow has one way, on which its packets stay in their order, whatever is the matter with some of them.
        let mut last = BTreeMap::new();
        for frame in &sent {
            let number = number_of(frame);
            let Sent { family, flow, .. } = packets[number];
            let before = last.insert((family, flow), number);
            prop_assert!(before < Some(number), "flow {} of IPv{} is overtaken", flow, family);
            if let Way::Narrow(bytes) = ways[usize::from(frame[5])] {
                prop_assert!(frame.len() <= 14 + usize::from(bytes), "{} bytes", frame.len());
            }
        }
        for number in sent.iter().map(|frame| number_of(frame)) {
            let Sent { ttl, to_all, .. } = packets[number];
            prop_assert!(ttl > 1 && !to_all, "packet {} is nobody's to send on", number);
        }
        let adjacencies = (0..64).map(|id| together.forwarder.counters().adjacency(AdjacencyId::new(id)));
        let (frames, bytes) = adjacencies.fold((0, 0), |(frames, bytes), counter| {
            (frames + counter.packets.get() as usize, bytes + counter.bytes.get() as usize)
        });
        prop_assert_eq!((frames, bytes), (sent.len(), sent.iter().map(Vec::len).sum()));
        let mut sent: Vec<_> = sent.into_iter().map(alike).collect();
        sent.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(sent, expected);
        prop_assert_eq!(counted(&together), counted(&alone));
    }
}
