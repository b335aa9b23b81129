//! Eight frames taken in or sent together, and one after the other: the same becomes of them.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use super::WIDTH;
use super::avx2::{aged_ipv4, is_possible};
use crate::forward::InjectRing;
use crate::forward::batch::{Batch, Facts, Flags};
use crate::forward::egress::{PlainLink, exchange_link_header};
use crate::forward::input::Plain;
use crate::forward::tx::{TxPort, TxSink};
use crate::ids::{BURST, InterfaceId, PortId, VrfId};
use crate::mac::Mac;
use crate::wire::Header;
use crate::wire::aged::Aged;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use dpdk_sys::Mbuf;
use etherparse::PacketBuilder;
use proptest::prelude::*;
use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

const OURS: Mac = Mac::new([0x02, 0xf0, 0, 0, 0, 1]);

/// A frame, and how it comes.
#[derive(Clone, Debug)]
struct Frame {
    bytes: Vec<u8>,
    /// Whether a tag was taken off it.
    stripped: bool,
    /// Whether it is in two pieces.
    split: bool,
}

impl Frame {
    fn mbuf(&self) -> Mbuf {
        let mut mbuf = match self.bytes.split_at_checked(58) {
            Some((front, back)) if self.split => Mbuf::heap_chain(&[front, back]),
            _ => Mbuf::from_heap(&self.bytes),
        };
        mbuf.set_vlan_stripped(self.stripped.then_some(7));
        mbuf
    }
}

/// A packet that etherparse makes, with so much payload and padding.
fn packet(is_ipv4: bool, addresses: [u128; 2], ttl: u8, payload: usize, padding: usize) -> Vec<u8> {
    let link = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 9], OURS.octets());
    let mut bytes = Vec::new();
    if is_ipv4 {
        let [from, to] = addresses.map(|address| Ipv4Addr::from(address as u32).octets());
        let packet = link.ipv4(from, to, ttl).udp(1, 2);
        packet.write(&mut bytes, &vec![0x5a; payload]).unwrap();
    } else {
        let [from, to] = addresses.map(|address| Ipv6Addr::from(address).octets());
        let packet = link.ipv6(from, to, ttl).udp(1, 2);
        packet.write(&mut bytes, &vec![0x5a; payload]).unwrap();
    }
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

