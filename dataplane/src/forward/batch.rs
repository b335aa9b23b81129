//! One burst and what is known of each packet in it.

use bytemuck::{Pod, Zeroable};
use dpdk_sys::Mbuf;

use super::bridge;
use super::decap::Inbound;
use super::encap::Outbound;
use crate::fib::{Arena, Key, View, lookup_lane};
use crate::ids::{BURST, InterfaceId, NextHopId, VrfId};
use crate::wire::Header;
use crate::wire::aged::Aged;
use crate::wire::ethernet::EthernetHeader;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

/// What is unusual about a packet. Most have none of it, which is one compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Flags(u8);

impl Flags {
    /// The frame was addressed to a group.
    pub(super) const GROUP_FRAME: Self = Self(1);
    /// The IP source is of link scope.
    pub(super) const LINK_SCOPE: Self = Self(2);
    /// The IPv4 header has options that want a router's look.
    pub(super) const OPTIONS: Self = Self(4);
    /// TTL or hop limit have run out: no router sends it on.
    pub(super) const EXPIRED: Self = Self(8);

    /// As it lies in memory.
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    /// Whether there is nothing unusual.
    #[inline(always)]
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this is among it.
    #[inline(always)]
    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Adds it if `on`.
    #[inline(always)]
    pub(super) fn set(&mut self, flag: Self, on: bool) {
        self.0 |= if on { flag.0 } else { 0 };
    }
}

/// What `input` found out about a packet, for the stages after it: four words, which are often written together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Facts {
    /// The interface that took it.
    pub(super) interface: InterfaceId,
    /// The VRF in which it is looked up.
    pub(super) vrf: VrfId,
    /// IP packet length in bytes, header included. What padded the frame is trimmed.
    pub(super) ip_bytes: u16,
    /// Where the network header starts in the frame.
    pub(super) l3_offset: u8,
    /// What is unusual about it.
    pub(super) flags: Flags,
    /// Its lifetime once it is sent on.
    pub(super) aged: Aged,
}

impl Facts {
    /// Notes the lifetime of an IPv4 packet.
    #[inline(always)]
    pub(super) fn live_as_ipv4(&mut self, header: &Ipv4Header) {
        self.aged = Aged::ipv4(header);
        self.flags.set(Flags::EXPIRED, header.ttl() <= 1);
    }

    /// Notes the lifetime of an IPv6 packet.
    #[inline(always)]
    pub(super) fn live_as_ipv6(&mut self, header: &Ipv6Header) {
        self.aged = Aged::ipv6(header);
        self.flags.set(Flags::EXPIRED, header.hop_limit() <= 1);
    }
}

/// A slot and the seven behind it.
#[inline(always)]
pub(super) const fn eight_from(slot: u8) -> [u8; 8] {
    // All at once: as often the first one, and from none to seven added. No slot is so large that one would carry.
    let first = 0x0101_0101_0101_0101_u64.wrapping_mul(slot as u64);
    first.wrapping_add(0x0706_0504_0302_0100).to_le_bytes()
}

/// Slots of packets, in order of arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    len: usize,
    slots: [u8; BURST],
}

impl Slots {
    #[inline(always)]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.slots[..self.len.min(BURST)]
    }
}

/// Packets of one family, in order of arrival, and what their lookup gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    slots: Slots,
    next_hops: [NextHopId; BURST],
}

impl Found {
    /// The slots.
    #[inline(always)]
    pub(super) fn slots(&self) -> &[u8] {
        self.slots.as_slice()
    }

    /// Whether there are none.
    #[inline(always)]
    pub(super) const fn is_empty(&self) -> bool {
        self.slots.len == 0
    }

    /// Hands over the slots, and empties it.
    #[inline(always)]
    pub(super) fn take_slots(&mut self) -> Slots {
        let slots = self.slots;
        self.slots.len = 0;
        slots
    }

    /// Hands over everything, and empties it.
    #[inline]
    pub(super) fn take(&mut self) -> Self {
        let found = *self;
        self.slots.len = 0;
        found
    }

    /// The next hop of all, if it is one.
    #[inline(always)]
    pub(super) fn common(&self) -> Option<NextHopId> {
        let next_hops = &self.next_hops[..self.slots.len.min(BURST)];
        let first = next_hops.first()?;
        // Without a branch for each, and with the first, so that it is done many at a time.
        let same = next_hops
            .iter()
            .fold(true, |same, other| same & (other == first));
        same.then_some(*first)
    }

    /// Slot and next hop of each.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, NextHopId)> {
        self.slots().iter().copied().zip(self.next_hops)
    }
}

/// The packets of one family that wait for their lookup.
#[derive(Debug)]
pub(super) struct Lane<K> {
    found: Found,
    keys: [K; BURST],
    /// The trie of all packets, unless they are mixed.
    view: View,
    /// Whether each packet has a trie of its own, in `views`.
    mixed: bool,
    views: [View; BURST],
}

impl<K: Key + Default> Default for Lane<K> {
    fn default() -> Self {
        Self {
            found: Found {
                slots: Slots {
                    len: 0,
                    slots: [0; BURST],
                },
                next_hops: [NextHopId::NO_ROUTE; BURST],
            },
            keys: [K::default(); BURST],
            view: View::default(),
            mixed: false,
            views: [View::default(); BURST],
        }
    }
}

