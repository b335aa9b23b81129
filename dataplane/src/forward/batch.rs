//! One burst and what is known of each packet in it.

use dpdk_sys::Mbuf;

use crate::fib::View;
use crate::ids::{BURST, InterfaceId, NextHopId, VrfId};

/// What `input` found out about a packet, for the stages after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// The interface that took it.
    pub(super) interface: InterfaceId,
    /// The VRF in which it is looked up.
    pub(super) vrf: VrfId,
    /// IP packet length in bytes, header included.
    pub(super) ip_bytes: u16,
    /// Where the network header starts in the frame.
    pub(super) l3_offset: u8,
    /// TTL or hop limit as received.
    pub(super) ttl: u8,
    /// The frame was addressed to a group.
    pub(super) group_frame: bool,
    /// The IP source is of link scope.
    pub(super) link_scope: bool,
    /// The IPv4 header has options that want a router's look.
    pub(super) options: bool,
}

/// The packets of one family that wait for their lookup, in order of arrival.
#[derive(Debug)]
pub(super) struct Lane<K> {
    pub(super) len: usize,
    pub(super) keys: [K; BURST],
    pub(super) views: [View; BURST],
    pub(super) slots: [u8; BURST],
    pub(super) next_hops: [NextHopId; BURST],
}

impl<K: Copy + Default> Default for Lane<K> {
    fn default() -> Self {
        Self {
            len: 0,
            keys: [K::default(); BURST],
            views: [View::default(); BURST],
            slots: [0; BURST],
            next_hops: [NextHopId::NO_ROUTE; BURST],
        }
    }
}

impl<K> Lane<K> {
    /// Adds the packet at `slot`; a burst never holds more packets than a lane has places.
    #[inline]
    pub(super) fn push(&mut self, slot: usize, key: K, view: View) {
        let place = self.len % BURST;
        self.keys[place] = key;
        self.views[place] = view;
        self.slots[place] = slot as u8;
        self.len = place + 1;
    }
}

/// A burst.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) packets: [Option<Mbuf>; BURST],
    pub(super) facts: [Facts; BURST],
    pub(super) ipv4: Lane<u32>,
    pub(super) ipv6: Lane<u128>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            packets: [const { None }; BURST],
            facts: [Facts::default(); BURST],
            ipv4: Lane::default(),
            ipv6: Lane::default(),
        }
    }
}
