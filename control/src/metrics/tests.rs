use super::*;
use crate::core::handle::{CoreHandle, channel};
use crate::core::request::{
    BridgeRequest, InterfaceRequest, OverlayRequest, PortRequest, Request, RouteRequest,
    StatsRequest, SystemRequest,
};
use crate::model::bridge::{
    DomainCounters, DomainPolicy, DomainSpec, DomainView, StationCount, StationCounters,
};
use crate::model::interface::{InterfaceCounters, InterfaceKind, InterfaceView};
use crate::model::number::{Choice, Epoch, Mtu};
use crate::model::owner::{OwnerState, OwnerView};
use crate::model::page::Page;
use crate::model::port::{Link, PortError, PortStats, PortView, Traffic};
use crate::model::prefix::Family;
use crate::model::stats::{
    DropView, FibView, MemoryView, PacketPoolView, PuntSourceView, PuntView, StageView, WorkerView,
};
use crate::model::system::SystemView;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{BridgeId, InterfaceId, PortId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::punt::PuntClass;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A core that has one of everything. It ends with the last handle.
fn core() -> CoreHandle {
    let (handle, inbox) = channel();
    std::thread::spawn(move || {
        for request in inbox.requests {
            answer(request);
        }
    });
    handle
}

fn domain(name: &str) -> DomainView {
    DomainView {
        spec: DomainSpec {
            name: name.parse().unwrap(),
            members: vec![],
            policy: DomainPolicy::default(),
            gateway: None,
        },
        id: BridgeId::new(1),
        vni: None,
        flood: vec![],
        stations: StationCount {
            remote: 2,
            ..StationCount::default()
        },
        counters: DomainCounters {
            frames: Traffic {
                packets: 40,
                bytes: 4000,
            },
            copies: 9,
            stations: StationCounters {
                moves: 3,
                ..StationCounters::default()
            },
            ..DomainCounters::default()
        },
    }
}

/// Answers that come too late are nobody's concern.
fn answer(request: Request) {
    let worker = |index, rx_packets| WorkerView {
        index: WorkerIndex::new(index),
        cpu: index + 2,
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
        rx_packets,
        tx_packets: 3,
        punted_packets: 2,
        consumed_packets: 1,
        dropped_packets: 4,
        copied_packets: 6,
        injected_packets: 5,
        polls: u64::MAX,
        empty_polls: 9,
        sleeps: 8,
        wakeups: 7,
        hung: index == 1,
        queues: vec![],
    };
    match request {
        Request::System(SystemRequest::Info(reply)) => drop(reply.send(Ok(SystemView {
            version: "0.1.0",
            dpdk_version: "DPDK \"22.11\"".to_owned(),
            uptime: Duration::from_millis(1500),
            snapshot_epoch: 42,
            workers: 2,
        }))),
        Request::Stats(StatsRequest::Workers(reply)) => {
            drop(reply.send(Ok(vec![worker(0, 10), worker(1, 20)])))
        }
        Request::Stats(StatsRequest::Drops(reply)) => {
            let views = DropReason::ALL.iter().map(|&reason| DropView {
                reason,
                by_worker: vec![1, 2],
                by_exception_path: 3,
            });
            drop(reply.send(Ok(views.collect())));
        }
        Request::Stats(StatsRequest::Punts(reply)) => {
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
            drop(reply.send(Ok(PuntClass::ALL.map(view).to_vec())));
        }
        Request::Stats(StatsRequest::Memory(reply)) => drop(reply.send(Ok(MemoryView {
            pools: vec![PacketPoolView {
                name: "packets".to_owned(),
                numa_node: Some(0),
                size: 65535,
                used: 100,
            }],
            fibs: vec![FibView {
                vrf: "red".parse().unwrap(),
                family: Family::Ipv6,
                prefixes: 11,
                bytes: 4096,
            }],
            dpdk_reserved_bytes: 1 << 30,
            dpdk_used_bytes: 1 << 20,
            huge_pages: true,
            resident_bytes: 1 << 25,
        }))),
        Request::Interface(InterfaceRequest::List(None, reply)) => {
            let traffic = |packets| Traffic {
                packets,
                bytes: packets * 100,
            };
            drop(reply.send(Ok(vec![InterfaceView {
                bridge_domain: None,
                name: "p0".parse().unwrap(),
                id: InterfaceId::new(1),
                kind: InterfaceKind::Port,
                vrf: "red".parse().unwrap(),
                mtu: Mtu::try_from(9000).unwrap(),
                admin_up: true,
                oper_up: false,
                mpls: false,
                tcp_mtu: Choice::Auto,
                mac: None,
                addresses: vec![],
                twin: None,
                counters: InterfaceCounters {
                    rx: traffic(30),
                    tx: traffic(31),
                    punted_packets: 1,
                    dropped_packets: 2,
                },
            }])));
        }
        Request::Bridge(BridgeRequest::List(after, reply)) => {
            let (name, next) = match after {
                None => ("blue", Some("blue".parse().unwrap())),
                Some(_) => ("green", None),
            };
            let items = vec![domain(name)];
            let page = Page { items, next };
            drop(reply.send(Ok(page)));
        }
        Request::Port(PortRequest::List(reply)) => {
            let port = |name: &str| PortView {
                name: name.parse().unwrap(),
                device: "net_null0".parse().unwrap(),
                id: PortId::new(0),
                rx_queues: 1,
                tx_queues: 1,
                rx_descriptors: 512,
                tx_descriptors: 512,
                mtu: Mtu::try_from(1500).unwrap(),
                promiscuous: false,
                twin: true,
                queues: vec![],
                link: Link {
                    up: true,
                    speed_mbps: 25_000,
                    full_duplex: true,
                },
                mac: Mac::ZERO,
                driver: "net_null".to_owned(),
                numa_node: None,
                offloads: vec![],
                rx_wake: crate::model::port::RxWake::Interrupt,
            };
            drop(reply.send(Ok(vec![port("p0"), port("gone")])));
        }
        Request::Port(PortRequest::Stats(name, reply)) => drop(reply.send(match name.as_str() {
            "p0" => Ok(PortStats {
                rx_missed: 77,
                ..PortStats::default()
            }),
            _ => Err(PortError::UnknownPort { port: name }),
        })),
        Request::Route(RouteRequest::ListOwners(reply)) => drop(reply.send(Ok(vec![OwnerView {
            name: "bgp".parse().unwrap(),
            state: OwnerState::Stale,
            epoch: Epoch::default(),
            routes: 900_000,
            stale_routes: 5,
            next_hop_sets: 1,
            things: 40,
            stale_things: 7,
            grace_left: None,
            persistent: false,
        }]))),
        Request::Overlay(OverlayRequest::ListVnis(None, reply)) => {
            drop(reply.send(Ok(Page::filled(vec![], |_| unreachable!()))));
        }
        Request::Overlay(OverlayRequest::ListLabels(None, reply)) => {
            drop(reply.send(Ok(Page::filled(vec![], |_| unreachable!()))));
        }
        Request::Overlay(OverlayRequest::ListTunnels(None, reply)) => {
            drop(reply.send(Ok(Page::filled(vec![], |_| unreachable!()))));
        }
        other => panic!("not asked for metrics: {other:?}"),
    }
}

/// Reads the text format strictly: the samples by name and labels, and the type of each metric.
fn parse(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut samples, mut kinds, mut helped) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(
                help.ends_with('.') && helped.insert(name.to_owned()),
                "{line}"
            );
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(
                helped.contains(name) && ["counter", "gauge"].contains(&kind),
                "{line}"
            );
            assert!(
                kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
            current = name.to_owned();
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert_eq!(name, current, "samples of a metric stand together: {line}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
                "{name}"
            );
            if let Some(labels) = sample
                .strip_prefix(name)
                .filter(|labels| !labels.is_empty())
            {
                let inside = labels
                    .strip_prefix('{')
                    .and_then(|labels| labels.strip_suffix("\"}"))
                    .unwrap();
                for label in inside.split("\",") {
                    let (key, of) = label.split_once("=\"").unwrap();
                    assert!(
                        key.bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                        "{line}"
                    );
                    assert!(
                        !of.replace("\\\\", "").replace("\\\"", "").contains('"'),
                        "{line}"
                    );
                }
            }
            assert!(
                samples
                    .insert(sample.to_owned(), value.parse::<f64>().unwrap())
                    .is_none(),
                "twice: {line}"
            );
        }
    }
    (samples, kinds)
}

