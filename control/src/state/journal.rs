//! The core's end: what it says of each change, and the new file that it pours from time to time.

use super::frame::Boot;
use super::keeper::{Keeper, Order, Shared};
use super::record::{Place, Record, RouteRecord};
use crossbeam::channel::{Sender, unbounded};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records that are handed over at once at the latest.
const HAND_OVER_BYTES: usize = 32 << 10;
/// Records that may be on their way. A disk that is slower for longer costs the file its changes, never the core its time:
/// it is poured anew afterwards.
const UNDER_WAY_BYTES: usize = 64 << 20;
/// How long after one new file the next begins at the earliest.
const POUR_INTERVAL: Duration = Duration::from_secs(10);

/// What goes on with the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It is in force, and changes are written.
    Following,
    /// Changes are written, and all that there is into a new one.
    Pouring,
    /// Changes are lost until a new one is poured.
    Lost,
}

/// Writes down what clients made. One that is [off](Journal::off) takes everything and does nothing.
#[derive(Debug)]
pub struct Journal {
    link: Option<Link>,
    log: Vec<u8>,
    poured: Vec<u8>,
    phase: Phase,
    /// Sets of which the file knows what they are, by number.
    sets: Vec<bool>,
    /// Owners whose routes are kept, by number.
    owners: Vec<bool>,
    /// What the configuration made, which it makes again.
    configured: HashSet<Box<[u8]>>,
    last_pour: Option<Instant>,
    interval: Duration,
}

