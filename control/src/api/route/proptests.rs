//! Messages and types say the same: what goes out comes back, and what comes in never does harm.

use super::decode::{Decoded, Defaults};
use crate::api::nexthop::{set, wire};
use crate::model::name::{InterfaceName, VrfName};
use crate::model::nexthop::{NextHopSet, NextHopSpec, NextHops, TunnelHop, Via};
use crate::model::number::{Distance, Epoch, Metric, NextHopSetId, Weight};
use crate::model::owner::SessionId;
use crate::model::prefix::{Prefix, station};
use crate::model::reason::Reason;
use crate::model::refusal::{Circle, RouteError, VrfRef};
use crate::model::route::{
    BatchItem, RouteChange, RouteState, RouteTarget, RouteView, SpecialRoute,
};
use crate::nexthop::Encap;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::mpls::{Label, LabelStack, MAX_PUSHED};
use ferroute_dataplane::wire::vxlan::Vni;
use ferroute_proto::v1 as pb;
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;

const DEFAULTS: Defaults = Defaults {
    distance: Distance::CLIENT,
    metric: Metric(0),
};

fn gateway() -> impl Strategy<Value = IpAddr> {
    any::<IpAddr>().prop_filter("a station's", |address| match address {
        IpAddr::V4(v4) => station(&v4.octets()).is_ok(),
        IpAddr::V6(v6) => station(&v6.octets()).is_ok() && !v6.is_unicast_link_local(),
    })
}

fn interface() -> impl Strategy<Value = InterfaceName> {
    "[a-z][a-z0-9._-]{0,14}".prop_map(|name| name.parse().unwrap())
}

fn vrf() -> impl Strategy<Value = VrfName> {
    "[a-z][a-z0-9._-]{0,14}".prop_map(|name| name.parse().unwrap())
}

fn hop() -> impl Strategy<Value = NextHopSpec> {
    let via = prop_oneof![
        (gateway(), proptest::option::of(vrf()))
            .prop_map(|(gateway, vrf)| Via::Recursive { gateway, vrf }),
        (gateway(), interface(), any::<bool>()).prop_map(|(gateway, interface, onlink)| {
            Via::Neighbour {
                gateway,
                interface,
                onlink,
            }
        }),
        interface().prop_map(Via::Link),
        vrf().prop_map(Via::Vrf),
        tunnel().prop_map(|tunnel| Via::Tunnel(Box::new(tunnel))),
    ];
    (via, 1..=65_535_u32).prop_map(|(via, weight)| NextHopSpec {
        via,
        weight: Weight::try_from(weight).unwrap(),
    })
}

fn tunnel() -> impl Strategy<Value = TunnelHop> {
    let vni = (0..1_u32 << 24).prop_map(|vni| Vni::new(vni).unwrap());
    let mac = any::<[u8; 6]>().prop_map(Mac::new);
    let mac = mac.prop_filter("a station's", |mac| mac.is_station());
    let label = (16..1_u32 << 20).prop_map(|label| Label::new(label).unwrap());
    let stack = vec(label, 1..=MAX_PUSHED).prop_map(|labels| LabelStack::new(&labels).unwrap());
    let encap = prop_oneof![
        (vni, mac).prop_map(|(vni, router_mac)| Encap::Vxlan { vni, router_mac }),
        stack.clone().prop_map(Encap::MplsUdp),
        stack.prop_map(Encap::Mpls),
        Just(Encap::IpIp),
        Just(Encap::Gue),
    ];
    let endpoint = "[a-z][a-z0-9]{0,20}".prop_map(|name| name.parse().unwrap());
    (gateway(), endpoint, encap).prop_map(|(remote, endpoint, encap)| TunnelHop {
        remote,
        endpoint,
        encap,
    })
}

fn hops() -> impl Strategy<Value = NextHops> {
    vec(hop(), 1..4).prop_map(|hops| hops.try_into().unwrap())
}

fn prefix() -> impl Strategy<Value = Prefix> {
    let prefix = (any::<IpAddr>(), 0..=128_u8).prop_map(|(address, length)| {
        let length = if address.is_ipv4() {
            length % 33
        } else {
            length
        };
        Prefix::try_from(IpNet::new(address, length).unwrap().trunc()).unwrap()
    });
    prefix.prop_filter("not reserved", |prefix| !prefix.is_reserved())
}

fn target() -> impl Strategy<Value = RouteTarget> {
    prop_oneof![
        (1_u32..).prop_map(|id| RouteTarget::Set(NextHopSetId::try_from(id).unwrap())),
        hops().prop_map(RouteTarget::NextHops),
        Just(RouteTarget::Special(SpecialRoute::Blackhole)),
        Just(RouteTarget::Special(SpecialRoute::Unreachable)),
        Just(RouteTarget::Special(SpecialRoute::Prohibit)),
    ]
}

