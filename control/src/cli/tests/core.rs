//! A core that has one of everything and changes nothing.

use crate::core::request::{
    InterfaceRequest, NeighbourRequest, NextHopRequest, PortRequest, Reply, Request, RouteRequest,
    StatsRequest, SystemRequest, VrfRequest,
};
use crate::model::interface::{
    InterfaceCounters, InterfaceKind, InterfaceView, TwinView, VirtualKind,
};
use crate::model::lookup::{LookupOutcome, LookupView, RecursionStep};
use crate::model::neighbour::{NeighbourState, NeighbourView};
use crate::model::nexthop::{
    AdjacencyView, HopView, NextHopEntry, NextHopSpec, NextHops, ResolvedMember, Via,
};
use crate::model::number::{Choice, Epoch, Metric, Mtu, NextHopSetId, Weight};
use crate::model::owner::{OwnerError, OwnerOpened, OwnerState, OwnerView, SessionId};
use crate::model::page::{Page, RouteCursor};
use crate::model::port::{Link, PortError, PortStats, PortView, Traffic};
use crate::model::prefix::{Family, Prefix};
use crate::model::refusal::{Circle, RouteError};
use crate::model::route::{
    BatchItem, BatchOutcome, Refusal, RouteChange, RouteState, RouteTarget, RouteView,
};
use crate::model::stats::{
    DropView, FibView, InterfaceStatsView, MemoryView, PacketPoolView, PuntSourceView, PuntView,
    StageView, WorkerView,
};
use crate::model::system::{ConfigView, SystemView};
use crate::model::vrf::{VrfError, VrfSpec, VrfView};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{
    AdjacencyId, GroupId, InterfaceId, NextHopId, PortId, QueueId, VrfId, WorkerIndex,
};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::punt::PuntClass;
use ipnet::IpNet;
use std::time::Duration;

/// Answers one request. Answers that come too late are nobody's concern.
pub(super) fn answer(request: Request) {
    match request {
        Request::Port(request) => port(request),
        Request::Interface(request) => interface(request),
        Request::Vrf(request) => vrf(request),
        Request::Route(request) => route(request),
        Request::NextHop(request) => next_hop(request),
        Request::Overlay(request) => super::overlay::answer(request),
        Request::Bridge(request) => super::domain::answer(request),
        Request::Segment(request) => super::segment::answer(request),
        Request::Neighbour(request) => neighbour(request),
        Request::Stats(request) => stats(request),
        Request::Trace(request) => super::packets::answer(request),
        Request::System(SystemRequest::Info(reply)) => {
            let view = SystemView {
                version: "0.1.0",
                dpdk_version: "DPDK 22.11.0".to_owned(),
                uptime: Duration::from_secs(90),
                snapshot_epoch: 42,
                workers: 2,
            };
            yes(reply, view);
        }
        Request::System(SystemRequest::Restore(..)) => panic!("no client asks for this"),
        Request::System(SystemRequest::Config(reply)) => {
            yes(
                reply,
                ConfigView {
                    yaml: "log: {level: info}\n".to_owned(),
                    path: Some("/etc/ferroute.yaml".into()),
                },
            );
        }
    }
}

fn yes<T, E>(reply: Reply<T, E>, answer: T) {
    drop(reply.send(Ok(answer)));
}

fn traffic(packets: u64) -> Traffic {
    Traffic {
        packets,
        bytes: packets * 100,
    }
}

fn mac() -> Mac {
    Mac::new([2, 0, 0, 0, 0, 1])
}

fn port_view() -> PortView {
    PortView {
        name: "p0".parse().unwrap(),
        device: "0000:3b:00.0".parse().unwrap(),
        id: PortId::new(0),
        rx_queues: 2,
        tx_queues: 3,
        rx_descriptors: 1024,
        tx_descriptors: 512,
        mtu: Mtu::try_from(9000).unwrap(),
        promiscuous: true,
        twin: true,
        queues: vec![
            (QueueId::new(0), WorkerIndex::new(0)),
            (QueueId::new(1), WorkerIndex::new(1)),
        ],
        link: Link {
            up: true,
            speed_mbps: 25_000,
            full_duplex: true,
        },
        mac: mac(),
        driver: "net_mlx5".to_owned(),
        numa_node: Some(1),
        offloads: vec!["rss_hash"],
        rx_wake: crate::model::port::RxWake::Interrupt,
    }
}

