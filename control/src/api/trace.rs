//! `TraceService`.

mod step;

use super::message::{MessageError, optional_vrf};
use super::status::Field;
use super::streams::{Answers, Stop};
use crate::core::handle::CoreHandle;
use crate::core::request::TraceRequest;
use crate::model::name::InterfaceName;
use crate::model::prefix::Prefix;
use crate::model::trace::{
    CaptureSpec, Observation, PacketFilter, PathView, SnapBytes, reason_name,
};
use dpdk_sys::clock::tsc;
use ferroute_dataplane::ids::{InterfaceId, WorkerIndex};
use ferroute_dataplane::trace::{Frame, Path, Point};
use ferroute_proto::v1 as pb;
use ferroute_proto::v1::trace_service_server::TraceService;
use futures::stream;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tonic::{Request, Response, Status};

/// How often rings are looked at that were empty.
const LOOK: Duration = Duration::from_millis(5);
/// Most records of a ring in one message.
const RECORDS: usize = 256;
/// About how many bytes of frames a message has at most.
const MESSAGE_BYTES: usize = 1 << 20;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Traces {
    pub(super) core: CoreHandle,
    pub(super) stop: Stop,
}

#[tonic::async_trait]
impl TraceService for Traces {
    type TraceStream = Answers<pb::TraceResponse>;
    type CaptureStream = Answers<pb::CaptureResponse>;

    async fn trace(
        &self,
        request: Request<pb::TraceRequest>,
    ) -> Result<Response<Self::TraceStream>, Status> {
        let request = request.into_inner();
        let filter = Box::new(PacketFilter::try_from(request.filter.unwrap_or_default())?);
        let observation = self
            .core
            .call(|reply| TraceRequest::Trace(filter, reply).into())
            .await?;
        let reader = PathReader {
            core: self.core.clone(),
            observation,
            lost: 0,
            left: unlimited(request.max_packets),
        };
        let answers = stream::try_unfold(reader, PathReader::next);
        Ok(Response::new(self.stop.guard(answers)))
    }

    async fn capture(
        &self,
        request: Request<pb::CaptureRequest>,
    ) -> Result<Response<Self::CaptureStream>, Status> {
        let request = request.into_inner();
        let (max_frames, max_bytes) = (request.max_frames, request.max_bytes);
        let end = (request.max_ns > 0)
            .then(|| Instant::now().checked_add(Duration::from_nanos(request.max_ns)))
            .flatten();
        let spec = Box::new(CaptureSpec::try_from(request)?);
        let observation = self
            .core
            .call(|reply| TraceRequest::Capture(spec, reply).into())
            .await?;
        let reader = FrameReader {
            core: self.core.clone(),
            observation,
            names: HashMap::new(),
            lost: 0,
            frames_left: unlimited(max_frames),
            bytes_left: unlimited(max_bytes),
            end,
        };
        let answers = stream::try_unfold(reader, FrameReader::next);
        Ok(Response::new(self.stop.guard(answers)))
    }
}

/// A limit for which 0 means none.
const fn unlimited(limit: u64) -> u64 {
    if limit == 0 { u64::MAX } else { limit }
}

/// Turns ticks into time, anchored at each look, so that the two clocks never drift apart.
#[derive(Clone, Copy)]
struct Anchor {
    ticks: u64,
    unix_ns: u64,
    ticks_hz: u64,
}

impl Anchor {
    fn now(ticks_hz: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            ticks: tsc(),
            unix_ns: super::message::nanoseconds(since.unwrap_or_default()),
            ticks_hz: ticks_hz.max(1),
        }
    }

    /// Nanoseconds since 1970 at `ticks`, which are in the recent past.
    fn unix_ns(self, ticks: u64) -> u64 {
        let ago = u128::from(self.ticks.saturating_sub(ticks)) * 1_000_000_000;
        let ago_ns = ago / u128::from(self.ticks_hz);
        self.unix_ns
            .saturating_sub(u64::try_from(ago_ns).unwrap_or(u64::MAX))
    }
}

