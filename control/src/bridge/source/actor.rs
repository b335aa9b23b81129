//! The actor: what it waits for, and what it tells the router.

use super::fpm::{Phase, Times};
use super::generation::Generations;
use crate::bridge::config::{Kind, Neighbours as Wanted, Source as Config, Tunnels};
use crate::bridge::follower::{self, Interest};
use crate::bridge::fpm::{self, server};
use crate::bridge::netlink::update::{FdbEntry, FdbKey, Hops, Neighbour};
use crate::bridge::netlink::{Ignored, request};
use crate::bridge::router::keeper::Keeper;
use crate::bridge::router::labels::Labels;
use crate::bridge::router::link::{Event, Link};
use crate::bridge::router::neighbours::Neighbours;
use crate::bridge::router::session::{SessionError, WINDOW, Word, interfaces};
use crate::bridge::router::vnis::Vnis;
use crate::bridge::stations::{self, Stations};
use crate::bridge::table::{Meaning, Names, Said, Scope, ScopeTable, Table};
use ferroute_proto::v1;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Routes of one batch.
const BATCH: usize = 4096;
/// Blocks of changes that may wait for the actor; then those who say them are held.
const WAITING: usize = 16;
/// How often what the router refused is tried again, besides whenever its interfaces change.
const RETRY: Duration = Duration::from_secs(30);
/// How often VNIs that the router refused are tried again: what is in the way may go at any time, and they are few.
const RETRY_VNIS: Duration = Duration::from_secs(1);
/// The number of an end of RIB among those of batches, which begin at 1.
const END: u64 = 0;

/// Asks for the state of a source, with at most so many problems.
#[derive(Debug)]
pub(in crate::bridge) struct Question {
    /// Most problems.
    pub(in crate::bridge) max_problems: usize,
    /// Where the answer goes.
    pub(in crate::bridge) answer: oneshot::Sender<v1::BridgeSource>,
}

/// Why a source cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The kernel cannot be followed.
    #[error(
        "cannot follow the kernel of {netns}: {source}; does the namespace exist, and may the bridge enter it?"
    )]
    Follow {
        /// The namespace.
        netns: String,
        /// Why not.
        source: io::Error,
    },
    /// zebra cannot be listened for.
    #[error(
        "cannot listen for zebra on {listen} in {netns}: {source}{}",
        hint(source)
    )]
    Listen {
        /// The namespace.
        netns: String,
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// Starts serving a source. Answers where its state can be asked for; it ends when that is dropped.
///
/// # Errors
/// [`SourceError`].
pub(in crate::bridge) fn start(
    config: Config,
    router: PathBuf,
    tunnels: Option<&Tunnels>,
) -> Result<mpsc::Sender<Question>, SourceError> {
    let (follower, kernel) = mpsc::channel(WAITING);
    let interest = Interest {
        neighbours: true,
        next_hops: config.kind == Kind::Kernel || !config.l2vnis.is_empty(),
        routes: config.kind == Kind::Kernel,
    };
    follower::start(config.netns.clone(), interest, follower).map_err(cannot_follow(&config))?;
    let (said, zebra) = mpsc::channel(WAITING);
    if config.kind == Kind::Fpm {
        let listen = config.fpm.listen.address();
        let listener =
            server::bind(config.netns.as_ref(), listen).map_err(|source| SourceError::Listen {
                netns: place(&config),
                listen,
                source,
            })?;
        tokio::spawn(async move {
            if let Err(error) = server::serve(listener, said).await {
                tracing::error!("no zebra can connect any more: {error}");
            }
        });
    }
    let (questions, asked) = mpsc::channel(4);
    let settled = Arc::new(Notify::new());
    let stations =
        Stations::start(&config, tunnels, Arc::clone(&settled)).map_err(cannot_follow(&config))?;
    let source = Source::new(config, router, tunnels, stations, settled);
    tokio::spawn(source.run(kernel, zebra, asked));
    Ok(questions)
}

fn cannot_follow(config: &Config) -> impl FnOnce(io::Error) -> SourceError {
    |source| SourceError::Follow {
        netns: place(config),
        source,
    }
}

/// The namespace of a source, for messages.
fn place(config: &Config) -> String {
    let name = config.netns.as_ref();
    name.map_or("this namespace".to_owned(), |name| name.to_string())
}

/// What helps where nobody can listen: a namespace that was just made has no addresses.
fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => "; is its loopback up (`ip link set lo up`)?",
        _ => "",
    }
}

