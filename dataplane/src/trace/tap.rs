//! Frames as they pass a point of the packet path.

use std::sync::Arc;

use dpdk_sys::Mbuf;
use dpdk_sys::clock::tsc;

use super::{Filter, Ring};
use crate::counters::Counter;
use crate::ids::InterfaceId;

/// A point of the packet path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Point {
    /// As read from a receive queue.
    #[default]
    Receive,
    /// As given to a transmit queue, of the exception path too.
    Transmit,
    /// As handed to the exception path.
    Punt,
    /// As dropped.
    Drop,
}

/// A set of points.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Points(u8);

impl Points {
    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, point: Point) -> bool {
        self.0 & 1 << point as u8 != 0
    }
}

impl FromIterator<Point> for Points {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let bits = points.into_iter().map(|point| 1 << point as u8);
        Self(bits.fold(0, |set, bit| set | bit))
    }
}

/// A frame that was captured.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// When, in ticks of the time stamp counter.
    pub ticks: u64,
    /// Where.
    pub point: Point,
    /// The interface that received it or, at [`Point::Transmit`], sends it.
    pub interface: InterfaceId,
    /// Why it was dropped or punted.
    pub reason: Option<&'static str>,
    /// How long it is, in bytes, from the Ethernet header on, without FCS.
    pub frame_bytes: usize,
    /// Of that, how much is in `bytes`.
    captured_bytes: usize,
    bytes: Box<[u8]>,
}

impl Frame {
    /// A record with room for so many bytes of a frame.
    #[must_use]
    pub fn with_room(snap_bytes: usize) -> Self {
        Self {
            bytes: vec![0; snap_bytes].into_boxed_slice(),
            ..Self::default()
        }
    }

    /// Takes a frame of so many bytes. `read` copies its first ones, as many as there is room for, and answers
    /// whether it could.
    pub fn fill(&mut self, frame_bytes: usize, read: impl FnOnce(&mut [u8]) -> bool) {
        let room = self.bytes.len().min(frame_bytes);
        let is_read = read(&mut self.bytes[..room]);
        (self.frame_bytes, self.captured_bytes) = (frame_bytes, if is_read { room } else { 0 });
    }

    /// What was captured of the frame.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.captured_bytes).unwrap_or_default()
    }
}

/// One worker's end of a capture.
#[derive(Debug)]
pub struct Tap {
    ring: Arc<Ring<Frame>>,
    filter: Filter,
    points: Points,
    seen: Counter,
}

impl Tap {
    /// Captures at these points, what fits the filter, into the ring.
    #[must_use]
    pub fn new(ring: Arc<Ring<Frame>>, filter: Filter, points: Points) -> Self {
        Self {
            ring,
            filter,
            points,
            seen: Counter::default(),
        }
    }

    /// Whether it captures at this point.
    #[must_use]
    pub(crate) const fn is_at(&self, point: Point) -> bool {
        self.points.has(point)
    }

    /// Copies a frame, if that is wanted. Only the worker may call this.
    pub(crate) fn offer(
        &self,
        point: Point,
        interface: InterfaceId,
        reason: Option<&'static str>,
        mbuf: &Mbuf,
    ) {
        let wanted = self.is_at(point)
            && self.filter.fits_reason(reason)
            && self.filter.fits(interface, mbuf.data());
        if !wanted {
            return;
        }
        let number = self.seen.get();
        self.seen.add(1);
        if !number.is_multiple_of(self.filter.sample.get().into()) {
            return;
        }
        self.ring.put(|frame| {
            frame.ticks = tsc();
            (frame.point, frame.interface, frame.reason) = (point, interface, reason);
            frame.fill(mbuf.len(), |room| mbuf.read_at(0, room).is_ok());
        });
    }
}
