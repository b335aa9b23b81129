//! How fast a full table comes in: decoding, checking, handing over, answering; the core only answers.

use super::lab::{Lab, no_core};
use crate::core::request::{InFlight, Request, RouteRequest};
use crate::model::number::Epoch;
use crate::model::owner::{OwnerOpened, SessionId};
use crate::model::route::BatchOutcome;
use ferroute_proto::v1 as pb;
use pb::inject_request::What;
use pb::route_service_client::RouteServiceClient;
use std::time::{Duration, Instant};

const ROUTES: u32 = 1_000_000;
const BATCH: u32 = 4096;

fn request(what: What) -> pb::InjectRequest {
    pb::InjectRequest { what: Some(what) }
}

#[tokio::test]
#[ignore = "a measurement, for release builds"]
async fn a_million_routes() {
    let lab = Lab::new(|asked| match asked {
        Request::Route(RouteRequest::Open(_, reply)) => {
            let opened = OwnerOpened {
                session: SessionId(1),
                epoch: Epoch(1),
                held_routes: 0,
            };
            reply.send(Ok(opened)).unwrap();
        }
        Request::Route(RouteRequest::Batch(InFlight { batch, .. }, reply)) => {
            let applied = u32::try_from(batch.changes.len()).unwrap();
            reply
                .send(Ok(BatchOutcome {
                    applied,
                    refused: vec![],
                }))
                .unwrap();
        }
        Request::Route(RouteRequest::OwnerGone(_)) => {}
        other => no_core(other),
    })
    .await;
    let mut messages = vec![request(What::Open(pb::OpenOwner {
        owner: "bgp".to_owned(),
        ..pb::OpenOwner::default()
    }))];
    for first in (0..ROUTES).step_by(BATCH as usize) {
        let routes = (first..ROUTES.min(first + BATCH)).map(|number| {
            let address = ((1 << 24) + (number << 8)).to_be_bytes().to_vec().into();
            pb::Route {
                address,
                length: 24,
                next_hop_set: 1,
                ..pb::Route::default()
            }
        });
        messages.push(request(What::Batch(pb::RouteBatch {
            routes: routes.collect(),
            ..pb::RouteBatch::default()
        })));
    }
    let started = Instant::now();
    let mut client = RouteServiceClient::new(lab.channel.clone());
    let mut answers = client
        .inject(tokio_stream::iter(messages))
        .await
        .unwrap()
        .into_inner();
    let mut applied = 0;
    while applied < ROUTES {
        if let Some(pb::inject_response::What::Ack(ack)) =
            answers.message().await.unwrap().unwrap().what
        {
            applied += ack.applied;
        }
    }
    let took = started.elapsed();
    println!("{ROUTES} routes in {took:?}, client and server on one core");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