/// Reads paths until the limit.
struct PathReader {
    core: CoreHandle,
    observation: Observation<Path>,
    /// What was said to be lost.
    lost: u64,
    left: u64,
}

impl PathReader {
    async fn next(mut self) -> Result<Option<(pb::TraceResponse, Self)>, Status> {
        while self.left > 0 {
            let lost = self.observation.lost();
            let most = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .min(RECORDS);
            let (mut workers, mut paths) = (Vec::new(), Vec::new());
            next_first(&mut self.observation.rings);
            for (worker, ring) in &self.observation.rings {
                ring.drain(most - paths.len(), |path| {
                    workers.push(*worker);
                    paths.push(path.clone());
                });
            }
            if paths.is_empty() && lost == self.lost {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            self.left -= paths.len() as u64;
            self.lost = lost;
            let anchor = Anchor::now(self.observation.ticks_hz);
            let views = self
                .core
                .call(|reply| TraceRequest::NamePaths(paths, reply).into())
                .await?;
            let packets = workers.into_iter().zip(views);
            let packets = packets.map(|(worker, view)| packet(worker, view, anchor));
            let message = pb::TraceResponse {
                packets: packets.collect(),
                lost_packets: lost,
            };
            return Ok(Some((message, self)));
        }
        Ok(None)
    }
}

fn packet(worker: WorkerIndex, view: PathView, anchor: Anchor) -> pb::TracedPacket {
    pb::TracedPacket {
        time_unix_ns: anchor.unix_ns(view.ticks),
        worker: worker.get().into(),
        frame_bytes: length(view.frame_bytes),
        head: view.head.into(),
        steps: view.steps.into_iter().map(Into::into).collect(),
        sent_head: view.sent_head.into(),
    }
}

/// Reads frames until a limit.
struct FrameReader {
    core: CoreHandle,
    observation: Observation<Frame>,
    /// Interfaces that were met. A name stays as it was when the interface was met first.
    names: HashMap<InterfaceId, String>,
    lost: u64,
    frames_left: u64,
    bytes_left: u64,
    end: Option<Instant>,
}

impl FrameReader {
    async fn next(mut self) -> Result<Option<(pb::CaptureResponse, Self)>, Status> {
        while self.frames_left > 0 && self.bytes_left > 0 {
            let over = self.end.is_some_and(|end| end <= Instant::now());
            let lost = self.observation.lost();
            let (found, full) = self.drain();
            if found.is_empty() && lost == self.lost {
                if over || full {
                    return Ok(None);
                }
                tokio::time::sleep(LOOK).await;
                continue;
            }
            self.lost = lost;
            if over || full {
                self.frames_left = 0;
            }
            let frames = self.name(found).await?;
            let message = pb::CaptureResponse {
                frames,
                lost_frames: lost,
            };
            return Ok(Some((message, self)));
        }
        Ok(None)
    }

    /// What is there and fits into the limits, and whether a limit was met.
    fn drain(&mut self) -> (Vec<(InterfaceId, pb::CapturedFrame)>, bool) {
        let anchor = Anchor::now(self.observation.ticks_hz);
        let (mut found, mut bytes, mut full) = (Vec::new(), 0, false);
        next_first(&mut self.observation.rings);
        for (worker, ring) in &self.observation.rings {
            while !full && bytes < MESSAGE_BYTES && found.len() < RECORDS {
                let drained = ring.drain(1, |frame| {
                    let length = frame.bytes().len();
                    full = self.frames_left == 0 || self.bytes_left < length as u64;
                    if !full {
                        self.frames_left -= 1;
                        self.bytes_left -= length as u64;
                        bytes += length;
                        found.push((frame.interface, captured(*worker, frame, anchor)));
                    }
                });
                if drained == 0 {
                    break;
                }
            }
        }
        (found, full)
    }