fn port(request: PortRequest) {
    let known = |name: &str| name == "p0";
    match request {
        PortRequest::Add(_, reply) => yes(reply, port_view()),
        PortRequest::Change(name, _, reply) | PortRequest::Get(name, reply)
            if known(name.as_str()) =>
        {
            yes(reply, port_view())
        }
        PortRequest::Change(port, _, reply) | PortRequest::Get(port, reply) => {
            drop(reply.send(Err(PortError::UnknownPort { port })))
        }
        PortRequest::Remove(_, reply) => yes(reply, ()),
        PortRequest::List(reply) => yes(reply, vec![port_view()]),
        PortRequest::Stats(_, reply) => {
            let extended = vec![("rx_q0_packets".to_owned(), 10)];
            yes(
                reply,
                PortStats {
                    rx: traffic(10),
                    tx: traffic(11),
                    rx_missed: 1,
                    rx_errors: 2,
                    rx_no_buffer: 3,
                    tx_errors: 4,
                    extended,
                },
            );
        }
    }
}

fn interface_views() -> Vec<InterfaceView> {
    let port = InterfaceView {
        bridge_domain: None,
        name: "p0".parse().unwrap(),
        id: InterfaceId::new(1),
        kind: InterfaceKind::Port,
        vrf: "default".parse().unwrap(),
        mtu: Mtu::try_from(9000).unwrap(),
        admin_up: true,
        oper_up: false,
        mpls: false,
        tcp_mtu: Choice::Auto,
        mac: Some(mac()),
        addresses: ["10.0.0.1/24", "2001:db8::1/64"]
            .map(|text| text.parse::<IpNet>().unwrap().try_into().unwrap())
            .to_vec(),
        twin: Some(TwinView {
            name: "p0".parse().unwrap(),
            namespace: Some("fabric".to_owned()),
            ifindex: 7,
        }),
        counters: InterfaceCounters {
            rx: traffic(30),
            tx: traffic(31),
            punted_packets: 1,
            dropped_packets: 2,
        },
    };
    let kind = VirtualKind::Vlan {
        parent: port.name,
        vlan_id: 100.try_into().unwrap(),
    };
    let vlan = InterfaceView {
        name: "p0.100".parse().unwrap(),
        kind: InterfaceKind::Virtual(kind),
        vrf: "red".parse().unwrap(),
        addresses: vec![],
        twin: None,
        ..port.clone()
    };
    vec![port, vlan]
}

fn interface(request: InterfaceRequest) {
    let view = interface_views().swap_remove(0);
    match request {
        InterfaceRequest::Create(_, reply) => yes(reply, view),
        InterfaceRequest::Delete(_, reply) => yes(reply, ()),
        InterfaceRequest::Change(_, _, reply)
        | InterfaceRequest::AddAddress(_, _, reply)
        | InterfaceRequest::RemoveAddress(_, _, reply)
        | InterfaceRequest::Get(_, reply) => yes(reply, view),
        InterfaceRequest::List(_, reply) => yes(reply, interface_views()),
    }
}

fn vrf(request: VrfRequest) {
    let spec = VrfSpec {
        name: "red".parse().unwrap(),
        table_id: std::num::NonZeroU32::new(100),
        namespace: None,
    };
    let view = VrfView {
        spec,
        id: VrfId::new(1),
        interfaces: vec!["p0.100".parse().unwrap()],
        ipv4_prefixes: 3,
        ipv6_prefixes: 4,
    };
    match request {
        VrfRequest::Create(spec, reply) => {
            drop(reply.send(Err(VrfError::NameTaken { name: spec.name })))
        }
        VrfRequest::Delete(_, reply) => yes(reply, ()),
        VrfRequest::Get(_, reply) => yes(reply, view),
        VrfRequest::List(reply) => yes(reply, vec![view]),
    }
}

fn hops() -> NextHops {
    let via = |gateway: &str| Via::Recursive {
        gateway: gateway.parse().unwrap(),
        vrf: None,
    };
    let hop = |gateway, weight: u32| NextHopSpec {
        via: via(gateway),
        weight: Weight::try_from(weight).unwrap(),
    };
    vec![hop("10.0.0.2", 2), hop("10.0.0.3", 1)]
        .try_into()
        .unwrap()
}

