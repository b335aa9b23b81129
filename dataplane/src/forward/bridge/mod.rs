//! The stage of bridge domains (IEEE 802.1Q, RFC 7348, RFC 8365).
//!
//! ```text
//! L2 lane ── learn ── FDB ─┬─ member: tag pushed or popped, padded, tx
//!                          ├─ tunnel: encapsulated
//!                          ├─ Ethernet segment: a member or a tunnel, chosen by flow
//!                          ├─ gateway: L3 lanes, as received by the gateway interface
//!                          ├─ flood: copies to members and tunnels; the frame itself to the last of
//!                          │         them, or to the gateway when it listens to the group
//!                          └─ exception path: reserved groups, ARP and ND that may be answered here
//! ```
//!
//! A frame never goes back to the member that it came from, nor out of a tunnel into one.

mod flood;
mod lane;
mod learn;
mod link;
mod plain;
#[cfg(test)]
mod tests;

pub use learn::{Learn, Place};

pub(super) use lane::{Lane, Origin};
pub(super) use learn::Learner;

use dpdk_sys::Mbuf;

use super::Forwarder;
use crate::drops::DropReason;
use crate::fdb::{FdbTarget, Second, Seen, Sought};
use crate::ids::{BridgeId, InterfaceId, PortId, SegmentPathId, TunnelId};
use crate::mac::Mac;
use crate::punt::{PuntClass, PuntReason};
use crate::snapshot::Snapshot;
use crate::snapshot::bridge::Bridge;
use crate::snapshot::nexthop::{Hop, NextHop};
use crate::snapshot::segment::SegmentPath;
use crate::tunnel::inner::{Inner, frame_hash};
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

/// The sixteen groups that bridges do not forward: 01:80:c2:00:00:00 to 0f (IEEE 802.1Q table 8-1).
const RESERVED: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];

/// A frame of the lane and all that is decided by.
#[derive(Clone, Copy)]
struct Frame<'s> {
    slot: usize,
    bridge: &'s Bridge,
    id: BridgeId,
    origin: Origin,
    source: Sought,
    destination: Sought,
    /// Nobody has looked yet whether it can be answered in the place of its target.
    fresh: bool,
    /// When its burst was received.
    second: Second,
}

/// Where a frame goes.
#[derive(Clone, Copy)]
enum Way {
    Member(InterfaceId),
    Tunnel(TunnelId),
    Gateway(InterfaceId),
    Flood,
    /// To the host, as received by its member.
    Host,
    /// To the exception path, which may know the answer.
    Ask(PuntClass),
    Drop(DropReason),
}

impl Forwarder {
    /// Empties the L2 lane. What is for the gateway is in the L3 lanes afterwards.
    pub(super) fn bridge(&mut self, snapshot: &Snapshot, now_ticks: u64) {
        let fdb = snapshot.fdb.view();
        let count = self.batch.l2.start(&self.batch.packets, fdb);
        if count == 0 {
            return;
        }
        let second = snapshot.fdb.second(now_ticks);
        let members = self.batch.l2.members(count, fdb, second);
        let mut place = 0;
        while let Some(left) = members.get(place..count).filter(|left| !left.is_empty()) {
            place += self.bridge_plainly(snapshot, left, place);
            if place < count {
                self.bridge_at(snapshot, place, second, now_ticks);
                place += 1;
            }
        }
    }

    /// Bridges the frame at a place of the lane, whatever has to be done for it.
    #[inline(never)]
    fn bridge_at(&mut self, snapshot: &Snapshot, place: usize, second: Second, now_ticks: u64) {
        let entry = *self.batch.l2.entry(place);
        let Some(bridge) = snapshot.bridge(entry.bridge) else {
            return self.drop_packet(entry.slot(), DropReason::BridgeMissing);
        };
        let frame = Frame {
            slot: entry.slot(),
            bridge,
            id: entry.bridge,
            origin: entry.origin,
            source: entry.source,
            destination: entry.destination,
            fresh: entry.fresh,
            second,
        };
        self.bridge_frame(snapshot, &frame, now_ticks);
    }

    #[inline]
    fn bridge_frame(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, now_ticks: u64) {
        let Some(mbuf) = &self.batch.packets[frame.slot] else {
            return;
        };
        if frame.origin != Origin::Gateway {
            let bytes = mbuf.len() as u64;
            self.counters.bridge(frame.id).frames.add(1, bytes);
        }
        match self.bridge_way(snapshot, frame, now_ticks) {
            Way::Member(member) => self.send_to_member(snapshot, frame, member),
            Way::Tunnel(tunnel) => self.send_to_tunnel(snapshot, frame, tunnel, now_ticks),
            Way::Gateway(gateway) => self.hand_to_gateway(snapshot, frame, gateway, now_ticks),
            Way::Flood => self.flood(snapshot, frame, now_ticks),
            Way::Host => {
                let (reason, class) = (PuntReason::NonIp, PuntClass::Routing);
                self.punt(snapshot, frame.slot, reason, class, now_ticks);
            }
            Way::Ask(class) => {
                if self.may_punt(snapshot, class, now_ticks) {
                    self.hand_over(frame.slot, PuntReason::Suppress, class);
                } else {
                    self.flood(snapshot, frame, now_ticks);
                }
            }
            Way::Drop(reason) => self.bridge_drop(frame, reason),
        }
    }