/// Makes the checksum of an IPv4 header right (RFC 791).
fn mend(bytes: &mut [u8]) {
    if bytes[14] >> 4 == 6 {
        return;
    }
    bytes[24..26].fill(0);
    let words = bytes[14..34]
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    bytes[24..26].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// Addresses that are mostly a host's in either family, and those at the borders of what is.
fn address() -> impl Strategy<Value = u128> {
    let net = prop_oneof![
        60 => Just(10_u128),
        1 => prop::sample::select(vec![0, 1, 126, 127, 128, 223, 224, 255]),
    ];
    let block = prop_oneof![60 => Just(0x2001_u128), 1 => prop::sample::select(vec![0x1fff, 0x2000, 0x3fff, 0x4000, 0xfe80, 0xff02])];
    (net, block, any::<u64>()).prop_map(|(net, block, rest)| {
        block << 112 | u128::from(rest >> 8) << 32 | net << 24 | u128::from(rest & 0x00ff_ffff)
    })
}

/// What may be wrong with a frame.
#[derive(Clone, Debug)]
enum Flaw {
    None,
    Byte(usize, u8),
    /// The same, with a checksum that is right nevertheless.
    Mended(usize, u8),
    /// The length of the packet is that, less so many bytes.
    Length(u16),
    Cut(usize),
    Stripped,
    Split,
}

fn flaw() -> impl Strategy<Value = Flaw> {
    prop_oneof![
        100 => Just(Flaw::None),
        3 => (0..54_usize, 1..=u8::MAX).prop_map(|(at, flip)| Flaw::Byte(at, flip)),
        2 => (14..34_usize, 0..8_u8).prop_map(|(at, bit)| Flaw::Mended(at, 1 << bit)),
        1 => (0..4_u16).prop_map(Flaw::Length),
        1 => (0..70_usize).prop_map(Flaw::Cut),
        1 => Just(Flaw::Stripped),
        1 => Just(Flaw::Split),
    ]
}

prop_compose! {
    fn frame(kinds: u8)(
        kind in 0..4_u8,
        addresses in [address(), address()],
        ttl in any::<u8>(),
        sizes in (0..60_usize, prop_oneof![Just(0), 0..20_usize]),
        flaw in flaw(),
    ) -> Frame {
        let is_ipv4 = match kinds { 0 => true, 1 => false, _ => kind < 2 };
        let mut bytes = packet(is_ipv4, addresses, ttl, sizes.0 + 12, sizes.1);
        let (mut stripped, mut split) = (false, false);
        match flaw {
            Flaw::None => {}
            Flaw::Byte(at, flip) => bytes[at] ^= flip,
            Flaw::Mended(at, flip) => {
                bytes[at] ^= flip;
                mend(&mut bytes);
            }
            Flaw::Length(less) => {
                let (at, least) = if is_ipv4 { (16, 20_u16) } else { (18, 0) };
                bytes[at..at + 2].copy_from_slice(&(least + 1).saturating_sub(less).to_be_bytes());
                mend(&mut bytes);
            }
            Flaw::Cut(to) => bytes.truncate(to),
            Flaw::Stripped => stripped = true,
            Flaw::Split => split = true,
        }
        Frame { bytes, stripped, split }
    }
}

fn batch(frames: &[Frame]) -> Batch {
    let mut batch = Batch::default();
    for (place, frame) in batch.packets.iter_mut().zip(frames) {
        *place = Some(frame.mbuf());
    }
    batch
}

/// What a batch knows of the packet at a slot.
fn known(batch: &Batch, slot: usize) -> (Facts, Option<usize>) {
    let bytes = batch.packets[slot].as_ref().map(Mbuf::len);
    (batch.facts[slot], bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn eight_are_taken_as_each_alone_would_be(
        frames in (0..3_u8).prop_flat_map(|kinds| prop::collection::vec(frame(kinds), 3 * WIDTH)),
    ) {
        prop_assume!(is_possible());
        let facts = Facts {
            interface: InterfaceId::new(3),
            vrf: VrfId::new(4),
            l3_offset: 14,
            ..Facts::default()
        };
        let (mut together, mut alone) = (batch(&frames), batch(&frames));
        for (first, eight) in (0..).step_by(WIDTH).zip(frames.chunks(WIDTH)) {
            let (shown, shown_alone) = (RefCell::default(), RefCell::default());
            let show = |key: u32| RefCell::<Vec<_>>::borrow_mut(&shown).push(key);
            let show_alone = |key: u32| RefCell::<Vec<_>>::borrow_mut(&shown_alone).push(key);
            let slots = first..first + WIDTH;
            let mac_bits = OURS.bits();
            let mut one = |slot| alone.take_plain(slot, Plain { mac_bits, facts, expect: show_alone });
            let each: Vec<_> = slots.clone().map(&mut one).collect();
            let plain = Plain { mac_bits, facts, expect: show };
            // SAFETY: the CPU has AVX2.
            match unsafe { together.take_eight(first, plain) } {
                Some(taken) => {
                    let taken: [u32; WIDTH] = bytemuck::must_cast(taken);
                    prop_assert_eq!(taken.map(|bytes| Some(bytes as usize)).to_vec(), each);
                    for slot in slots {
                        prop_assert_eq!(known(&together, slot), known(&alone, slot));
                    }
                }
                None => {
                    // One is not plain, or too short to be looked at together with others.
                    let is_short = eight.iter().any(|frame| frame.bytes.len() < 54);
                    prop_assert!(is_short || each.contains(&None), "{eight:?}");
                    prop_assert!(shown.borrow().is_empty());
                    for slot in slots {
                        together.take_plain(slot, plain);
                    }
                }
            }
            prop_assert_eq!(shown.into_inner(), shown_alone.into_inner());
        }
        prop_assert_eq!(together.ipv4.waiting(), alone.ipv4.waiting());
        prop_assert_eq!(together.ipv6.waiting(), alone.ipv6.waiting());
    }
}

#[test]
fn v4_02_eight_age_as_each_alone_would() {
    if !is_possible() {
        return;
    }
    let checksums = [0, 1, 0xfe, 0xff, 0xfeff, 0xff00, 0xfffd, 0xfffe, 0xffff];
    for (ttl, checksum) in (0..=u8::MAX).flat_map(|ttl| checksums.map(|checksum| (ttl, checksum))) {
        let mut header: Ipv4Header = bytemuck::Zeroable::zeroed();
        let [a, b] = u16::to_be_bytes(checksum);
        header.set_lifetime([ttl, 0x11, a, b]);
        let words = [u32::from_le_bytes(header.lifetime()); WIDTH];
        // SAFETY: the CPU has AVX2.
        let aged: [Aged; WIDTH] =
            bytemuck::must_cast(unsafe { aged_ipv4(bytemuck::must_cast(words)) });
        assert_eq!(
            aged,
            [Aged::ipv4(&header); WIDTH],
            "TTL {ttl}, checksum {checksum:#x}"
        );
    }
}

/// The longest packet that may be sent.
const LONGEST: u16 = 60;
const LINK: [u8; 14] = [2, 0, 0, 0, 0, 7, 2, 0xf0, 0, 0, 0, 2, 0xab, 0xcd];

/// What becomes of a packet on its way to the transmit buffer: nearly always nothing in particular.
#[derive(Clone, Debug)]
struct Parcel {
    ttl: u8,
    bytes: usize,
    facts: Facts,
    /// Whether it is in the list of those to be sent.
    listed: bool,
    /// Whether there is a packet at all.
    there: bool,
}

prop_compose! {
    fn parcel(rare: u32)(
        ttl in prop_oneof![rare => 2_u8.., 1 => 0..2_u8],
        bytes in prop_oneof![rare => 54..80_usize, 1 => 0..34_usize],
        ip_bytes in prop_oneof![rare => 20..=LONGEST, 1 => prop::sample::select(vec![LONGEST + 1, 0x7fff, 0x8000, 0xffff])],
        l3_offset in prop_oneof![rare => Just(14_u8), 1 => prop::sample::select(vec![0, 15, 18, 255])],
        flag in prop_oneof![rare => Just(None), 1 => prop::sample::select(vec![Flags::GROUP_FRAME, Flags::LINK_SCOPE, Flags::OPTIONS]).prop_map(Some)],
        listed in prop_oneof![rare => Just(true), 1 => Just(false)],
        there in prop_oneof![rare => Just(true), 1 => Just(false)],
    ) -> Parcel {
        let mut flags = Flags::default();
        if let Some(flag) = flag {
            flags.set(flag, true);
        }
        let facts = Facts { ip_bytes, l3_offset, flags, ..Facts::default() };
        Parcel { ttl, bytes, facts, listed, there }
    }
}

fn loaded<const FAMILY: u8>(parcels: &[Parcel]) -> Batch {
    let mut batch = Batch::default();
    let places = batch.packets.iter_mut().zip(&mut batch.facts);
    for (number, ((place, facts), parcel)) in (0..).zip(places.zip(parcels)) {
        let mut bytes: Vec<u8> = (number..).take(parcel.bytes).collect();
        // Where IPv4 and IPv6 have TTL and hop limit.
        for at in [21, 22] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = parcel.ttl;
            }
        }
        *facts = parcel.facts;
        let packet = bytes.get(14..).unwrap_or_default();
        if FAMILY == 4 {
            if let Some((header, _)) = Ipv4Header::split(packet) {
                facts.live_as_ipv4(header);
            }
        } else if let Some((header, _)) = Ipv6Header::split(packet) {
            facts.live_as_ipv6(header);
        }
        *place = parcel.there.then(|| Mbuf::from_heap(&bytes));
    }
    batch
}