/// What was heard from the kernel, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) updates: u64,
    pub(super) dumps: u64,
    pub(super) overruns: u64,
    pub(super) ignored: Ignored,
    pub(super) unreadable: u64,
    pub(super) last_unreadable: String,
}

/// What was heard from zebra, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct HeardFpm {
    pub(super) connections: u64,
    pub(super) counts: fpm::Counts,
    pub(super) feedback_lost: u64,
    pub(super) last_error: String,
}

/// What was said to the router, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) sessions: u64,
    pub(super) batches: u64,
    pub(super) last_error: String,
}

/// The state of a source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) config: Config,
    pub(super) table: Table,
    pub(super) names: Names,
    pub(super) names_changed: bool,
    pub(super) links: Generations<u32, ()>,
    pub(super) neighbours: Generations<(u32, IpAddr), Neighbour>,
    pub(super) keeper: Keeper<Neighbours>,
    pub(super) vnis: Keeper<Vnis>,
    pub(super) labels: Keeper<Labels>,
    /// Those of bridged VNIs, if it has any.
    pub(super) stations: Option<Stations>,
    /// Told when the keepers or the stations have nothing left to say.
    settled: Arc<Notify>,
    pub(super) fdb: Generations<FdbKey, FdbEntry>,
    /// Next hop objects that forwarding databases may lead to.
    pub(super) fdb_hops: Generations<u32, ()>,
    /// What zebra says of forwarding databases; the kernel has the same and more.
    pub(super) fpm_fdb: Generations<FdbKey, FdbEntry>,
    pub(super) lsps: Generations<u32, Hops>,
    /// The source has said everything once.
    pub(super) complete: bool,
    pub(super) phase: Phase,
    pub(super) times: Times,
    pub(super) link: Link,
    pub(super) end_of_rib: bool,
    in_flight: VecDeque<Said>,
    retry_at: Instant,
    vnis_tried_at: Instant,
    pub(super) heard: Heard,
    pub(super) heard_fpm: HeardFpm,
    pub(super) told: Told,
}

impl Source {
    fn new(
        config: Config,
        router: PathBuf,
        tunnels: Option<&Tunnels>,
        stations: Option<Stations>,
        settled: Arc<Notify>,
    ) -> Self {
        let owner = config.owner;
        let meaning = match config.kind {
            Kind::Kernel => Meaning::Kernel,
            Kind::Fpm => Meaning::Fpm,
        };
        let tables = config.tables.iter().map(|table| ScopeTable {
            table: table.table.get(),
            vrf: table.vrf,
            protocols: table.protocols.iter().copied().collect(),
        });
        let scope = Scope {
            meaning,
            feedback: config.kind == Kind::Fpm && config.fpm.feedback,
            tables: tables.collect(),
        };
        let overrides = config.interfaces.iter();
        let overrides = overrides.map(|interface| (interface.kernel.to_string(), interface.router));
        let names = Names {
            overrides: overrides.collect(),
            mpls_udp: config.mpls_udp.clone(),
            ..Names::default()
        };
        let grace = Duration::from_secs(config.grace_seconds.get().into());
        let open = v1::OpenOwner {
            owner: config.owner.to_string(),
            distance: config.distance.get().into(),
            grace_ms: u32::try_from(grace.as_millis()).ok(),
            ..v1::OpenOwner::default()
        };
        let millis =
            |ms: crate::config::number::Milliseconds| Duration::from_millis(ms.get().into());
        Self {
            times: Times {
                quiet: millis(config.fpm.quiet_ms),
                hold: millis(config.fpm.hold_ms),
                grace,
            },
            config,
            table: Table::new(scope),
            names,
            names_changed: false,
            links: Generations::default(),
            neighbours: Generations::default(),
            keeper: Keeper::start(Neighbours { owner }, Arc::clone(&settled)),
            vnis: Keeper::start(
                Vnis {
                    owner,
                    addresses: tunnels
                        .map(|tunnels| tunnels.address.ip())
                        .into_iter()
                        .collect(),
                },
                Arc::clone(&settled),
            ),
            labels: Keeper::start(Labels { owner }, Arc::clone(&settled)),
            stations,
            settled,
            fdb: Generations::default(),
            fdb_hops: Generations::default(),
            fpm_fdb: Generations::default(),
            lsps: Generations::default(),
            complete: false,
            phase: Phase::Never,
            link: Link::new(router, open),
            end_of_rib: false,
            in_flight: VecDeque::new(),
            retry_at: Instant::now() + RETRY,
            vnis_tried_at: Instant::now(),
            heard: Heard::default(),
            heard_fpm: HeardFpm::default(),
            told: Told::default(),
        }
    }