    /// Learns the source, and finds the destination.
    #[inline]
    fn bridge_way(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, now_ticks: u64) -> Way {
        if !frame.source.key().mac().is_station() {
            return Way::Drop(DropReason::SourceMacInvalid);
        }
        if let Origin::Member(member) = frame.origin {
            let here = FdbTarget::Interface(member);
            match snapshot.fdb.see(&frame.source, here, frame.second) {
                Seen::Here => {}
                Seen::Elsewhere(FdbTarget::Gateway) => {
                    return Way::Drop(DropReason::BridgeOwnSource);
                }
                Seen::Elsewhere(_) | Seen::Nowhere => {
                    if frame.bridge.policy.learn {
                        let learn = Learn::new(frame.source.key(), Place::Member(member));
                        self.tell(snapshot, learn, now_ticks);
                    }
                }
            }
        }
        if frame.destination.key().mac().is_multicast() {
            return self.group_way(frame);
        }
        match (snapshot.fdb.view().found(&frame.destination), frame.origin) {
            (Some(FdbTarget::Interface(member)), Origin::Member(from)) if member == from => {
                Way::Drop(DropReason::BridgeSameMember)
            }
            (Some(FdbTarget::Interface(member)), _) => Way::Member(member),
            (Some(FdbTarget::Tunnel(_)), Origin::Tunnel(_)) => {
                Way::Drop(DropReason::BridgeSplitHorizon)
            }
            (Some(FdbTarget::Tunnel(tunnel)), _) => Way::Tunnel(tunnel),
            (Some(FdbTarget::Gateway), Origin::Member(_) | Origin::Tunnel(_)) => {
                match frame.bridge.gateway {
                    Some(gateway) => Way::Gateway(gateway),
                    None => Way::Drop(DropReason::BridgeUnknownUnicast),
                }
            }
            (Some(FdbTarget::Gateway), Origin::Gateway) => Way::Drop(DropReason::BridgeSameMember),
            (Some(FdbTarget::Segment(id)), _) => self.segment_way(snapshot, frame, id),
            (None, _) => unknown_way(frame),
        }
    }

    /// Which way a station behind an Ethernet segment is now, for this frame's flow.
    #[inline(never)]
    fn segment_way(&self, snapshot: &Snapshot, frame: &Frame<'_>, id: SegmentPathId) -> Way {
        let next_hop = match (snapshot.segment(id), frame.origin) {
            (SegmentPath::Nowhere, _) => return unknown_way(frame),
            (SegmentPath::Member(member), Origin::Member(from)) if member == from => {
                return Way::Drop(DropReason::BridgeSameMember);
            }
            (SegmentPath::Member(member), _) => return Way::Member(member),
            (SegmentPath::NextHop(_), Origin::Tunnel(_)) => {
                return Way::Drop(DropReason::BridgeSplitHorizon);
            }
            (SegmentPath::NextHop(next_hop), _) => next_hop,
        };
        let mbuf = self.batch.packets[frame.slot].as_ref();
        let data = mbuf.map(Mbuf::data).unwrap_or_default();
        let hop = match snapshot.next_hop(next_hop) {
            NextHop::Tunnel(tunnel) => Some(Hop::Tunnel(tunnel)),
            NextHop::Group(group) => snapshot
                .group(group)
                .and_then(|group| group.pick(frame_hash(snapshot.hasher, data))),
            _ => None,
        };
        match hop {
            Some(Hop::Tunnel(tunnel)) => Way::Tunnel(tunnel),
            _ => Way::Drop(DropReason::TunnelUnderlay),
        }
    }

    /// What becomes of a frame to a group.
    fn group_way(&self, frame: &Frame<'_>) -> Way {
        let group = frame.destination.key().mac();
        let member = matches!(frame.origin, Origin::Member(_));
        if is_reserved(group) {
            return if member {
                Way::Host
            } else {
                Way::Drop(DropReason::BridgeReservedGroup)
            };
        }
        let asks = || {
            let mbuf = self.batch.packets[frame.slot].as_ref()?;
            let l3_offset = self.batch.facts[frame.slot].l3_offset;
            link::asks_for_neighbour(mbuf, l3_offset.into())
        };
        if frame.bridge.policy.suppress
            && frame.fresh
            && member
            && let Some(class) = asks()
        {
            return Way::Ask(class);
        }
        Way::Flood
    }