#[tokio::test]
async fn every_number_of_the_router_is_a_metric() {
    let text = render(&core()).await.unwrap();
    let (samples, kinds) = parse(&text);
    for (name, kind) in &kinds {
        assert!(name.starts_with("ferroute_"), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
    }
    for (sample, value) in [
        (
            "ferroute_build_info{version=\"0.1.0\",dpdk_version=\"DPDK \\\"22.11\\\"\"}",
            1.0,
        ),
        ("ferroute_uptime_seconds", 1.5),
        (
            "ferroute_worker_rx_packets_total{worker=\"1\",cpu=\"3\"}",
            20.0,
        ),
        (
            "ferroute_worker_copied_packets_total{worker=\"1\",cpu=\"3\"}",
            6.0,
        ),
        ("ferroute_domain_rx_packets_total{domain=\"green\"}", 40.0),
        ("ferroute_domain_flood_copies_total{domain=\"blue\"}", 9.0),
        ("ferroute_domain_station_moves_total{domain=\"blue\"}", 3.0),
        (
            "ferroute_domain_stations{domain=\"blue\",kind=\"remote\"}",
            2.0,
        ),
        (
            "ferroute_worker_polls_total{worker=\"0\",cpu=\"2\"}",
            u64::MAX as f64,
        ),
        ("ferroute_worker_busy_ratio{worker=\"0\",cpu=\"2\"}", 0.25),
        ("ferroute_worker_hung{worker=\"1\",cpu=\"3\"}", 1.0),
        (
            "ferroute_stage_cycles_total{worker=\"1\",stage=\"ipv4\"}",
            700.0,
        ),
        (
            "ferroute_dropped_packets_total{reason=\"ttl_expired\",worker=\"1\"}",
            2.0,
        ),
        (
            "ferroute_dropped_packets_total{reason=\"ttl_expired\",worker=\"exception\"}",
            3.0,
        ),
        (
            "ferroute_punt_policed_packets_total{class=\"tcp_open\",port=\"p0\"}",
            6.0,
        ),
        (
            "ferroute_interface_rx_bytes_total{interface=\"p0\",vrf=\"red\"}",
            3000.0,
        ),
        (
            "ferroute_interface_oper_up{interface=\"p0\",vrf=\"red\"}",
            0.0,
        ),
        (
            "ferroute_interface_mtu_bytes{interface=\"p0\",vrf=\"red\"}",
            9000.0,
        ),
        ("ferroute_port_speed_bits_per_second{port=\"gone\"}", 25e9),
        ("ferroute_port_rx_missed_packets_total{port=\"p0\"}", 77.0),
        ("ferroute_owner_routes{owner=\"bgp\"}", 900_000.0),
        ("ferroute_owner_things{owner=\"bgp\"}", 40.0),
        ("ferroute_owner_stale_things{owner=\"bgp\"}", 7.0),
        ("ferroute_fib_prefixes{vrf=\"red\",family=\"ipv6\"}", 11.0),
        ("ferroute_packet_pool_used_buffers{pool=\"packets\"}", 100.0),
        ("ferroute_huge_pages", 1.0),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample} in\n{text}");
    }
    // A port that went away between two questions has no counters, and spoils nothing.
    assert!(!samples.contains_key("ferroute_port_rx_missed_packets_total{port=\"gone\"}"));
    let drops = samples
        .keys()
        .filter(|sample| sample.starts_with("ferroute_dropped_packets_total"))
        .count();
    assert_eq!(drops, DropReason::COUNT * 3);
}

/// One request over a connection of its own; the status line and headers, and the body.
async fn get(server: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn metrics_are_served_over_http_until_the_router_stops() {
    let server = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(core(), async { drop(stopped.await) }));
    let (head, body) = get(address, "/metrics").await;
    assert!(
        head.starts_with("HTTP/1.1 200")
            && head
                .to_lowercase()
                .contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(!parse(&body).0.is_empty());
    assert!(get(address, "/").await.0.starts_with("HTTP/1.1 404"));
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_core_there_is_no_answer_but_that() {
    let (handle, inbox) = channel();
    drop(inbox);
    assert_eq!(render(&handle).await, Err(Stopped));
    let server = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = server.address().unwrap();
    let serving = tokio::spawn(server.serve(handle, std::future::pending()));
    assert!(get(address, "/metrics").await.0.starts_with("HTTP/1.1 503"));
    serving.abort();
}

#[tokio::test]
async fn a_taken_address_is_refused() {
    let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let second = bind(first.address().unwrap()).await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}