impl<K: Key> Lane<K> {
    /// Empties it, for packets that are looked up in this trie.
    #[inline]
    pub(super) fn start(&mut self, view: View) {
        self.found.slots.len = 0;
        self.mixed = false;
        self.view = view;
    }

    /// Adds the packet at `slot`, to be looked up in the trie that the lane was started for: where packets are mixed, its
    /// place has that view already.
    #[inline(always)]
    pub(super) fn push(&mut self, slot: usize, key: K) {
        // A burst never holds more packets than a lane has places.
        let place = self.found.slots.len % BURST;
        self.keys[place] = key;
        self.found.slots.slots[place] = slot as u8;
        self.found.slots.len = place + 1;
    }

    /// The keys of the next eight places, if so many are free: what is written there counts from [`Lane::push_eight`] on.
    #[inline(always)]
    pub(super) fn next_eight(&mut self) -> Option<&mut [K; 8]> {
        self.keys.get_mut(self.found.slots.len..)?.first_chunk_mut()
    }

    /// Adds eight packets, at `slot` and behind it, with the keys of [`Lane::next_eight`].
    #[inline(always)]
    pub(super) fn push_eight(&mut self, slot: usize) {
        let places = self.found.slots.slots.get_mut(self.found.slots.len..);
        if let Some(places) = places.and_then(|places| places.first_chunk_mut()) {
            *places = eight_from(slot as u8);
            self.found.slots.len += places.len();
        }
    }

    /// Adds the packet at `slot`, to be looked up in any trie.
    pub(super) fn push_to(&mut self, slot: usize, key: K, view: View) {
        if !self.mixed && !view.is_of_trie(self.view) {
            self.mixed = true;
            self.views.fill(self.view);
        }
        self.push(slot, key);
        self.views[self.found.slots.len - 1] = view;
    }

    /// Adds the packet at `slot` in a later round of its burst, to be looked up in any trie: the first
    /// one's is then the lane's.
    #[inline]
    pub(super) fn push_later(&mut self, slot: usize, key: K, view: View) {
        if self.found.slots.len == 0 {
            self.start(view);
        }
        if !self.mixed && view.is_of_trie(self.view) {
            return self.push(slot, key);
        }
        self.push_to(slot, key, view);
    }

    /// Looks all of it up.
    #[inline]
    pub(super) fn lookup(&mut self, arena: &Arena) {
        let Found { slots, next_hops } = &mut self.found;
        match (slots.len, self.mixed) {
            (0, _) => {}
            (len, false) => lookup_lane(arena, self.view, &self.keys, next_hops, len),
            (len, true) => lookup_lane(arena, &self.views[..], &self.keys, next_hops, len),
        }
    }

    /// Slots and keys, in order.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> Vec<(u8, K)> {
        let slots = self.found.slots().iter().copied();
        slots.zip(self.keys).collect()
    }

    /// What was looked up.
    pub(super) const fn found(&self) -> &Found {
        &self.found
    }
}

/// A burst.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) packets: [Option<Mbuf>; BURST],
    pub(super) facts: [Facts; BURST],
    pub(super) ipv4: Lane<u32>,
    pub(super) ipv6: Lane<u128>,
    pub(super) l2: bridge::Lane,
    /// The gateway to which the last frame at each slot came out of a bridge domain, and the member by which it had come
    /// in. It is about the frame that is there now as long as the gateway took that.
    pub(super) bridged: [(InterfaceId, Option<InterfaceId>); BURST],
    /// What goes into tunnels.
    pub(super) outbound: Outbound,
    /// What is to be taken out of tunnels and labels.
    pub(super) inbound: Inbound,
}

impl Batch {
    /// What was looked up of a family.
    #[inline(always)]
    pub(super) fn found_mut<const FAMILY: u8>(&mut self) -> &mut Found {
        if FAMILY == 4 {
            &mut self.ipv4.found
        } else {
            &mut self.ipv6.found
        }
    }

    /// Whether nothing waits for another round.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.l2.is_empty() & self.outbound.is_empty() & self.inbound.is_empty()
    }

    /// The member by which the frame at `slot` came to the gateway that took it.
    pub(super) fn member(&self, slot: usize) -> Option<InterfaceId> {
        let (gateway, member) = self.bridged[slot];
        member.filter(|_| gateway == self.facts[slot].interface)
    }

    /// Takes an untagged frame as the only one of a burst.
    pub(super) fn take_alone(&mut self, mbuf: Mbuf, interface: InterfaceId) {
        self.packets[0] = Some(mbuf);
        self.facts[0] = Facts {
            interface,
            l3_offset: EthernetHeader::LEN as u8,
            ..Facts::default()
        };
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            packets: [const { None }; BURST],
            facts: [Facts::default(); BURST],
            ipv4: Lane::default(),
            ipv6: Lane::default(),
            l2: bridge::Lane::default(),
            bridged: [Default::default(); BURST],
            outbound: Outbound::default(),
            inbound: Inbound::default(),
        }
    }
}
