//! The RIB against a model of plain maps, under random histories over tiny domains.

mod world;

use ferroute_dataplane::ids::InterfaceId;
use ipnet::IpNet;
use proptest::prelude::*;

use crate::nexthop::NextHopSet;
use world::World;

const NAMES: [&str; 3] = ["bgp", "isis", "ospf"];

#[derive(Clone, Debug)]
enum Op {
    Insert {
        owner: usize,
        vrf: u32,
        prefix: usize,
        distance: u8,
        metric: u32,
        set: usize,
        undo: bool,
    },
    Remove {
        owner: usize,
        vrf: u32,
        prefix: usize,
        undo: bool,
    },
    Connect {
        owner: usize,
        epoch: u64,
    },
    Gone {
        owner: usize,
    },
    EndOfRib {
        owner: usize,
    },
    RemoveOwner {
        owner: usize,
    },
    Pass {
        ns: u64,
    },
    Interface {
        interface: u32,
        up: bool,
    },
    RemoveVrf {
        vrf: u32,
    },
    AddVrf {
        vrf: u32,
    },
    Work {
        budget: usize,
    },
    Drain,
    Collect,
}

fn op() -> impl Strategy<Value = Op> {
    let owner = 0..NAMES.len();
    let (vrf, prefix) = (0..2u32, 0..prefixes().len());
    prop_oneof![
        12 => (owner.clone(), vrf.clone(), prefix.clone(), 1..3u8, 0..2u32, 0..4usize, prop::bool::weighted(0.1)).prop_map(
            |(owner, vrf, prefix, distance, metric, set, undo)| Op::Insert { owner, vrf, prefix, distance, metric, set, undo }
        ),
        4 => (owner.clone(), vrf.clone(), prefix, prop::bool::weighted(0.2))
            .prop_map(|(owner, vrf, prefix, undo)| Op::Remove { owner, vrf, prefix, undo }),
        3 => (owner.clone(), 0..6u64).prop_map(|(owner, epoch)| Op::Connect { owner, epoch }),
        2 => owner.clone().prop_map(|owner| Op::Gone { owner }),
        2 => owner.clone().prop_map(|owner| Op::EndOfRib { owner }),
        1 => owner.prop_map(|owner| Op::RemoveOwner { owner }),
        2 => (1..80u64).prop_map(|ns| Op::Pass { ns }),
        2 => (1..3u32, any::<bool>()).prop_map(|(interface, up)| Op::Interface { interface, up }),
        1 => vrf.clone().prop_map(|vrf| Op::RemoveVrf { vrf }),
        2 => vrf.prop_map(|vrf| Op::AddVrf { vrf }),
        4 => (1..5usize).prop_map(|budget| Op::Work { budget }),
        4 => Just(Op::Drain),
        1 => Just(Op::Collect),
    ]
}

fn prefixes() -> Vec<IpNet> {
    let ipv4 = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.0.0/32",
        "10.1.0.1/32",
        "255.255.255.255/32",
    ];
    let ipv6 = [
        "::/0",
        "fd00::/8",
        "fd00::/127",
        "fd00::/128",
        "fd00::1/128",
    ];
    ipv4.into_iter()
        .chain(ipv6)
        .map(|prefix| prefix.parse().unwrap())
        .collect()
}

fn set(which: usize) -> NextHopSet {
    match which {
        0 => NextHopSet::connected(InterfaceId::new(1)),
        1 => NextHopSet::connected(InterfaceId::new(2)),
        2 => NextHopSet::Blackhole,
        _ => NextHopSet::single(crate::nexthop::Via::OnLink {
            interface: InterfaceId::new(1),
            address: "192.0.2.1".parse().unwrap(),
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn routes_follow_the_model(ops in prop::collection::vec(op(), 1..80)) {
        let mut world = World::new();
        world.step(Op::AddVrf { vrf: 0 });
        world.step(Op::AddVrf { vrf: 1 });
        for owner in 0..NAMES.len() {
            world.step(Op::Connect { owner, epoch: 1 });
        }
        for interface in [1, 2] {
            world.step(Op::Interface { interface, up: true });
        }
        for op in ops {
            world.step(op);
            world.check();
        }
        world.step(Op::Drain);
        world.check();
        world.step(Op::RemoveVrf { vrf: 0 });
        world.step(Op::RemoveVrf { vrf: 1 });
        world.step(Op::Drain);
        world.check();
        world.step(Op::Collect);
        prop_assert_eq!(world.hops.iter().count(), 0);
        prop_assert!(world.fib.is_empty() && world.rib.is_empty());
    }
}