    async fn run(
        mut self,
        mut kernel: mpsc::Receiver<follower::Said>,
        mut zebra: mpsc::Receiver<fpm::Said>,
        mut asked: mpsc::Receiver<Question>,
    ) {
        loop {
            self.pump();
            let phase = self.phase.deadline(&self.times);
            let deadlines = [phase, self.vnis_at()].into_iter().flatten();
            let deadline = deadlines.fold(self.retry_at, Instant::min);
            tokio::select! {
                question = asked.recv() => match question {
                    // Who asked may have gone meanwhile.
                    Some(question) => drop(question.answer.send(self.report(question.max_problems))),
                    None => return,
                },
                event = self.link.event() => self.routed(event).await,
                Some(said) = kernel.recv() => self.hear_kernel(said),
                Some(said) = zebra.recv() => self.hear_zebra(said),
                () = self.settled.notified(), if !self.end_of_rib => {}
                () = sleep_until(deadline) => self.tick(),
            }
        }
    }

    /// Tells the router what it does not know, as far as there is room.
    fn pump(&mut self) {
        if std::mem::take(&mut self.names_changed) {
            self.table.names_changed();
            self.wish_neighbours();
            self.wish_vnis();
            self.wish_labels();
        }
        let changed = self.names.netdevs.take_changed();
        if !changed.is_empty() {
            self.table.netdevs_changed(&changed);
        }
        let Some(session) = self.link.session() else {
            return;
        };
        let mut failed = None;
        while failed.is_none()
            && self.in_flight.len() < WINDOW
            && let Some(batch) = self.table.next_batch(&self.names, BATCH)
        {
            self.in_flight.push_back(batch.said);
            failed = session.send(What::Batch(batch.message)).err();
        }
        if failed.is_none() && self.in_flight.is_empty() {
            // The router knows all that zebra said, also of routes that no batch spoke of.
            let owed = self.table.take_owed();
            self.feed_back(&owed);
        }
        let Some(session) = self.link.session() else {
            return;
        };
        let done = self.complete && self.in_flight.is_empty() && self.table.is_settled();
        let done = done && self.things_are_said();
        if failed.is_none() && done && !self.end_of_rib {
            self.end_of_rib = true;
            failed = session.send(What::EndOfRib(v1::EndOfRib { id: END })).err();
        }
        if let Some(error) = failed {
            let event = self.link.fail(error);
            self.down(event);
        }
    }

    /// Whether the router was told what goes with the owner besides routes.
    fn things_are_said(&self) -> bool {
        self.heard.dumps > 0
            && self.keeper.is_settled()
            && self.vnis.is_settled()
            && self.labels.is_settled()
            && self.stations.as_ref().is_none_or(Stations::is_settled)
    }

