use super::*;
use crate::core::handle::channel;
use crate::core::request::{BridgeRequest, Request, RouteRequest, SegmentRequest};
use crate::model::bridge::{DomainCounters, DomainSpec, DomainView, StationCount};
use crate::model::number::Epoch;
use crate::model::overlay::{
    EndpointSpec, EndpointView, LabelSpec, LabelTarget, LabelView, VniSpec, VniView,
};
use crate::model::owner::{OwnerOpened, SessionId};
use crate::model::port::Traffic;
use crate::model::refusal::Circle;
use crate::model::route::{BatchOutcome, Refusal as RouteRefusal};
use ferroute_dataplane::ids::{BridgeId, EndpointId};
use std::path::Path;
use std::sync::mpsc;

/// Applies a configuration to a core that notes what it is asked for, refuses all about `bad`, and
/// accepts nothing: callers do not look at what they get. Gives the answer, and the notes in order.
async fn play(text: &str) -> (Result<(), Vec<ApplyError>>, Vec<String>) {
    let allowed = (0..4).collect();
    let config = Config::parse(text, Path::new("f.yaml"), &allowed).unwrap();
    let (handle, inbox) = channel();
    let (notes, noted) = mpsc::channel();
    std::thread::spawn(move || {
        for request in inbox.requests {
            notes.send(answer(request)).unwrap();
        }
    });
    let answer = apply(&config, &handle).await;
    drop(handle);
    (answer, noted.iter().collect())
}

fn answer(request: Request) -> String {
    let bad = |name: &dyn std::fmt::Display| name.to_string().starts_with("bad");
    match request {
        Request::Vrf(VrfRequest::Create(spec, reply)) => {
            let note = format!(
                "vrf {} table {:?} netns {:?}",
                spec.name, spec.table_id, spec.namespace
            );
            drop(reply.send(Err(VrfError::TooManyVrfs { limit: 1 })));
            note
        }
        Request::Port(PortRequest::Add(spec, reply)) => {
            let note = format!("port {} on {} {:?}", spec.name, spec.device, spec.settings);
            if bad(&spec.name) {
                drop(reply.send(Err(PortError::UnknownPort { port: spec.name })));
            } // Else the reply is dropped: the core is gone.
            note
        }
        Request::Interface(InterfaceRequest::Create(spec, reply)) => {
            drop(reply.send(Err(InterfaceError::UnknownInterface {
                interface: spec.name,
            })));
            format!("{spec:?}")
        }
        Request::Interface(InterfaceRequest::Change(name, change, _)) => {
            format!("change {name} {change:?}")
        }
        Request::Interface(InterfaceRequest::AddAddress(name, address, _)) => {
            format!("address {address} on {name}")
        }
        Request::Bridge(BridgeRequest::Create(spec, reply)) => {
            let note = format!("{spec:?}");
            drop(reply.send(Ok(named(*spec))));
            note
        }
        Request::Bridge(BridgeRequest::ChangeFlood(changes, _, reply)) => {
            drop(reply.send(Ok(vec![])));
            format!("{changes:?}")
        }
        Request::Bridge(BridgeRequest::ChangeFdb(changes, _, reply)) => {
            let domain = "blue".parse().unwrap();
            drop(reply.send(Ok(vec![(1, DomainError::NoVni { domain })])));
            format!("{changes:?}")
        }
        Request::Segment(SegmentRequest::Create(spec, _, reply)) => {
            let note = format!("{spec:?}");
            drop(reply.send(Err(SegmentError::TooManySegments { limit: 1 })));
            note
        }
        Request::Overlay(OverlayRequest::CreateEndpoint(spec, reply)) => {
            let note = format!("{spec:?}");
            let endpoint = spec.name;
            let made = match spec.ip_vrf {
                Some(_) => Ok(with_ip_interface(*spec)),
                None => Err(OverlayError::EndpointTaken { endpoint }),
            };
            drop(reply.send(made));
            note
        }
        Request::Overlay(OverlayRequest::CreateVni(spec, _, reply)) => {
            let note = format!("{spec:?}");
            if let VniTarget::Routed { .. } = &spec.target {
                drop(reply.send(Ok(with_interface(spec))));
            }
            note
        }
        Request::Overlay(OverlayRequest::PutLabel(spec, _, reply)) => {
            let note = format!("{spec:?}");
            if let LabelTarget::Vrf(_) = &spec.target {
                drop(reply.send(Ok(with_label_interface(*spec))));
            }
            note
        }
        Request::Neighbour(NeighbourRequest::Add(spec, ..)) => format!("{spec:?}"),
        Request::Route(RouteRequest::Open(open, reply)) => {
            drop(reply.send(Ok(OwnerOpened {
                session: SessionId(9),
                epoch: Epoch(1),
                held_routes: 0,
            })));
            format!("open {} {:?}", open.owner, open.life)
        }
        Request::Route(RouteRequest::Batch(flight, reply)) => {
            let refused = vec![RouteRefusal {
                item: BatchItem::Route(1),
                error: RouteError::NextHopLoop {
                    path: Circle::Vrf("red".parse().unwrap()),
                },
            }];
            drop(reply.send(Ok(BatchOutcome {
                applied: 1,
                refused,
            })));
            format!("{:?}", flight.batch)
        }
        Request::Route(RouteRequest::OwnerGone(session)) => format!("gone {session:?}"),
        other => panic!("{other:?}"),
    }
}

