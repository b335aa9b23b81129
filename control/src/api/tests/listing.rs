//! Streams from the router: pages of listings, events, and their end when the router stops.

use super::lab::{Lab, details, no_core};
use crate::core::request::{Request, RouteRequest};
use crate::model::event::{Change, Happening};
use crate::model::lookup::ListError;
use crate::model::name::VrfName;
use crate::model::nexthop::{NextHopSpec, NextHops, Via};
use crate::model::number::{Epoch, Metric, Weight};
use crate::model::page::{Page, RouteCursor};
use crate::model::port::Link;
use crate::model::prefix::Prefix;
use crate::model::route::{PrefixMatch, RouteState, RouteTarget, RouteView};
use ferroute_dataplane::ids::{VrfId, WorkerIndex};
use ferroute_proto::v1 as pb;
use pb::event::What;
use pb::event_service_client::EventServiceClient;
use pb::route_service_client::RouteServiceClient;
use std::time::Duration;
use tonic::Code;

fn prefix(number: u32) -> Prefix {
    Prefix::from_octets(&number.to_be_bytes(), 32).unwrap()
}

fn route(number: u32, hops: usize) -> RouteView {
    let via = Via::Link("uplink".parse().unwrap());
    let hop = NextHopSpec {
        via,
        weight: Weight::MIN,
    };
    RouteView {
        vrf: VrfName::default(),
        prefix: prefix(number),
        owner: "bgp".parse().unwrap(),
        distance: 20,
        metric: Metric(7),
        epoch: Epoch(1),
        target: RouteTarget::NextHops(NextHops::try_from(vec![hop; hops]).unwrap()),
        set_members: None,
        state: RouteState::Active,
        stale: false,
    }
}

async fn numbers(
    lab: &Lab,
    request: pb::ListRoutesRequest,
) -> Result<(usize, Vec<u32>), tonic::Status> {
    let mut routes = RouteServiceClient::new(lab.channel.clone());
    let mut stream = routes.list(request).await?.into_inner();
    let (mut messages, mut all) = (0, Vec::new());
    while let Some(page) = stream.message().await? {
        messages += 1;
        for entry in page.routes {
            let octets = entry.prefix.unwrap().address;
            all.push(u32::from_be_bytes(octets[..].try_into().unwrap()));
        }
    }
    Ok((messages, all))
}

#[tokio::test]
async fn pages_follow_each_other_and_empty_ones_are_no_end() {
    let lab = Lab::new(|request| match request {
        Request::Route(RouteRequest::List(filter, from, reply)) => {
            assert_eq!(
                filter.prefix,
                Some((
                    Prefix::from_octets(&[0, 0, 0, 0], 8).unwrap(),
                    PrefixMatch::Longer
                ))
            );
            let from = from.map_or(0, |RouteCursor { prefix, .. }| {
                u32::from_be_bytes(
                    prefix
                        .net()
                        .addr()
                        .to_string()
                        .parse::<std::net::Ipv4Addr>()
                        .unwrap()
                        .octets(),
                )
            });
            // The second of three pages has nothing that the filter lets through.
            let items = if from == 10 {
                vec![]
            } else {
                (from..from + 10).map(|n| route(n, 1)).collect()
            };
            let next = (from < 20).then(|| RouteCursor {
                vrf: VrfId::DEFAULT,
                prefix: prefix(from + 10),
            });
            reply.send(Ok(Page { items, next })).unwrap();
        }
        other => no_core(other),
    })
    .await;
    let request = pb::ListRoutesRequest {
        prefix: Some(pb::Prefix {
            address: vec![0; 4].into(),
            length: 8,
        }),
        r#match: pb::PrefixMatch::Longer.into(),
        ..pb::ListRoutesRequest::default()
    };
    let (messages, found) = numbers(&lab, request).await.unwrap();
    assert_eq!((messages, found), (2, (0..10).chain(20..30).collect()));
}

