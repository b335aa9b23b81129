//! The route stream: order of answers, refusals with the client's places, and the life of the owner.

use super::lab::{Lab, details, no_core};
use crate::core::request::{InFlight, Reply, Request, RouteRequest};
use crate::model::name::OwnerName;
use crate::model::number::{Epoch, NextHopSetId};
use crate::model::owner::{OwnerError, OwnerLife, OwnerOpened, SessionId};
use crate::model::refusal::RouteError;
use crate::model::route::{BatchItem, BatchOutcome, Refusal, RouteBatch, RouteChange, RouteTarget};
use ferroute_proto::v1 as pb;
use pb::inject_request::What;
use pb::inject_response::What as Answer;
use pb::route_service_client::RouteServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming};

/// What the core was told about routes, in order.
#[derive(Debug, PartialEq)]
enum Told {
    Opened(OwnerName, OwnerLife),
    Batch(RouteBatch),
    EndOfRib,
    Gone(SessionId),
}

/// A core that notes what it is told, and answers batches by `answer`.
async fn lab(
    mut answer: impl FnMut(&RouteBatch) -> BatchOutcome + Send + 'static,
) -> (Lab, mpsc::UnboundedReceiver<Told>) {
    lab_that(move |batch, reply| reply.send(Ok(answer(batch))).unwrap()).await
}

async fn lab_that(
    mut answer: impl FnMut(&RouteBatch, Reply<BatchOutcome, OwnerError>) + Send + 'static,
) -> (Lab, mpsc::UnboundedReceiver<Told>) {
    let (notes, told) = mpsc::unbounded_channel();
    let lab = Lab::new(move |request| {
        let note = match request {
            Request::Route(RouteRequest::Open(open, reply)) => {
                let opened = OwnerOpened {
                    session: SessionId(7),
                    epoch: Epoch(3),
                    held_routes: 11,
                };
                reply.send(Ok(opened)).unwrap();
                Told::Opened(open.owner, open.life)
            }
            Request::Route(RouteRequest::Batch(InFlight { batch, .. }, reply)) => {
                answer(&batch, reply);
                Told::Batch(batch)
            }
            Request::Route(RouteRequest::EndOfRib(_, reply)) => {
                reply.send(Ok(5)).unwrap();
                Told::EndOfRib
            }
            Request::Route(RouteRequest::OwnerGone(session)) => Told::Gone(session),
            other => return no_core(other),
        };
        // The test may be over.
        let _ = notes.send(note);
    })
    .await;
    (lab, told)
}

fn all_applied(batch: &RouteBatch) -> BatchOutcome {
    BatchOutcome {
        applied: u32::try_from(batch.changes.len() + batch.sets.len()).unwrap(),
        refused: vec![],
    }
}

struct Client {
    requests: mpsc::UnboundedSender<pb::InjectRequest>,
    answers: Streaming<pb::InjectResponse>,
}

impl Client {
    async fn new(lab: &Lab) -> Self {
        let (requests, outgoing) = mpsc::unbounded_channel();
        let mut client = RouteServiceClient::new(lab.channel.clone());
        let answers = client
            .inject(UnboundedReceiverStream::new(outgoing))
            .await
            .unwrap()
            .into_inner();
        Self { requests, answers }
    }

    async fn open(lab: &Lab) -> Self {
        let mut client = Self::new(lab).await;
        client.send(What::Open(pb::OpenOwner {
            owner: "bgp".to_owned(),
            ..pb::OpenOwner::default()
        }));
        assert_eq!(
            client.answer().await,
            Answer::Opened(pb::OwnerOpened {
                epoch: 3,
                held_routes: 11
            })
        );
        client
    }

    fn send(&self, what: What) {
        self.requests
            .send(pb::InjectRequest { what: Some(what) })
            .unwrap();
    }

    async fn answer(&mut self) -> Answer {
        self.answers.message().await.unwrap().unwrap().what.unwrap()
    }