/// The VNI as the core has it, whose interface has got a name.
fn with_interface(mut spec: VniSpec) -> VniView {
    if let VniTarget::Routed { interface, .. } = &mut spec.target {
        *interface = interface.or(Some("vni100".parse().unwrap()));
    }
    VniView {
        spec,
        counters: None,
    }
}

/// The endpoint as the core has it, with the interface of what comes out of IP in IP.
fn with_ip_interface(spec: EndpointSpec) -> EndpointView {
    EndpointView {
        spec,
        id: EndpointId::new(0),
        interface: "p0".parse().unwrap(),
        ip_interface: Some("tun0".parse().unwrap()),
        vnis: 0,
        tunnels: 0,
    }
}

/// The label as the core has it, with the interface of what comes out of it.
fn with_label_interface(spec: LabelSpec) -> LabelView {
    LabelView {
        spec,
        interface: Some("mpls3".parse().unwrap()),
        next_hop: None,
        resolved: true,
        traffic: Traffic::default(),
    }
}

/// The domain as the core has it, whose gateway has got a name.
fn named(mut spec: DomainSpec) -> DomainView {
    if let Some(gateway) = &mut spec.gateway {
        gateway.interface = gateway.interface.or(Some("br7".parse().unwrap()));
    }
    DomainView {
        spec,
        id: BridgeId::new(7),
        vni: None,
        flood: vec![],
        stations: StationCount::default(),
        counters: DomainCounters::default(),
    }
}