#[derive(Debug)]
struct Link {
    orders: Sender<Order>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Journal {
    /// Nothing is kept.
    #[must_use]
    pub fn off() -> Self {
        Self {
            link: None,
            log: Vec::new(),
            poured: Vec::new(),
            phase: Phase::Lost,
            sets: Vec::new(),
            owners: Vec::new(),
            configured: HashSet::new(),
            last_pour: None,
            interval: POUR_INTERVAL,
        }
    }

    /// Starts the thread that writes this file. The one that is there stays in force until a new one is whole.
    ///
    /// # Errors
    /// The thread cannot be made.
    pub fn start(path: PathBuf, boot: Boot) -> io::Result<Self> {
        let (orders, received) = unbounded();
        let shared = Arc::new(Shared::default());
        let keeper = Keeper::new(path, boot, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("state".into())
            .spawn(move || keeper.run(&received))?;
        let mut journal = Self::off();
        journal.link = Some(Link {
            orders,
            shared,
            thread,
        });
        Ok(journal)
    }

    /// Whether anything is kept.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.link.is_some()
    }

    /// Whether changes are of interest now: the file in force or a new one takes them.
    const fn listens(&self) -> bool {
        self.link.is_some() && !matches!(self.phase, Phase::Lost)
    }

    /// Says what the configuration made.
    pub fn configured(&mut self, keys: impl IntoIterator<Item = Vec<u8>>) {
        self.configured = keys.into_iter().map(Vec::into_boxed_slice).collect();
    }

    /// Whether the configuration made this.
    #[must_use]
    pub fn is_configured(&self, key: &[u8]) -> bool {
        self.configured.contains(key)
    }

    /// A thing that clients made is this now, or is gone.
    pub fn thing(&mut self, key: &[u8], value: Option<&[u8]>) {
        if !self.listens() || self.is_configured(key) && value.is_some() {
            return;
        }
        match value {
            Some(value) => Record::Put { key, value }.encode(&mut self.log),
            None => Record::Gone { key }.encode(&mut self.log),
        }
        self.hand_over_much();
    }

    /// Something else happened.
    pub fn note(&mut self, record: &Record<'_>) {
        self.mark(record);
        if self.listens() {
            record.encode(&mut self.log);
            self.hand_over_much();
        }
    }

    /// Whether the routes of this owner are kept.
    #[must_use]
    pub fn keeps(&self, owner: usize) -> bool {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    /// Whether this route is of interest, and the file does not know the set to which it leads.
    #[must_use]
    pub fn lacks_set(&self, set: usize) -> bool {
        self.listens() && !self.sets.get(set).copied().unwrap_or_default()
    }

    /// A route is this now, or is gone.
    pub fn route(&mut self, place: Place, route: Option<RouteRecord>) {
        if self.listens() && self.keeps(place.owner.into()) {
            match route {
                Some(route) => Record::Route(place, route).encode(&mut self.log),
                None => Record::Withdrawn(place).encode(&mut self.log),
            }
            self.hand_over_much();
        }
    }

    /// What a set is cannot be said: routes that lead to it are of no use to the next router.
    pub fn pass_over_set(&mut self, set: usize) {
        mark(&mut self.sets, set, true);
    }

    /// The number of a set is free: what it will be is something else.
    pub fn forget_set(&mut self, set: usize) {
        if let Some(known) = self.sets.get_mut(set) {
            *known = false;
        }
    }

    fn mark(&mut self, record: &Record<'_>) {
        let (list, place, value) = match record {
            Record::Set { id, .. } => (&mut self.sets, *id as usize, true),
            Record::Owner(owner) => (&mut self.owners, usize::from(owner.id), true),
            Record::OwnerGone(owner) => (&mut self.owners, usize::from(*owner), false),
            _ => return,
        };
        mark(list, place, value);
    }

    fn hand_over_much(&mut self) {
        if self.log.len() >= HAND_OVER_BYTES {
            self.hand_over();
        }
    }

    /// Hands what was said to the thread. Never waits.
    pub fn hand_over(&mut self) {
        if !self.log.is_empty() {
            let log = std::mem::take(&mut self.log);
            self.order(Order::Log(log));
        }
    }

    fn order(&mut self, order: Order) {
        let Some(link) = &self.link else { return };
        if let Order::Log(records) | Order::Pour(records) = &order {
            let under_way = &link.shared.under_way;
            let before = under_way.fetch_add(records.len(), Ordering::Relaxed);
            if before + records.len() > UNDER_WAY_BYTES {
                under_way.fetch_sub(records.len(), Ordering::Relaxed);
                tracing::warn!("the state is written too slowly; it is written anew");
                self.phase = Phase::Lost;
                self.poured.clear();
                return;
            }
        }
        // The thread lives as long as this does.
        let _alive = link.orders.send(order);
    }

    /// Whether a new file shall begin now. If so it has begun, and what is said with [`pour`](Self::pour) goes there.
    pub fn begins(&mut self) -> bool {
        let Some(link) = &self.link else { return false };
        let due = match self.phase {
            Phase::Pouring => return false,
            Phase::Following => link.shared.due.load(Ordering::Relaxed),
            Phase::Lost => link.shared.under_way.load(Ordering::Relaxed) == 0,
        };
        let early = |last: Instant| last.elapsed() < self.interval;
        if !due || self.last_pour.is_some_and(early) {
            return false;
        }
        link.shared.due.store(false, Ordering::Relaxed);
        self.last_pour = Some(Instant::now());
        self.hand_over();
        self.phase = Phase::Pouring;
        // The new file knows nothing yet.
        self.sets.clear();
        self.order(Order::Begin);
        true
    }

    /// A new file is due, however soon after the last.
    #[cfg(test)]
    pub(super) fn hurry(&mut self) {
        self.interval = Duration::ZERO;
        if let Some(link) = &self.link {
            link.shared.due.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a new file is being poured.
    #[must_use]
    pub fn is_pouring(&self) -> bool {
        self.phase == Phase::Pouring
    }

    /// A part of all that there is, for the new file only.
    pub fn pour(&mut self, record: &Record<'_>) {
        if let Record::Put { key, .. } = record
            && self.is_configured(key)
        {
            return;
        }
        self.mark(record);
        record.encode(&mut self.poured);
        if self.poured.len() >= HAND_OVER_BYTES {
            self.hand_over_poured();
        }
    }

    /// Hands what was poured to the thread. What was said before it was read goes first.
    pub fn hand_over_poured(&mut self) {
        self.hand_over();
        if !self.poured.is_empty() {
            let poured = std::mem::take(&mut self.poured);
            self.order(Order::Pour(poured));
        }
    }

    /// The new file has everything.
    pub fn whole(&mut self) {
        self.hand_over_poured();
        if self.phase == Phase::Pouring {
            self.order(Order::Whole);
            self.phase = Phase::Following;
        }
    }
}

fn mark(list: &mut Vec<bool>, place: usize, value: bool) {
    if list.len() <= place {
        list.resize(place + 1, false);
    }
    list[place] = value;
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.hand_over();
        if let Some(Link { orders, thread, .. }) = self.link.take() {
            drop(orders);
            if thread.join().is_err() {
                tracing::error!("the thread of the state had ended by itself");
            }
        }
    }
}