    async fn failure(&mut self) -> Status {
        loop {
            match self.answers.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended well"),
                Err(status) => return status,
            }
        }
    }
}

fn route(last: u8) -> pb::Route {
    pb::Route {
        address: vec![10, 0, last, 0].into(),
        length: 24,
        next_hop_set: 1,
        ..pb::Route::default()
    }
}

fn batch(id: u64, routes: Vec<pb::Route>) -> pb::RouteBatch {
    pb::RouteBatch {
        id,
        routes,
        ..pb::RouteBatch::default()
    }
}

fn ack(id: u64, applied: u32, refused: u32) -> Answer {
    Answer::Ack(pb::Ack {
        id,
        applied,
        refused,
        swept: 0,
    })
}

fn refused(answer: Answer) -> (u64, pb::refused::Item, pb::RefusalReason) {
    let Answer::Refused(refused) = answer else {
        panic!("{answer:?}")
    };
    (
        refused.id,
        refused.item.unwrap(),
        pb::RefusalReason::try_from(refused.reason).unwrap(),
    )
}

#[tokio::test]
async fn answers_come_in_the_order_of_batches() {
    // The core answers two batches at a time, the younger first.
    let mut held: Option<Reply<BatchOutcome, OwnerError>> = None;
    let (lab, mut told) = lab_that(move |_, reply| match held.take() {
        None => held = Some(reply),
        Some(older) => {
            reply
                .send(Ok(BatchOutcome {
                    applied: 1,
                    refused: vec![],
                }))
                .unwrap();
            older
                .send(Ok(BatchOutcome {
                    applied: 1,
                    refused: vec![],
                }))
                .unwrap();
        }
    })
    .await;
    let mut client = Client::open(&lab).await;
    for id in 0..100 {
        client.send(What::Batch(batch(id, vec![route(1)])));
    }
    client.send(What::EndOfRib(pb::EndOfRib { id: 1000 }));
    for id in 0..100 {
        assert_eq!(client.answer().await, ack(id, 1, 0));
    }
    assert_eq!(
        client.answer().await,
        Answer::Ack(pb::Ack {
            id: 1000,
            applied: 0,
            refused: 0,
            swept: 5
        })
    );
    let life = OwnerLife::Session {
        epoch: None,
        grace: None,
    };
    assert_eq!(
        told.recv().await.unwrap(),
        Told::Opened("bgp".parse().unwrap(), life)
    );
    drop(client);
    let mut rest = Vec::new();
    while rest.len() < 102 {
        rest.push(told.recv().await.unwrap());
    }
    assert!(
        matches!(rest[100..], [Told::EndOfRib, Told::Gone(SessionId(7))]),
        "{:?}",
        &rest[99..]
    );
}

#[tokio::test]
async fn refused_items_keep_the_clients_places() {
    let (lab, mut told) = lab(|batch| {
        // The core refuses the last route that it gets.
        let place = u32::try_from(batch.changes.len() - 1).unwrap();
        let error = RouteError::UnknownNextHopSet {
            next_hop_set: NextHopSetId::MIN,
        };
        BatchOutcome {
            applied: place,
            refused: vec![Refusal {
                item: BatchItem::Route(place),
                error,
            }],
        }
    })
    .await;
    let mut client = Client::open(&lab).await;
    let host_bits = pb::Route {
        length: 8,
        ..route(1)
    };
    let nowhere = pb::Route { vrf: 2, ..route(2) };
    let mut message = batch(4, vec![route(0), host_bits, nowhere, route(3), route(4)]);
    message.vrfs = vec!["red".to_owned(), "a b".to_owned()];
    message.next_hop_sets = vec![pb::NextHopSet {
        id: 9,
        next_hops: vec![],
    }];
    client.send(What::Batch(message));
    use pb::refused::Item;
    assert_eq!(
        refused(client.answer().await),
        (4, Item::Route(1), pb::RefusalReason::HostBits)
    );
    assert_eq!(
        refused(client.answer().await),
        (4, Item::Route(2), pb::RefusalReason::UnknownVrf)
    );
    assert_eq!(
        refused(client.answer().await),
        (4, Item::Route(4), pb::RefusalReason::UnknownNextHopSet)
    );
    assert_eq!(
        refused(client.answer().await),
        (4, Item::NextHopSet(9), pb::RefusalReason::NoNextHop)
    );
    assert_eq!(client.answer().await, ack(4, 2, 4));
    told.recv().await.unwrap();
    let Told::Batch(batch) = told.recv().await.unwrap() else {
        panic!("no batch")
    };
    assert_eq!(batch.vrfs[0], "red".parse().unwrap());
    let prefixes: Vec<String> = batch.changes.iter().map(prefix).collect();
    assert_eq!(prefixes, ["10.0.0.0/24", "10.0.3.0/24", "10.0.4.0/24"]);
}