#[tokio::test]
async fn everything_is_asked_for_in_the_order_of_need() {
    let (_, notes) = play(
        "vrfs: [{name: red, table: 100, netns: r}]\n\
         ports: [{name: p0, device: net_null0, rx_queues: 2, workers: [0], mtu: 9000, promiscuous: true}]\n\
         interfaces: [{name: p0, addresses: [10.0.0.1/24]}, {name: p0.7, vrf: red, up: false, mpls: true, tcp_mtu: 1400}, {name: lo, loopback: true}]\n\
         neighbours: [{interface: p0, address: 10.0.0.9, mac: \"02:00:00:00:00:09\"}]\n\
         endpoints: [{addresses: [10.0.0.1], ttl: 9, ttl_mode: uniform, ip_vrf: red, tcp_mtu: 1480, known_peers_only: true}]\n\
         vnis: [{vni: 100, vrf: red, router_mac: \"02:00:00:00:01:01\", tcp_mtu: 1450}, {vni: 200, domain: blue}]\n\
         domains: [{name: blue, members: [p0.7], gateway: {vrf: red, mac: \"02:00:00:00:01:02\", tcp_mtu: 1450, addresses: [10.5.0.1/24]}, ageing_seconds: 20,\
            fdb: [{mac: \"02:00:00:00:00:21\", interface: p0.7}, {mac: \"02:00:00:00:00:22\", remote: 10.0.0.2, vni: 7},\
            {mac: \"02:00:00:00:00:23\", segment: \"03:00:00:00:00:00:00:00:00:0a\"}], flood: [{address: 10.0.0.2}]}]\n\
         segments: [{esi: \"03:00:00:00:00:00:00:00:00:0a\", members: [p0.7], peers: [10.0.0.2], except: [blue]}]\n\
         labels: [{label: 100, vrf: red, payload: ipv6, tcp_mtu: 1468}, {label: 101, via: [{address: 10.0.0.2}]}]\n\
         routes:\n\
         - {prefix: 10.4.0.0/16, vrf: red, via: [{address: 10.0.0.2, encap: {type: vxlan, vni: 7, router_mac: \"02:00:00:00:02:02\"}},\
            {address: 10.0.0.2, encap: {type: mpls_udp, labels: [16, 17]}}]}\n\
         - {prefix: 10.1.0.0/16, via: [{address: 10.0.0.2, weight: 3}, {address: \"fe80::1\", dev: p0, onlink: true}], metric: 4}\n\
         - {prefix: 10.2.0.0/16, vrf: red, via: [{vrf: default}]}\n\
         - {prefix: 10.3.0.0/16, type: prohibit, distance: 9}\n",
    )
    .await;
    let starts = [
        "vrf red table Some(100) netns Some(Namespace(\"r\"))",
        "port p0 on net_null0 PortSettings { rx_queues: Exactly(2), tx_queues: Auto, rx_descriptors: Auto, tx_descriptors: Auto, \
         mtu: Exactly(Mtu(9000)), promiscuous: true, workers: [WorkerIndex(0)], twin: true }",
        "change p0 InterfaceChange { admin_up: Some(true), mtu: None, vrf: Some(\"default\"), mpls: Some(false), tcp_mtu: None }",
        "address 10.0.0.1/24 on p0",
        "InterfaceSpec { name: \"p0.7\", kind: Vlan { parent: \"p0\", vlan_id: VlanId(7) }, vrf: \"red\", mtu: Auto, admin_up: false, addresses: [] }",
        "change p0.7 InterfaceChange { admin_up: None, mtu: None, vrf: None, mpls: Some(true), tcp_mtu: Some(Exactly(Mtu(1400))) }",
        "InterfaceSpec { name: \"lo\", kind: Loopback, vrf: \"default\", mtu: Auto, admin_up: true, addresses: [] }",
        "DomainSpec { name: \"blue\", members: [\"p0.7\"], policy: DomainPolicy { learn: true, learn_remote: false, unknown_unicast: true, broadcast: true, \
         multicast: true, suppress: false, flood: None, max_learned: None, ageing_seconds: 20, max_moves: 5, move_window_seconds: 180 }, \
         gateway: Some(GatewaySpec { vrf: \"red\", mac: 02:00:00:00:01:02, interface: None, twin: false }) }",
        "change br7 InterfaceChange { admin_up: None, mtu: None, vrf: None, mpls: None, tcp_mtu: Some(Exactly(Mtu(1450))) }",
        "address 10.5.0.1/24 on br7",
        "NeighbourSpec { interface: \"p0\", address: 10.0.0.9, mac: 02:00:00:00:00:09 }",
        "EndpointSpec { name: \"default\", vrf: \"default\", addresses: Ipv4(10.0.0.1), vxlan_port: 4789, gue_port: 6080, ttl: 9, \
         ttl_mode: Uniform, dscp_mode: Pipe, ecn_mode: Normal, df: Set, udp6_zero_tx: false, udp6_zero_rx: false, \
         known_peers_only: true, mpls_udp: true, ip_vrf: Some(\"red\") }",
        "change tun0 InterfaceChange { admin_up: None, mtu: None, vrf: None, mpls: None, tcp_mtu: Some(Exactly(Mtu(1480))) }",
        "VniSpec { key: VniKey { endpoint: \"default\", vni: Vni(100) }, target: Routed { vrf: \"red\", router_mac: 02:00:00:00:01:01",
        "change vni100 InterfaceChange { admin_up: None, mtu: None, vrf: None, mpls: None, tcp_mtu: Some(Exactly(Mtu(1450))) }",
        "VniSpec { key: VniKey { endpoint: \"default\", vni: Vni(200) }, target: Bridged { domain: \"blue\" } }",
        "LabelSpec { label: Label(100), target: Vrf(\"red\"), payload: Ipv6, ttl_mode: Pipe }",
        "change mpls3 InterfaceChange { admin_up: None, mtu: None, vrf: None, mpls: None, tcp_mtu: Some(Exactly(Mtu(1468))) }",
        "LabelSpec { label: Label(101), target: NextHops(",
        "SegmentSpec { id: 03:00:00:00:00:00:00:00:00:0a, redundancy: AllActive, members: [\"p0.7\"], peers: [10.0.0.2], \
         designation: Designation { general: false, exceptions: [\"blue\"] } }",
        "[FloodChange { domain: \"blue\", end: RemoteEnd { address: 10.0.0.2, vni: None }, remove: false }]",
        "[PutStatic { domain: \"blue\", mac: 02:00:00:00:00:21, interface: \"p0.7\" }, PutRemote { domain: \"blue\", mac: 02:00:00:00:00:22, \
         remote: RemoteStation { place: End(RemoteEnd { address: 10.0.0.2, vni: Some(Vni(7)) }), sequence: 0, sticky: true } }, PutRemote { domain: \"blue\", mac: 02:00:00:00:00:23, \
         remote: RemoteStation { place: Segment { id: 03:00:00:00:00:00:00:00:00:0a, primary: None }, sequence: 0, sticky: true } }]",
        "open static Persistent",
        "RouteBatch { session: SessionId(9), policy: BestEffort, vrfs: [\"red\", \"default\"]",
        "gone SessionId(9)",
    ];
    assert_eq!(notes.len(), starts.len(), "{notes:#?}");
    for (note, start) in notes.iter().zip(starts) {
        assert!(note.starts_with(start), "{note}\nis not\n{start}");
    }
    let batch = &notes[23];
    for part in [
        "Recursive { gateway: 10.0.0.2, vrf: None }, weight: Weight(3)",
        "Neighbour { gateway: fe80::1, interface: \"p0\", onlink: true }, weight: Weight(1)",
        "vrf: VrfPlace(0), prefix: 10.2.0.0/16",
        "Tunnel(TunnelHop { remote: 10.0.0.2, endpoint: \"default\", encap: Vxlan { vni: Vni(7), router_mac: 02:00:00:00:02:02 } })",
        "encap: MplsUdp(LabelStack([Label(16), Label(17)]))",
        "via: Vrf(\"default\")",
        "prefix: 10.3.0.0/16, distance: Distance(9), metric: Metric(0), target: Special(Prohibit)",
    ] {
        assert!(batch.contains(part), "{part} in {batch}");
    }
}

