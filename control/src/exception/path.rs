//! The state of the exception path, and where each thing that comes in is handed to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{AdjacencyId, InterfaceId, VrfId};
use ferroute_dataplane::punt::{Punt, PuntReason};
use ferroute_dataplane::snapshot::Snapshot;

use super::command::{Command, InterfaceFacts};
use super::counters::ExceptionCounters;
use super::output::{Output, Told};
use super::send;
use crate::neighbour::{Announcer, Effect, NeighbourConfig, NeighbourKey, NeighbourTable};
use crate::slowpath::ratelimit::{ErrorLimiter, ErrorLimits, Rate, TokenBucket};

/// An IP packet that waits for a neighbour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The packet, IP header first, as it came: the TTL of one in transit is not yet decremented.
    pub(super) packet: Vec<u8>,
    /// Where it came from.
    pub(super) origin: Origin,
}

/// Where a packet came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// The router made it, or made it complete by putting it into a tunnel.
    Router {
        /// The type that announces it in its frame.
        ethertype: u16,
    },
    /// It is in transit.
    Transit {
        /// The interface on which it came.
        interface: InterfaceId,
        /// The VRF in which it was looked up.
        vrf: VrfId,
    },
}

/// A punted packet, copied out of its buffer.
pub(super) struct Taken {
    pub(super) frame: Vec<u8>,
    pub(super) reason: PuntReason,
    pub(super) interface: InterfaceId,
    /// The member of the bridge domain whose gateway the interface is.
    pub(super) member: Option<InterfaceId>,
    pub(super) vrf: VrfId,
    pub(super) l3_offset: usize,
    pub(super) group_frame: bool,
}

impl Taken {
    /// The packet from its network header on.
    pub(super) fn packet(&self) -> &[u8] {
        self.frame.get(self.l3_offset..).unwrap_or_default()
    }
}

/// The state machine of the exception path.
pub struct ExceptionPath {
    pub(super) neighbours: NeighbourTable<Held>,
    pub(super) announcer: Announcer,
    pub(super) interfaces: HashMap<InterfaceId, Arc<InterfaceFacts>>,
    pub(super) keys: HashMap<AdjacencyId, NeighbourKey>,
    pub(super) limiter4: ErrorLimiter,
    pub(super) limiter6: ErrorLimiter,
    pub(super) echo: TokenBucket,
    pub(super) counters: Arc<ExceptionCounters>,
    pub(super) outputs: Vec<Output>,
    pub(super) effects: Vec<Effect<Held>>,
    /// Punted packets that wait for a neighbour; what the router made waits uncounted.
    pub(super) waiting: u64,
    /// Identification of the next fragmented packet that the router makes (RFC 6864, RFC 8200 section 4.5).
    pub(super) identification: u32,
}

impl ExceptionPath {
    /// A path that knows no interface yet.
    #[must_use]
    pub fn new(
        config: NeighbourConfig,
        limits: ErrorLimits,
        echo: Rate,
        counters: Arc<ExceptionCounters>,
        seed: u64,
    ) -> Self {
        Self {
            neighbours: NeighbourTable::new(config, seed),
            announcer: Announcer::new(),
            interfaces: HashMap::new(),
            keys: HashMap::new(),
            limiter4: ErrorLimiter::new(limits),
            limiter6: ErrorLimiter::new(limits),
            echo: TokenBucket::new(echo),
            counters,
            outputs: Vec::new(),
            effects: Vec::new(),
            waiting: 0,
            identification: seed as u32,
        }
    }

    /// What is to be done since the last call.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Takes a packet from a worker.
    pub fn punt(&mut self, snapshot: &Snapshot, punt: &Punt, now_ns: u64) {
        self.counters.taken.add(1);
        let mut frame = Vec::with_capacity(punt.mbuf.len());
        punt.mbuf.copy_to(&mut frame);
        let taken = Taken {
            frame,
            reason: punt.reason,
            interface: punt.interface,
            member: punt.member,
            vrf: punt.vrf,
            l3_offset: usize::from(punt.l3_offset),
            group_frame: punt.group_frame,
        };
        match taken.reason {
            PuntReason::Arp => self.arp(snapshot, taken, now_ns),
            PuntReason::Suppress => self.suppress(snapshot, taken, now_ns),
            PuntReason::NeighbourDiscovery => self.neighbour_discovery(snapshot, taken, now_ns),
            PuntReason::Local => self.local(snapshot, taken, now_ns),
            PuntReason::LinkMulticast | PuntReason::NonIp => self.give_to_twin(taken),
            PuntReason::TtlExpired
            | PuntReason::NoRoute
            | PuntReason::RouteUnreachable
            | PuntReason::RouteProhibited
            | PuntReason::BeyondScope => self.refuse(snapshot, &taken, now_ns),
            PuntReason::TooBig { mtu, hop } => self.too_big(snapshot, taken, mtu, hop, now_ns),
            PuntReason::Glean { egress } => self.glean(taken, egress, now_ns),
            PuntReason::Unresolved { adjacency } => self.unresolved(taken, adjacency, now_ns),
            PuntReason::Originated { adjacency } => {
                self.originated(snapshot, &taken, adjacency, now_ns);
            }
            PuntReason::Ipv4Options => self.with_options(snapshot, taken, now_ns),
        }
        self.carry_out(snapshot, now_ns);
    }

