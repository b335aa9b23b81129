use super::*;
use crate::model::number::Epoch;
use crate::model::owner::OwnerLife;
use crate::model::prefix::Prefix;
use crate::model::route::{BatchPolicy, RouteChange, VrfPlace};
use std::time::Duration;
use tokio::time::timeout;

const SOON: Duration = Duration::from_millis(20);

fn open() -> OwnerOpen {
    OwnerOpen {
        owner: "bgp".parse().unwrap(),
        life: OwnerLife::Persistent,
    }
}

fn opened() -> OwnerOpened {
    OwnerOpened {
        session: SessionId(9),
        epoch: Epoch(0),
        held_routes: 0,
    }
}

fn batch(routes: usize) -> RouteBatch {
    let prefix = Prefix::from_octets(&[10, 0, 0, 0], 8).unwrap();
    let withdraw = RouteChange::Withdraw {
        vrf: VrfPlace(0),
        prefix,
    };
    RouteBatch {
        session: SessionId(9),
        policy: BatchPolicy::BestEffort,
        vrfs: vec![],
        sets: vec![],
        changes: vec![withdraw; routes],
        deleted_sets: vec![],
    }
}

#[tokio::test]
async fn batches_wait_for_room_and_the_core_gives_it_back() {
    let (core, inbox) = channel();
    let session = Session {
        core,
        id: SessionId(9),
    };
    for _ in 0..4 {
        session.batch(batch(MAX_BATCH_ROUTES)).await;
    }
    assert!(
        timeout(SOON, session.batch(batch(1))).await.is_err(),
        "there was room for one more"
    );
    let Ok(Request::Route(RouteRequest::Batch(flight, _))) = inbox.requests.recv() else {
        panic!("no batch")
    };
    drop(flight);
    assert!(
        timeout(SOON, session.batch(batch(MAX_BATCH_ROUTES)))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_session_ends_even_if_nobody_waited_for_its_beginning() {
    let (core, inbox) = channel();
    assert!(timeout(SOON, core.open(open())).await.is_err());
    let Ok(Request::Route(RouteRequest::Open(_, reply))) = inbox.requests.recv() else {
        panic!("no open")
    };
    reply.send(Ok(opened())).unwrap();
    tokio::time::sleep(SOON).await;
    assert!(matches!(
        inbox.requests.try_recv(),
        Ok(Request::Route(RouteRequest::OwnerGone(SessionId(9))))
    ));
}

#[tokio::test]
async fn a_core_that_is_gone_answers_nobody() {
    let (core, inbox) = channel();
    let waiting = core.clone();
    let waiting = tokio::spawn(async move { waiting.open(open()).await.map(|_| ()) });
    tokio::time::sleep(SOON).await;
    drop(inbox);
    assert_eq!(waiting.await.unwrap(), Err(CallError::Stopped));
    assert_eq!(core.open(open()).await.map(|_| ()), Err(CallError::Stopped));
}

#[test]
fn events_are_numbered_in_one_sequence() {
    let (core, inbox) = channel();
    let mut watcher = core.watch();
    let worker = ferroute_dataplane::ids::WorkerIndex::new(0);
    inbox
        .events
        .publish(Happening::Worker { worker, hung: true });
    core.publish(Happening::Worker {
        worker,
        hung: false,
    });
    assert_eq!(
        [
            watcher.try_recv().unwrap().sequence,
            watcher.try_recv().unwrap().sequence
        ],
        [1, 2]
    );
}
