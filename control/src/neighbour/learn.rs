//! What ARP and neighbour discovery say about others.

use super::effect::{Effect, NeighbourEvent};
use super::entry::{Check, Phase};
use super::key::NeighbourKey;
use super::table::NeighbourTable;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The operation of an ARP packet (RFC 826).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArpOperation {
    /// Who has the target address?
    Request,
    /// The sender has the sender address.
    Reply,
}

/// An ARP packet of valid form, and how it stands to our addresses on its interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpSeen {
    /// The interface on which it came.
    pub interface: InterfaceId,
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's Ethernet address.
    pub sender_mac: Mac,
    /// The sender's IPv4 address; unspecified in a probe (RFC 5227 section 1.1).
    pub sender: Ipv4Addr,
    /// The target's IPv4 address.
    pub target: Ipv4Addr,
    /// Whether the sender's address is ours: then the packet is a claim to it. Our own packets
    /// that came back are not to be handed in.
    pub sender_is_ours: bool,
    /// Whether the target's address is ours.
    pub target_is_ours: bool,
}

/// A neighbour advertisement that passed the checks of RFC 4861 section 7.1.2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdvertisementSeen {
    /// The interface on which it came.
    pub interface: InterfaceId,
    /// Whose address it is about.
    pub target: Ipv6Addr,
    /// The target link-layer address option, if there is one.
    pub mac: Option<Mac>,
    /// The router flag.
    pub router: bool,
    /// The solicited flag.
    pub solicited: bool,
    /// The override flag.
    pub overrides: bool,
    /// Whether the target's address is ours: then it is a claim to it.
    pub target_is_ours: bool,
}

impl<P> NeighbourTable<P> {
    /// Learns from an ARP packet: an existing entry of its sender from any packet, a new one only
    /// if it asks us or answers us (RFC 826; RFC 5227 section 2.4 for claims to our address).
    ///
    /// A reply to us confirms that its sender is there; all else is a hint, which is believed and
    /// verified when used.
    pub fn arp(&mut self, seen: &ArpSeen, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        if !self.is_up(seen.interface) || !seen.sender_mac.is_station() || !is_host_v4(seen.sender)
        {
            return;
        }
        let key = NeighbourKey::new(seen.interface, seen.sender);
        if seen.sender_is_ours {
            return self.conflict(key, seen.sender_mac, now_ns, effects);
        }
        let confirms = seen.operation == ArpOperation::Reply
            && seen.target_is_ours
            && seen.sender != seen.target;
        self.learn(
            key,
            seen.sender_mac,
            confirms,
            seen.target_is_ours,
            now_ns,
            effects,
        );
    }

    /// Learns from the source link-layer address option of a solicitation for an address of ours
    /// (RFC 4861 section 7.2.3) or of a router solicitation (section 6.2.6). The source is not the
    /// unspecified address.
    pub fn solicitation(
        &mut self,
        interface: InterfaceId,
        source: Ipv6Addr,
        mac: Mac,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        if self.is_up(interface) && mac.is_station() && is_host_v6(source) {
            self.learn(
                NeighbourKey::new(interface, source),
                mac,
                false,
                true,
                now_ns,
                effects,
            );
        }
    }

    /// Learns from a neighbour advertisement (RFC 4861 section 7.2.5).
    pub fn advertisement(
        &mut self,
        seen: &AdvertisementSeen,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        if !self.is_up(seen.interface) || seen.mac.is_some_and(|mac| !mac.is_station()) {
            return;
        }
        let key = NeighbourKey::new(seen.interface, seen.target);
        if seen.target_is_ours {
            if let Some(mac) = seen.mac {
                self.conflict(key, mac, now_ns, effects);
            }
            return;
        }
        let known = |mac, check| Phase::Known { mac, check };
        let said = if seen.solicited {
            Check::Reachable
        } else {
            Check::Stale
        };
        let Some(phase) = self.store.get(&key).map(|entry| entry.phase) else {
            return;
        };
        match (phase, seen.mac) {
            (Phase::Permanent { .. }, _)
            | (Phase::Incomplete { .. } | Phase::Failed { .. }, None) => return,
            (Phase::Incomplete { .. } | Phase::Failed { .. }, Some(mac)) => {
                self.enter(&key, known(mac, said), now_ns, effects)
            }
            (Phase::Known { mac: cached, check }, Some(mac)) if mac != cached => {
                if !seen.overrides {
                    // Another address without the right to override: doubt ours, believe nothing.
                    if check == Check::Reachable {
                        self.enter(&key, known(cached, Check::Stale), now_ns, effects);
                    }
                    return;
                }
                self.enter(&key, known(mac, said), now_ns, effects);
            }
            (Phase::Known { mac: cached, .. }, _) => {
                if seen.solicited {
                    self.enter(&key, known(cached, Check::Reachable), now_ns, effects);
                }
            }
        }
        let was_router = self.store.edit(&key, |entry| {
            std::mem::replace(&mut entry.router, seen.router)
        });
        if was_router == Some(true) && !seen.router {
            effects.push(Effect::Event(NeighbourEvent::RouterBecameHost { key }));
        }
    }

    /// Takes an address that a neighbour gave for itself.
    fn learn(
        &mut self,
        key: NeighbourKey,
        mac: Mac,
        confirms: bool,
        create: bool,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        let phase = Phase::Known {
            mac,
            check: if confirms {
                Check::Reachable
            } else {
                Check::Stale
            },
        };
        match self.store.get(&key).map(|entry| entry.phase) {
            None if create => self.create(key, phase, now_ns, effects),
            None | Some(Phase::Permanent { .. }) => {}
            // A hint that tells nothing new changes nothing.
            Some(Phase::Known { mac: cached, .. }) if cached == mac && !confirms => {}
            Some(_) => self.enter(&key, phase, now_ns, effects),
        }
    }

    /// Tells that another station claims an address of ours, not oftener than events may come.
    fn conflict(&mut self, key: NeighbourKey, mac: Mac, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        self.stats.conflicts += 1;
        let told = self.told_conflict.get(&key);
        if told.is_none_or(|at| now_ns >= at.saturating_add(self.config.event_interval_ns)) {
            self.told_conflict.insert(key, now_ns);
            effects.push(Effect::Event(NeighbourEvent::AddressConflict { key, mac }));
        }
    }
}

fn is_host_v4(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_loopback())
}

fn is_host_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback())
}
