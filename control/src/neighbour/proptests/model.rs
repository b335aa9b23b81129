//! A naive neighbour table: rows in a list, every question answered by looking at all of them.
//!
//! The one thing it cannot foresee, how long a confirmation holds, it reads from the table once it
//! has checked that it lies in the range of RFC 4861.

use super::Operation;
use crate::neighbour::*;
use NeighbourState::{Delay, Failed, Incomplete, Permanent, Probe, Reachable, Stale};
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;

const SECOND_NS: u64 = 1_000_000_000;

#[derive(Clone)]
pub(super) struct Row {
    pub(super) key: NeighbourKey,
    pub(super) state: NeighbourState,
    pub(super) mac: Option<Mac>,
    pub(super) router: bool,
    since: u64,
    /// When the state ends; for Failed, when the hold-down ends.
    due: u64,
    sent: u8,
    failures: u32,
    queue: Vec<(u32, usize)>,
}

pub(super) struct Model {
    config: NeighbourConfig,
    rows: Vec<Row>,
    pub(super) up: Vec<InterfaceId>,
    wanted: Vec<NeighbourKey>,
    /// Every request ever sent.
    asked: Vec<(NeighbourKey, u64)>,
    /// Every event ever told.
    told: Vec<(NeighbourEvent, u64)>,
    now: u64,
    pub(super) effects: Vec<Effect<u32>>,
}

impl Model {
    pub(super) fn new(config: NeighbourConfig) -> Self {
        let (rows, up, wanted, asked, told) = Default::default();
        Self {
            config,
            rows,
            up,
            wanted,
            asked,
            told,
            now: 0,
            effects: Vec::new(),
        }
    }