#[tokio::test]
async fn what_is_refused_names_its_field_and_the_rest_goes_on() {
    let (answer, notes) = play(
        "vrfs: [{name: red}]\n\
         ports: [{name: p0, device: net_null0}, {name: bad, device: net_null1}]\n\
         interfaces: [{name: p0.7}, {name: lo, loopback: true, addresses: [10.0.0.1/32]}]\n\
         domains: [{name: blue, fdb: [{mac: \"02:00:00:00:00:21\", remote: 10.0.0.3}, {mac: \"02:00:00:00:00:22\", remote: 10.0.0.2}]}]\n\
         vnis: [{vni: 5, domain: blue}]\n\
         segments: [{esi: \"03:00:00:00:00:00:00:00:00:0a\"}]\n\
         endpoints: [{addresses: [10.0.0.1]}]\n\
         routes: [{prefix: 10.1.0.0/16, type: blackhole}, {prefix: 10.2.0.0/16, type: blackhole}]\n",
    )
    .await;
    let errors: Vec<_> = answer
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            "vrfs[0]: the router takes at most 1 VRFs",
            "ports[0]: the router is stopping",
            "ports[1]: there is no port bad",
            "interfaces[0]: there is no interface p0.7",
            "interfaces[1]: there is no interface lo",
            "endpoints[0]: there is an endpoint default already",
            "vnis[0]: the router is stopping",
            "segments[0]: the router takes at most 1 Ethernet segments",
            "domains[0].fdb[1]: bridge domain blue has no VNI, so nothing is remote",
            "routes[1]: the next hop leads back to this route: VRF red → VRF red",
        ]
    );
    assert!(
        notes.last().unwrap().starts_with("gone"),
        "the batch was not sent"
    );
}

#[tokio::test]
async fn an_empty_configuration_asks_for_nothing() {
    assert_eq!(play("").await, (Ok(()), vec![]));
}