fn route_view(text: &str) -> RouteView {
    RouteView {
        vrf: "red".parse().unwrap(),
        prefix: prefix(text),
        owner: "bgp".parse().unwrap(),
        distance: 20,
        metric: Metric(5),
        epoch: Epoch(3),
        target: RouteTarget::NextHops(hops()),
        set_members: None,
        state: RouteState::Active,
        stale: true,
    }
}

fn prefix(text: &str) -> Prefix {
    text.parse::<IpNet>().unwrap().try_into().unwrap()
}

fn member() -> ResolvedMember {
    let adjacency = AdjacencyView {
        id: AdjacencyId::new(4),
        interface: "p0".parse().unwrap(),
        port: Some("p0".parse().unwrap()),
        neighbour: Some("10.0.0.2".parse().unwrap()),
        rewrite: Some(vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]),
        mtu: 9000,
        traffic: traffic(5),
    };
    ResolvedMember {
        hop: HopView::Adjacency(adjacency),
        weight: 2,
        buckets: 43,
    }
}

fn owner_view() -> OwnerView {
    OwnerView {
        name: "bgp".parse().unwrap(),
        state: OwnerState::Stale,
        epoch: Epoch(3),
        routes: 900,
        stale_routes: 5,
        next_hop_sets: 1,
        things: 40,
        stale_things: 7,
        grace_left: Some(Duration::from_secs(60)),
        persistent: false,
    }
}

/// Routes to 192.0.2.0/24 exist; batches are refused a route to 198.51.100.0/24.
fn route(request: RouteRequest) {
    match request {
        RouteRequest::Open(open, reply) if open.owner.as_str() == "busy" => {
            drop(reply.send(Err(OwnerError::Busy { owner: open.owner })));
        }
        RouteRequest::Open(_, reply) => yes(
            reply,
            OwnerOpened {
                session: SessionId(1),
                epoch: Epoch(1),
                held_routes: 0,
            },
        ),
        RouteRequest::OwnerGone(_) => {}
        RouteRequest::Batch(flight, reply) => {
            let is_bad = |change: &RouteChange| matches!(change, RouteChange::Announce(spec) if spec.prefix == prefix("198.51.100.0/24"));
            let changes = flight.batch.changes.iter().enumerate();
            let refused: Vec<_> = changes
                .filter(|(_, change)| is_bad(change))
                .map(|(place, _)| Refusal {
                    item: BatchItem::Route(u32::try_from(place).unwrap()),
                    error: RouteError::NextHopLoop {
                        path: Circle::Vrf("red".parse().unwrap()),
                    },
                })
                .collect();
            let applied = u32::try_from(flight.batch.changes.len() - refused.len()).unwrap();
            yes(reply, BatchOutcome { applied, refused });
        }
        RouteRequest::EndOfRib(_, reply) => yes(reply, 12),
        RouteRequest::List(filter, cursor, reply) => {
            let next = RouteCursor {
                vrf: VrfId::new(1),
                prefix: prefix("10.1.0.0/16"),
            };
            let page = match (filter.prefix, cursor) {
                (Some((asked, _)), _) if asked != prefix("192.0.2.0/24") => Page {
                    items: vec![],
                    next: None,
                },
                (Some(_), _) => Page {
                    items: vec![route_view("192.0.2.0/24")],
                    next: None,
                },
                (None, None) => Page {
                    items: vec![route_view("10.1.0.0/16")],
                    next: Some(next),
                },
                (None, Some(_)) => Page {
                    items: vec![route_view("192.0.2.0/24")],
                    next: None,
                },
            };
            yes(reply, page);
        }
        RouteRequest::Lookup(_, reply) => {
            let step = RecursionStep {
                next_hop: hops().as_slice()[0].clone(),
                vrf: "red".parse().unwrap(),
                route: Some((prefix("10.0.0.0/24"), "connected".parse().unwrap())),
                depth: 0,
            };
            let view = LookupView {
                route: Some(route_view("10.1.0.0/16")),
                steps: vec![step],
                outcome: LookupOutcome::Forward,
                next_hop: NextHopId::new(9),
                group: Some((GroupId::new(3), vec![0, 0])),
                members: vec![member()],
                chosen: Some(0),
            };
            yes(reply, Box::new(view));
        }
        RouteRequest::ListOwners(reply) => yes(reply, vec![owner_view()]),
        RouteRequest::RemoveOwner(_, reply) => yes(reply, 900),
    }
}

