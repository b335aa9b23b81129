//! Resolution against a model that resolves everything from scratch by plain recursion, under random histories of
//! routes, groups and interfaces over tiny domains.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferroute_dataplane::ids::{EndpointId, InterfaceId, TunnelId, VrfId};
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::rib::{Attributes, Limits, Rib, RouteError, Session, Tenure};

mod model;
mod world;

use world::World;

const OWNERS: [&str; 2] = ["a", "b"];

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Target {
    Set(NextHopSet),
    Group(u32),
}

#[derive(Clone, Debug)]
enum Op {
    Insert {
        owner: usize,
        vrf: VrfId,
        prefix: IpNet,
        distance: u8,
        target: Target,
    },
    Remove {
        owner: usize,
        vrf: VrfId,
        prefix: IpNet,
    },
    PutGroup {
        number: u32,
        set: NextHopSet,
    },
    RemoveGroup {
        number: u32,
    },
    Interface {
        interface: InterfaceId,
        up: bool,
    },
    Collect,
}

/// The tunnels there are: two remote ends, each by two encapsulations.
fn tunnels() -> Vec<TunnelKey> {
    let remotes = ["10.1.1.1", "10.2.2.2"];
    let key = |remote: &str, encap| TunnelKey {
        endpoint: EndpointId::new(1),
        vrf: VrfId::DEFAULT,
        remote: remote.parse().unwrap(),
        encap,
    };
    let all = remotes.map(|remote| [key(remote, Encap::IpIp), key(remote, Encap::Gue)]);
    all.concat()
}

fn interface() -> impl Strategy<Value = InterfaceId> + Clone {
    (1..4u32).prop_map(InterfaceId::new)
}

fn vrf() -> impl Strategy<Value = VrfId> + Clone {
    prop_oneof![4 => Just(VrfId::DEFAULT), 1 => Just(VrfId::new(1))]
}

fn prefix() -> impl Strategy<Value = IpNet> + Clone {
    let all = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.1.1/32",
        "10.2.0.0/16",
        "10.2.2.2/32",
        "fd00::/8",
        "fd00::1/128",
    ];
    prop::sample::select(all.to_vec()).prop_map(|prefix| prefix.parse().unwrap())
}

fn address() -> impl Strategy<Value = IpAddr> + Clone {
    prop::sample::select(vec![
        "10.1.1.1",
        "10.2.2.2",
        "10.3.3.3",
        "192.0.2.1",
        "fd00::1",
    ])
    .prop_map(|address| address.parse().unwrap())
}

fn hop() -> impl Strategy<Value = NextHop> {
    let via = prop_oneof![
        6 => (vrf(), address()).prop_map(|(vrf, address)| Via::Recursive { vrf, address }),
        2 => (vrf(), address(), interface()).prop_map(|(vrf, address, interface)| Via::Connected { vrf, address, interface }),
        1 => (address(), interface()).prop_map(|(address, interface)| Via::OnLink { interface, address }),
        4 => interface().prop_map(|interface| Via::Link { interface }),
        4 => (0..4_u32).prop_map(|at| {
            let key = tunnels().swap_remove(at as usize);
            Via::Tunnel { vrf: key.vrf, remote: key.remote, tunnel: TunnelId::new(at + 1) }
        }),
    ];
    (via, 1..6u16).prop_map(|(via, weight)| NextHop {
        via,
        weight: weight.try_into().unwrap(),
    })
}

fn set() -> impl Strategy<Value = NextHopSet> + Clone {
    let unicast = |count| {
        prop::collection::vec(hop(), count).prop_map(|hops| NextHopSet::unicast(hops).unwrap())
    };
    prop_oneof![
        8 => unicast(1..=1usize),
        4 => unicast(2..=3usize),
        1 => Just(NextHopSet::Blackhole),
        1 => interface().prop_map(NextHopSet::Local),
        1 => interface().prop_map(|interface| NextHopSet::Endpoint(interface, EndpointId::new(1))),
        1 => interface().prop_map(NextHopSet::Broadcast),
        1 => Just(NextHopSet::Vrf(VrfId::new(1))),
    ]
    .boxed()
}

fn op() -> impl Strategy<Value = Op> {
    let owner = 0..OWNERS.len();
    let target =
        prop_oneof![4 => set().prop_map(Target::Set), 1 => (1..3u32).prop_map(Target::Group)];
    prop_oneof![
        12 => (owner.clone(), vrf(), prefix(), 1..3u8, target).prop_map(|(owner, vrf, prefix, distance, target)| {
            Op::Insert { owner, vrf, prefix, distance, target }
        }),
        4 => (owner, vrf(), prefix()).prop_map(|(owner, vrf, prefix)| Op::Remove { owner, vrf, prefix }),
        3 => (1..3u32, set()).prop_map(|(number, set)| Op::PutGroup { number, set }),
        1 => (1..3u32).prop_map(|number| Op::RemoveGroup { number }),
        3 => (interface(), prop::bool::weighted(0.7)).prop_map(|(interface, up)| Op::Interface { interface, up }),
        1 => Just(Op::Collect),
    ]
}

/// Distance, owner, target: in the order of preference.
type Route = (u8, usize, Target);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn resolution_follows_the_model(via_default in any::<bool>(), ops in prop::collection::vec((op(), any::<bool>()), 1..60)) {
        let mut world = World::new(via_default);
        for (op, settle) in ops {
            world.step(op);
            if settle {
                world.check();
            }
        }
        world.check();
    }
}