    /// Does the operation and compares what came of it with what came of the table's.
    pub(super) fn check(
        &mut self,
        operation: &Operation,
        packet: u32,
        now: u64,
        table: &NeighbourTable<u32>,
        effects: &[Effect<u32>],
    ) {
        self.now = now;
        self.effects.clear();
        self.apply(operation, packet);
        assert_eq!(self.effects, effects, "after {operation:?}");
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| (row.key, row.state, row.mac, row.router, row.queue.len()))
            .collect();
        rows.sort_by_key(|row| row.0);
        let table_rows: Vec<_> = table
            .iter()
            .map(|n| (n.key, n.state, n.mac, n.router, n.held))
            .collect();
        assert_eq!(rows, table_rows, "after {operation:?}");
        for row in self
            .rows
            .iter_mut()
            .filter(|row| row.state == Reachable && row.due == 0)
        {
            let due = table
                .store
                .get(&row.key)
                .and_then(|entry| entry.deadline_ns)
                .unwrap();
            let (low, high) = (
                self.config.reachable_base_ns / 2,
                self.config.reachable_base_ns * 3 / 2,
            );
            assert!((now + low..now + high).contains(&due));
            row.due = due;
        }
    }

    fn apply(&mut self, operation: &Operation, packet: u32) {
        match *operation {
            Operation::Hold(key, bytes) => self.hold(key, packet, bytes),
            Operation::Arp(seen) => self.arp(seen),
            Operation::Advertisement(seen) => self.advertisement(seen),
            Operation::Solicitation(interface, source, mac) => {
                if self.up.contains(&interface) && mac.is_station() {
                    self.learn(NeighbourKey::new(interface, source), mac, false, true);
                }
            }
            Operation::Used(ref keys) => {
                for key in keys {
                    self.used(*key);
                }
            }
            Operation::Want(key) => {
                if !self.wanted.contains(&key) && self.may_configure(key.interface) {
                    self.wanted.push(key);
                    match self.row(key).map(|row| row.state) {
                        None => self.pursue(key),
                        Some(Stale) => self.become_known(
                            key,
                            self.row(key).and_then(|row| row.mac).unwrap(),
                            Stale,
                        ),
                        Some(_) => {}
                    }
                }
            }
            Operation::Unwant(key) => {
                let now = self.now;
                let was = self.wanted.contains(&key);
                self.wanted.retain(|wanted| *wanted != key);
                if was && self.learned(key.interface).len() > self.config.max_learned {
                    self.remove(key, Loss::Evicted);
                } else if was && let Some(row) = self.row_mut(key).filter(|row| row.state == Failed)
                {
                    row.since = now;
                }
            }
            Operation::Up(interface) => {
                if !self.up.contains(&interface) {
                    self.up.push(interface);
                    let mut wanted = self.wanted.clone();
                    wanted.sort();
                    for key in wanted.into_iter().filter(|key| key.interface == interface) {
                        self.pursue(key);
                    }
                }
            }
            Operation::Down(interface) => self.down(interface),
            Operation::Removed(interface) => {
                self.down(interface);
                for key in self.keys(interface) {
                    self.remove(key, Loss::InterfaceDown);
                }
                self.wanted.retain(|key| key.interface != interface);
                self.told
                    .retain(|(event, _)| subject(event).interface != interface);
            }
            Operation::Permanent(key, mac) => self.permanent(key, mac),
            Operation::Delete(key) => {
                self.remove(key, Loss::Deleted);
                self.pursue(key);
            }
            Operation::Flush(interface) => {
                let keys = self.mortal(interface);
                keys.iter().for_each(|key| self.remove(*key, Loss::Deleted));
                keys.iter().for_each(|key| self.pursue(*key));
            }
            Operation::Pass(_) | Operation::Sleep(_) => self.tick(),
        }
    }

    pub(super) fn row(&self, key: NeighbourKey) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }

    pub(super) fn row_mut(&mut self, key: NeighbourKey) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.key == key)
    }

    fn keys(&self, interface: InterfaceId) -> Vec<NeighbourKey> {
        let mut keys: Vec<_> = self
            .rows
            .iter()
            .map(|row| row.key)
            .filter(|key| key.interface == interface)
            .collect();
        keys.sort();
        keys
    }

    /// The keys of the interface's entries that are not permanent.
    fn mortal(&self, interface: InterfaceId) -> Vec<NeighbourKey> {
        let mut keys = self.keys(interface);
        keys.retain(|key| self.row(*key).is_some_and(|row| row.state != Permanent));
        keys
    }

    fn learned(&self, interface: InterfaceId) -> Vec<NeighbourKey> {
        let mut keys = self.mortal(interface);
        keys.retain(|key| !self.wanted.contains(key));
        keys
    }

    fn may_configure(&self, interface: InterfaceId) -> bool {
        let wanted = self
            .wanted
            .iter()
            .filter(|key| key.interface == interface)
            .count();
        let permanent = self.keys(interface).len() - self.mortal(interface).len();
        wanted + permanent < self.config.max_configured
    }

    fn down(&mut self, interface: InterfaceId) {
        if self.up.contains(&interface) {
            self.up.retain(|up| *up != interface);
            for key in self.mortal(interface) {
                self.remove(key, Loss::InterfaceDown);
            }
        }
    }

    fn permanent(&mut self, key: NeighbourKey, mac: Mac) {
        if self.row(key).is_none_or(|row| row.state != Permanent)
            && !self.may_configure(key.interface)
        {
            return;
        }
        if self.row(key).is_none() {
            self.add(key);
        }
        self.become_known(key, mac, Permanent);
    }

    pub(super) fn tell(&mut self, event: NeighbourEvent) {
        let same = |before: &NeighbourEvent| match (before, &event) {
            (
                NeighbourEvent::AddressConflict { key: a, .. },
                NeighbourEvent::AddressConflict { key: b, .. },
            ) => a == b,
            (NeighbourEvent::TableFull { key: a }, NeighbourEvent::TableFull { key: b }) => {
                a.interface == b.interface
            }
            _ => false,
        };
        let recent = |at: u64| self.now < at + self.config.event_interval_ns;
        if !self
            .told
            .iter()
            .any(|(before, at)| same(before) && recent(*at))
        {
            self.told.push((event, self.now));
            self.effects.push(Effect::Event(event));
        }
    }

    fn add(&mut self, key: NeighbourKey) {
        let (state, mac, queue) = (Failed, None, Vec::new());
        self.rows.push(Row {
            key,
            state,
            mac,
            router: false,
            since: self.now,
            due: 0,
            sent: 0,
            failures: 0,
            queue,
        });
    }

    /// Makes room for a new row and adds it, and says whether that went.
    pub(super) fn make(&mut self, key: NeighbourKey) -> bool {
        while !self.wanted.contains(&key)
            && self.learned(key.interface).len() >= self.config.max_learned
        {
            let rank = |row: &Row| {
                [Failed, Incomplete, Stale]
                    .iter()
                    .position(|state| *state == row.state)
            };
            let candidates = self
                .learned(key.interface)
                .into_iter()
                .filter_map(|key| self.row(key));
            let first = candidates
                .filter(|row| rank(row).is_some())
                .min_by_key(|row| (rank(row), row.since, row.key));
            match first.map(|row| row.key) {
                Some(first) => self.remove(first, Loss::Evicted),
                None => {
                    self.tell(NeighbourEvent::TableFull { key });
                    return false;
                }
            }
        }
        self.add(key);
        true
    }

    fn remove(&mut self, key: NeighbourKey, reason: Loss) {
        let Some(place) = self.rows.iter().position(|row| row.key == key) else {
            return;
        };
        let row = self.rows.remove(place);
        if row.mac.is_some() {
            self.effects.push(Effect::Lost { key, reason });
        }
        let packets: Vec<u32> = row.queue.iter().map(|(packet, _)| *packet).collect();
        if reason == Loss::Evicted {
            let discard = Discard::Evicted;
            self.effects
                .extend(packets.into_iter().map(|packet| Effect::Drop {
                    key,
                    packet,
                    discard,
                }));
        } else if !packets.is_empty() {
            self.effects.push(Effect::Fail { key, packets });
        }
    }

    fn pursue(&mut self, key: NeighbourKey) {
        if self.wanted.contains(&key)
            && self.up.contains(&key.interface)
            && self.row(key).is_none()
            && self.make(key)
        {
            self.resolve(key);
        }
    }

    fn resolve(&mut self, key: NeighbourKey) {
        let now = self.now;
        if let Some(row) = self.row_mut(key) {
            (row.state, row.since, row.sent, row.due) = (Incomplete, now, 0, now);
        }
        self.ask(key);
    }

    fn ask(&mut self, key: NeighbourKey) {
        let last = self
            .asked
            .iter()
            .filter(|(of, _)| *of == key)
            .map(|(_, at)| at + self.config.retransmit_ns)
            .max();
        let (now, free) = (self.now, last.unwrap_or(0));
        let (multicast, unicast, interval) = (
            self.config.multicast_requests,
            self.config.unicast_requests,
            self.config.retransmit_ns,
        );
        let Some(row) = self.row_mut(key) else { return };
        if free > now {
            row.due = free;
            return;
        }
        let most = if row.state == Probe {
            unicast
        } else {
            multicast
        };
        if row.sent < most {
            row.sent += 1;
            row.due = now + interval;
            let request = row.mac.map_or(Request::Multicast, Request::Unicast);
            self.asked.push((key, now));
            self.effects.push(Effect::SendRequest { key, request });
        } else if row.state == Probe {
            self.remove(key, Loss::Unanswered);
            self.pursue(key);
        } else {
            let hold_down = (SECOND_NS << row.failures.min(20)).min(self.config.hold_down_max_ns);
            let Some(row) = self.row_mut(key) else { return };
            (row.state, row.since, row.due) = (Failed, now, now + hold_down);
            row.failures += 1;
            let packets: Vec<u32> = row.queue.drain(..).map(|(packet, _)| packet).collect();
            if !packets.is_empty() {
                self.effects.push(Effect::Fail { key, packets });
            }
        }
    }

    /// Gives a row an address: Reachable, Stale or Permanent, as was said of it.
    pub(super) fn become_known(&mut self, key: NeighbourKey, mac: Mac, said: NeighbourState) {
        let (now, wanted) = (self.now, self.wanted.contains(&key));
        let (stale_keep, delay) = (self.config.stale_keep_ns, self.config.delay_ns);
        let Some(row) = self.row_mut(key) else { return };
        let packets: Vec<u32> = row.queue.drain(..).map(|(packet, _)| packet).collect();
        row.state = match said {
            Stale if wanted => Probe,
            Stale if !packets.is_empty() => Delay,
            other => other,
        };
        row.due = match row.state {
            Stale => now + stale_keep,
            Delay => now + delay,
            // Reachable: to be read from the table. Permanent: never.
            _ => 0,
        };
        (row.since, row.sent, row.failures) = (now, 0, 0);
        let (probes, before) = (row.state == Probe, row.mac.replace(mac));
        match before {
            None => self.effects.push(Effect::Resolved { key, mac }),
            Some(before) if before != mac => self.effects.push(Effect::Changed { key, mac }),
            Some(_) => {}
        }
        if !packets.is_empty() {
            self.effects.push(Effect::Release { key, mac, packets });
        }
        if probes {
            self.ask(key);
        }
    }

    fn hold(&mut self, key: NeighbourKey, packet: u32, bytes: usize) {
        let drop = |packet, discard| Effect::Drop {
            key,
            packet,
            discard,
        };
        if !self.up.contains(&key.interface) {
            return self.effects.push(drop(packet, Discard::InterfaceDown));
        }
        let row = self.row(key).cloned();
        match row {
            Some(Row { mac: Some(mac), .. }) => {
                self.used(key);
                return self.effects.push(Effect::Release {
                    key,
                    mac,
                    packets: vec![packet],
                });
            }
            Some(Row {
                state: Failed, due, ..
            }) if self.now < due => {
                return self.effects.push(Effect::Fail {
                    key,
                    packets: vec![packet],
                });
            }
            Some(Row { state: Failed, .. }) => self.resolve(key),
            Some(_) => {}
            None if self.make(key) => self.resolve(key),
            None => return self.effects.push(drop(packet, Discard::TableFull)),
        }
        if bytes > self.config.hold_bytes {
            return self.effects.push(drop(packet, Discard::BytesFull));
        }
        let most = self.config.hold_packets;
        if let Some(row) = self.row_mut(key)
            && row.queue.len() == most
        {
            let (oldest, _) = row.queue.remove(0);
            self.effects.push(drop(oldest, Discard::QueueFull));
        }
        let held = |model: &Self| {
            model
                .rows
                .iter()
                .flat_map(|row| &row.queue)
                .map(|(_, bytes)| bytes)
                .sum::<usize>()
        };
        while held(self) + bytes > self.config.hold_bytes {
            let queued = self.rows.iter_mut().filter(|row| !row.queue.is_empty());
            let row = queued.min_by_key(|row| row.queue[0].0).unwrap();
            let (key, (packet, _)) = (row.key, row.queue.remove(0));
            self.effects.push(Effect::Drop {
                key,
                packet,
                discard: Discard::BytesFull,
            });
        }
        if let Some(row) = self.row_mut(key) {
            row.queue.push((packet, bytes));
        }
    }

    fn used(&mut self, key: NeighbourKey) {
        let (now, delay) = (self.now, self.config.delay_ns);
        if let Some(row) = self.row_mut(key).filter(|row| row.state == Stale) {
            (row.state, row.since, row.due) = (Delay, now, now + delay);
        }
    }

    /// When the row's state ends by itself.
    fn deadline(&self, row: &Row) -> Option<u64> {
        match row.state {
            Permanent => None,
            Failed if !self.wanted.contains(&row.key) => {
                Some(row.due.max(row.since + self.config.failed_keep_ns))
            }
            _ => Some(row.due),
        }
    }

    fn tick(&mut self) {
        loop {
            let due = self
                .rows
                .iter()
                .filter_map(|row| Some((self.deadline(row)?, row.key)));
            let Some((_, key)) = due.filter(|(at, _)| *at <= self.now).min() else {
                return;
            };
            let Some(row) = self.row_mut(key) else { return };
            match (row.state, row.mac) {
                (Incomplete | Probe, _) => self.ask(key),
                (Reachable, Some(mac)) => self.become_known(key, mac, Stale),
                (Delay, _) => {
                    (row.state, row.sent) = (Probe, 0);
                    self.ask(key);
                }
                (Failed, _) if self.wanted.contains(&key) => self.resolve(key),
                _ => self.remove(key, Loss::Expired),
            }
        }
    }
}

fn subject(event: &NeighbourEvent) -> NeighbourKey {
    match event {
        NeighbourEvent::AddressConflict { key, .. }
        | NeighbourEvent::TableFull { key }
        | NeighbourEvent::RouterBecameHost { key } => *key,
    }
}
