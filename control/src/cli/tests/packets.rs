//! What the played core shows of packets: one of each kind of step, and one frame at each point.

use crate::core::request::{Reply, TraceRequest};
use crate::model::trace::{
    AdjacencyRef, BridgeLead, HopRef, Lead, Observation, PathView, StepView, TunnelRef,
};
use dpdk_sys::clock::tsc;
use etherparse::PacketBuilder;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{
    AdjacencyId, GroupId, InterfaceId, NextHopId, TunnelId, WorkerIndex,
};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::punt::{PuntClass, PuntReason};
use ferroute_dataplane::trace::{Frame, Path, Point, Ring};
use std::sync::Arc;

/// Records that the ring of the played worker has room for.
const ROOM: usize = 4;

/// Three packets were traced and four frames captured; one more of each found no room.
pub(super) fn answer(request: TraceRequest) {
    match request {
        TraceRequest::Trace(_, reply) => {
            let ring = Ring::new(ROOM - 1, Path::default);
            for hops in 0..ROOM {
                let frame = frame(64 - u8::try_from(hops).unwrap());
                ring.put(|path| {
                    path.ticks = tsc();
                    path.frame_bytes = frame.len();
                    path.head.extend(frame.iter().copied());
                });
            }
            give(reply, ring);
        }
        TraceRequest::Capture(spec, reply) => {
            let ring = Ring::new(ROOM, || Frame::with_room(spec.snap_bytes.get()));
            let why = [
                (Point::Receive, None),
                (Point::Transmit, None),
                (Point::Punt, Some(PuntReason::TtlExpired.name())),
                (Point::Drop, Some(DropReason::NoRoute.name())),
                (Point::Drop, Some(DropReason::NoRoute.name())),
            ];
            for (point, reason) in why {
                ring.put(|record| {
                    let frame = frame(64);
                    record.ticks = tsc();
                    (record.point, record.reason) = (point, reason);
                    record.interface = InterfaceId::new(1);
                    record.fill(frame.len(), |room| {
                        room.copy_from_slice(&frame[..room.len()]);
                        true
                    });
                });
            }
            give(reply, ring);
        }
        TraceRequest::NamePaths(paths, reply) => {
            let ways = ways();
            let views = paths.iter().zip(ways).map(|(path, steps)| {
                let mut view = PathView::new(path, steps);
                if matches!(view.steps.last(), Some(StepView::Sent { .. })) {
                    view.sent_head = frame(63);
                }
                view
            });
            drop(reply.send(Ok(views.collect())));
        }
        TraceRequest::NameInterfaces(ids, reply) => {
            let names = ids.iter().map(|_| Some("p0".parse().unwrap()));
            drop(reply.send(Ok(names.collect())));
        }
    }
}

fn give<T, E>(reply: Reply<Observation<T>, E>, ring: Ring<T>) {
    let observation = Observation {
        rings: vec![(WorkerIndex::new(2), Arc::new(ring))],
        ticks_hz: 1_000_000_000,
        held: Arc::default(),
    };
    drop(reply.send(Ok(observation)));
}

fn frame(ttl: u8) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 1])
        .ipv4([10, 0, 0, 9], [10, 1, 2, 3], ttl)
        .udp(7, 53)
        .write(&mut frame, &[0; 18])
        .unwrap();
    frame
}

/// A packet through a group into a tunnel, one out of a tunnel into a bridge domain, and one without a route.
fn ways() -> [Vec<StepView>; 3] {
    let vrf = "red".parse().unwrap();
    let interface = Some("p0".parse().unwrap());
    let adjacency = |known: bool| AdjacencyRef {
        id: AdjacencyId::new(4),
        neighbour: known.then(|| {
            let mac = Some(Mac::new([2, 0, 0, 0, 0, 2]));
            ("p1".parse().unwrap(), "10.0.0.2".parse().unwrap(), mac)
        }),
    };
    let tunnel = TunnelRef {
        id: TunnelId::new(6),
        ends: Some(("default".parse().unwrap(), "192.0.2.2".parse().unwrap())),
    };
    let looked_up = |lead| StepView::LookedUp {
        vrf,
        next_hop: NextHopId::new(9),
        lead,
    };
    [
        vec![
            StepView::Taken { interface, vrf },
            looked_up(Lead::Group(GroupId::new(3))),
            StepView::Picked {
                group: GroupId::new(3),
                hash: 0xdead_beef,
                hop: Some(HopRef::Tunnel(tunnel)),
            },
            StepView::Encapsulated {
                tunnel,
                underlay: Some(adjacency(true)),
            },
            StepView::Sent {
                port: Some("p1".parse().unwrap()),
                interface: Some("p1".parse().unwrap()),
            },
        ],
        vec![
            StepView::Taken { interface, vrf },
            looked_up(Lead::Endpoint(Some("default".parse().unwrap()))),
            StepView::Decapsulated(Some("default".parse().unwrap())),
            StepView::Labels,
            StepView::Bridged {
                domain: Some("blue".parse().unwrap()),
                lead: BridgeLead::Other("unknown"),
            },
            StepView::CopyDropped(DropReason::TxInterfaceDown),
            looked_up(Lead::Hop(HopRef::Adjacency(adjacency(false)))),
            StepView::Dropped(DropReason::TtlExpired),
        ],
        vec![
            StepView::Taken {
                interface: None,
                vrf,
            },
            looked_up(Lead::DeadEnd("no_route")),
            StepView::Punted {
                reason: PuntReason::NoRoute.name(),
                class: PuntClass::Exception,
            },
        ],
    ]
}
