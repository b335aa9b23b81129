//! What the control plane tells a worker, and what it answers.

use dpdk_sys::RxQueue;

use crate::forward::tx::TxPort;
use crate::ids::{PortId, QueueId};
use crate::trace::Watch;

/// A change of what a worker owns. Each is answered by one [`Reply`], in order.
#[derive(Debug)]
pub enum Command {
    /// Poll this queue from now on.
    AddRx(PortId, RxQueue),
    /// Stop polling a queue and give it back.
    TakeRx(PortId, QueueId),
    /// Send on this port from now on, or no longer.
    SetTx(PortId, Option<Box<TxPort>>),
    /// Send all that others have handed off so far.
    Settle,
    /// Show packets from now on as this says, or no longer.
    Watch(Option<Box<Watch>>),
    /// End the thread.
    Stop,
}

/// A worker's answer to a [`Command`].
#[derive(Debug)]
pub enum Reply {
    /// Done.
    Done,
    /// The receive queue that was taken back; `None` when the worker has no such queue.
    Rx(Option<RxQueue>),
    /// What the worker sent by before, flushed.
    Tx(Option<Box<TxPort>>),
    /// What it showed before.
    Watch(Option<Box<Watch>>),
    /// The worker polls as many queues as it can; the queue comes back.
    Full(RxQueue),
}
