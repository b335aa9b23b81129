//! What a client may say wrongly: a typed refusal, the old state kept, nothing half done.

use ferroute_control::core::request::{
    InterfaceRequest, NeighbourRequest, PortRequest, VrfRequest,
};
use ferroute_control::model::interface::{InterfaceChange, InterfaceError};
use ferroute_control::model::name::{InterfaceName, NameError, VrfName};
use ferroute_control::model::neighbour::{NeighbourError, NeighbourSpec};
use ferroute_control::model::nexthop::{MAX_NEXT_HOPS, NextHopSpec, NextHops, Via};
use ferroute_control::model::number::Weight;
use ferroute_control::model::port::{PortError, PortSettings};
use ferroute_control::model::prefix::{AddressError, Prefix};
use ferroute_control::model::refusal::RouteError;
use ferroute_control::model::route::BatchPolicy;
use ferroute_control::model::vrf::{VrfError, VrfSpec};
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::world::{announce, batch, withdraw};
use ipnet::IpNet;

use crate::lab::{FAR, GATEWAY_MAC, datagram, lab};

#[test]
fn wrong_prefixes_and_names_are_refused_where_they_are_read() {
    let net: IpNet = "192.0.2.7/24".parse().unwrap();
    assert!(matches!(
        Prefix::try_from(net),
        Err(AddressError::HostBits { .. })
    ));
    assert!(matches!(
        Prefix::from_octets(&[10, 0, 0, 0], 33),
        Err(AddressError::PrefixLength {
            length: 33,
            longest: 32
        })
    ));
    assert!(matches!(
        Prefix::from_octets(&[10, 0, 0], 8),
        Err(AddressError::InvalidAddress { octets: 3 })
    ));
    // There are no routes for these; a default route covers them and is none of them.
    let reserved = |text: &str| {
        Prefix::try_from(text.parse::<IpNet>().unwrap())
            .unwrap()
            .is_reserved()
    };
    assert!(
        ["224.0.0.0/24", "127.0.0.0/8", "ff02::/16", "fe80::/64"]
            .into_iter()
            .all(reserved)
    );
    assert!(
        !["0.0.0.0/0", "192.0.2.0/24", "2001:db8::/32"]
            .into_iter()
            .any(reserved)
    );
    assert!(matches!(
        "a-name-of-sixteen".parse::<InterfaceName>(),
        Err(NameError::Length { .. })
    ));
    assert!(matches!(
        "p 0".parse::<VrfName>(),
        Err(NameError::Character { character: ' ' })
    ));
    let via = Via::Recursive {
        gateway: "10.0.1.2".parse().unwrap(),
        vrf: None,
    };
    let hop = NextHopSpec {
        via,
        weight: Weight::MIN,
    };
    let many = NextHops::try_from(vec![hop; MAX_NEXT_HOPS + 1]);
    assert!(matches!(many, Err(RouteError::TooManyNextHops { .. })));
}

#[test]
fn wrong_routes_are_refused_one_by_one_and_the_rest_stands() {
    let mut bench = lab();
    let route = |bench: &mut ferroute_tests::bench::Bench, net: &str, to: &str| {
        bench.try_route("", net, to).unwrap_err()
    };
    for reserved in ["224.0.0.0/24", "127.0.0.0/8", "ff02::/16", "fe80::/64"] {
        assert!(
            matches!(
                route(&mut bench, reserved, "blackhole"),
                RouteError::ReservedPrefix { .. }
            ),
            "{reserved}"
        );
    }
    assert!(matches!(
        route(&mut bench, "198.51.100.0/24", "dev p9"),
        RouteError::UnknownInterface { .. }
    ));
    assert!(matches!(
        route(&mut bench, "198.51.100.0/24", "vrf blue"),
        RouteError::UnknownVrf { .. }
    ));
    assert!(matches!(
        route(&mut bench, "198.51.100.0/24", "via 10.0.0.1"),
        RouteError::NextHopSelf { .. }
    ));
    assert!(matches!(
        route(&mut bench, "198.51.100.0/24", "via 172.16.0.1 dev p1"),
        RouteError::GatewayNotOnLink { .. }
    ));
    assert!(matches!(
        route(&mut bench, "2001:db8:77::/48", "via 10.0.1.2"),
        RouteError::FamilyMismatch
    ));
    assert!(matches!(
        route(&mut bench, "198.51.100.0/24", "via 198.51.100.1"),
        RouteError::NextHopLoop { .. }
    ));
    assert!(matches!(
        bench.try_route("blue", "198.51.100.0/24", "via 10.0.1.2"),
        Err(RouteError::UnknownVrf { .. })
    ));
    let unknown = bench.routes(
        "",
        vec![
            withdraw("198.51.100.0/24"),
            announce("198.51.100.0/25", "via 10.0.1.2"),
        ],
    );
    assert_eq!((unknown.applied, unknown.refused.len()), (1, 1));
    assert!(matches!(
        unknown.refused[0].error,
        RouteError::NoSuchRoute { .. }
    ));
    // Two routes that lead to each other: the second is refused, or neither is a way.
    bench.route("172.16.0.0/16", "via 172.17.0.1");
    let circle = bench.try_route("", "172.17.0.0/16", "via 172.16.0.1");
    assert!(matches!(
        circle,
        Ok(()) | Err(RouteError::NextHopLoop { .. })
    ));
    let sent = bench.receive("p0", &datagram("172.16.0.9").frame());
    assert!(sent.iter().all(|s| s.port == "p0"), "no way, but an answer");
    // What was right is as before.
    let sent = bench.receive("p0", &datagram(FAR).frame());
    assert_eq!(sent[0].frame[..6], GATEWAY_MAC);
}

