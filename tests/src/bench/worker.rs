//! The forwarder of a bench, with its view of the world and its rings.

use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use dpdk_sys::{Mbuf, MbufSource};
use ferroute_dataplane::counters::WorkerCounters;
use ferroute_dataplane::forward::{Forwarder, InjectRing, Learn, Supplies};
use ferroute_dataplane::ids::PortId;
use ferroute_dataplane::punt::Punt;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::Reader;
use ferroute_dataplane::worker::waker::Waker;

use super::hardware::{Order, RING, orders};

/// A forwarder that a test drives: it does what a worker does in one pass, when it is told to.
pub struct BenchWorker {
    forwarder: Forwarder,
    reader: Reader<Snapshot>,
    learns: Arc<ArrayQueue<Learn>>,
    pub(super) orders: (Sender<Order>, Receiver<Order>),
    pub(super) sent: Arc<InjectRing>,
    pub(super) injects: Arc<InjectRing>,
    pub(super) counters: Arc<WorkerCounters>,
}

impl BenchWorker {
    pub(super) fn new(reader: Reader<Snapshot>, punts: Arc<ArrayQueue<Punt>>) -> Self {
        let counters = Arc::new(WorkerCounters::new());
        let learns = Arc::new(ArrayQueue::new(RING));
        let supplies = Supplies {
            punts,
            learns: Arc::clone(&learns),
            taker: Arc::new(Waker::new().expect("an eventfd")),
            copies: MbufSource::Heap,
        };
        Self {
            forwarder: Forwarder::new(Arc::clone(&counters), supplies),
            reader,
            learns,
            orders: orders(),
            sent: Arc::new(InjectRing::new(RING).expect("an eventfd")),
            injects: Arc::new(InjectRing::new(RING).expect("an eventfd")),
            counters,
        }
    }

    /// A station that it saw, for the core.
    #[must_use]
    pub fn learned(&self) -> Option<Learn> {
        self.learns.pop()
    }

    /// What it counted.
    #[must_use]
    pub fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// Does what the core told it to.
    pub fn obey(&mut self) -> bool {
        let mut any = false;
        while let Ok(order) = self.orders.1.try_recv() {
            any = true;
            match order {
                Order::Send(port, tx) => drop(self.forwarder.set_tx(port, tx)),
                Order::Show(watch) => drop(self.forwarder.set_watch(watch)),
            }
        }
        any
    }

    /// Forwards at most one burst of `frames` as received on `port`, takes what is left in `frames` for the next call,
    /// and gives what it sent to `sent`.
    pub fn pass(
        &mut self,
        port: PortId,
        frames: &mut Vec<Mbuf>,
        now_ns: u64,
        mut sent: impl FnMut(PortId, &[u8]),
    ) {
        self.obey();
        self.forwarder
            .receive(self.reader.snapshot(), port, frames, now_ns);
        self.forwarder.flush();
        self.drain(&mut sent);
    }

    /// Sends what the exception path wants sent; whether there was any.
    pub fn inject(&mut self, now_ns: u64, mut sent: impl FnMut(PortId, &[u8])) -> bool {
        let mut any = self.obey();
        while let Some(frame) = self.injects.pop() {
            any = true;
            self.forwarder.inject(self.reader.snapshot(), frame, now_ns);
            self.forwarder.flush();
            self.drain(&mut sent);
        }
        any
    }

    /// The world as it sees it now, and goes on seeing it for as long as the answer is kept: a worker that hangs in the
    /// middle of its burst.
    pub fn snapshot(&mut self) -> &Snapshot {
        self.reader.snapshot()
    }

    /// Says that it holds nothing of the world until its next pass, so that changes need not wait for it.
    pub fn rest(&mut self) {
        self.reader.offline();
    }

    fn drain(&self, sent: &mut impl FnMut(PortId, &[u8])) {
        while let Some(frame) = self.sent.pop() {
            if let Some(port) = frame.port {
                sent(port, frame.mbuf.data());
            }
        }
    }
}
