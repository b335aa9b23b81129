//! Ethernet segments over the wire: what makes sense reaches the core, and what does not is named.

use super::lab::{Lab, details, no_core};
use crate::core::request::{BridgeRequest, Request, SegmentRequest};
use crate::model::bridge::{FdbChange, RemotePlace};
use crate::model::segment::{Redundancy, SegmentView};
use ferroute_proto::v1 as pb;
use pb::bridge_domain_service_client::BridgeDomainServiceClient;
use pb::segment_service_client::SegmentServiceClient;
use prost::bytes::Bytes;
use tonic::Code;

fn spec() -> pb::SegmentSpec {
    pb::SegmentSpec {
        id: Bytes::from_static(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        single_active: true,
        members: vec!["p0".to_owned()],
        peers: vec![Bytes::from_static(&[192, 0, 2, 2])],
        designated: true,
        exceptions: vec!["blue".to_owned()],
    }
}

#[tokio::test]
async fn b_08_a_segment_reaches_the_core_as_it_is_said() {
    let lab = Lab::new(|request| {
        let Request::Segment(SegmentRequest::Create(spec, _, reply)) = request else {
            panic!("{request:?}");
        };
        assert_eq!(spec.redundancy, Redundancy::SingleActive);
        let [in_blue, in_red] =
            ["blue", "red"].map(|d| spec.designation.is_in(&d.parse().unwrap()));
        assert_eq!((in_blue, in_red), (false, true));
        let (attached, paths) = (Vec::new(), Vec::new());
        let view = SegmentView {
            spec: *spec,
            attached,
            paths,
        };
        reply.send(Ok(view)).unwrap();
    })
    .await;
    let mut client = SegmentServiceClient::new(lab.channel.clone());
    let spec = Some(spec());
    let request = pb::CreateSegmentRequest {
        spec: spec.clone(),
        owner: String::new(),
    };
    let made = client.create_segment(request).await.unwrap().into_inner();
    assert_eq!(made.spec, spec, "as it was said");
}

#[tokio::test]
async fn b_08_what_is_no_segment_is_refused_with_its_field() {
    let lab = Lab::new(no_core).await;
    let mut client = SegmentServiceClient::new(lab.channel.clone());
    let bytes = |bytes: &'static [u8]| Bytes::from_static(bytes);
    let peer = bytes(&[192, 0, 2, 2]);
    let many = |count: u16| (0..count).map(|n| Bytes::from([[10, 0], n.to_be_bytes()].concat()));
    let bad: [(pb::SegmentSpec, &str); 9] = [
        (
            pb::SegmentSpec {
                id: bytes(&[1; 9]),
                ..spec()
            },
            "spec.id",
        ),
        (
            pb::SegmentSpec {
                id: bytes(&[0; 10]),
                ..spec()
            },
            "spec.id",
        ),
        (
            pb::SegmentSpec {
                id: bytes(&[0xff; 10]),
                ..spec()
            },
            "spec.id",
        ),
        (
            pb::SegmentSpec {
                members: vec!["a b".into()],
                ..spec()
            },
            "spec.members[0]",
        ),
        (
            pb::SegmentSpec {
                members: vec!["p0".into(); 2],
                ..spec()
            },
            "spec.members[1]",
        ),
        (
            pb::SegmentSpec {
                peers: vec![bytes(&[224, 0, 0, 1])],
                ..spec()
            },
            "spec.peers[0]",
        ),
        (
            pb::SegmentSpec {
                peers: vec![peer; 2],
                ..spec()
            },
            "spec.peers[1]",
        ),
        (
            pb::SegmentSpec {
                peers: many(65).collect(),
                ..spec()
            },
            "spec.peers",
        ),
        (
            pb::SegmentSpec {
                exceptions: vec!["blue".into(); 2],
                ..spec()
            },
            "spec.exceptions[1]",
        ),
    ];
    for (spec, field) in bad {
        let spec = Some(spec);
        let request = pb::ChangeSegmentRequest {
            spec,
            owner: String::new(),
        };
        let status = client.change_segment(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details(&status).3.as_deref(), Some(field));
    }
    let request = pb::ChangeSegmentRequest::default();
    let status = client.change_segment(request).await.unwrap_err();
    assert_eq!(details(&status).3.as_deref(), Some("spec"));
}

#[tokio::test]
async fn b_08_a_station_behind_a_segment_need_not_name_a_remote_end() {
    let lab = Lab::new(|request| {
        let Request::Bridge(BridgeRequest::ChangeFdb(changes, _, reply)) = request else {
            panic!("{request:?}");
        };
        let place = |change: &FdbChange| match change {
            FdbChange::PutRemote { remote, .. } => remote.place,
            other => panic!("{other:?}"),
        };
        let places: Vec<RemotePlace> = changes.iter().map(place).collect();
        assert!(places.iter().all(|place| place.segment().is_some()));
        let ends: Vec<bool> = places.iter().map(|place| place.end().is_some()).collect();
        assert_eq!(ends, [false, true]);
        reply.send(Ok(Vec::new())).unwrap();
    })
    .await;
    let mut client = BridgeDomainServiceClient::new(lab.channel.clone());
    let put = |remote: pb::RemoteStation| pb::FdbChange {
        change: Some(pb::fdb_change::Change::Put(pb::FdbEntry {
            domain: "blue".to_owned(),
            mac: Bytes::from_static(&[2, 0, 0, 0, 0, 7]),
            place: Some(pb::fdb_entry::Place::Remote(remote)),
        })),
    };
    let remote = pb::RemoteStation {
        segment: spec().id,
        ..pb::RemoteStation::default()
    };
    let primary = pb::RemoteStation {
        end: Some(pb::RemoteEnd {
            address: Bytes::from_static(&[192, 0, 2, 2]),
            vni: None,
        }),
        ..remote.clone()
    };
    let changes = vec![put(remote.clone()), put(primary)];
    client
        .change_fdb(pb::ChangeFdbRequest {
            changes,
            ..pb::ChangeFdbRequest::default()
        })
        .await
        .unwrap();
    for (bad, field) in [
        (pb::RemoteStation::default(), "changes[0].put.remote.end"),
        (
            pb::RemoteStation {
                segment: Bytes::from_static(&[1]),
                ..remote
            },
            "changes[0].put.remote.segment",
        ),
    ] {
        let changes = vec![put(bad)];
        let request = pb::ChangeFdbRequest {
            changes,
            ..pb::ChangeFdbRequest::default()
        };
        let status = client.change_fdb(request).await.unwrap_err();
        assert_eq!(details(&status).3.as_deref(), Some(field));
    }
}
