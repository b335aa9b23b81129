//! The task that keeps the stations of a source's VNIs the same in the kernel and in the router.

use super::groups::{self, Numbering};
use super::kernel::Kernel;
use super::report::State;
use super::router::{self, Said};
use super::segments::{NO_SESSION, Segments, Served};
use super::words::{Key, ToKernel, ToRouter};
use crate::bridge::config::{Source, Tunnels};
use crate::bridge::netlink::update::Update;
use crate::bridge::router::vnis::{Vni, Vnis};
use crate::model::name::OwnerName;
use ferroute_proto::v1;
use ferroute_proto::v1::event::What;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

/// Keys of a VNI that are looked at in one turn.
const TURN: usize = 4096;
/// How often what was refused is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// How often VNIs that the router refused are tried again: what is in the way, such as a domain that is not there yet, may go at any
/// time, and they are few.
const RETRY_VNIS: Duration = Duration::from_secs(1);
/// How long changes of the router's interfaces are gathered before its side is read again.
const GATHER: Duration = Duration::from_millis(100);
/// How old the state may be that people see: counting takes longer than most changes.
const SHOW: Duration = Duration::from_millis(50);

/// What the task is told.
#[derive(Debug)]
pub(in crate::bridge) enum Word {
    /// The kernel said something.
    Kernel(Update),
    /// The kernel has said everything.
    Complete,
    /// There is a new session with the router.
    Router(Channel),
}

/// The stations of a source. The task ends when this is dropped.
#[derive(Debug)]
pub(in crate::bridge) struct Stations {
    // What the kernel says is bounded by the follower, which waits for the source; the task is faster than both.
    words: mpsc::UnboundedSender<Word>,
    state: Arc<Mutex<State>>,
    /// Sessions with the router so far.
    sessions: AtomicU64,
    /// The last of them in which the router was told everything.
    done: Arc<AtomicU64>,
}

impl Stations {
    /// Starts the task for the VNIs of a source; none if it has none. It says `settled` when the router was told everything.
    ///
    /// # Errors
    /// The kernel of the source's namespace cannot be written to.
    pub(in crate::bridge) fn start(
        source: &Source,
        tunnels: Option<&Tunnels>,
        settled: Arc<Notify>,
    ) -> io::Result<Option<Self>> {
        if source.l2vnis.is_empty() {
            return Ok(None);
        }
        let (words, received) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(State::default()));
        let done = Arc::new(AtomicU64::new(0));
        let task = Task {
            owner: source.owner,
            kernel: Kernel::open(source.netns.as_ref())?,
            vnis: Vnis {
                owner: source.owner,
                addresses: tunnels.map(|t| t.address.ip()).into_iter().collect(),
            },
            segments: Segments::new(&source.l2vnis, Numbering::of(&source.owner.to_string())),
            complete: false,
            channel: None,
            events: None,
            read_at: None,
            show_at: None,
            retry_at: Instant::now() + RETRY,
            vnis_at: None,
            state: Arc::clone(&state),
            sessions: 0,
            done: Arc::clone(&done),
            settled,
        };
        tokio::spawn(task.run(received));
        let sessions = AtomicU64::new(0);
        Ok(Some(Self {
            words,
            state,
            sessions,
            done,
        }))
    }

    /// Tells the task something.
    pub(in crate::bridge) fn say(&self, word: Word) {
        if matches!(word, Word::Router(_)) {
            self.sessions.fetch_add(1, Ordering::Relaxed);
        }
        // The task lives as long as this does.
        let _ = self.words.send(word);
    }

    /// Whether the router was told everything in this session.
    pub(in crate::bridge) fn is_settled(&self) -> bool {
        self.done.load(Ordering::Relaxed) == self.sessions.load(Ordering::Relaxed)
    }

    /// The state.
    pub(in crate::bridge) fn state(&self) -> State {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }
}