#[test]
fn a_batch_of_all_or_nothing_with_one_mistake_changes_nothing() {
    let mut bench = lab();
    let session = bench.session("strict");
    let changes = vec![
        announce("198.51.100.0/24", "via 10.0.1.2"),
        announce("203.0.113.0/24", "dev p9"),
    ];
    let mut strict = batch(session, "", changes);
    strict.policy = BatchPolicy::AllOrNothing;
    let outcome = bench.batch(strict).unwrap();
    assert_eq!(outcome.applied, 0);
    assert!(!outcome.refused.is_empty());
    let sent = bench.receive("p0", &datagram("198.51.100.1").frame());
    assert!(sent.iter().all(|s| s.port == "p0"), "nothing half done");
}

#[test]
fn wrong_ports_interfaces_vrfs_and_neighbours_are_refused_with_their_reason() {
    let mut bench = lab();
    let p9: InterfaceName = "p9".parse().unwrap();
    let blue: VrfName = "blue".parse().unwrap();
    let taken = bench.add_port("p0", [2; 6], PortSettings::default());
    assert!(matches!(taken, Err(PortError::NameTaken { .. })));
    let unknown = bench.call(|reply| PortRequest::Remove(p9, reply).into());
    assert!(matches!(unknown, Err(PortError::UnknownPort { .. })));
    let change = InterfaceChange {
        vrf: Some(blue),
        ..InterfaceChange::default()
    };
    assert!(matches!(
        bench.change("p0", change),
        Err(InterfaceError::UnknownVrf { .. })
    ));
    let twice: IpNet = "10.0.1.1/24".parse().unwrap();
    let p0 = "p0".parse().unwrap();
    let taken = bench
        .call(|reply| InterfaceRequest::AddAddress(p0, twice.try_into().unwrap(), reply).into());
    assert!(matches!(taken, Err(InterfaceError::AddressTaken { .. })));
    let around: IpNet = "10.0.0.77/16".parse().unwrap();
    let overlaps = bench
        .call(|reply| InterfaceRequest::AddAddress(p0, around.try_into().unwrap(), reply).into());
    assert!(matches!(overlaps, Err(InterfaceError::AddressTaken { .. })));
    let unknown = bench.call(|reply| VrfRequest::Delete(blue, reply).into());
    assert!(matches!(unknown, Err(VrfError::UnknownVrf { .. })));
    bench.vrf("red");
    let spec = VrfSpec {
        name: "red".parse().unwrap(),
        table_id: None,
        namespace: None,
    };
    let taken = bench.call(|reply| VrfRequest::Create(spec, reply).into());
    assert!(matches!(taken, Err(VrfError::NameTaken { .. })));
    let default = bench.call(|reply| VrfRequest::Delete(VrfName::default(), reply).into());
    assert!(matches!(default, Err(VrfError::DefaultVrf)));
    let own = NeighbourSpec {
        interface: p0,
        address: "10.0.0.1".parse().unwrap(),
        mac: Mac::new(GATEWAY_MAC),
    };
    let refused = bench.call(|reply| NeighbourRequest::Add(own, None, reply).into());
    assert!(matches!(refused, Err(NeighbourError::OwnAddress { .. })));
    let sent = bench.receive("p0", &datagram(FAR).frame());
    assert_eq!(sent[0].frame[..6], GATEWAY_MAC);
}