    /// Does what is due, and says when something is due next.
    pub fn tick(&mut self, snapshot: &Snapshot, now_ns: u64) -> Option<u64> {
        self.neighbours.tick(now_ns, &mut self.effects);
        self.carry_out(snapshot, now_ns);
        let mut due = Vec::new();
        self.announcer.tick(now_ns, &mut due);
        for key in due {
            self.announce(snapshot, key);
        }
        let deadlines = [
            self.neighbours.next_deadline(),
            self.announcer.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Takes a change or a question of the core. `Twin`, `Injector` and `Stop` are the
    /// thread's.
    pub fn command(&mut self, snapshot: &Snapshot, command: Command, now_ns: u64) {
        match command {
            Command::Interface(id, facts) => self.set_interface(id, facts, now_ns),
            Command::Lead(adjacency, key) => drop(self.keys.insert(adjacency, key)),
            Command::Part(adjacency) => drop(self.keys.remove(&adjacency)),
            Command::Want(key) => {
                if let Err(error) = self.neighbours.want(key, now_ns, &mut self.effects) {
                    tracing::warn!(%error, "a gateway is resolved only by traffic");
                }
            }
            Command::Unwant(key) => self.neighbours.unwant(key, now_ns, &mut self.effects),
            Command::AddPermanent(key, mac, reply) => {
                let outcome = self
                    .neighbours
                    .add_permanent(key, mac, now_ns, &mut self.effects);
                // Who asked may have gone.
                let _gone = reply.send(outcome);
            }
            Command::Remember(key, mac) => {
                self.neighbours
                    .remember(key, mac, now_ns, &mut self.effects);
            }
            Command::Delete(key, reply) => {
                let _gone = reply.send(self.neighbours.delete(key, now_ns, &mut self.effects));
            }
            Command::Flush(interface) => {
                self.neighbours.flush(interface, now_ns, &mut self.effects)
            }
            Command::Used(keys) => self.neighbours.note_used(keys, now_ns),
            Command::Probe(gateway, macs) => self.probe(snapshot, gateway, &macs),
            Command::List(after, most, reply) => {
                let all = self.neighbours.iter();
                let page = all
                    .filter(|n| after.is_none_or(|after| n.key > after))
                    .take(most);
                drop(reply.send(page.collect()));
            }
            Command::Get(key, reply) => drop(reply.send(self.neighbours.get(&key))),
            Command::Twin(..) | Command::Injector(..) | Command::Stop => {}
        }
        self.carry_out(snapshot, now_ns);
    }

    fn set_interface(&mut self, id: InterfaceId, facts: Option<Arc<InterfaceFacts>>, now_ns: u64) {
        let before = match &facts {
            Some(facts) => self.interfaces.insert(id, Arc::clone(facts)),
            None => self.interfaces.remove(&id),
        };
        let Some(facts) = facts else {
            self.announcer.cancel_interface(id);
            return self
                .neighbours
                .interface_removed(id, now_ns, &mut self.effects);
        };
        let was_running = before.as_ref().is_some_and(|b| b.running);
        if !facts.running {
            self.announcer.cancel_interface(id);
            self.neighbours
                .interface_down(id, now_ns, &mut self.effects);
            return;
        }
        self.neighbours.interface_up(id, now_ns, &mut self.effects);
        for address in facts.addresses() {
            let had = was_running && before.as_ref().is_some_and(|b| b.has(address));
            if !had {
                self.announcer
                    .announce(NeighbourKey::new(id, address), now_ns);
            }
        }
        for address in before.iter().flat_map(|b| b.addresses()) {
            if !facts.has(address) {
                self.announcer.cancel(&NeighbourKey::new(id, address));
            }
        }
    }

    /// Carries out what the neighbour table wants, and what comes of that: an error about a packet may
    /// itself have to wait for a neighbour.
    pub(super) fn carry_out(&mut self, snapshot: &Snapshot, now_ns: u64) {
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                self.effect(snapshot, effect, now_ns);
            }
        }
        self.counters.held.store(self.waiting, Ordering::Relaxed);
    }

    fn effect(&mut self, snapshot: &Snapshot, effect: Effect<Held>, now_ns: u64) {
        match effect {
            Effect::SendRequest { key, request } => self.request(snapshot, key, request),
            Effect::Resolved { key, mac } | Effect::Changed { key, mac } => {
                self.outputs.push(Output::Tell(Told::Resolved(key, mac)));
            }
            Effect::Lost { key, reason } => {
                self.outputs.push(Output::Tell(Told::Lost(key, reason)))
            }
            Effect::Release { key, mac, packets } => {
                for held in packets {
                    self.no_longer_waits(&held);
                    self.release(snapshot, key, mac, held, now_ns);
                }
            }
            Effect::Fail { packets, .. } => {
                for held in packets {
                    self.no_longer_waits(&held);
                    self.fail(snapshot, &held, now_ns);
                }
            }
            Effect::Drop {
                packet, discard, ..
            } => {
                self.no_longer_waits(&packet);
                if !matches!(packet.origin, Origin::Router { .. }) {
                    self.counters.drop_for(discard.drop_reason());
                }
            }
            Effect::Event(event) => self.outputs.push(Output::Tell(Told::Event(event))),
        }
    }

    fn no_longer_waits(&mut self, held: &Held) {
        if !matches!(held.origin, Origin::Router { .. }) {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// Gives the frame of a punted packet to the twin of the interface on which it came.
    pub(super) fn give_to_twin(&mut self, taken: Taken) {
        let Taken {
            mut frame,
            interface,
            l3_offset,
            ..
        } = taken;
        if l3_offset > send::ETHERNET_BYTES && frame.len() >= l3_offset {
            // The twin of a VLAN interface speaks untagged: the type behind the tag moves up.
            frame.drain(12..l3_offset - 2);
        }
        self.outputs.push(Output::Twin {
            interface,
            frame,
            counted: true,
        });
    }

    /// Counts a punted packet as dropped.
    pub(super) fn dropped(&self, reason: DropReason) {
        self.counters.drop_for(reason);
    }
}