    /// How much was said to the router that it has not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.in_flight.iter().map(Said::len).sum()
    }

    /// When VNIs that the router refused are to be tried again.
    fn vnis_at(&self) -> Option<Instant> {
        let refused = self.vnis.counts().1 > 0;
        refused.then(|| self.vnis_tried_at + RETRY_VNIS)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.vnis_at().is_some_and(|at| at <= now) {
            self.vnis_tried_at = now;
            self.vnis.retry();
        }
        if self.retry_at <= now {
            self.retry_at = now + RETRY;
            self.retry();
        }
        if self.phase.deadline(&self.times).is_some_and(|at| at <= now) {
            self.advance();
        }
    }

    fn retry(&mut self) {
        self.table.retry();
        self.keeper.retry();
        self.vnis.retry();
        self.labels.retry();
    }

    /// Something came from the router.
    async fn routed(&mut self, event: Event) {
        match event {
            Event::Up => {
                let Some(session) = self.link.session() else {
                    return;
                };
                tracing::info!(owner = %self.config.owner, epoch = session.epoch, "connected to the router");
                self.told.sessions += 1;
                self.names.router.clone_from(&session.interfaces);
                self.keeper.router(session.channel.clone());
                self.vnis.router(session.channel.clone());
                self.labels.router(session.channel.clone());
                let channel = session.channel.clone();
                self.tell_stations(|| stations::Word::Router(channel));
                self.names_changed = true;
                self.table.replay();
                self.in_flight.clear();
                self.end_of_rib = false;
            }
            Event::Word(Word::Answer(answer)) => self.answered(answer),
            Event::Word(Word::Interface(what)) => self.interface(*what).await,
            down @ Event::Down(_) => self.down(down),
        }
    }

    fn down(&mut self, event: Event) {
        let Event::Down(error) = event else { return };
        let error = error.to_string();
        if error != self.told.last_error {
            tracing::warn!(owner = %self.config.owner, "no session with the router: {error}");
        }
        self.told.last_error = error;
        self.in_flight.clear();
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Refused(refused) => {
                if let Some(said) = self.in_flight.front() {
                    tracing::debug!(owner = %self.config.owner, "refused: {}", refused.message);
                    self.table.refuse(said, refused);
                }
            }
            Answer::Ack(ack) if ack.id == END => {
                tracing::info!(owner = %self.config.owner, swept = ack.swept, routes = self.table.len(), "the router knows everything");
            }
            Answer::Ack(_) => {
                self.told.batches += 1;
                if let Some(said) = self.in_flight.pop_front() {
                    self.feed_back(&said);
                }
            }
            Answer::Opened(_) => {}
        }
    }

    /// Tells zebra what became of its routes.
    fn feed_back(&mut self, said: &Said) {
        let Some(feedback) = self.phase.feedback().filter(|_| self.config.fpm.feedback) else {
            return;
        };
        let words = self
            .table
            .outcomes(said)
            .map(|(prefix, table, protocol, special, done)| {
                request::feedback(prefix, table, protocol, special, done)
            });
        if feedback.say(words).is_err() {
            self.heard_fpm.feedback_lost += 1;
        }
    }

    /// An interface of the router changed: what waited for it may go, what was refused may be taken now.
    async fn interface(&mut self, what: v1::event::What) {
        if let v1::event::What::Interface(event) = &what
            && let Ok(name) = event.name.parse()
        {
            self.names_changed |= match event.change() {
                v1::Change::Removed => self.names.router.remove(&name),
                _ => self.names.router.insert(name),
            };
        }
        if let (v1::event::What::Missed(_), Some(session)) = (&what, self.link.session()) {
            match interfaces(&session.channel).await {
                Ok(names) => {
                    self.names.router = names;
                    self.names_changed = true;
                }
                Err(status) => {
                    let event = self.link.fail(SessionError::Refused(status));
                    return self.down(event);
                }
            }
        }
        self.retry();
    }

    /// Whether the kernel's neighbours are wanted, and which.
    pub(super) const fn wanted_neighbours(&self) -> Wanted {
        self.config.neighbours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_without_its_loopback_is_told_of() {
        let listen: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let error = SourceError::Listen {
            netns: "red".to_owned(),
            listen,
            source: std::net::TcpListener::bind(listen).unwrap_err(),
        };
        let said = error.to_string();
        assert!(
            said.contains("in red") && said.contains("ip link set lo up"),
            "{said}"
        );
    }
}
