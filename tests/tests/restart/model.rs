//! Random things that clients do to a router; the next one has the same.

use super::take_up;
use ferroute_control::core::handle::Session;
use ferroute_control::core::request::{
    InterfaceRequest, NeighbourRequest, NextHopRequest, RouteRequest, VrfRequest,
};
use ferroute_control::model::neighbour::{NeighbourFilter, NeighbourState};
use ferroute_control::model::nexthop::{NextHopSet, NextHops};
use ferroute_control::model::owner::{OwnerLife, OwnerOpen};
use ferroute_control::model::route::{
    BatchPolicy, RouteBatch, RouteChange, RouteFilter, RouteTarget,
};
use ferroute_control::model::vrf::VrfSpec;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::world::{announce, target, withdraw};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const OWNERS: [&str; 3] = ["bgp", "vpn", "person"];
const VRFS: [&str; 3] = ["default", "red", "blue"];
const PREFIXES: [&str; 5] = [
    "10.1.0.0/16",
    "10.1.2.0/24",
    "10.7.0.0/17",
    "2001:db8:1::/48",
    "2001:db8:1:2::/64",
];
const TARGETS: [&str; 6] = [
    "via 10.0.1.2",
    "via 10.0.1.2 dev p0+via 10.0.2.2 dev p1 weight 3",
    "blackhole",
    "dev p0",
    // Nobody has this one: the route is refused.
    "via 10.0.1.2 dev p9",
    "vrf red",
];

