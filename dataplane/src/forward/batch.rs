//! One burst and what is known of each packet in it.

use dpdk_sys::Mbuf;

use super::bridge;
use super::decap::Inbound;
use super::encap::Outbound;
use crate::fib::{Arena, Key, View, lookup_lane};
use crate::ids::{BURST, InterfaceId, NextHopId, VrfId};
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// What is unusual about a packet. Most have none of it, which is one compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Flags(u8);

impl Flags {
    /// The frame was addressed to a group.
    pub(super) const GROUP_FRAME: Self = Self(1);
    /// The IP source is of link scope.
    pub(super) const LINK_SCOPE: Self = Self(2);
    /// The IPv4 header has options that want a router's look.
    pub(super) const OPTIONS: Self = Self(4);

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

/// What `input` found out about a packet, for the stages after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// The interface that took it.
    pub(super) interface: InterfaceId,
    /// The VRF in which it is looked up.
    pub(super) vrf: VrfId,
    /// IP packet length in bytes, header included. What padded the frame is trimmed.
    pub(super) ip_bytes: u16,
    /// Where the network header starts in the frame.
    pub(super) l3_offset: u8,
    /// TTL or hop limit as received.
    pub(super) ttl: u8,
    /// What is unusual about it.
    pub(super) flags: Flags,
}

/// The packets of one family that wait for their lookup, in order of arrival.
#[derive(Debug)]
pub(super) struct Lane<K> {
    pub(super) len: usize,
    /// Whether all are looked up in the trie of the first.
    same_trie: bool,
    keys: [K; BURST],
    views: [View; BURST],
    slots: [u8; BURST],
    next_hops: [NextHopId; BURST],
}

impl<K: Key + Default> Default for Lane<K> {
    fn default() -> Self {
        Self {
            len: 0,
            same_trie: true,
            keys: [K::default(); BURST],
            views: [View::default(); BURST],
            slots: [0; BURST],
            next_hops: [NextHopId::NO_ROUTE; BURST],
        }
    }
}

impl<K: Key> Lane<K> {
    /// Empties it.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.same_trie = true;
    }

    /// Adds the packet at `slot`; a burst never holds more packets than a lane has places.
    #[inline(always)]
    pub(super) fn push(&mut self, slot: usize, key: K, view: View) {
        let place = self.len % BURST;
        self.keys[place] = key;
        self.views[place] = view;
        self.slots[place] = slot as u8;
        self.same_trie &= view.is_of_trie(self.views[0]);
        self.len = place + 1;
    }

    /// Looks all of it up.
    #[inline]
    pub(super) fn lookup(&mut self, arena: &Arena) {
        let Self {
            len, keys, views, ..
        } = self;
        match (*len, self.same_trie) {
            (0, _) => {}
            (len, true) => lookup_lane(arena, views[0], keys, &mut self.next_hops, len),
            (len, false) => lookup_lane(arena, &views[..], keys, &mut self.next_hops, len),
        }
    }

    /// The slot and the next hop of the packet at a place, once it is looked up.
    #[inline(always)]
    pub(super) fn found(&self, place: usize) -> (usize, NextHopId) {
        let place = place % BURST;
        (
            usize::from(self.slots[place]) % BURST,
            self.next_hops[place],
        )
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
    /// What goes into tunnels.
    pub(super) outbound: Outbound,
    /// What is to be taken out of tunnels and labels.
    pub(super) inbound: Inbound,
}

impl Batch {
    /// Whether nothing waits for another round.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.l2.is_empty() & self.outbound.is_empty() & self.inbound.is_empty()
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
            outbound: Outbound::default(),
            inbound: Inbound::default(),
        }
    }
}
