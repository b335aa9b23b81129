//! Moves things on until nothing moves any more.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dpdk_sys::Mbuf;
use ferroute_control::core::handle::CallError;
use ferroute_control::core::request::{Reply, Request, SystemRequest};
use ferroute_control::exception::command::Command;
use ferroute_control::exception::output::{Output, Told};
use ferroute_control::model::system::SystemView;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::forward::Inject;
use ferroute_dataplane::ids::PortId;
use futures::FutureExt;

use super::hardware::Fabric;
use super::worker::BenchWorker;
use super::{Bench, Sent};

/// Nothing that the router does takes this long; a bench that waits longer says so instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

impl Bench {
    /// Asks the core, and keeps everything moving until the answer is there and all is quiet.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn call<T, E>(&mut self, request: impl FnOnce(Reply<T, E>) -> Request) -> Result<T, E> {
        let answer = self.ask(request);
        self.settle();
        answer
    }

    /// Asks the core, and obeys it until the answer is there.
    fn ask<T, E>(&mut self, request: impl FnOnce(Reply<T, E>) -> Request) -> Result<T, E> {
        let core = self.core();
        let mut call = pin!(async move { core.call(request).await });
        let begun = Instant::now();
        loop {
            match call.as_mut().now_or_never() {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(CallError::Refused(error))) => return Err(error),
                Some(Err(CallError::Stopped)) => panic!("the core stopped"),
                None => {}
            }
            if !self.obey() {
                self.pause(begun);
            }
        }
    }

    fn pause(&self, begun: Instant) {
        assert!(begun.elapsed() < PATIENCE, "the core does not answer");
        std::thread::sleep(Duration::from_micros(20));
    }

    /// Waits, in real time, until `ready` says so, and keeps everything moving meanwhile. For what the core does of
    /// itself: it looks at links ten times a second, and at traffic every other second.
    pub fn wait_until(&mut self, what: &str, mut ready: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !ready(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            self.settle();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.settle();
    }

    /// Moves everything on until nothing moves, and checks that every packet has one end.
    pub fn settle(&mut self) {
        loop {
            let mut moved = self.obey();
            while let Some(learn) = self.worker.as_ref().and_then(BenchWorker::learned) {
                moved = true;
                drop(self.told.send(Told::Seen(learn)));
            }
            while let Some(punt) = self.punts.pop() {
                moved = true;
                self.path
                    .punt(self.path_reader.snapshot(), &punt, self.now_ns);
                drop(punt);
                moved |= self.carry_out();
            }
            self.path.tick(self.path_reader.snapshot(), self.now_ns);
            self.path_reader.offline();
            moved |= self.carry_out();
            if !moved {
                break;
            }
            self.hear_out();
        }
        self.check_balance();
    }

    /// Waits until the core has dealt with all that it was told.
    fn hear_out(&mut self) {
        let begun = Instant::now();
        while !self.told.is_empty() {
            if !self.obey() {
                self.pause(begun);
            }
        }
        // What was taken from the channel last is dealt with before the next question is.
        let view: Result<SystemView, Infallible> =
            self.ask(|reply| SystemRequest::Info(reply).into());
        let Ok(_) = view;
    }

    /// Does what the core says; whether there was anything.
    fn obey(&mut self) -> bool {
        let mut any = self.worker.as_mut().is_some_and(|worker| worker.obey());
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            match command {
                Command::Injector(port, Some(ring)) => drop(self.injectors.insert(port, ring)),
                Command::Injector(port, None) => drop(self.injectors.remove(&port)),
                // The core looks at traffic by real time; the test decides when its word counts.
                Command::Used(keys) => self.used.extend(keys),
                Command::Twin(..) | Command::Stop => {}
                other => {
                    if let Command::Interface(id, Some(facts)) = &other {
                        self.names.insert(*id, facts.name.clone());
                    }
                    self.path
                        .command(self.path_reader.snapshot(), other, self.now_ns);
                    self.path_reader.offline();
                }
            }
            self.carry_out();
        }
        any
    }

    /// Does what the exception path wants done, as its thread does; whether there was anything.
    fn carry_out(&mut self) -> bool {
        self.path_reader.offline();
        let outputs = self.path.take_outputs();
        let any = !outputs.is_empty();
        for output in outputs {
            match output {
                Output::Tell(told) => drop(self.told.send(told)),
                Output::Twin {
                    interface,
                    frame,
                    counted,
                } => {
                    let name = self.names.get(&interface).cloned().unwrap_or_default();
                    self.twins.push_back((name, frame));
                    if counted {
                        self.counters.to_twin.add(1);
                    }
                }
                Output::Send {
                    port,
                    interface,
                    adjacency,
                    frame,
                } => {
                    let mbuf = Mbuf::from_heap(&frame);
                    let ring = match port {
                        Some(port) => self.injectors.get(&port),
                        None => self.injectors.values().next(),
                    };
                    let frame = Inject {
                        mbuf,
                        port,
                        interface,
                        adjacency,
                    };
                    if ring.is_none_or(|ring| ring.send(frame).is_err()) {
                        self.counters.drop_for(DropReason::InjectRingFull);
                    }
                }
            }
            self.inject();
        }
        any
    }

    fn inject(&mut self) {
        let Self {
            worker: Some(worker),
            sent,
            fabric,
            now_ns,
            ..
        } = self
        else {
            return;
        };
        worker.inject(*now_ns, |port, frame| sent.push(leave(fabric, port, frame)));
        worker.rest();
    }

    /// Receives frames on a port in bursts and returns all that left because of them, on any port, exception path
    /// included.
    pub fn receive_all<F: AsRef<[u8]>>(
        &mut self,
        port: &str,
        frames: impl IntoIterator<Item = F>,
    ) -> Vec<Sent> {
        let heap = |frame: F| Mbuf::from_heap(frame.as_ref());
        self.receive_mbufs(port, frames.into_iter().map(heap).collect())
    }

    /// The same for frames in buffers of any kind.
    pub fn receive_mbufs(&mut self, port: &str, mut burst: Vec<Mbuf>) -> Vec<Sent> {
        self.settle();
        self.sent.clear();
        let id = self.port_id(port);
        while !burst.is_empty() {
            let Self {
                worker: Some(worker),
                sent,
                fabric,
                ..
            } = self
            else {
                panic!("the worker is away")
            };
            worker.pass(id, &mut burst, self.now_ns, |port, frame| {
                sent.push(leave(fabric, port, frame));
            });
            worker.rest();
        }
        self.settle();
        std::mem::take(&mut self.sent)
    }

    /// Receives one frame; see [`Bench::receive_all`].
    pub fn receive(&mut self, port: &str, frame: &[u8]) -> Vec<Sent> {
        self.receive_all(port, [frame])
    }

    /// The kernel sends a frame into the twin of an interface; returns what left.
    pub fn from_twin(&mut self, interface: &str, frame: &[u8]) -> Vec<Sent> {
        self.settle();
        self.sent.clear();
        let id = *self
            .names
            .iter()
            .find(|(_, name)| *name == interface)
            .expect("an interface of this name")
            .0;
        self.path
            .from_twin(self.path_reader.snapshot(), id, frame.to_vec());
        self.carry_out();
        self.settle();
        std::mem::take(&mut self.sent)
    }

    /// What the twins got since the last call: the interface's name and the frame.
    pub fn twin_frames(&mut self) -> Vec<(String, Vec<u8>)> {
        self.twins.drain(..).collect()
    }

    /// What left since the last step that returned it.
    pub fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Lets time pass, stopping at every moment at which something is due. Returns what left meanwhile.
    pub fn advance(&mut self, by_ns: u64) -> Vec<Sent> {
        self.settle();
        self.sent.clear();
        let end = self.now_ns + by_ns;
        while self.now_ns < end {
            let due = self.path.tick(self.path_reader.snapshot(), self.now_ns);
            self.now_ns = due.map_or(end, |due| due.clamp(self.now_ns + 1, end));
            self.clock.store(self.now_ns, Ordering::Relaxed);
            self.settle();
        }
        std::mem::take(&mut self.sent)
    }

    /// Tells the exception path which neighbours traffic went to, as the core saw it. Waits for the core to look, which
    /// is every other second of real time.
    pub fn note_used(&mut self) {
        self.wait_until("the core notes traffic", |bench| !bench.used.is_empty());
        let keys = std::mem::take(&mut self.used);
        self.path.command(
            self.path_reader.snapshot(),
            Command::Used(keys),
            self.now_ns,
        );
        self.carry_out();
        self.settle();
    }

    /// Forgets which neighbours the core saw traffic to.
    pub fn forget_used(&mut self) {
        self.used.clear();
    }
}

fn leave(fabric: &Fabric, port: PortId, frame: &[u8]) -> Sent {
    Sent {
        port: fabric.device(port).unwrap_or_default(),
        frame: frame.to_vec(),
    }
}