/// What a client does. Numbers choose among the above.
#[derive(Clone, Debug)]
enum Deed {
    Open(usize),
    Close(usize),
    EndOfRib(usize),
    Remove(usize),
    /// Owner, VRF, changes, and whether all or nothing.
    Batch(usize, usize, Vec<Change>, bool),
    Set(usize, u32, usize),
    Unset(usize, u32),
    Vrf(usize, bool),
    Address(u8, bool),
    Neighbour(u8, bool),
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Add(usize, usize),
    /// Prefix, and number of a set of the owner.
    Lead(usize, u32),
    Del(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    let owner = 0..OWNERS.len();
    let change = prop_oneof![
        4 => (0..PREFIXES.len(), 0..TARGETS.len()).prop_map(|(p, t)| Change::Add(p, t)),
        3 => (0..PREFIXES.len(), 1..4_u32).prop_map(|(p, s)| Change::Lead(p, s)),
        2 => (0..PREFIXES.len()).prop_map(Change::Del),
    ];
    let changes = prop::collection::vec(change, 1..5);
    prop_oneof![
        3 => owner.clone().prop_map(Deed::Open),
        2 => owner.clone().prop_map(Deed::Close),
        2 => owner.clone().prop_map(Deed::EndOfRib),
        1 => owner.clone().prop_map(Deed::Remove),
        9 => (owner.clone(), 0..VRFS.len(), changes, any::<bool>())
            .prop_map(|(o, v, c, whole)| Deed::Batch(o, v, c, whole)),
        4 => (owner.clone(), 1..4_u32, 0..4_usize).prop_map(|(o, s, t)| Deed::Set(o, s, t)),
        2 => (owner, 1..4_u32).prop_map(|(o, s)| Deed::Unset(o, s)),
        2 => (1..VRFS.len(), any::<bool>()).prop_map(|(v, there)| Deed::Vrf(v, there)),
        1 => (1..4_u8, any::<bool>()).prop_map(|(a, there)| Deed::Address(a, there)),
        1 => (1..4_u8, any::<bool>()).prop_map(|(a, there)| Deed::Neighbour(a, there)),
    ]
}

/// A router as its configuration makes it, that took up what was left in a file.
fn router(path: &Path, writes: bool) -> Bench {
    let mut bench = Bench::new();
    bench.port(
        "p0",
        [2, 0, 0, 0, 0, 1],
        &["10.0.1.1/24", "2001:db8:a::1/64"],
    );
    bench.port("p1", [2, 0, 0, 0, 0, 2], &["10.0.2.1/24"]);
    take_up(&mut bench, path, writes);
    bench
}

fn hops(text: &str) -> Option<NextHops> {
    match target(text) {
        RouteTarget::NextHops(hops) => Some(hops),
        _ => None,
    }
}

/// The sessions that are open, by owner.
type Sessions = BTreeMap<usize, Session>;

/// Does it; that the router refuses some of it is part of the trial.
fn act(runtime: &Runtime, bench: &mut Bench, sessions: &mut Sessions, deed: &Deed) {
    match deed {
        Deed::Open(owner) => {
            let life = match OWNERS[*owner] {
                "person" => OwnerLife::Persistent,
                _ => OwnerLife::Session {
                    epoch: None,
                    grace: Some(Duration::from_secs(3600)),
                },
            };
            let owner_name = OWNERS[*owner].parse().unwrap();
            let open = OwnerOpen {
                owner: owner_name,
                life,
            };
            let core = bench.core();
            if let Ok((session, _)) = runtime.block_on(core.open(open)) {
                sessions.insert(*owner, session);
            }
        }
        Deed::Close(owner) => {
            drop(sessions.remove(owner));
        }
        Deed::EndOfRib(owner) => {
            if let Some(session) = sessions.get(owner).map(Session::id) {
                bench
                    .call(|reply| RouteRequest::EndOfRib(session, reply).into())
                    .unwrap();
            }
        }
        Deed::Remove(owner) => {
            let owner = OWNERS[*owner].parse().unwrap();
            let _refused = bench.call(|reply| RouteRequest::RemoveOwner(owner, reply).into());
        }
        Deed::Batch(owner, vrf, changes, whole) => {
            let Some(session) = sessions.get(owner).map(Session::id) else {
                return;
            };
            let change = |change: &Change| match *change {
                Change::Add(prefix, to) => announce(PREFIXES[prefix], TARGETS[to]),
                Change::Del(prefix) => withdraw(PREFIXES[prefix]),
                Change::Lead(prefix, set) => {
                    let mut made = announce(PREFIXES[prefix], "blackhole");
                    if let RouteChange::Announce(spec) = &mut made {
                        spec.target = RouteTarget::Set(set.try_into().unwrap());
                    }
                    made
                }
            };
            let batch = RouteBatch {
                session,
                policy: if *whole {
                    BatchPolicy::AllOrNothing
                } else {
                    BatchPolicy::BestEffort
                },
                vrfs: vec![VRFS[*vrf].parse().unwrap()],
                sets: vec![],
                changes: changes.iter().map(change).collect(),
                deleted_sets: vec![],
            };
            bench.batch(batch).unwrap();
        }
        Deed::Set(owner, number, to) => {
            // Nobody may speak for an owner that has a stream but the stream, which is the same here.
            let Some(next_hops) = hops(TARGETS[*to]) else {
                return;
            };
            let set = NextHopSet {
                id: (*number).try_into().unwrap(),
                next_hops,
            };
            let owner = OWNERS[*owner].parse().unwrap();
            let _refused = bench.call(|reply| NextHopRequest::Put(owner, set, reply).into());
        }
        Deed::Unset(owner, number) => {
            let owner = OWNERS[*owner].parse().unwrap();
            let id = (*number).try_into().unwrap();
            let _refused = bench.call(|reply| NextHopRequest::Delete(owner, id, reply).into());
        }
        Deed::Vrf(vrf, there) => {
            let name = VRFS[*vrf].parse().unwrap();
            let spec = VrfSpec {
                name,
                table_id: None,
                namespace: None,
            };
            if *there {
                let _refused = bench.call(|reply| VrfRequest::Create(spec, reply).into());
            } else {
                let _refused = bench.call(|reply| VrfRequest::Delete(name, reply).into());
            }
        }
        Deed::Address(last, there) => {
            let name = "p1".parse().unwrap();
            let net: ipnet::IpNet = format!("10.77.{last}.1/24").parse().unwrap();
            let address = net.try_into().unwrap();
            if *there {
                let _refused =
                    bench.call(|reply| InterfaceRequest::AddAddress(name, address, reply).into());
            } else {
                let _refused = bench
                    .call(|reply| InterfaceRequest::RemoveAddress(name, address, reply).into());
            }
        }
        Deed::Neighbour(last, there) => {
            let address = format!("10.0.2.{}", 100 + last);
            if *there {
                bench.neighbour("p1", &address, [2, 0, 0, 0, 9, *last]);
            } else {
                let (name, address) = ("p1".parse().unwrap(), address.parse().unwrap());
                let _refused =
                    bench.call(|reply| NeighbourRequest::Delete(name, address, reply).into());
            }
        }
    }
}

/// What clients can list of it, without what differs by the life of the process. Sets to which nothing leads may have been
/// left over from an earlier epoch, and are not looked at.
fn everything(bench: &mut Bench) -> Vec<String> {
    let mut all = Vec::new();
    let filter = Box::new(RouteFilter::default());
    let routes = bench
        .call(|reply| RouteRequest::List(filter, None, reply).into())
        .unwrap();
    for route in routes
        .items
        .iter()
        .filter(|route| !route.owner.is_reserved())
    {
        let (vrf, owner) = (route.vrf, route.owner);
        let (distance, metric) = (route.distance, route.metric);
        all.push(format!(
            "{vrf} {} {owner} {distance} {metric:?} {:?} {:?} {:?}",
            route.prefix, route.target, route.set_members, route.state
        ));
    }
    let sets = bench
        .call(|reply| NextHopRequest::List(None, None, reply).into())
        .unwrap();
    for set in sets
        .items
        .iter()
        .filter(|set| set.prefixes > 0 && set.declared.is_some())
    {
        all.push(format!(
            "{:?} {:?} {}",
            set.declared, set.next_hops, set.prefixes
        ));
    }
    for owner in bench
        .call(|reply| RouteRequest::ListOwners(reply).into())
        .unwrap()
    {
        all.push(format!(
            "{} {} {}",
            owner.name, owner.routes, owner.persistent
        ));
    }
    for vrf in bench.call(|reply| VrfRequest::List(reply).into()).unwrap() {
        all.push(format!("{:?}", vrf.spec));
    }
    for interface in bench
        .call(|reply| InterfaceRequest::List(None, reply).into())
        .unwrap()
    {
        all.push(format!("{} {:?}", interface.name, interface.addresses));
    }
    let filter = NeighbourFilter {
        state: Some(NeighbourState::Permanent),
        ..NeighbourFilter::default()
    };
    let found = bench.call(|reply| NeighbourRequest::List(filter, None, reply).into());
    for neighbour in found.unwrap().items {
        all.push(format!("{} {:?}", neighbour.address, neighbour.mac));
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_next_router_has_what_the_last_one_had(deeds in prop::collection::vec(deed(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let mut first = router(&path, true);
        let mut sessions = Sessions::new();
        let runtime = Builder::new_current_thread().build().unwrap();
        for deed in &deeds {
            act(&runtime, &mut first, &mut sessions, deed);
        }
        let before = everything(&mut first);
        // Sessions hold the core.
        drop((sessions, first));
        let mut second = router(&path, false);
        prop_assert_eq!(everything(&mut second), before);
        let owners = second.call(|reply| RouteRequest::ListOwners(reply).into()).unwrap();
        for owner in owners.iter().filter(|owner| !owner.persistent) {
            prop_assert_eq!(owner.stale_routes, owner.routes);
        }
    }
}