#[derive(Debug)]
struct Task {
    /// With whom goes what the router is told.
    owner: OwnerName,
    kernel: Kernel,
    vnis: Vnis,
    segments: Segments,
    /// The kernel has said everything once.
    complete: bool,
    channel: Option<Channel>,
    events: Option<Streaming<v1::Event>>,
    /// When the router's side is to be read again.
    read_at: Option<Instant>,
    /// When the state is to be made known again.
    show_at: Option<Instant>,
    retry_at: Instant,
    /// When VNIs that were refused are to be tried again.
    vnis_at: Option<Instant>,
    state: Arc<Mutex<State>>,
    sessions: u64,
    done: Arc<AtomicU64>,
    settled: Arc<Notify>,
}

impl Task {
    async fn run(mut self, mut words: mpsc::UnboundedReceiver<Word>) {
        loop {
            let deadline = self.deadline();
            tokio::select! {
                word = words.recv() => match word {
                    Some(word) => self.take(word),
                    None => return,
                },
                event = next(&mut self.events) => self.event(event),
                () = sleep_until(deadline) => self.tick(),
            }
            while let Ok(word) = words.try_recv() {
                self.take(word);
            }
            if self.vnis_at.is_some_and(|at| at <= Instant::now()) {
                self.retry_vnis().await;
            }
            if self.read_at.is_some_and(|at| at <= Instant::now()) {
                self.read_router().await;
            }
            self.settle().await;
            self.tell_done();
            self.show_at.get_or_insert(Instant::now() + SHOW);
        }
    }

    /// Says when the router was told everything for the first time in a session.
    fn tell_done(&self) {
        let told = self.channel.is_some() && self.complete && self.read_at.is_none();
        if told && self.done.swap(self.sessions, Ordering::Relaxed) != self.sessions {
            self.settled.notify_one();
        }
    }

    fn deadline(&self) -> Instant {
        let others = [self.read_at, self.show_at, self.vnis_at];
        let others = others.into_iter().flatten();
        others.fold(self.retry_at, Instant::min)
    }