fn next_hop(request: NextHopRequest) {
    let entry = NextHopEntry {
        id: Some(NextHopId::new(9)),
        declared: Some(("cli".parse().unwrap(), NextHopSetId::try_from(5).unwrap())),
        next_hops: hops(),
        prefixes: 2,
        members: vec![member()],
        group: Some(GroupId::new(3)),
        stale: false,
    };
    match request {
        NextHopRequest::Put(_, _, reply) => yes(reply, entry),
        NextHopRequest::Get(_, reply) => yes(reply, entry),
        NextHopRequest::Delete(_, next_hop_set, reply) => {
            drop(reply.send(Err(RouteError::InUse {
                next_hop_set,
                routes: 2,
            })))
        }
        NextHopRequest::List(_, _, reply) => yes(
            reply,
            Page {
                items: vec![entry],
                next: None,
            },
        ),
    }
}

fn neighbour(request: NeighbourRequest) {
    let view = NeighbourView {
        interface: "p0".parse().unwrap(),
        address: "10.0.0.2".parse().unwrap(),
        mac: Some(mac()),
        state: NeighbourState::Reachable,
        router: true,
        confirmed: Some(Duration::from_secs(5)),
        held_packets: 1,
        owner: None,
    };
    match request {
        NeighbourRequest::List(_, _, reply) => yes(
            reply,
            Page {
                items: vec![view],
                next: None,
            },
        ),
        NeighbourRequest::Add(_, _, reply) => yes(reply, view),
        NeighbourRequest::Delete(_, _, reply) => yes(reply, ()),
        NeighbourRequest::Flush(_, reply) => yes(reply, 3),
    }
}

fn stats(request: StatsRequest) {
    match request {
        StatsRequest::Workers(reply) => {
            let view = WorkerView {
                index: WorkerIndex::new(0),
                cpu: 2,
                busy: 0.25,
                asleep: 0.5,
                packets_per_burst: 12.5,
                cycles_per_packet: 110.0,
                stages: vec![StageView {
                    name: "ipv4",
                    packets: 7,
                    cycles: 700,
                    cycles_per_packet: 100.0,
                }],
                rx_packets: 10,
                tx_packets: 3,
                punted_packets: 2,
                consumed_packets: 1,
                dropped_packets: 4,
                copied_packets: 0,
                injected_packets: 5,
                polls: 100,
                empty_polls: 90,
                sleeps: 8,
                wakeups: 7,
                hung: false,
                queues: vec![("p0".parse().unwrap(), QueueId::new(0))],
            };
            yes(reply, vec![view]);
        }
        StatsRequest::Drops(reply) => {
            let by_worker = |reason| {
                if reason == DropReason::TtlExpired {
                    vec![1, 2]
                } else {
                    vec![0, 0]
                }
            };
            let view = |&reason: &DropReason| DropView {
                reason,
                by_worker: by_worker(reason),
                by_exception_path: 0,
            };
            yes(reply, DropReason::ALL.iter().map(view).collect());
        }
        StatsRequest::Interfaces(reply) => {
            let views = interface_views()
                .into_iter()
                .map(|view| InterfaceStatsView {
                    name: view.name,
                    counters: view.counters,
                });
            yes(reply, views.collect());
        }
        StatsRequest::Punts(reply) => {
            let view = |class| PuntView {
                class,
                passed_packets: 8,
                policed_packets: 6,
                rate_pps: 100,
                burst_packets: 10,
                share_pps: 50,
                sources: vec![PuntSourceView {
                    port: Some("p0".parse().unwrap()),
                    passed_packets: 7,
                    policed_packets: 6,
                }],
            };
            yes(reply, vec![view(PuntClass::Arp)]);
        }
        StatsRequest::Memory(reply) => {
            let pools = vec![PacketPoolView {
                name: "packets".to_owned(),
                numa_node: Some(0),
                size: 65535,
                used: 100,
            }];
            let fibs = vec![FibView {
                vrf: "red".parse().unwrap(),
                family: Family::Ipv6,
                prefixes: 11,
                bytes: 4096,
            }];
            let (dpdk_reserved_bytes, dpdk_used_bytes, resident_bytes) =
                (1 << 30, 1 << 20, 1 << 25);
            yes(
                reply,
                MemoryView {
                    pools,
                    fibs,
                    dpdk_reserved_bytes,
                    dpdk_used_bytes,
                    huge_pages: true,
                    resident_bytes,
                },
            );
        }
    }
}