/// A message that may be anything, but is often nearly right.
fn any_route() -> impl Strategy<Value = pb::Route> {
    let octets = || {
        prop_oneof![
            vec(any::<u8>(), 4),
            vec(any::<u8>(), 16),
            vec(any::<u8>(), 0..20)
        ]
    };
    let text = || prop_oneof![Just(String::new()), "[a-z]{1,4}", any::<String>()];
    let hop = (octets(), text(), text(), any::<bool>(), any::<u32>()).prop_map(
        |(gateway, interface, vrf, onlink, weight)| pb::NextHop {
            gateway: gateway.into(),
            interface,
            vrf,
            onlink,
            weight,
            encap: None,
        },
    );
    let numbers = (
        0..140_u32,
        0..3_u32,
        0..4_u32,
        0..5_i32,
        proptest::option::of(any::<u32>()),
        0..300_u32,
    );
    (octets(), numbers, any::<bool>(), vec(hop, 0..3)).prop_map(
        |(address, numbers, withdraw, next_hops)| {
            let (length, next_hop_set, vrf, kind, metric, distance) = numbers;
            let address = address.into();
            pb::Route {
                address,
                length,
                next_hop_set,
                vrf,
                kind,
                withdraw,
                metric,
                distance,
                next_hops,
            }
        },
    )
}

proptest! {
    #[test]
    fn next_hops_survive_the_wire(hops in hops(), id in 1_u32..) {
        let message = pb::NextHopSet { id, next_hops: wire(&hops) };
        let back = set(&message).unwrap();
        prop_assert_eq!(back, NextHopSet { id: NextHopSetId::try_from(id).unwrap(), next_hops: hops });
    }

    /// What a listing shows can be injected again and is the same route.
    #[test]
    fn routes_survive_the_wire(prefix in prefix(), target in target(), metric in any::<u32>(), distance in 1..=254_u8) {
        if let RouteTarget::NextHops(hops) = &target {
            prop_assume!(hops.serve(prefix.family()));
        }
        let view = RouteView {
            vrf: "red".parse().unwrap(),
            prefix,
            owner: "bgp".parse().unwrap(),
            distance,
            metric: Metric(metric),
            epoch: Epoch(1),
            target: target.clone(),
            set_members: None,
            state: RouteState::Active,
            stale: false,
        };
        let entry = pb::RouteEntry::from(view);
        let shown = entry.prefix.unwrap();
        let route = pb::Route {
            address: shown.address,
            length: shown.length,
            next_hop_set: entry.next_hop_set,
            kind: entry.kind,
            metric: Some(entry.metric),
            distance: entry.distance,
            next_hops: entry.next_hops,
            ..pb::Route::default()
        };
        let message = pb::RouteBatch { vrfs: vec![entry.vrf], routes: vec![route], ..pb::RouteBatch::default() };
        let Decoded { batch, refused, .. } = Decoded::new(&message, SessionId(1), DEFAULTS).unwrap();
        prop_assert_eq!(refused, vec![]);
        let batch = batch.unwrap();
        let RouteChange::Announce(spec) = &batch.changes[0] else { panic!("no announcement") };
        prop_assert_eq!(batch.vrfs[usize::from(spec.vrf.0)].as_str(), "red");
        prop_assert_eq!((spec.prefix, spec.distance.get(), spec.metric.0), (prefix, distance, metric));
        prop_assert_eq!(&spec.target, &target);
    }

    /// Each route of a batch is either passed on or refused, in order, and with its own place.
    #[test]
    fn every_route_is_passed_on_or_refused(routes in vec(any_route(), 0..8)) {
        let vrfs = vec![String::new(), "red".to_owned(), "not a name".to_owned()];
        let message = pb::RouteBatch { vrfs, routes, ..pb::RouteBatch::default() };
        let Decoded { batch, refused, places } = Decoded::new(&message, SessionId(1), DEFAULTS).unwrap();
        let changes = batch.unwrap().changes;
        prop_assert_eq!(changes.len() + refused.len(), message.routes.len());
        let refused: Vec<usize> = refused.iter().map(|refusal| match refusal.item {
            BatchItem::Route(place) => place as usize,
            BatchItem::Set(_) => panic!("there are no sets"),
        }).collect();
        let passed = (0..message.routes.len()).filter(|place| !refused.contains(place));
        for ((place, change), passed) in changes.iter().enumerate().zip(passed) {
            prop_assert_eq!(places.as_ref().map_or(place, |places| places[place] as usize), passed);
            let (prefix, vrf) = match change {
                RouteChange::Announce(spec) => (spec.prefix, spec.vrf),
                RouteChange::Withdraw { prefix, vrf } => (*prefix, *vrf),
            };
            let given = &message.routes[passed];
            prop_assert_eq!(pb::Prefix::from(prefix), pb::Prefix { address: given.address.clone(), length: given.length });
            prop_assert!(vrf.0 < 2 && u32::from(vrf.0) == given.vrf);
        }
    }
}