    fn take(&mut self, word: Word) {
        match word {
            Word::Kernel(update) => self.segments.hear(update),
            Word::Complete => self.complete = true,
            Word::Router(channel) => {
                self.sessions += 1;
                self.channel = Some(channel);
                self.read_at = Some(Instant::now());
                self.segments.groups.begin_session();
                for served in &mut self.segments.served {
                    served.segment.begin_session();
                    served.said = false;
                }
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.show_at.is_some_and(|at| at <= now) {
            self.show();
        }
        if self.retry_at > now {
            return;
        }
        self.retry_at = Instant::now() + RETRY;
        self.segments.groups.retry();
        for served in &mut self.segments.served {
            served.segment.retry();
        }
    }

    /// Tries the VNIs that the router refused; if it takes one now, its side is read again.
    async fn retry_vnis(&mut self) {
        self.vnis_at = None;
        let Some(channel) = self.channel.clone() else {
            return;
        };
        let refused = self.segments.served.iter().filter(|s| s.router.is_err());
        for served in refused {
            let (vni, domain) = (served.config.vni.get(), served.config.domain);
            let wanted = Vni::Bridged(domain);
            let put = self.vnis.put(channel.clone(), vni, wanted, false);
            if put.await.is_ok() {
                self.read_at = Some(Instant::now());
            }
        }
        self.plan_retry();
    }

    /// Plans another try if the router refused VNIs.
    fn plan_retry(&mut self) {
        let mut served = self.segments.served.iter();
        let refused = served.any(|served| served.router.is_err());
        self.vnis_at = refused.then(|| Instant::now() + RETRY_VNIS);
    }

    /// Something came from the router; `None` is that the stream ended.
    fn event(&mut self, event: Option<v1::Event>) {
        let Some(event) = event else {
            // The session ends too, or the next reading opens another stream.
            self.events = None;
            self.read_at.get_or_insert(Instant::now() + GATHER);
            return;
        };
        match event.what {
            Some(What::Station(event)) => {
                let Some(said) = &event.station else { return };
                let Some((mac, station)) = router::station(said) else {
                    return;
                };
                let gone = event.change() == v1::Change::Removed;
                if let Some(served) = self.of_domain(&said.domain) {
                    let station = (!gone).then_some(station);
                    served.segment.router_event(mac, station);
                }
            }
            Some(What::Neighbour(event)) => {
                let Some(said) = &event.neighbour else { return };
                let Some((address, known)) = router::neighbour(said) else {
                    return;
                };
                let gone = event.change() == v1::Change::Removed;
                if let Some(served) = self.of_gateway(&said.interface) {
                    let known = known.filter(|_| !gone);
                    served.segment.router_neighbour(address, known);
                }
            }
            // A domain may have come with it, or a gateway.
            Some(What::Interface(event)) if event.change() == v1::Change::Changed => {}
            Some(What::Interface(_) | What::Missed(_)) => {
                self.read_at.get_or_insert(Instant::now() + GATHER);
            }
            _ => {}
        }
    }

    fn of_domain(&mut self, name: &str) -> Option<&mut Served> {
        let mut served = self.segments.served.iter_mut().filter(|s| s.router.is_ok());
        served.find(|served| served.config.domain.as_str() == name)
    }

    fn of_gateway(&mut self, name: &str) -> Option<&mut Served> {
        let named = |served: &&mut Served| matches!(&served.router, Ok(Some(gateway)) if gateway.as_str() == name);
        self.segments.served.iter_mut().find(named)
    }

    /// Reads the router's side anew.
    async fn read_router(&mut self) {
        self.read_at = None;
        let Some(channel) = self.channel.clone() else {
            return;
        };
        if let Err(status) = self.try_read(channel).await {
            tracing::debug!("the router's domains cannot be read: {}", status.message());
            return self.lose();
        }
        self.plan_retry();
    }

    /// The router is gone; the next session begins anew. The kernel keeps what it has: the router may forward still.
    fn lose(&mut self) {
        (self.channel, self.events, self.vnis_at) = (None, None, None);
        for served in &mut self.segments.served {
            served.router = Err(NO_SESSION.to_owned());
        }
    }

    async fn try_read(&mut self, channel: Channel) -> Result<(), Status> {
        // Events first, so that nothing falls between the listing and the events.
        if self.events.is_none() {
            self.events = Some(router::watch(channel.clone()).await?);
        }
        for served in &mut self.segments.served {
            let (vni, domain) = (served.config.vni.get(), served.config.domain);
            let (wanted, again) = (Vni::Bridged(domain), !served.said);
            let put = self.vnis.put(channel.clone(), vni, wanted, again).await;
            served.said = put.is_ok();
            served.router = match put {
                Ok(()) => Ok(None),
                Err(status) if status.code() == Code::Unavailable => return Err(status),
                Err(status) => Err(status.message().to_owned()),
            };
        }
        let segments = router::segments(channel.clone()).await?;
        self.segments.groups.router_has(segments);
        let domains = router::domains(channel.clone()).await?;
        let mut domains: BTreeMap<String, v1::BridgeDomain> = domains
            .into_iter()
            .filter_map(|domain| Some((domain.spec.as_ref()?.name.clone(), domain)))
            .collect();
        for served in self.segments.served.iter_mut().filter(|s| s.router.is_ok()) {
            let Some(domain) = domains.remove(served.config.domain.as_str()) else {
                served.router = Err("its bridge domain is gone".to_owned());
                continue;
            };
            let gateway = (domain.spec.and_then(|spec| spec.gateway))
                .and_then(|gateway| gateway.interface.parse().ok());
            served.router = Ok(gateway);
            served.segment.forget_router(gateway.is_some());
            for end in &domain.flood {
                if let Some(end) = router::address(&end.address) {
                    served.segment.router_flood(end);
                }
            }
        }
        for said in router::stations(channel.clone()).await? {
            let station = router::station(&said);
            if let (Some((mac, station)), Some(served)) = (station, self.of_domain(&said.domain)) {
                served.segment.router_station(mac, Some(station));
            }
        }
        for said in router::neighbours(channel).await? {
            let known = router::neighbour(&said);
            if let (Some((address, Some(known))), Some(served)) =
                (known, self.of_gateway(&said.interface))
            {
                served.segment.router_neighbour(address, Some(known));
            }
        }
        for served in &mut self.segments.served {
            served.segment.look_at_all();
        }
        Ok(())
    }

    /// Tells both sides what they do not know yet. Nothing is said before both have told everything.
    async fn settle(&mut self) {
        let Some(channel) = self.channel.clone().filter(|_| self.complete) else {
            return;
        };
        if let Err(status) = self.tell(&channel).await {
            tracing::debug!("stations cannot be told: {}", status.message());
            self.lose();
        }
    }

    async fn tell(&mut self, channel: &Channel) -> Result<(), Status> {
        let groups = self.segments.groups.words();
        if self.write_groups(channel, groups).await? {
            // They may have waited for it.
            for served in &mut self.segments.served {
                served.segment.retry();
            }
        }
        loop {
            let (mut to_router, mut to_kernel) = (Vec::new(), Vec::new());
            for (place, served) in self.segments.served.iter_mut().enumerate() {
                if served.router.is_err() || served.segment.known_netdevs().vxlan.is_none() {
                    continue;
                }
                for key in served.segment.take_dirty(TURN) {
                    let (router, kernel) = served.segment.words(key);
                    to_router.extend(router.map(|word| (place, key, word)));
                    to_kernel.extend(kernel.map(|word| (place, key, word)));
                }
            }
            if to_router.is_empty() && to_kernel.is_empty() {
                break;
            }
            self.write_kernel(&to_kernel);
            self.write_router(channel, &to_router).await?;
        }
        let groups = self.segments.groups.last_words();
        self.write_groups(channel, groups).await.map(drop)
    }

    /// Tells the router of groups; answers whether it took any.
    async fn write_groups(
        &mut self,
        channel: &Channel,
        words: Vec<(u32, groups::Word)>,
    ) -> Result<bool, Status> {
        let groups = &mut self.segments.groups;
        let mut any = false;
        for (group, word) in words {
            match router::tell_segment(channel.clone(), self.owner, word.clone()).await {
                Ok(()) => {
                    groups.told(group, word);
                    any = true;
                }
                Err(status) if status.code() == Code::Unavailable => return Err(status),
                Err(status) => groups.refused(group, status.message().to_owned()),
            }
        }
        Ok(any)
    }

    fn write_kernel(&mut self, words: &[(usize, Key, ToKernel)]) {
        let of = |place: usize| self.segments.served[place].segment.known_netdevs();
        let said: Vec<_> = words.iter().map(|(p, _, word)| (of(*p), *word)).collect();
        let kernel = &mut self.kernel;
        let answers = tokio::task::block_in_place(|| kernel.write(&said));
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                tracing::error!("stations cannot be told to the kernel: {error}");
                return;
            }
        };
        for ((place, key, word), answer) in words.iter().zip(answers) {
            let segment = &mut self.segments.served[*place].segment;
            match answer {
                Ok(()) => segment.told_kernel(*word),
                Err(errno) => segment.refused(*key, format!("the kernel: {errno}")),
            }
        }
    }

    async fn write_router(
        &mut self,
        channel: &Channel,
        words: &[(usize, Key, ToRouter)],
    ) -> Result<(), Status> {
        let name = |place: usize| self.segments.served[place].config.domain.to_string();
        let said: Vec<Said> = words.iter().map(|(p, _, word)| (name(*p), *word)).collect();
        let gateway = |domain: &str| {
            let mut served = self.segments.served.iter();
            let of = served.find(|served| served.config.domain.as_str() == domain)?;
            of.router.clone().ok().flatten()
        };
        let answers = router::tell(channel, self.owner, &said, gateway).await?;
        for ((place, key, word), answer) in words.iter().zip(answers) {
            let segment = &mut self.segments.served[*place].segment;
            match answer {
                Ok(()) => segment.told_router(*word),
                Err(reason) => segment.refused(*key, reason),
            }
        }
        Ok(())
    }

    /// Makes the state known.
    fn show(&mut self) {
        self.show_at = None;
        let state = State::of(&self.segments);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// The next event; waits for ever without a stream.
async fn next(events: &mut Option<Streaming<v1::Event>>) -> Option<v1::Event> {
    match events {
        Some(events) => events.message().await.ok().flatten(),
        None => std::future::pending().await,
    }
}
