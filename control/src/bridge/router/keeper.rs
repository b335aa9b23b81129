//! Keeps things of the router as the bridge wants them: each is named by a key, and is to have a value or not to be there.
//!
//! A task of its own makes the calls, so that they never stand in the way of routes. It works on what is wanted now: what
//! changes faster than the router answers is written once.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, mpsc};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A kind of things, and how the router is told of one.
pub(in crate::bridge) trait Kept: Debug + Send + Sync + 'static {
    /// Names one of them.
    type Key: Copy + Ord + Debug + Send + Sync;
    /// What it is.
    type Value: Clone + PartialEq + Debug + Send + Sync;

    /// Tells the router that one is to be this, or to be gone; that it is so already is no error.
    fn call(
        &self,
        channel: Channel,
        key: Self::Key,
        value: Option<Self::Value>,
    ) -> impl Future<Output = Result<(), Status>> + Send;
}

/// What the task is told.
#[derive(Debug)]
enum Wish<K: Kept> {
    /// The thing shall be this, or gone.
    Thing(K::Key, Option<K::Value>),
    /// There is a new session with the router.
    Router(Channel),
    /// Something changed in the router: what failed may work now.
    Retry,
}

/// How many things the router has from us, and how many it did not take.
#[derive(Debug, Default)]
struct Counts {
    given: AtomicU64,
    failed: AtomicU64,
    /// Wishes of which nothing is left to be done.
    done: AtomicU64,
}

/// Keeps the things of a kind. The task ends when this is dropped.
#[derive(Debug)]
pub(in crate::bridge) struct Keeper<K: Kept> {
    // Each change costs one small message, and who makes them bounds them: the kernel its neighbours, a file its VNIs.
    wishes: mpsc::UnboundedSender<Wish<K>>,
    said: AtomicU64,
    counts: Arc<Counts>,
}

impl<K: Kept> Keeper<K> {
    /// Starts the task, which says `settled` whenever nothing is left to be done.
    pub(in crate::bridge) fn start(kind: K, settled: Arc<Notify>) -> Self {
        let (wishes, received) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let task = Task {
            kind,
            counts: Arc::clone(&counts),
            channel: None,
            known: BTreeMap::new(),
            queue: VecDeque::new(),
            taken: 0,
            settled,
        };
        tokio::spawn(task.run(received));
        let said = AtomicU64::new(0);
        Self {
            wishes,
            said,
            counts,
        }
    }

    /// The thing shall be this, or be gone.
    pub(in crate::bridge) fn wish(&self, key: K::Key, value: Option<K::Value>) {
        self.say(Wish::Thing(key, value));
    }

    /// There is a new session: all is said again.
    pub(in crate::bridge) fn router(&self, channel: Channel) {
        self.say(Wish::Router(channel));
    }

    /// What failed may work now.
    pub(in crate::bridge) fn retry(&self) {
        self.say(Wish::Retry);
    }

    /// Things that the router has from us, and those that it did not take.
    pub(in crate::bridge) fn counts(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.counts.given), load(&self.counts.failed))
    }

    /// Whether the router was told all that was wished so far, and answered.
    pub(in crate::bridge) fn is_settled(&self) -> bool {
        self.counts.done.load(Ordering::Relaxed) == self.said.load(Ordering::Relaxed)
    }

    fn say(&self, wish: Wish<K>) {
        self.said.fetch_add(1, Ordering::Relaxed);
        // The task lives as long as this does.
        let _ = self.wishes.send(wish);
    }
}

#[derive(Clone, Debug)]
struct State<V> {
    wanted: Option<V>,
    /// What the router has; `None` also while that is not known.
    given: Option<V>,
    failed: bool,
    queued: bool,
}

impl<V> Default for State<V> {
    fn default() -> Self {
        Self {
            wanted: None,
            given: None,
            failed: false,
            queued: false,
        }
    }
}

#[derive(Debug)]
struct Task<K: Kept> {
    kind: K,
    counts: Arc<Counts>,
    channel: Option<Channel>,
    known: BTreeMap<K::Key, State<K::Value>>,
    queue: VecDeque<K::Key>,
    /// Wishes that were taken so far.
    taken: u64,
    settled: Arc<Notify>,
}

impl<K: Kept> Task<K> {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish<K>>) {
        loop {
            if self.queue.is_empty() || self.channel.is_none() {
                match wishes.recv().await {
                    Some(wish) => self.take(wish),
                    None => return,
                }
            }
            while let Ok(wish) = wishes.try_recv() {
                self.take(wish);
            }
            self.work().await;
            if self.queue.is_empty() {
                self.counts.done.store(self.taken, Ordering::Relaxed);
                self.settled.notify_one();
            }
        }
    }

    fn take(&mut self, wish: Wish<K>) {
        self.taken += 1;
        match wish {
            // What was never given is not ours to take: the router's own things stay.
            Wish::Thing(key, None) if !self.known.contains_key(&key) => {}
            Wish::Thing(key, value) => {
                let state = self.known.entry(key).or_default();
                let as_wanted = value.is_none() || state.given == value;
                if state.wanted == value && !state.failed && as_wanted {
                    return;
                }
                state.wanted = value;
                enqueue(&mut self.queue, key, state);
            }
            Wish::Router(channel) => {
                self.channel = Some(channel);
                for (key, state) in &mut self.known {
                    enqueue(&mut self.queue, *key, state);
                }
            }
            Wish::Retry => {
                for (key, state) in self.known.iter_mut().filter(|(_, state)| state.failed) {
                    enqueue(&mut self.queue, *key, state);
                }
            }
        }
    }

    /// Makes one call.
    async fn work(&mut self) {
        let Some(channel) = self.channel.clone() else {
            return;
        };
        let Some(key) = self.queue.pop_front() else {
            return;
        };
        let Some(state) = self.known.get_mut(&key) else {
            return;
        };
        state.queued = false;
        let wanted = state.wanted.clone();
        match self.kind.call(channel, key, wanted.clone()).await {
            Ok(()) if wanted.is_none() => drop(self.known.remove(&key)),
            Ok(()) => (state.given, state.failed) = (wanted, false),
            Err(status) => {
                tracing::debug!(?key, "the router did not take it: {}", status.message());
                state.failed = true;
                if status.code() == Code::Unavailable {
                    // The next session says all of it again.
                    self.channel = None;
                }
            }
        }
        self.count();
    }

    fn count(&self) {
        let count = |wanted: fn(&State<K::Value>) -> bool| {
            self.known.values().filter(|state| wanted(state)).count() as u64
        };
        let given = count(|state| state.given.is_some() && !state.failed);
        self.counts.given.store(given, Ordering::Relaxed);
        self.counts
            .failed
            .store(count(|state| state.failed), Ordering::Relaxed);
    }
}

fn enqueue<K, V>(queue: &mut VecDeque<K>, key: K, state: &mut State<V>) {
    if !std::mem::replace(&mut state.queued, true) {
        queue.push_back(key);
    }
}