#[test]
fn refusals_have_the_same_word_everywhere() {
    let gateway = IpAddr::from([10, 0, 0, 1]);
    let interface = "uplink".parse::<InterfaceName>().unwrap();
    let net: IpNet = "10.0.0.0/8".parse().unwrap();
    let prefix = Prefix::try_from(net).unwrap();
    let next_hop_set = NextHopSetId::MIN;
    let all = [
        RouteError::InvalidAddress { octets: 3 },
        RouteError::PrefixLength {
            length: 33,
            longest: 32,
        },
        RouteError::HostBits {
            given: net,
            meant: net,
        },
        RouteError::ReservedPrefix { prefix },
        RouteError::UnknownVrf {
            vrf: VrfRef::Place(1),
        },
        RouteError::UnknownInterface { interface },
        RouteError::UnknownNextHopSet { next_hop_set },
        RouteError::NoNextHop,
        RouteError::TooManyNextHops {
            count: 129,
            limit: 128,
        },
        RouteError::NextHopForm { problem: "x" },
        RouteError::InvalidGateway { gateway },
        RouteError::NextHopSelf { gateway },
        RouteError::GatewayNotOnLink { gateway, interface },
        RouteError::NextHopLoop {
            path: Circle::Vrf("red".parse().unwrap()),
        },
        RouteError::FamilyMismatch,
        RouteError::BadWeight { weight: 65_536 },
        RouteError::BadDistance { distance: 255 },
        RouteError::TableFull {
            table: "route",
            limit: 1,
        },
        RouteError::NoSuchRoute { prefix },
        RouteError::InUse {
            next_hop_set,
            routes: 1,
        },
        RouteError::SetNumber,
        RouteError::InvalidName {
            problem: "".parse::<VrfName>().unwrap_err(),
        },
        RouteError::InterfaceKind { interface },
    ];
    for error in all {
        let word = pb::RefusalReason::from(&error).as_str_name();
        assert_eq!(
            word,
            format!("REFUSAL_REASON_{}", error.reason()),
            "{error}"
        );
    }
}

#[test]
fn next_hops_have_only_the_documented_forms() {
    let hop = |gateway: &str, interface: &str, vrf: &str, onlink| {
        let gateway = gateway
            .parse::<IpAddr>()
            .map(crate::api::message::octets)
            .unwrap_or_default();
        let hop = pb::NextHop {
            gateway,
            interface: interface.to_owned(),
            vrf: vrf.to_owned(),
            onlink,
            weight: 0,
            encap: None,
        };
        set(&pb::NextHopSet {
            id: 1,
            next_hops: vec![hop],
        })
        .map(|set| set.next_hops.as_slice()[0].via.clone())
    };
    assert!(matches!(
        hop("10.0.0.1", "", "", false),
        Ok(Via::Recursive { vrf: None, .. })
    ));
    assert!(matches!(
        hop("10.0.0.1", "", "red", false),
        Ok(Via::Recursive { vrf: Some(_), .. })
    ));
    assert!(matches!(
        hop("fe80::1", "eth0", "", false),
        Ok(Via::Neighbour { onlink: false, .. })
    ));
    assert!(matches!(
        hop("10.0.0.1", "eth0", "", true),
        Ok(Via::Neighbour { onlink: true, .. })
    ));
    assert!(matches!(hop("", "eth0", "", false), Ok(Via::Link(_))));
    assert!(matches!(hop("", "", "red", false), Ok(Via::Vrf(_))));
    let forms = [
        ("", "", "", false),
        ("10.0.0.1", "", "", true),
        ("", "eth0", "red", false),
        ("", "eth0", "", true),
    ];
    for (gateway, interface, vrf, onlink) in forms {
        assert!(matches!(
            hop(gateway, interface, vrf, onlink),
            Err(RouteError::NextHopForm { .. })
        ));
    }
    for gateway in [
        "fe80::1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "127.0.0.1",
        "::1",
        "ff02::1",
    ] {
        assert!(
            matches!(
                hop(gateway, "", "", false),
                Err(RouteError::InvalidGateway { .. })
            ),
            "{gateway}"
        );
    }
}
