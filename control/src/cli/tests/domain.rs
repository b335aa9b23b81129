//! What the played core has of bridge domains.

use crate::core::request::BridgeRequest;
use crate::model::bridge::{
    DomainCounters, DomainError, DomainPolicy, DomainSpec, DomainView, GatewaySpec, RemoteEnd,
    RemotePlace, RemoteStation, StationCount, StationKind, StationView,
};
use crate::model::page::Page;
use ferroute_dataplane::ids::BridgeId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::vxlan::Vni;

fn domain() -> DomainView {
    DomainView {
        spec: DomainSpec {
            name: "blue".parse().unwrap(),
            members: vec!["p0".parse().unwrap(), "p1".parse().unwrap()],
            policy: DomainPolicy::default(),
            gateway: Some(GatewaySpec {
                vrf: "red".parse().unwrap(),
                mac: Mac::new([2, 0, 0, 0, 0, 1]),
                interface: Some("br1".parse().unwrap()),
                twin: false,
            }),
        },
        id: BridgeId::new(1),
        vni: Some(("default".parse().unwrap(), Vni::new(100).unwrap())),
        flood: vec![RemoteEnd {
            address: "192.0.2.2".parse().unwrap(),
            vni: None,
        }],
        stations: StationCount {
            learned: 2,
            fixed: 0,
            remote: 1,
        },
        counters: DomainCounters::default(),
    }
}

fn stations() -> Vec<StationView> {
    let learned = StationView {
        domain: "blue".parse().unwrap(),
        mac: Mac::new([2, 0, 0, 0, 0, 7]),
        kind: StationKind::Learned,
        interface: Some("p0".parse().unwrap()),
        remote: None,
        sequence: 1,
        idle_seconds: 12,
        damped: true,
        owner: None,
    };
    let remote = StationView {
        mac: Mac::new([2, 0, 0, 0, 0, 8]),
        kind: StationKind::Remote,
        interface: None,
        remote: Some(RemoteStation {
            place: RemotePlace::End(RemoteEnd {
                address: "192.0.2.2".parse().unwrap(),
                vni: Vni::new(7).ok(),
            }),
            sequence: 3,
            sticky: true,
        }),
        sequence: 3,
        idle_seconds: 0,
        damped: false,
        ..learned
    };
    vec![learned, remote]
}

/// Answers one request: there is one domain with two stations; what is changed is refused.
pub(super) fn answer(request: BridgeRequest) {
    use BridgeRequest as Ask;
    let name = "blue".parse().unwrap();
    let next = None;
    match request {
        Ask::Create(_, reply)
        | Ask::Change(_, reply)
        | Ask::Get(_, reply)
        | Ask::AddMember(_, _, reply)
        | Ask::RemoveMember(_, _, reply) => drop(reply.send(Ok(domain()))),
        Ask::Delete(domain, reply) => {
            let vni = Vni::new(100).unwrap();
            drop(reply.send(Err(DomainError::DomainInUse { domain, vni })));
        }
        Ask::List(_, reply) => {
            let items = vec![domain()];
            drop(reply.send(Ok(Page { items, next })));
        }
        Ask::ChangeFdb(_, _, reply) => {
            drop(reply.send(Ok(vec![(0, DomainError::NoVni { domain: name })])));
        }
        Ask::ListFdb(_, _, reply) => {
            let items = stations();
            drop(reply.send(Ok(Page { items, next: None })));
        }
        Ask::FlushFdb(_, _, reply) => drop(reply.send(Ok(2))),
        Ask::ChangeFlood(_, _, reply) => drop(reply.send(Ok(Vec::new()))),
    }
}