#[tokio::test]
async fn a_page_of_large_items_is_split_below_a_clients_limit() {
    let lab = Lab::new(|request| match request {
        Request::Route(RouteRequest::List(_, _, reply)) => {
            let items = (0..2000).map(|n| route(n, 128)).collect();
            reply.send(Ok(Page { items, next: None })).unwrap();
        }
        other => no_core(other),
    })
    .await;
    let (messages, found) = numbers(&lab, pb::ListRoutesRequest::default())
        .await
        .unwrap();
    assert!(
        messages > 1,
        "2000 routes with 128 next hops are more than one message"
    );
    assert_eq!(found, (0..2000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_listing_fails_with_the_cores_reason() {
    let lab = Lab::new(|request| match request {
        Request::Route(RouteRequest::List(filter, _, reply)) => {
            reply
                .send(Err(ListError::UnknownVrf {
                    vrf: filter.vrf.unwrap(),
                }))
                .unwrap();
        }
        other => no_core(other),
    })
    .await;
    let request = pb::ListRoutesRequest {
        vrf: Some("blue".to_owned()),
        ..pb::ListRoutesRequest::default()
    };
    assert_eq!(
        details(&numbers(&lab, request).await.unwrap_err()).1,
        "UNKNOWN_VRF"
    );
    let with_host_bits = pb::Prefix {
        address: vec![10, 0, 0, 1].into(),
        length: 8,
    };
    let request = pb::ListRoutesRequest {
        prefix: Some(with_host_bits),
        ..pb::ListRoutesRequest::default()
    };
    let (code, reason, metadata, field) = details(&numbers(&lab, request).await.unwrap_err());
    assert_eq!(
        (code, reason.as_str(), field.as_deref()),
        (Code::InvalidArgument, "HOST_BITS", Some("prefix"))
    );
    assert_eq!(metadata[1], ("meant".to_owned(), "10.0.0.0/8".to_owned()));
}

fn link(name: &str) -> Happening {
    Happening::Port {
        change: Change::Changed,
        name: name.parse().unwrap(),
        link: Link::default(),
    }
}

#[tokio::test]
async fn a_watcher_sees_what_it_asked_for() {
    let lab = Lab::new(no_core).await;
    let mut client = EventServiceClient::new(lab.channel.clone());
    let all = client.watch(pb::WatchRequest::default()).await.unwrap();
    let one = pb::WatchRequest {
        interface: "b".to_owned(),
        ..pb::WatchRequest::default()
    };
    let one = client.watch(one).await.unwrap();
    let workers = pb::WatchRequest {
        kinds: vec![pb::EventKind::Worker.into()],
        ..pb::WatchRequest::default()
    };
    let workers = client.watch(workers).await.unwrap();
    lab.publish(link("a"));
    lab.publish(link("b"));
    lab.publish(Happening::Worker {
        worker: WorkerIndex::new(2),
        hung: true,
    });

    let mut all = all.into_inner();
    for sequence in 1..=3 {
        assert_eq!(all.message().await.unwrap().unwrap().sequence, sequence);
    }
    let event = one.into_inner().message().await.unwrap().unwrap();
    assert!(matches!(event.what, Some(What::Port(port)) if port.name == "b"));
    let event = workers.into_inner().message().await.unwrap().unwrap();
    assert_eq!(
        event.what,
        Some(What::Worker(pb::WorkerEvent {
            worker: 2,
            hung: true
        }))
    );
    let error = client
        .watch(pb::WatchRequest {
            kinds: vec![99],
            ..pb::WatchRequest::default()
        })
        .await
        .unwrap_err();
    assert_eq!(details(&error).3.as_deref(), Some("kinds"));
}

#[tokio::test]
async fn a_slow_watcher_learns_what_it_missed() {
    let lab = Lab::new(no_core).await;
    let mut client = EventServiceClient::new(lab.channel.clone());
    let mut stream = client
        .watch(pb::WatchRequest::default())
        .await
        .unwrap()
        .into_inner();
    let published: u64 = 300_000;
    for _ in 0..published {
        lab.publish(link("a"));
    }
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < published {
        match stream.message().await.unwrap().unwrap().what.unwrap() {
            What::Missed(events) => missed += events.count,
            _ => seen += 1,
        }
    }
    assert!(
        missed > 0,
        "nobody can keep that many events for a client that does not read"
    );
    assert_eq!(seen + missed, published);
}

#[tokio::test]
async fn streams_end_when_the_router_stops() {
    let lab = Lab::new(no_core).await;
    let mut client = EventServiceClient::new(lab.channel.clone());
    let mut stream = client
        .watch(pb::WatchRequest::default())
        .await
        .unwrap()
        .into_inner();
    let started = std::time::Instant::now();
    lab.stop().await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "the stream held the server up"
    );
    assert_eq!(details(&stream.message().await.unwrap_err()).1, "STOPPING");
}
