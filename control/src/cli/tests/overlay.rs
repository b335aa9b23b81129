//! What the played core has of overlays.

use crate::core::request::OverlayRequest;
use crate::model::interface::InterfaceCounters;
use crate::model::nexthop::{NextHopSpec, Via};
use crate::model::number::Weight;
use crate::model::overlay::{
    EndpointAddresses, EndpointSpec, EndpointView, LabelSpec, LabelTarget, LabelView, OverlayError,
    TunnelView, VniKey, VniSpec, VniTarget, VniView,
};
use crate::model::page::Page;
use crate::model::port::Traffic;
use crate::nexthop::Encap;
use ferroute_dataplane::ids::{EndpointId, NextHopId, TunnelId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::label::Payload;
use ferroute_dataplane::snapshot::tunnel::Mode;
use ferroute_dataplane::wire::mpls::Label;
use ferroute_dataplane::wire::vxlan::Vni;

fn traffic(packets: u64) -> Traffic {
    Traffic {
        packets,
        bytes: packets * 100,
    }
}

fn mac() -> Mac {
    Mac::new([2, 0, 0, 0, 0, 1])
}

fn endpoint() -> EndpointView {
    let addresses =
        EndpointAddresses::Both("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    EndpointView {
        spec: EndpointSpec {
            ttl_mode: Mode::Uniform,
            ip_vrf: Some("red".parse().unwrap()),
            ..EndpointSpec::new(
                "default".parse().unwrap(),
                "default".parse().unwrap(),
                addresses,
            )
        },
        id: EndpointId::new(1),
        interface: "lo0".parse().unwrap(),
        ip_interface: Some("tun1".parse().unwrap()),
        vnis: 1,
        tunnels: 2,
    }
}

fn vni() -> VniView {
    VniView {
        spec: VniSpec {
            key: VniKey {
                endpoint: "default".parse().unwrap(),
                vni: Vni::new(100).unwrap(),
            },
            target: VniTarget::Routed {
                vrf: "red".parse().unwrap(),
                router_mac: mac(),
                interface: Some("vni100".parse().unwrap()),
            },
        },
        counters: Some(InterfaceCounters {
            rx: traffic(7),
            tx: traffic(8),
            punted_packets: 0,
            dropped_packets: 1,
        }),
    }
}

fn label(number: u32) -> LabelView {
    let via = Via::Recursive {
        gateway: "10.0.0.2".parse().unwrap(),
        vrf: None,
    };
    let hop = NextHopSpec {
        via,
        weight: Weight::MIN,
    };
    let (target, next_hop) = if number == 100 {
        let hops = vec![hop].try_into().unwrap();
        (LabelTarget::NextHops(hops), Some(NextHopId::new(9)))
    } else {
        (LabelTarget::Vrf("red".parse().unwrap()), None)
    };
    LabelView {
        spec: LabelSpec {
            label: Label::new(number).unwrap(),
            target,
            payload: Payload::Both,
            ttl_mode: Mode::Pipe,
        },
        interface: next_hop.is_none().then(|| "mpls1".parse().unwrap()),
        next_hop,
        resolved: number != 100,
        traffic: traffic(3),
    }
}

fn tunnel() -> TunnelView {
    TunnelView {
        id: TunnelId::new(2),
        endpoint: "default".parse().unwrap(),
        source: Some("192.0.2.1".parse().unwrap()),
        remote: "192.0.2.2".parse().unwrap(),
        encap: Encap::Vxlan {
            vni: Vni::new(100).unwrap(),
            router_mac: mac(),
        },
        users: 3,
        underlay: NextHopId::new(12),
        problem: Some("no route leads to the gateway 192.0.2.2".to_owned()),
        payload_mtu: 1450,
        header: vec![0x45, 0, 0, 0],
        traffic: traffic(11),
    }
}

fn page<T, C>(items: Vec<T>) -> Result<Page<T, C>, std::convert::Infallible> {
    Ok(Page { items, next: None })
}

/// Answers one request: there is one of each, but of labels two.
pub(super) fn answer(request: OverlayRequest) {
    use OverlayRequest as Ask;
    match request {
        Ask::CreateEndpoint(_, reply)
        | Ask::ChangeEndpoint(_, reply)
        | Ask::GetEndpoint(_, reply) => drop(reply.send(Ok(endpoint()))),
        Ask::DeleteEndpoint(endpoint, reply) => drop(reply.send(Err(OverlayError::InUse {
            endpoint,
            vnis: 1,
            tunnels: 2,
        }))),
        Ask::ListEndpoints(reply) => drop(reply.send(Ok(vec![endpoint()]))),
        Ask::CreateVni(_, _, reply) | Ask::ChangeVni(_, _, reply) | Ask::GetVni(_, reply) => {
            drop(reply.send(Ok(vni())))
        }
        Ask::DeleteVni(_, reply) => drop(reply.send(Ok(()))),
        Ask::ListVnis(_, reply) => drop(reply.send(page(vec![vni()]))),
        Ask::PutLabel(spec, _, reply) => drop(reply.send(Ok(label(spec.label.get())))),
        Ask::DeleteLabel(label, reply) => {
            drop(reply.send(Err(OverlayError::UnknownLabel { label })))
        }
        Ask::GetLabel(number, reply) => drop(reply.send(Ok(label(number.get())))),
        Ask::ListLabels(_, reply) => drop(reply.send(page(vec![label(100), label(101)]))),
        Ask::ListTunnels(_, reply) => drop(reply.send(page(vec![tunnel()]))),
    }
}
