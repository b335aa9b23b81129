//! The core's thread: one question or one piece of a batch at a time, and between them what is due.

use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, TryRecvError, never};
use crossbeam::select;
use ferroute_dataplane::ids::WorkerIndex;

use super::backlog::Backlog;
use super::handle::CoreInbox;
use super::request::Request;
use super::router::Router;
use crate::exception::output::Told;
use crate::model::event::Happening;

/// How often links are looked at, and with it how long traffic goes on into one that is down. Where
/// the device tells of its link by itself, this reads a word of memory.
const LINK_TICK: Duration = Duration::from_millis(5);
/// How often owners' grace times and workers are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often it is looked which neighbours traffic goes to.
const USE_INTERVAL: Duration = Duration::from_secs(2);

/// While routes come in, sweeps and the like have one turn in this many.
const BACKGROUND_TURNS: u32 = 16;

/// Runs the router until every handle is gone. What the exception path tells comes through `told`.
pub fn run(mut router: Router, inbox: CoreInbox, told: Receiver<Told>) -> Router {
    let mut told = told;
    let mut clock = Clock::default();
    let mut backlog = Backlog::default();
    let mut turns = 0_u32;
    loop {
        turns = turns.wrapping_add(1);
        let in_the_background = backlog.is_empty() || turns.is_multiple_of(BACKGROUND_TURNS);
        let busy = in_the_background && router.background();
        if busy || !backlog.is_empty() {
            // Sweeps and batches go on in pieces, and whoever asks comes between them.
            for _ in 0..inbox.requests.len().max(1) {
                match inbox.requests.try_recv() {
                    Ok(request) => backlog.take(&mut router, request),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return router,
                }
            }
            while let Ok(news) = told.try_recv() {
                router.learn(news);
            }
        } else {
            match next(&inbox.requests, &mut told) {
                Ok(Next::Request(request)) => backlog.take(&mut router, *request),
                Ok(Next::Told(news)) => router.learn(news),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return router,
            }
        }
        backlog.step(&mut router);
        let idle = !busy && backlog.is_empty();
        if idle {
            router.journal.hand_over();
        }
        clock.tick(&mut router, idle);
    }
}

enum Next {
    Request(Box<Request>),
    Told(Told),
}

fn next(requests: &Receiver<Request>, told: &mut Receiver<Told>) -> Result<Next, RecvTimeoutError> {
    select! {
        recv(told) -> news => match news {
            Ok(news) => Ok(Next::Told(news)),
            Err(_) => {
                *told = never();
                Err(RecvTimeoutError::Timeout)
            }
        },
        recv(requests) -> request => match request {
            Ok(request) => Ok(Next::Request(Box::new(request))),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        },
        default(LINK_TICK) => Err(RecvTimeoutError::Timeout),
    }
}

/// What is done from time to time.
#[derive(Default)]
struct Clock {
    links: Option<Instant>,
    ticked: Option<Instant>,
    used: Option<Instant>,
    hung: Vec<usize>,
}

impl Clock {
    fn tick(&mut self, router: &mut Router, idle: bool) {
        let due = |last: &mut Option<Instant>, interval| {
            let due = last.is_none_or(|at| at.elapsed() >= interval);
            if due {
                *last = Some(Instant::now());
            }
            due
        };
        if due(&mut self.links, LINK_TICK) {
            router.poll_links();
        }
        if due(&mut self.ticked, TICK) {
            router.sample();
            router.age_stations();
            router.tend_watching();
            self.watch_workers(router);
            if idle {
                router.tidy();
            }
        }
        if due(&mut self.used, USE_INTERVAL) {
            router.note_used();
            router.age_path_mtus();
        }
    }

    /// Tells when a worker begins or ceases to hang.
    fn watch_workers(&mut self, router: &mut Router) {
        router.plane.settle();
        let hung: Vec<usize> = router
            .plane
            .hung()
            .map(|h| h.slots.clone())
            .unwrap_or_default();
        if hung == self.hung {
            return;
        }
        for worker in router.hardware.workers() {
            let (before, now) = (
                self.hung.contains(&worker.reader_slot),
                hung.contains(&worker.reader_slot),
            );
            if before != now {
                tell(router, worker.index, now);
            }
        }
        self.hung = hung;
    }
}

fn tell(router: &Router, worker: WorkerIndex, hung: bool) {
    if hung {
        tracing::error!(%worker, "the worker hangs; changes go on without it");
    } else {
        tracing::info!(%worker, "the worker moves again");
    }
    router.tell(Happening::Worker { worker, hung });
}
