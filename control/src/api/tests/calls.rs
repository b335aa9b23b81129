//! Calls with one answer: valid specs reach the core, and every error is one that a program can read.

use super::lab::{Lab, details, no_core};
use crate::core::request::{
    InterfaceRequest, NeighbourRequest, NextHopRequest, PortRequest, Request, RouteRequest,
};
use crate::model::interface::{InterfaceError, InterfaceSpec, VirtualKind};
use crate::model::neighbour::{NeighbourSpec, NeighbourState, NeighbourView};
use crate::model::number::{Choice, Mtu, VlanId};
use crate::model::owner::OwnerError;
use crate::model::port::{Link, PortChange, PortError, PortSettings, PortSpec, PortView};
use ferroute_dataplane::ids::{PortId, QueueId, WorkerIndex};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1 as pb;
use pb::interface_service_client::InterfaceServiceClient;
use pb::neighbour_service_client::NeighbourServiceClient;
use pb::next_hop_service_client::NextHopServiceClient;
use pb::port_service_client::PortServiceClient;
use pb::route_service_client::RouteServiceClient;
use std::num::NonZeroU16;
use tonic::Code;

fn metadata(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn view(spec: &PortSpec) -> PortView {
    PortView {
        name: spec.name,
        device: spec.device.clone(),
        id: PortId::new(3),
        rx_queues: 2,
        tx_queues: 4,
        rx_descriptors: 1024,
        tx_descriptors: 512,
        mtu: Mtu::ETHERNET,
        promiscuous: spec.settings.promiscuous,
        twin: spec.settings.twin,
        queues: vec![
            (QueueId::new(0), WorkerIndex::new(1)),
            (QueueId::new(1), WorkerIndex::new(0)),
        ],
        link: Link {
            up: true,
            speed_mbps: 25_000,
            full_duplex: true,
        },
        mac: Mac::new([2, 0, 0, 0, 0, 1]),
        driver: "net_tap".to_owned(),
        numa_node: None,
        offloads: vec!["rss_hash"],
        rx_wake: crate::model::port::RxWake::Interrupt,
    }
}

#[tokio::test]
async fn a_port_is_added_as_asked_and_shown_as_it_is() {
    let lab = Lab::new(|request| match request {
        Request::Port(PortRequest::Add(spec, reply)) => {
            let settings = PortSettings {
                rx_queues: Choice::Exactly(NonZeroU16::new(2).unwrap()),
                workers: vec![WorkerIndex::new(1), WorkerIndex::new(0)],
                promiscuous: true,
                ..PortSettings::default()
            };
            assert_eq!(spec.settings, settings);
            reply.send(Ok(view(&spec))).unwrap();
        }
        Request::Port(PortRequest::Change(name, change, reply)) => {
            assert_eq!(
                *change,
                PortChange {
                    mtu: Some(Choice::Auto),
                    workers: Some(vec![]),
                    ..PortChange::default()
                }
            );
            reply
                .send(Err(PortError::UnknownPort { port: name }))
                .unwrap();
        }
        other => no_core(other),
    })
    .await;
    let mut ports = PortServiceClient::new(lab.channel.clone());
    let spec = pb::PortSpec {
        name: "uplink".to_owned(),
        device: "net_tap0,iface=x".to_owned(),
        rx_queues: 2,
        promiscuous: true,
        workers: vec![1, 0],
        ..pb::PortSpec::default()
    };
    let port = ports
        .add(pb::AddPortRequest {
            spec: Some(spec.clone()),
        })
        .await
        .unwrap()
        .into_inner();
    let in_force = pb::PortSpec {
        tx_queues: 4,
        rx_descriptors: 1024,
        tx_descriptors: 512,
        mtu: 1500,
        ..spec
    };
    assert_eq!(port.spec, Some(in_force));
    assert_eq!(port.numa_node, -1);
    assert_eq!(
        port.queues[0],
        pb::QueueWorker {
            queue: 0,
            worker: 1
        }
    );
    assert_eq!(&port.mac[..], [2, 0, 0, 0, 0, 1]);

    let change = pb::ChangePortRequest {
        name: "uplink".to_owned(),
        mtu: Some(0),
        workers: Some(pb::PortWorkers::default()),
        ..pb::ChangePortRequest::default()
    };
    let error = ports.change(change).await.unwrap_err();
    let expected = (
        Code::NotFound,
        "UNKNOWN_PORT".to_owned(),
        metadata(&[("port", "uplink")]),
        None,
    );
    assert_eq!(details(&error), expected);
    assert_eq!(error.message(), "there is no port uplink");
}

#[tokio::test]
async fn an_interface_spec_is_checked_before_the_core_sees_it() {
    let lab = Lab::new(|request| match request {
        Request::Interface(InterfaceRequest::Create(spec, reply)) => {
            let expected = InterfaceSpec {
                name: "uplink.7".parse().unwrap(),
                kind: VirtualKind::Vlan {
                    parent: "uplink".parse().unwrap(),
                    vlan_id: VlanId::try_from(7).unwrap(),
                },
                vrf: "red".parse().unwrap(),
                mtu: Choice::Exactly(Mtu::ETHERNET),
                admin_up: true,
                addresses: spec.addresses.clone(),
            };
            assert_eq!(*spec, expected);
            assert_eq!(spec.addresses[0].to_string(), "10.0.0.1/24");
            let interface = "uplink.8".parse().unwrap();
            reply
                .send(Err(InterfaceError::VlanTaken {
                    vlan_id: VlanId::try_from(7).unwrap(),
                    interface,
                }))
                .unwrap();
        }
        other => no_core(other),
    })
    .await;
    let mut interfaces = InterfaceServiceClient::new(lab.channel.clone());
    let good = pb::InterfaceSpec {
        name: "uplink.7".to_owned(),
        kind: Some(pb::interface_spec::Kind::Vlan(pb::Vlan {
            parent: "uplink".to_owned(),
            vlan_id: 7,
        })),
        vrf: "red".to_owned(),
        mtu: 1500,
        admin_up: true,
        addresses: vec![pb::InterfaceAddress {
            address: vec![10, 0, 0, 1].into(),
            length: 24,
        }],
    };
    let create = |spec: &pb::InterfaceSpec| pb::CreateInterfaceRequest {
        spec: Some(spec.clone()),
    };
    let error = interfaces.create(create(&good)).await.unwrap_err();
    let expected = metadata(&[("interface", "uplink.8"), ("vlan_id", "7")]);
    assert_eq!(
        details(&error),
        (Code::AlreadyExists, "VLAN_TAKEN".to_owned(), expected, None)
    );

    type Break = fn(&mut pb::InterfaceSpec);
    let address = |octets: &[u8], length| pb::InterfaceAddress {
        address: octets.to_vec().into(),
        length,
    };
    let broken: [(Break, &str, &str); 9] = [
        (|spec| spec.name.clear(), "spec.name", "NAME_LENGTH"),
        (
            |spec| spec.name = "sixteen-letters-".to_owned(),
            "spec.name",
            "NAME_LENGTH",
        ),
        (
            |spec| spec.vrf = "a b".to_owned(),
            "spec.vrf",
            "NAME_CHARACTER",
        ),
        (|spec| spec.mtu = 67, "spec.mtu", "OUT_OF_RANGE"),
        (|spec| spec.mtu = 65_536, "spec.mtu", "OUT_OF_RANGE"),
        (|spec| spec.kind = None, "spec.kind", "MISSING"),
        (
            |spec| {
                spec.kind = Some(pb::interface_spec::Kind::Vlan(pb::Vlan {
                    parent: "a".to_owned(),
                    vlan_id: 0,
                }))
            },
            "spec.vlan.vlan_id",
            "OUT_OF_RANGE",
        ),
        (
            |spec| spec.addresses.push(spec.addresses[0].clone()),
            "spec.addresses[1]",
            "TWICE",
        ),
        (
            |spec| spec.addresses = vec![spec.addresses[0].clone(); 65],
            "spec.addresses",
            "TOO_MANY",
        ),
    ];
    for (damage, field, reason) in broken {
        let mut spec = good.clone();
        damage(&mut spec);
        let (code, found, _, violated) =
            details(&interfaces.create(create(&spec)).await.unwrap_err());
        assert_eq!(
            (code, found.as_str(), violated.as_deref()),
            (Code::InvalidArgument, reason, Some(field))
        );
    }
    let bad_addresses = [
        (address(&[10, 0, 0], 24), "INVALID_ADDRESS"),
        (address(&[10, 0, 0, 1], 33), "PREFIX_LENGTH"),
        (address(&[10, 0, 0, 1], 300), "PREFIX_LENGTH"),
        (address(&[10, 0, 0, 0], 24), "ADDRESS_INVALID"),
        (address(&[10, 0, 0, 255], 24), "ADDRESS_INVALID"),
        (address(&[224, 0, 0, 1], 24), "ADDRESS_INVALID"),
        (address(&[127, 0, 0, 1], 8), "ADDRESS_INVALID"),
        (address(&[0; 16], 64), "ADDRESS_INVALID"),
    ];
    for (address, reason) in bad_addresses {
        let request = pb::AddAddressRequest {
            interface: "uplink".to_owned(),
            address: Some(address),
        };
        let (code, found, _, field) = details(&interfaces.add_address(request).await.unwrap_err());
        assert_eq!(
            (code, found.as_str(), field.as_deref()),
            (Code::InvalidArgument, reason, Some("address"))
        );
    }
}

#[tokio::test]
async fn a_permanent_neighbour_is_added_and_shown() {
    let lab = Lab::new(|request| match request {
        Request::Neighbour(NeighbourRequest::Add(
            NeighbourSpec {
                interface,
                address,
                mac,
            },
            owner,
            reply,
        )) => {
            let state = NeighbourState::Permanent;
            let (confirmed, router, held_packets) = (None, false, 0);
            let view = NeighbourView {
                interface,
                address,
                mac: Some(mac),
                state,
                router,
                confirmed,
                held_packets,
                owner,
            };
            reply.send(Ok(view)).unwrap();
        }
        other => no_core(other),
    })
    .await;
    let mut neighbours = NeighbourServiceClient::new(lab.channel.clone());
    let good = pb::AddNeighbourRequest {
        interface: "uplink".to_owned(),
        address: vec![10, 0, 0, 9].into(),
        mac: vec![2, 0, 0, 0, 0, 9].into(),
        owner: "evpn".to_owned(),
    };
    let neighbour = neighbours.add(good.clone()).await.unwrap().into_inner();
    assert_eq!(neighbour.state(), pb::NeighbourState::Permanent);
    assert_eq!(
        (neighbour.address, neighbour.mac),
        (good.address.clone(), good.mac.clone())
    );
    assert_eq!(neighbour.owner, "evpn");
    for (owner, reason) in [("connected", "OWNER_RESERVED"), ("a b", "NAME_CHARACTER")] {
        let error = neighbours
            .add(pb::AddNeighbourRequest {
                owner: owner.to_owned(),
                ..good.clone()
            })
            .await
            .unwrap_err();
        assert_eq!(details(&error).1, reason);
    }
    for mac in [vec![], vec![1, 0, 0, 0, 0, 9], vec![0; 6], vec![2; 7]] {
        let error = neighbours
            .add(pb::AddNeighbourRequest {
                mac: mac.into(),
                ..good.clone()
            })
            .await
            .unwrap_err();
        assert_eq!(details(&error).1, "MAC_INVALID");
    }
}

#[tokio::test]
async fn nobody_speaks_for_the_router_itself() {
    let lab = Lab::new(|request| match request {
        Request::Route(RouteRequest::RemoveOwner(owner, reply)) => {
            reply.send(Err(OwnerError::Busy { owner })).unwrap();
        }
        Request::NextHop(NextHopRequest::Delete(..)) => panic!("the name is reserved"),
        other => no_core(other),
    })
    .await;
    let mut sets = NextHopServiceClient::new(lab.channel.clone());
    let request = pb::DeleteNextHopSetRequest {
        owner: "static".to_owned(),
        id: 1,
    };
    let error = sets.delete(request).await.unwrap_err();
    assert_eq!(details(&error).1, "OWNER_RESERVED");
    let mut routes = RouteServiceClient::new(lab.channel.clone());
    let error = routes
        .remove_owner(pb::RemoveOwnerRequest {
            owner: "bgp".to_owned(),
        })
        .await
        .unwrap_err();
    let expected = metadata(&[("owner", "bgp")]);
    assert_eq!(
        details(&error),
        (
            Code::FailedPrecondition,
            "OWNER_BUSY".to_owned(),
            expected,
            None
        )
    );
}

#[tokio::test]
async fn a_core_that_is_gone_is_said_to_be() {
    let lab = Lab::with_inbox(drop).await;
    let mut ports = PortServiceClient::new(lab.channel.clone());
    let error = ports.list(pb::ListPortsRequest {}).await.unwrap_err();
    assert_eq!(
        details(&error),
        (Code::Unavailable, "STOPPING".to_owned(), vec![], None)
    );
}
