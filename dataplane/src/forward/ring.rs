//! The ring of frames that others want a worker to send.

use crossbeam::queue::ArrayQueue;

use super::Inject;
use crate::worker::waker::Waker;

/// Frames that wait for one worker, which sleeps when there are none.
#[derive(Debug)]
pub struct InjectRing {
    frames: ArrayQueue<Inject>,
    waker: Waker,
}

impl InjectRing {
    /// An empty ring for so many frames.
    ///
    /// # Errors
    /// What the system says when it has no eventfd left.
    pub fn new(capacity: usize) -> std::io::Result<Self> {
        Ok(Self {
            frames: ArrayQueue::new(capacity),
            waker: Waker::new()?,
        })
    }

    /// Gives the worker a frame, and wakes it.
    ///
    /// # Errors
    /// The frame itself when the ring is full.
    pub fn send(&self, frame: Inject) -> Result<(), Inject> {
        self.push(frame).inspect(|()| self.waker.wake())
    }

    /// Adds a frame. After the last of a row the worker must be woken.
    pub(super) fn push(&self, frame: Inject) -> Result<(), Inject> {
        self.frames.push(frame)
    }

    /// Takes the oldest frame.
    #[must_use]
    pub fn pop(&self) -> Option<Inject> {
        self.frames.pop()
    }

    /// How many frames wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether none waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// What wakes the worker, for whoever gives it work by another way.
    #[must_use]
    pub const fn waker(&self) -> &Waker {
        &self.waker
    }
}