fn prefix(change: &RouteChange) -> String {
    match change {
        RouteChange::Announce(spec) => {
            assert_eq!(spec.target, RouteTarget::Set(NextHopSetId::MIN));
            spec.prefix.to_string()
        }
        RouteChange::Withdraw { prefix, .. } => prefix.to_string(),
    }
}

#[tokio::test]
async fn all_or_nothing_stops_at_what_is_wrong_in_itself() {
    let (lab, mut told) = lab(all_applied).await;
    let mut client = Client::open(&lab).await;
    let policy = pb::BatchPolicy::AllOrNothing.into();
    let bad = pb::Route {
        address: vec![1, 2, 3].into(),
        ..route(0)
    };
    client.send(What::Batch(pb::RouteBatch {
        policy,
        ..batch(1, vec![route(0), bad])
    }));
    client.send(What::Batch(pb::RouteBatch {
        policy,
        ..batch(2, vec![route(0)])
    }));
    let item = pb::refused::Item::Route(1);
    assert_eq!(
        refused(client.answer().await),
        (1, item, pb::RefusalReason::InvalidAddress)
    );
    assert_eq!(client.answer().await, ack(1, 0, 1));
    assert_eq!(client.answer().await, ack(2, 1, 0));
    told.recv().await.unwrap();
    let Told::Batch(batch) = told.recv().await.unwrap() else {
        panic!("no batch")
    };
    assert_eq!(batch.changes.len(), 1, "the core saw the broken batch");
}

async fn skip(told: &mut mpsc::UnboundedReceiver<Told>, count: usize) {
    for _ in 0..count {
        told.recv().await.unwrap();
    }
}

#[tokio::test]
async fn an_owner_is_gone_when_its_stream_is() {
    let (lab, mut told) = lab(all_applied).await;
    // The client closes its half at once and still gets its answer.
    let Client {
        requests,
        mut answers,
    } = Client::open(&lab).await;
    requests
        .send(pb::InjectRequest {
            what: Some(What::Batch(batch(1, vec![route(1)]))),
        })
        .unwrap();
    drop(requests);
    assert_eq!(
        answers.message().await.unwrap().unwrap().what.unwrap(),
        ack(1, 1, 0)
    );
    assert!(answers.message().await.unwrap().is_none());
    skip(&mut told, 2).await;
    assert_eq!(told.recv().await.unwrap(), Told::Gone(SessionId(7)));
    // The client is cut off without a word.
    drop(Client::open(&lab).await);
    skip(&mut told, 1).await;
    assert_eq!(told.recv().await.unwrap(), Told::Gone(SessionId(7)));
}