fn buffer() -> TxPort {
    let ring = Arc::new(InjectRing::new(BURST).unwrap());
    TxPort::new(PortId::new(0), TxSink::Handoff(ring))
}

fn sent_as_each_alone<const FAMILY: u8>(parcels: &[Parcel]) -> Result<(), TestCaseError> {
    let slots: Vec<u8> = (0..)
        .zip(parcels)
        .filter_map(|(slot, parcel)| parcel.listed.then_some(slot))
        .collect();
    let (mut together, mut alone) = (loaded::<FAMILY>(parcels), loaded::<FAMILY>(parcels));
    let (mut tx, mut tx_alone) = (buffer(), buffer());
    let link = PlainLink::new(&LINK);
    let done = together.load_plain::<FAMILY>(&slots, &mut tx, LONGEST, link);
    let done_alone = alone.load(&slots, &mut tx_alone, LONGEST, |mbuf, facts| {
        facts.l3_offset == 14 && exchange_link_header::<FAMILY>(mbuf.data_mut(), facts.aged, link)
    });
    prop_assert_eq!(done, done_alone);
    let frames = |tx: &TxPort| {
        tx.frames()
            .map(|mbuf| mbuf.data().to_vec())
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(frames(&tx), frames(&tx_alone));
    let left = |batch: &Batch| {
        let packets = batch.packets.iter().map(|packet| packet.as_ref());
        packets
            .map(|packet| packet.map(|mbuf| mbuf.data().to_vec()))
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(left(&together), left(&alone));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn eight_are_sent_as_each_alone_would_be(
        parcels in prop::sample::select(vec![20, 300, 3000])
            .prop_flat_map(|rare| prop::collection::vec(parcel(rare), 0..=BURST)),
    ) {
        prop_assume!(is_possible());
        sent_as_each_alone::<4>(&parcels)?;
        sent_as_each_alone::<6>(&parcels)?;
    }
}
