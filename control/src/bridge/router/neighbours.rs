//! The router's permanent neighbours, as the kernel has them.
//!
//! A task of its own makes the calls, so that they never stand in the way of routes. It works on what is wanted now: a
//! neighbour that changes faster than the router answers is written once.

use crate::bridge::table::octets;
use crate::model::name::InterfaceName;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::neighbour_service_client::NeighbourServiceClient;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use tonic::transport::Channel;
use tonic::{Code, Status};

type Key = (InterfaceName, IpAddr);

/// What the task is told.
#[derive(Debug)]
enum Wish {
    /// The neighbour shall have this Ethernet address, or none.
    Neighbour(Key, Option<Mac>),
    /// There is a new session with the router.
    Router(Channel),
    /// Something changed in the router: what failed may work now.
    Retry,
}

/// How many neighbours the router has from us, and how many it did not take.
#[derive(Debug, Default)]
struct Counts {
    given: AtomicU64,
    failed: AtomicU64,
}

/// Keeps the neighbours. The task ends when this is dropped.
#[derive(Debug)]
pub(in crate::bridge) struct Neighbours {
    // Each neighbour of the kernel costs one small message, and the kernel bounds its neighbours.
    wishes: mpsc::UnboundedSender<Wish>,
    counts: Arc<Counts>,
}

impl Neighbours {
    /// Starts the task.
    pub(in crate::bridge) fn start() -> Self {
        let (wishes, received) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let keeper = Keeper {
            counts: Arc::clone(&counts),
            ..Keeper::default()
        };
        tokio::spawn(keeper.run(received));
        Self { wishes, counts }
    }

    /// The neighbour shall have this Ethernet address, or be gone.
    pub(in crate::bridge) fn wish(
        &self,
        interface: InterfaceName,
        address: IpAddr,
        mac: Option<Mac>,
    ) {
        self.say(Wish::Neighbour((interface, address), mac));
    }

    /// There is a new session: all is said again.
    pub(in crate::bridge) fn router(&self, channel: Channel) {
        self.say(Wish::Router(channel));
    }

    /// What failed may work now.
    pub(in crate::bridge) fn retry(&self) {
        self.say(Wish::Retry);
    }

    /// Neighbours that the router has from us, and those that it did not take.
    pub(in crate::bridge) fn counts(&self) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.counts.given), load(&self.counts.failed))
    }

    fn say(&self, wish: Wish) {
        // The task lives as long as this does.
        let _ = self.wishes.send(wish);
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    wanted: Option<Mac>,
    /// What the router has; `None` also while that is not known.
    given: Option<Mac>,
    failed: bool,
    queued: bool,
}

#[derive(Debug, Default)]
struct Keeper {
    counts: Arc<Counts>,
    channel: Option<Channel>,
    known: BTreeMap<Key, State>,
    queue: VecDeque<Key>,
}

impl Keeper {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
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
        }
    }

    fn take(&mut self, wish: Wish) {
        match wish {
            // What was never given is not ours to take: the router's own neighbours stay.
            Wish::Neighbour(key, None) if !self.known.contains_key(&key) => {}
            Wish::Neighbour(key, mac) => {
                let state = self.known.entry(key).or_default();
                if state.wanted == mac && !state.failed && (mac.is_none() || state.given == mac) {
                    return;
                }
                state.wanted = mac;
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
        let wanted = state.wanted;
        let outcome = call(channel, key, wanted).await;
        match outcome {
            Ok(()) => {
                (state.given, state.failed) = (wanted, false);
                if wanted.is_none() {
                    self.known.remove(&key);
                }
            }
            Err(status) => {
                tracing::debug!(interface = %key.0, address = %key.1, "neighbour: {}", status.message());
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
        let count = |wanted: fn(&State) -> bool| {
            self.known.values().filter(|state| wanted(state)).count() as u64
        };
        let given = count(|state| state.given.is_some() && !state.failed);
        self.counts.given.store(given, Ordering::Relaxed);
        self.counts
            .failed
            .store(count(|state| state.failed), Ordering::Relaxed);
    }
}

fn enqueue(queue: &mut VecDeque<Key>, key: Key, state: &mut State) {
    if !std::mem::replace(&mut state.queued, true) {
        queue.push_back(key);
    }
}

async fn call(channel: Channel, (interface, address): Key, mac: Option<Mac>) -> Result<(), Status> {
    let mut client = NeighbourServiceClient::new(channel);
    let (interface, address) = (interface.to_string(), octets(address));
    match mac {
        Some(mac) => {
            let mac = Bytes::copy_from_slice(&mac.octets());
            let request = v1::AddNeighbourRequest {
                interface,
                address,
                mac,
            };
            client.add(request).await.map(drop)
        }
        None => {
            let request = v1::DeleteNeighbourRequest { interface, address };
            match client.delete(request).await {
                Err(status) if status.code() != Code::NotFound => Err(status),
                _ => Ok(()),
            }
        }
    }
}
