//! Frames to everybody in a bridge domain.

use super::{Forwarder, Frame, Origin};
use crate::counters::MAX_BRIDGES;
use crate::drops::DropReason;
use crate::ids::{InterfaceId, TunnelId};
use crate::snapshot::Snapshot;
use crate::snapshot::segment::Audience;

/// A way out of a bridge domain.
#[derive(Clone, Copy)]
enum Exit {
    Member(InterfaceId),
    Tunnel(TunnelId),
}

impl Forwarder {
    /// Sends a frame to every member but its sender, to every remote end if it came from no tunnel
    /// (split horizon), and to the gateway if it is to a group. Of members on Ethernet segments only those get it that
    /// are due it from there.
    #[inline(never)]
    pub(super) fn flood(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, now_ticks: u64) {
        let policy = frame.bridge.policy;
        let group = frame.destination.key().mac();
        let allowed = !group.is_multicast()
            || if group.is_broadcast() {
                policy.broadcast
            } else {
                policy.multicast
            };
        let stormy = allowed
            && policy.storm.is_some_and(|rate| {
                let bucket = &mut self.storms[frame.id.index() & (MAX_BRIDGES - 1)];
                !bucket.allow(rate, now_ticks)
            });
        let audience = audience(frame);
        let members = audience.map_or(&frame.bridge.members, |audience| &audience.members);
        let others = members.iter().copied();
        let others = others.filter(|member| frame.origin != Origin::Member(*member));
        let remote: &[TunnelId] = match frame.origin {
            Origin::Tunnel(_) => &[],
            Origin::Member(_) | Origin::Gateway => &frame.bridge.flood,
        };
        let exits = others
            .map(Exit::Member)
            .chain(remote.iter().copied().map(Exit::Tunnel));
        let mut last = None;
        if allowed && !stormy {
            let counters = self.counters.bridge(frame.id);
            counters.flooded.add(1);
            if let Some(audience) = audience {
                counters.local_bias.add(audience.local_bias.into());
                counters.not_designated.add(audience.not_designated.into());
            }
            for exit in exits {
                if let Some(exit) = last.replace(exit) {
                    self.send_copy(snapshot, frame, exit, now_ticks);
                }
            }
        }
        let listens = group.is_multicast() && frame.origin != Origin::Gateway;
        match (last, frame.bridge.gateway.filter(|_| listens)) {
            (Some(exit), Some(gateway)) => {
                self.send_copy(snapshot, frame, exit, now_ticks);
                self.hand_to_gateway(snapshot, frame, gateway, now_ticks);
            }
            (None, Some(gateway)) => self.hand_to_gateway(snapshot, frame, gateway, now_ticks),
            (Some(exit), None) => self.send_by(snapshot, frame, exit, now_ticks),
            _ if stormy => self.bridge_drop(frame, DropReason::BridgeStorm),
            _ if !allowed => self.bridge_drop(frame, DropReason::BridgeGroupDisabled),
            _ => self.bridge_drop(frame, alone(audience)),
        }
    }

    /// Sends a copy of the frame out by one way; what cannot be sent is counted as a packet of its own.
    fn send_copy(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, exit: Exit, now_ticks: u64) {
        let (slot, facts) = (frame.slot, self.batch.facts[frame.slot]);
        let Some(original) = self.batch.packets[slot].take() else {
            return;
        };
        self.counters.copied.add(1);
        self.counters.bridge(frame.id).copies.add(1);
        self.batch.packets[slot] = self.copies.copy(&original);
        if self.batch.packets[slot].is_some() {
            self.send_by(snapshot, frame, exit, now_ticks);
        } else {
            self.counters.drops[DropReason::NoBuffer.index()].add(1);
            self.counters.bridge(frame.id).dropped.add(1);
        }
        self.batch.packets[slot] = Some(original);
        self.batch.facts[slot] = facts;
    }

    fn send_by(&mut self, snapshot: &Snapshot, frame: &Frame<'_>, exit: Exit, now_ticks: u64) {
        match exit {
            Exit::Member(member) => self.send_to_member(snapshot, frame, member),
            Exit::Tunnel(tunnel) => self.send_to_tunnel(snapshot, frame, tunnel, now_ticks),
        }
    }
}

/// The members that get the frame, where it is not all.
fn audience<'s>(frame: &Frame<'s>) -> Option<&'s Audience> {
    let segments = frame.bridge.segments.as_ref()?;
    match frame.origin {
        Origin::Tunnel(peer) => segments.from_tunnel(peer),
        Origin::Member(member) => segments.from_member(member),
        Origin::Gateway => None,
    }
}

/// Why nobody gets a frame.
fn alone(audience: Option<&Audience>) -> DropReason {
    match audience {
        Some(left_out) if left_out.local_bias > 0 => DropReason::BridgeLocalBias,
        Some(left_out) if left_out.not_designated > 0 => DropReason::BridgeNotDesignated,
        _ => DropReason::BridgeAlone,
    }
}