    async fn name(
        &mut self,
        found: Vec<(InterfaceId, pb::CapturedFrame)>,
    ) -> Result<Vec<pb::CapturedFrame>, Status> {
        let mut unknown: Vec<InterfaceId> = found.iter().map(|(id, _)| *id).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|id| !self.names.contains_key(id));
        if !unknown.is_empty() {
            let ids = unknown.clone();
            let names = self
                .core
                .call(|reply| TraceRequest::NameInterfaces(ids, reply).into())
                .await?;
            let names = names.into_iter().map(optional);
            self.names.extend(unknown.into_iter().zip(names));
        }
        let named = |(id, frame)| pb::CapturedFrame {
            interface: self.names.get(&id).cloned().unwrap_or_default(),
            ..frame
        };
        Ok(found.into_iter().map(named).collect())
    }
}

fn captured(worker: WorkerIndex, frame: &Frame, anchor: Anchor) -> pb::CapturedFrame {
    let point = match frame.point {
        Point::Receive => pb::CapturePoint::Receive,
        Point::Transmit => pb::CapturePoint::Transmit,
        Point::Punt => pb::CapturePoint::Punt,
        Point::Drop => pb::CapturePoint::Drop,
    };
    pb::CapturedFrame {
        time_unix_ns: anchor.unix_ns(frame.ticks),
        worker: worker.get().into(),
        point: point.into(),
        interface: String::new(),
        reason: frame.reason.unwrap_or_default().to_owned(),
        frame_bytes: length(frame.frame_bytes),
        bytes: frame.bytes().to_vec().into(),
    }
}

/// Lets another worker's ring be the first to be read, so that a busy one leaves room for the others.
fn next_first<T>(rings: &mut [T]) {
    rings.rotate_left(rings.len().min(1));
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The text of a name; empty where there is none.
pub(super) fn optional(name: Option<impl ToString>) -> String {
    name.map(|name| name.to_string()).unwrap_or_default()
}

impl TryFrom<pb::PacketFilter> for PacketFilter {
    type Error = Status;

    fn try_from(filter: pb::PacketFilter) -> Result<Self, Status> {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        let interface = given(filter.interface).map(|name| name.parse::<InterfaceName>());
        let prefix = filter
            .prefix
            .map(|prefix| Prefix::from_octets(&prefix.address, prefix.length));
        let reason = given(filter.reason).map(|reason| reason_name(&reason));
        Ok(Self {
            interface: interface.transpose().field("filter.interface")?,
            vrf: optional_vrf(filter.vrf)?,
            prefix: prefix.transpose().field("filter.prefix")?,
            reason: reason.transpose().field("filter.reason")?,
            sample: NonZeroU32::new(filter.sample).unwrap_or(NonZeroU32::MIN),
        })
    }
}

impl TryFrom<pb::CaptureRequest> for CaptureSpec {
    type Error = Status;

    fn try_from(request: pb::CaptureRequest) -> Result<Self, Status> {
        const ALL: [Point; 4] = [Point::Receive, Point::Transmit, Point::Punt, Point::Drop];
        let point = |value: &i32| match pb::CapturePoint::try_from(*value) {
            Ok(pb::CapturePoint::Receive) => Ok(Point::Receive),
            Ok(pb::CapturePoint::Transmit) => Ok(Point::Transmit),
            Ok(pb::CapturePoint::Punt) => Ok(Point::Punt),
            Ok(pb::CapturePoint::Drop) => Ok(Point::Drop),
            _ => Err(MessageError::UnknownValue { value: *value }).field("points"),
        };
        let points: Vec<Point> = request
            .points
            .iter()
            .map(point)
            .collect::<Result<_, Status>>()?;
        let snap_bytes = match request.snap_bytes {
            0 => SnapBytes::default(),
            bytes => SnapBytes::try_from(bytes).field("snap_bytes")?,
        };
        Ok(Self {
            filter: request.filter.unwrap_or_default().try_into()?,
            points: if points.is_empty() {
                ALL.into_iter().collect()
            } else {
                points.into_iter().collect()
            },
            snap_bytes,
        })
    }
}