    /// Puts the frame into the transmit buffer of a member's port, in the member's VLAN.
    #[inline]
    fn send_to_member(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, member: InterfaceId) {
        let Some(mut mbuf) = self.batch.packets[frame.slot].take() else {
            return;
        };
        let l3_offset = usize::from(self.batch.facts[frame.slot].l3_offset);
        let reason = match fit(snapshot, &mut mbuf, l3_offset, member) {
            Ok(port) => match self.tx.get_mut(port.index()).and_then(Option::as_mut) {
                Some(tx) => {
                    let bytes = mbuf.len() as u64;
                    return tx.push_one(mbuf, member, bytes, &self.counters);
                }
                None => DropReason::NoTxPort,
            },
            Err(reason) => reason,
        };
        self.batch.packets[frame.slot] = Some(mbuf);
        self.bridge_drop(frame, reason);
    }

    /// Encapsulates the frame, without its own VLAN's tag (RFC 7348 section 6.1), and sends it by the
    /// tunnel's underlay. What does not fit is not fragmented (RFC 7348 section 4.3).
    fn send_to_tunnel(
        &mut self,
        snapshot: &Snapshot,
        frame: &Frame<'_>,
        id: TunnelId,
        now_ticks: u64,
    ) {
        let Some(tunnel) = snapshot.tunnel(id) else {
            return self.bridge_drop(frame, DropReason::NextHopMissing);
        };
        let Some(mut mbuf) = self.batch.packets[frame.slot].take() else {
            return;
        };
        let l3_offset = usize::from(self.batch.facts[frame.slot].l3_offset);
        let tagged = l3_offset > EthernetHeader::LEN;
        let fits = if mbuf.len() > l3_offset + usize::from(tunnel.payload_mtu_bytes()) {
            Err(DropReason::BridgeTooBig)
        } else {
            link::retag(&mut mbuf, tagged, None).map_err(|_| DropReason::NoHeadroom)
        };
        if let Err(reason) = fits {
            self.batch.packets[frame.slot] = Some(mbuf);
            return self.bridge_drop(frame, reason);
        }
        let inner = Inner::frame(mbuf.data(), mbuf.len());
        let hash = frame_hash(snapshot.hasher, mbuf.data());
        let sent = self.encapsulated(snapshot, mbuf, &inner, hash, id, tunnel);
        if sent.is_err() {
            self.counters.bridge(frame.id).dropped.add(1);
        }
        self.stuck(snapshot, frame.slot, sent, now_ticks);
    }

    /// Takes the frame into the L3 lanes as received by the gateway interface.
    fn hand_to_gateway(
        &mut self,
        snapshot: &Snapshot,
        frame: &Frame<'_>,
        gateway: InterfaceId,
        now_ticks: u64,
    ) {
        self.counters.bridge(frame.id).gateway.add(1);
        let member = match frame.origin {
            Origin::Member(member) => Some(member),
            Origin::Tunnel(_) | Origin::Gateway => None,
        };
        self.batch.bridged[frame.slot] = (gateway, member);
        self.input_from_bridge(snapshot, frame.slot, gateway, now_ticks);
    }

    /// Ends a frame in its domain.
    fn bridge_drop(&mut self, frame: &Frame<'_>, reason: DropReason) {
        self.counters.bridge(frame.id).dropped.add(1);
        self.drop_packet(frame.slot, reason);
    }
}

/// Makes a frame whose network header is at `l3_offset` fit a member; answers the port that sends it.
#[inline]
fn fit(
    snapshot: &Snapshot,
    mbuf: &mut Mbuf,
    l3_offset: usize,
    member: InterfaceId,
) -> Result<PortId, DropReason> {
    let interface = snapshot
        .interface(member)
        .ok_or(DropReason::TxInterfaceDown)?;
    if !interface.up {
        return Err(if interface.standby {
            DropReason::BridgeNotDesignated
        } else {
            DropReason::TxInterfaceDown
        });
    }
    let port = interface.port.ok_or(DropReason::NoTxPort)?;
    if mbuf.len() > l3_offset + usize::from(interface.mtu_bytes) {
        return Err(DropReason::BridgeTooBig);
    }
    let tagged = l3_offset > EthernetHeader::LEN;
    link::retag(mbuf, tagged, interface.vlan).map_err(|_| DropReason::NoHeadroom)?;
    link::pad(mbuf).map_err(|_| DropReason::NoBuffer)?;
    Ok(port)
}

/// What becomes of unicast to a station that is not known.
const fn unknown_way(frame: &Frame<'_>) -> Way {
    if frame.bridge.policy.unknown_unicast {
        Way::Flood
    } else {
        Way::Drop(DropReason::BridgeUnknownUnicast)
    }
}

const fn is_reserved(group: Mac) -> bool {
    let [a, b, c, d, e, f] = group.octets();
    let [v, w, x, y, z] = RESERVED;
    a == v && b == w && c == x && d == y && e == z && f < 16
}
