//! What the table asks its owner to do.

use super::key::NeighbourKey;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::mac::Mac;

/// How a request is addressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// ARP: broadcast. ND: to the solicited-node group of the target (RFC 4861 section 7.2.2).
    Multicast,
    /// To the address that is believed to be right (RFC 4861 section 7.3.3, RFC 1122 2.3.2.1).
    Unicast(Mac),
}

/// Why a neighbour lost its address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// It did not answer probes.
    Unanswered,
    /// Nobody used it and its confirmation had run out.
    Expired,
    /// It gave way to a new entry because the interface's share of the table was full.
    Evicted,
    /// It was deleted or flushed by the operator.
    Deleted,
    /// Its interface went down or away.
    InterfaceDown,
}

/// Why a packet is dropped without an ICMP error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discard {
    /// A newer packet for the same neighbour took its place.
    QueueFull,
    /// A newer packet for any neighbour took its place.
    BytesFull,
    /// No entry could be made: the interface's share of the table is full of entries in use.
    TableFull,
    /// The entry it waited for gave way to another.
    Evicted,
    /// The interface is down or unknown.
    InterfaceDown,
}

impl Discard {
    /// The drop reason under which the packet is counted.
    #[must_use]
    pub const fn drop_reason(self) -> DropReason {
        match self {
            Self::QueueFull | Self::BytesFull => DropReason::NeighbourQueueFull,
            Self::TableFull | Self::Evicted => DropReason::NeighbourUnreachable,
            Self::InterfaceDown => DropReason::TxInterfaceDown,
        }
    }
}

/// Something that an operator wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighbourEvent {
    /// Another station claims an address of ours (RFC 5227 section 2.4, RFC 4862 section 5.4.4).
    AddressConflict {
        /// Our address and the interface that has it.
        key: NeighbourKey,
        /// The station that claims it.
        mac: Mac,
    },
    /// A neighbour that said it was a router says it is none (RFC 4861 section 7.2.5).
    RouterBecameHost {
        /// The neighbour.
        key: NeighbourKey,
    },
    /// An entry could not be made because the interface's share of the table is full.
    TableFull {
        /// The neighbour that found no room.
        key: NeighbourKey,
    },
}

/// One thing to do, in the order in which it stands in the buffer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect<P> {
    /// Send an ARP request or a neighbour solicitation for the key's address on its interface.
    SendRequest {
        /// The target.
        key: NeighbourKey,
        /// To whom.
        request: Request,
    },
    /// The neighbour has an address now and had none before.
    Resolved {
        /// The neighbour.
        key: NeighbourKey,
        /// Its address.
        mac: Mac,
    },
    /// The neighbour's address is another one now.
    Changed {
        /// The neighbour.
        key: NeighbourKey,
        /// Its new address.
        mac: Mac,
    },
    /// The neighbour had an address and has none now.
    Lost {
        /// The neighbour.
        key: NeighbourKey,
        /// Why.
        reason: Loss,
    },
    /// Send these packets to this address, in this order.
    Release {
        /// The neighbour.
        key: NeighbourKey,
        /// Its address.
        mac: Mac,
        /// The packets, oldest first.
        packets: Vec<P>,
    },
    /// These packets have no way: ICMP host unreachable (RFC 1122 section 2.3.2.1) or ICMPv6
    /// address unreachable (RFC 4861 section 7.2.2), then [`DropReason::NeighbourUnreachable`].
    Fail {
        /// The neighbour.
        key: NeighbourKey,
        /// The packets, oldest first.
        packets: Vec<P>,
    },
    /// Drop this packet and count it.
    Drop {
        /// The neighbour that it was for.
        key: NeighbourKey,
        /// The packet.
        packet: P,
        /// Why.
        discard: Discard,
    },
    /// Tell the operator.
    Event(NeighbourEvent),
}