#[tokio::test]
async fn a_stream_that_breaks_the_rules_ends() {
    let (lab, _told) = lab(all_applied).await;
    let mut early = Client::new(&lab).await;
    early.send(What::Batch(batch(1, vec![])));
    let error = early.failure().await;
    assert_eq!(
        (error.code(), details(&error).1.as_str()),
        (Code::FailedPrecondition, "NOT_OPEN")
    );

    let mut twice = Client::open(&lab).await;
    twice.send(What::Open(pb::OpenOwner {
        owner: "bgp".to_owned(),
        ..pb::OpenOwner::default()
    }));
    assert_eq!(details(&twice.failure().await).1, "ALREADY_OPEN");

    let mut empty = Client::open(&lab).await;
    empty
        .requests
        .send(pb::InjectRequest { what: None })
        .unwrap();
    assert_eq!(details(&empty.failure().await).1, "EMPTY_MESSAGE");

    let mut large = Client::open(&lab).await;
    large.send(What::Batch(batch(1, vec![pb::Route::default(); 65_537])));
    assert_eq!(details(&large.failure().await).1, "BATCH_TOO_LARGE");

    let mut huge = Client::open(&lab).await;
    let vrfs = vec!["x".repeat(17 << 20)];
    huge.send(What::Batch(pb::RouteBatch {
        vrfs,
        ..batch(1, vec![])
    }));
    assert_eq!(huge.failure().await.code(), Code::OutOfRange);
}

#[tokio::test]
async fn an_owner_is_checked_before_the_core_hears_of_it() {
    let (lab, mut told) = lab(all_applied).await;
    let open = |owner: &str| pb::OpenOwner {
        owner: owner.to_owned(),
        ..pb::OpenOwner::default()
    };
    let cases = [
        (open("static"), "OWNER_RESERVED", "open.owner"),
        (
            open("a name that is far too long to be one"),
            "NAME_CHARACTER",
            "open.owner",
        ),
        (open(&"x".repeat(33)), "NAME_LENGTH", "open.owner"),
        (
            pb::OpenOwner {
                distance: 255,
                ..open("bgp")
            },
            "OUT_OF_RANGE",
            "open.distance",
        ),
        (
            pb::OpenOwner {
                grace_ms: Some(86_400_001),
                ..open("bgp")
            },
            "OUT_OF_RANGE",
            "open.grace_ms",
        ),
        (
            pb::OpenOwner {
                persistent: true,
                epoch: 1,
                ..open("bgp")
            },
            "PERSISTENT_EPOCH",
            "open.persistent",
        ),
    ];
    for (open, reason, field) in cases {
        let mut client = Client::new(&lab).await;
        client.send(What::Open(open));
        let (_, found, _, named) = details(&client.failure().await);
        assert_eq!((found.as_str(), named.as_deref()), (reason, Some(field)));
    }
    assert!(told.try_recv().is_err());
    let mut client = Client::new(&lab).await;
    client.send(What::Open(pb::OpenOwner {
        persistent: true,
        ..open("cli")
    }));
    client.answer().await;
    assert_eq!(
        told.recv().await.unwrap(),
        Told::Opened("cli".parse().unwrap(), OwnerLife::Persistent)
    );
}

#[tokio::test]
async fn refusals_are_events_too() {
    let (lab, _told) = lab(all_applied).await;
    let mut events = pb::event_service_client::EventServiceClient::new(lab.channel.clone());
    let request = pb::WatchRequest {
        owner: "bgp".to_owned(),
        ..pb::WatchRequest::default()
    };
    let mut events = events.watch(request).await.unwrap().into_inner();
    let mut client = Client::open(&lab).await;
    client.send(What::Batch(batch(
        6,
        vec![pb::Route {
            next_hop_set: 0,
            ..route(1)
        }],
    )));
    client.answer().await;
    let event = events.message().await.unwrap().unwrap().what.unwrap();
    let pb::event::What::Refusal(refusal) = event else {
        panic!("{event:?}")
    };
    assert_eq!(refusal.owner, "bgp");
    assert_eq!(refusal.reason, "NO_NEXT_HOP");
}
