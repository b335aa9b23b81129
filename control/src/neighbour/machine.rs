//! The transitions and their timers (RFC 4861 sections 7.2.2, 7.3.2, 7.3.3).

use super::effect::{Discard, Effect, Loss, Request};
use super::entry::{Check, Entry, Phase};
use super::key::NeighbourKey;
use super::table::NeighbourTable;
use ferroute_dataplane::mac::Mac;

impl<P> NeighbourTable<P> {
    /// When [`Self::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.store.first_deadline().map(|(at_ns, _)| at_ns)
    }

    /// Does what is due at `now_ns`.
    pub fn tick(&mut self, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        // Each step removes its entry or moves the deadline past `now_ns`, at the latest with its
        // next request, which is at least one retransmission time away.
        while let Some((at_ns, key)) = self.store.first_deadline()
            && at_ns <= now_ns
        {
            self.due(&key, now_ns, effects);
        }
    }

    fn due(&mut self, key: &NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        let Some(entry) = self.store.get(key) else {
            return;
        };
        match entry.phase {
            Phase::Incomplete { .. }
            | Phase::Known {
                check: Check::Probe { .. },
                ..
            } => self.ask(key, now_ns, effects),
            Phase::Known {
                mac,
                check: Check::Reachable,
            } => {
                self.enter(
                    key,
                    Phase::Known {
                        mac,
                        check: Check::Stale,
                    },
                    now_ns,
                    effects,
                );
            }
            Phase::Known {
                mac,
                check: Check::Delay,
            } => {
                self.enter(
                    key,
                    Phase::Known {
                        mac,
                        check: Check::Probe { sent: 0 },
                    },
                    now_ns,
                    effects,
                );
            }
            Phase::Failed { .. } if entry.wanted => {
                self.enter(key, Phase::Incomplete { sent: 0 }, now_ns, effects)
            }
            Phase::Failed { .. }
            | Phase::Known {
                check: Check::Stale,
                ..
            }
            | Phase::Permanent { .. } => {
                self.remove(key, Loss::Expired, now_ns, effects);
            }
        }
    }

    /// Moves an entry into a phase and does what goes with it: tells the new address, releases what
    /// waits, sends the first request.
    pub(super) fn enter(
        &mut self,
        key: &NeighbourKey,
        phase: Phase,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(entry) = self.store.get(key) else {
            return;
        };
        let phase = match phase {
            // A gateway is verified without waiting for traffic.
            Phase::Known {
                mac,
                check: Check::Stale,
            } if entry.wanted => Phase::Known {
                mac,
                check: Check::Probe { sent: 0 },
            },
            // What waits is about to use the address.
            Phase::Known {
                mac,
                check: Check::Stale,
            } if !entry.held.is_empty() => Phase::Known {
                mac,
                check: Check::Delay,
            },
            phase => phase,
        };
        let before = entry.mac();
        self.set_phase(key, phase, now_ns);
        match phase {
            Phase::Known { mac, .. } | Phase::Permanent { mac } => {
                self.tell(key, before, mac, effects)
            }
            Phase::Incomplete { .. } | Phase::Failed { .. } => {}
        }
        if matches!(
            phase,
            Phase::Incomplete { .. }
                | Phase::Known {
                    check: Check::Probe { .. },
                    ..
                }
        ) {
            self.ask(key, now_ns, effects);
        }
    }

    /// Sets the phase and the deadline that belongs to it.
    pub(super) fn set_phase(&mut self, key: &NeighbourKey, phase: Phase, now_ns: u64) {
        let after = |span_ns: u64| Some(now_ns.saturating_add(span_ns));
        let config = &self.config;
        let jitter = &mut self.jitter;
        self.store.edit(key, |entry| {
            entry.phase = phase;
            entry.since_ns = now_ns;
            entry.deadline_ns = match phase {
                Phase::Incomplete { .. }
                | Phase::Known {
                    check: Check::Probe { .. },
                    ..
                } => after(0),
                Phase::Failed { retry_ns } if entry.wanted => Some(retry_ns),
                Phase::Failed { retry_ns } => {
                    Some(retry_ns.max(now_ns.saturating_add(config.failed_keep_ns)))
                }
                Phase::Known {
                    check: Check::Reachable,
                    ..
                } => after(jitter.around(config.reachable_base_ns)),
                Phase::Known {
                    check: Check::Stale,
                    ..
                } => after(config.stale_keep_ns),
                Phase::Known {
                    check: Check::Delay,
                    ..
                } => after(config.delay_ns),
                Phase::Permanent { .. } => None,
            };
            if let Phase::Known {
                check: Check::Reachable,
                ..
            } = phase
            {
                entry.confirmed_ns = Some(now_ns);
            }
        });
    }

    /// Sends the next request of a resolution or a probe, waits for its time, or ends it.
    fn ask(&mut self, key: &NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        let config = &self.config;
        let interval_ns = config.retransmit_ns.max(1);
        let sent = self.store.edit(key, |entry| {
            let (sent, most, request) = match &mut entry.phase {
                Phase::Incomplete { sent } => (sent, config.multicast_requests, Request::Multicast),
                Phase::Known {
                    mac,
                    check: Check::Probe { sent },
                } => (sent, config.unicast_requests, Request::Unicast(*mac)),
                _ => return Some(None),
            };
            if let Some(free_ns) = entry
                .asked_ns
                .map(|at_ns| at_ns.saturating_add(interval_ns))
                .filter(|at_ns| *at_ns > now_ns)
            {
                entry.deadline_ns = Some(free_ns);
                return Some(None);
            }
            if *sent >= most.max(1) {
                return None;
            }
            *sent += 1;
            entry.asked_ns = Some(now_ns);
            entry.deadline_ns = Some(now_ns.saturating_add(interval_ns));
            Some(Some(request))
        });
        match sent.flatten() {
            Some(Some(request)) => {
                self.stats.requests += 1;
                effects.push(Effect::SendRequest { key: *key, request });
            }
            Some(None) => {}
            None => self.give_up(key, now_ns, effects),
        }
    }

    /// Ends a resolution or a probe to which no answer came.
    fn give_up(&mut self, key: &NeighbourKey, now_ns: u64, effects: &mut Vec<Effect<P>>) {
        let Some(entry) = self.store.get(key) else {
            return;
        };
        if entry.mac().is_some() {
            // RFC 4861 section 7.3.3: the entry goes, and the next packet resolves anew.
            self.remove(key, Loss::Unanswered, now_ns, effects);
            return self.pursue(*key, now_ns, effects);
        }
        let doubled = self
            .config
            .hold_down_min_ns
            .saturating_mul(1 << entry.failures.min(32));
        let hold_down_ns = doubled.min(self.config.hold_down_max_ns);
        let packets = self.take_held(key);
        self.store.edit(key, |entry| entry.failures += 1);
        self.set_phase(
            key,
            Phase::Failed {
                retry_ns: now_ns.saturating_add(hold_down_ns),
            },
            now_ns,
        );
        self.stats.unanswered += 1;
        self.fail(key, packets, effects);
    }

    /// Tells an address if it is news, and releases what waited for it.
    fn tell(
        &mut self,
        key: &NeighbourKey,
        before: Option<Mac>,
        mac: Mac,
        effects: &mut Vec<Effect<P>>,
    ) {
        match before {
            None => {
                self.stats.resolved += 1;
                effects.push(Effect::Resolved { key: *key, mac });
            }
            Some(before) if before != mac => {
                self.stats.changed += 1;
                effects.push(Effect::Changed { key: *key, mac });
            }
            Some(_) => {}
        }
        let packets = self.take_held(key);
        if !packets.is_empty() {
            self.stats.released += packets.len() as u64;
            effects.push(Effect::Release {
                key: *key,
                mac,
                packets,
            });
        }
    }

    /// Removes an entry and says whether there was one. What waits for it fails, except that an
    /// evicted entry's packets are dropped: errors to whoever fills the table help nobody.
    pub(super) fn remove(
        &mut self,
        key: &NeighbourKey,
        reason: Loss,
        now_ns: u64,
        effects: &mut Vec<Effect<P>>,
    ) -> bool {
        let packets = self.take_held(key);
        let Some(Entry {
            asked_ns, phase, ..
        }) = self.store.remove(key)
        else {
            return false;
        };
        if let Some(asked_ns) = asked_ns {
            let forget_ns = now_ns.saturating_sub(self.config.retransmit_ns.max(1));
            self.cooling.insert(*key, asked_ns, forget_ns);
        }
        if matches!(phase, Phase::Known { .. } | Phase::Permanent { .. }) {
            self.stats.lost += 1;
            effects.push(Effect::Lost { key: *key, reason });
        }
        if reason == Loss::Evicted {
            for packet in packets {
                self.discard(*key, packet, Discard::Evicted, effects);
            }
        } else {
            self.fail(key, packets, effects);
        }
        true
    }

    fn take_held(&mut self, key: &NeighbourKey) -> Vec<P> {
        let places = self
            .store
            .edit(key, |entry| std::mem::take(&mut entry.held))
            .unwrap_or_default();
        places
            .into_iter()
            .filter_map(|place| self.held.take(place))
            .collect()
    }

    fn fail(&mut self, key: &NeighbourKey, packets: Vec<P>, effects: &mut Vec<Effect<P>>) {
        if !packets.is_empty() {
            self.stats.failed += packets.len() as u64;
            effects.push(Effect::Fail { key: *key, packets });
        }
    }
}
