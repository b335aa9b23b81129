//! Resolution by example.

use std::net::IpAddr;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;

use super::*;
use crate::rib::{Attributes, BestChange, Limits, Rib, RouteError, Session, Tenure};

const VRF: VrfId = VrfId::DEFAULT;

struct World {
    rib: Rib,
    hops: NextHops,
    session: Session,
    changes: Vec<BestChange>,
}

impl World {
    /// Two interfaces that are up, with 192.0.2.0/25 and fd00:1::/64 on the first, 192.0.2.128/25 on the second.
    fn new() -> Self {
        let mut rib = Rib::new(Limits {
            per_vrf: 1_000_000,
            total: 1_000_000,
        });
        rib.add_vrf(VRF).unwrap();
        let session = rib
            .owner_connect("test", Tenure::Persistent, 0)
            .unwrap()
            .session;
        let mut world = Self {
            rib,
            hops: NextHops::new(1_000_000, true),
            session,
            changes: Vec::new(),
        };
        for (prefix, interface) in [
            ("192.0.2.0/25", 1),
            ("fd00:1::/64", 1),
            ("192.0.2.128/25", 2),
        ] {
            let interface = InterfaceId::new(interface);
            world.hops.set_interface(interface, true);
            world
                .route(prefix, NextHopSet::connected(interface))
                .unwrap();
        }
        world
    }

    fn route(&mut self, prefix: &str, set: NextHopSet) -> Result<NextHopSetId, RouteError> {
        let set = self.hops.intern(set, &self.rib).unwrap();
        self.route_to(prefix, set)
    }

    fn route_to(&mut self, prefix: &str, set: NextHopSetId) -> Result<NextHopSetId, RouteError> {
        let attributes = Attributes {
            distance: 1,
            metric: 0,
            set,
        };
        let prefix: IpNet = prefix.parse().unwrap();
        self.rib.insert(
            &mut self.hops,
            self.session,
            VRF,
            prefix,
            attributes,
            &mut self.changes,
        )?;
        Ok(set)
    }

    fn withdraw(&mut self, prefix: &str) {
        let prefix: IpNet = prefix.parse().unwrap();
        self.rib
            .remove(&mut self.hops, self.session, VRF, prefix, &mut self.changes)
            .unwrap();
    }

    fn settle(&mut self) -> Settled {
        self.hops.settle(&self.rib, usize::MAX)
    }

    fn resolved(&self, set: NextHopSetId) -> Resolved {
        self.hops.resolved(set).unwrap().clone()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn via(gateway: &str) -> NextHopSet {
    vias(&[(gateway, 1)])
}

fn vias(gateways: &[(&str, u16)]) -> NextHopSet {
    let hop = |(gateway, weight): &(&str, u16)| {
        NextHop::from_parts(Some(address(gateway)), None, VRF, false, *weight).unwrap()
    };
    NextHopSet::unicast(gateways.iter().map(hop)).unwrap()
}

fn paths(expected: &[(u32, &str, u32)]) -> Resolved {
    let path = |(interface, neighbour, weight): &(u32, &str, u32)| Path {
        way: Way::Neighbour {
            interface: InterfaceId::new(*interface),
            neighbour: Some(address(neighbour)),
        },
        weight: *weight,
    };
    Resolved::Paths(expected.iter().map(path).collect())
}

#[test]
fn forms_of_a_next_hop() {
    let interface = InterfaceId::new(7);
    let of = |gateway: Option<&str>, with_interface: bool, onlink| {
        let hop = NextHop::from_parts(
            gateway.map(address),
            with_interface.then_some(interface),
            VRF,
            onlink,
            1,
        );
        hop.map(|hop| hop.via)
    };
    let v4 = address("192.0.2.1");
    let link_local = address("fe80::1");
    assert_eq!(
        of(Some("192.0.2.1"), false, false),
        Ok(Via::Recursive {
            vrf: VRF,
            address: v4
        })
    );
    assert_eq!(
        of(Some("192.0.2.1"), true, false),
        Ok(Via::Connected {
            vrf: VRF,
            address: v4,
            interface
        })
    );
    assert_eq!(
        of(Some("192.0.2.1"), true, true),
        Ok(Via::OnLink {
            interface,
            address: v4
        })
    );
    assert_eq!(
        of(Some("fe80::1"), true, false),
        Ok(Via::OnLink {
            interface,
            address: link_local
        })
    );
    assert_eq!(of(None, true, false), Ok(Via::Link { interface }));
    assert_eq!(of(None, false, false), Err(NextHopError::NoVia));
    assert_eq!(of(None, true, true), Err(NextHopError::OnLinkForm));
    assert_eq!(
        of(Some("192.0.2.1"), false, true),
        Err(NextHopError::OnLinkForm)
    );
    assert_eq!(
        of(Some("fe80::1"), false, false),
        Err(NextHopError::LinkLocalWithoutInterface {
            address: link_local
        })
    );
    for bad in [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "ff02::1",
        "::ffff:192.0.2.1",
    ] {
        assert_eq!(
            of(Some(bad), true, false),
            Err(NextHopError::InvalidGateway {
                address: address(bad)
            })
        );
    }
    assert_eq!(
        NextHop::from_parts(Some(v4), None, VRF, false, 0),
        Err(NextHopError::ZeroWeight)
    );
}

#[test]
fn equal_sets_are_one_whatever_the_order_of_their_members() {
    let mut world = World::new();
    let (a, b) = ("192.0.2.1", "192.0.2.2");
    let one = world
        .hops
        .intern(vias(&[(a, 2), (b, 1), (a, 1)]), &world.rib)
        .unwrap();
    assert_eq!(
        world.hops.intern(vias(&[(b, 1), (a, 3)]), &world.rib),
        Ok(one)
    );
    assert_ne!(
        world.hops.intern(vias(&[(b, 2), (a, 3)]), &world.rib),
        Ok(one)
    );
    assert_eq!(vias(&[(a, 65535), (a, 1)]), vias(&[(a, 65535)]));
    assert_eq!(NextHopSet::unicast([]), Err(NextHopError::Empty));
    let hop = |last: usize| NextHop {
        via: Via::Link {
            interface: InterfaceId::new(last as u32),
        },
        weight: 1.try_into().unwrap(),
    };
    assert!(NextHopSet::unicast((0..MAX_MEMBERS).map(hop)).is_ok());
    assert_eq!(
        NextHopSet::unicast((0..=MAX_MEMBERS).map(hop)),
        Err(NextHopError::TooMany)
    );
}

#[test]
fn weights_multiply_through_recursion() {
    let mut world = World::new();
    world
        .route("10.0.0.1/32", vias(&[("192.0.2.1", 1), ("192.0.2.129", 3)]))
        .unwrap();
    let set = world
        .route("10.1.0.0/16", vias(&[("10.0.0.1", 2), ("192.0.2.1", 1)]))
        .unwrap();
    // 2/3 of it by 10.0.0.1: a quarter and three quarters; 1/3 direct.
    assert_eq!(
        world.resolved(set),
        paths(&[(1, "192.0.2.1", 1), (2, "192.0.2.129", 1)])
    );
}

#[test]
fn ipv4_by_ipv6_gateway_and_not_the_other_way() {
    let mut world = World::new();
    let set = world.route("10.1.0.0/16", via("fd00:1::9")).unwrap();
    assert_eq!(world.resolved(set), paths(&[(1, "fd00:1::9", 1)]));
    let refused = world.route("fd00:2::/64", via("192.0.2.1"));
    assert_eq!(
        refused,
        Err(RouteError::FamilyMismatch("fd00:2::/64".parse().unwrap()))
    );
}

#[test]
fn a_gateway_in_a_blackhole_is_a_blackhole() {
    let mut world = World::new();
    world.route("192.0.2.66/32", NextHopSet::Blackhole).unwrap();
    let set = world.route("203.0.113.7/32", via("192.0.2.66")).unwrap();
    assert_eq!(world.resolved(set), Resolved::Action(Action::Blackhole));
}

#[test]
fn a_gateway_that_is_our_own_address_does_not_serve() {
    let mut world = World::new();
    world
        .route("192.0.2.1/32", NextHopSet::Local(InterfaceId::new(1)))
        .unwrap();
    let set = world.route("10.0.0.0/8", via("192.0.2.1")).unwrap();
    assert!(matches!(
        world.resolved(set),
        Resolved::Unresolved(Unresolved::GatewayIsLocal(_))
    ));
    assert_eq!(
        world.rib.installed(VRF, "10.0.0.0/8".parse().unwrap()),
        None
    );
}

#[test]
fn a_route_through_itself_is_refused_with_the_loop_named() {
    let mut world = World::new();
    world.route("0.0.0.0/0", via("192.0.2.1")).unwrap();
    let told = world.route("10.0.0.0/8", via("10.1.1.1")).unwrap_err();
    assert_eq!(
        told.to_string(),
        "the next hops lead back to the route: 10.1.1.1 → 10.1.1.1"
    );
    world.route("10.0.0.0/8", via("172.16.0.1")).unwrap();
    let told = world.route("172.16.0.0/12", via("10.1.1.1")).unwrap_err();
    assert_eq!(
        told.to_string(),
        "the next hops lead back to the route: 10.1.1.1 → 172.16.0.1 → 10.1.1.1"
    );
    // What was there stays, and works.
    assert_eq!(world.settle().changed, []);
    assert!(
        world
            .rib
            .installed(VRF, "10.0.0.0/8".parse().unwrap())
            .is_some()
    );
}

#[test]
fn a_loop_that_comes_later_is_unresolved_and_heals() {
    let mut world = World::new();
    world.route("172.16.0.1/32", via("192.0.2.1")).unwrap();
    let a = world.route("10.0.0.0/8", via("172.16.0.1")).unwrap();
    let b = world.route("172.16.0.0/12", via("10.1.1.1")).unwrap();
    assert!(world.resolved(b).is_usable());
    world.withdraw("172.16.0.1/32");
    assert!(world.settle().flipped);
    for set in [a, b] {
        assert!(matches!(
            world.resolved(set),
            Resolved::Unresolved(Unresolved::Loop(_))
        ));
    }
    world.rib.recheck();
    world
        .rib
        .work(&mut world.hops, usize::MAX, &mut world.changes);
    assert_eq!(
        world.rib.installed(VRF, "10.0.0.0/8".parse().unwrap()),
        None
    );
    world.route("172.16.0.1/32", via("192.0.2.2")).unwrap();
    assert!(world.settle().flipped);
    assert_eq!(world.resolved(b), paths(&[(1, "192.0.2.2", 1)]));
}

#[test]
fn depth_is_bounded_and_the_longest_chain_overflows_no_stack() {
    let mut world = World::new();
    let count = 5_000;
    let gateway = |at: u32| std::net::Ipv4Addr::from_bits(0x0a00_0000 + at).to_string();
    let mut sets = vec![
        world
            .route(&format!("{}/32", gateway(0)), via("192.0.2.1"))
            .unwrap(),
    ];
    for at in 1..count {
        sets.push(
            world
                .route(&format!("{}/32", gateway(at)), via(&gateway(at - 1)))
                .unwrap(),
        );
    }
    let deepest = usize::from(MAX_DEPTH) - 1;
    assert_eq!(world.resolved(sets[deepest]), paths(&[(1, "192.0.2.1", 1)]));
    assert_eq!(
        world.resolved(sets[deepest + 1]),
        Resolved::Unresolved(Unresolved::TooDeep)
    );
    // Change the end, so that the whole chain is resolved again from the top.
    world
        .route(&format!("{}/32", gateway(0)), via("192.0.2.2"))
        .unwrap();
    world.settle();
    assert_eq!(world.resolved(sets[deepest]), paths(&[(1, "192.0.2.2", 1)]));
    // A circle that is too large to be refused is unresolved, all of it.
    world
        .route(&format!("{}/32", gateway(0)), via(&gateway(count - 1)))
        .unwrap();
    world.settle();
    let Resolved::Unresolved(Unresolved::Loop(circle)) = world.resolved(sets[5]) else {
        panic!("no loop")
    };
    assert_eq!(circle.gateways().len(), count as usize);
}

#[test]
fn too_many_paths_are_refused_as_a_whole() {
    let mut world = World::new();
    let mut groups = Vec::new();
    for group in 0..5u32 {
        let hop = |at: u32| {
            let neighbour = std::net::Ipv4Addr::from_bits(0xc633_0000 + group * 256 + at).into();
            NextHop {
                via: Via::OnLink {
                    interface: InterfaceId::new(1),
                    address: neighbour,
                },
                weight: 1.try_into().unwrap(),
            }
        };
        world
            .route(
                &format!("10.0.0.{group}/32"),
                NextHopSet::unicast((0..256).map(hop)).unwrap(),
            )
            .unwrap();
        groups.push(format!("10.0.0.{group}"));
    }
    let members = |count: usize| {
        vias(
            &groups[..count]
                .iter()
                .map(|group| (group.as_str(), 1))
                .collect::<Vec<_>>(),
        )
    };
    let fits = world.route("10.1.0.0/16", members(4)).unwrap();
    assert!(matches!(world.resolved(fits), Resolved::Paths(paths) if paths.len() == MAX_PATHS));
    let not = world.route("10.1.0.0/16", members(5)).unwrap();
    assert_eq!(
        world.resolved(not),
        Resolved::Unresolved(Unresolved::TooManyPaths)
    );
}

#[test]
fn a_group_moves_its_routes_without_touching_them() {
    let mut world = World::new();
    let (set, before) = world
        .hops
        .put_group(
            world.session,
            5,
            vias(&[("192.0.2.1", 1), ("192.0.2.129", 1)]),
            &world.rib,
        )
        .unwrap();
    assert_eq!(before, None);
    for at in 0..1000 {
        world
            .route_to(&format!("10.{}.{}.0/24", at / 256, at % 256), set)
            .unwrap();
    }
    world.changes.clear();
    // A member's link goes down.
    world.hops.set_interface(InterfaceId::new(2), false);
    let settled = world.settle();
    assert!(settled.changed.contains(&set));
    assert_eq!(world.resolved(set), paths(&[(1, "192.0.2.1", 1)]));
    // The owner replaces the members.
    let (same, before) = world
        .hops
        .put_group(world.session, 5, via("192.0.2.9"), &world.rib)
        .unwrap();
    assert_eq!((same, before.unwrap().members().len()), (set, 2));
    assert_eq!(
        world.settle(),
        Settled {
            changed: vec![set],
            flipped: false,
            more: false
        }
    );
    assert_eq!(world.resolved(set), paths(&[(1, "192.0.2.9", 1)]));
    assert_eq!(world.changes, []);
    let key = GroupKey {
        owner: world.session.owner(),
        number: 5,
    };
    assert_eq!(
        world.hops.remove_group(key),
        Err(RemoveGroupError::InUse { routes: 1000 })
    );
    assert_eq!(world.hops.sweep_groups(key.owner, u32::MAX), 0);
    for at in 0..1000 {
        world.withdraw(&format!("10.{}.{}.0/24", at / 256, at % 256));
    }
    assert_eq!(
        world.hops.sweep_groups(key.owner, 0),
        0,
        "it is of this generation"
    );
    assert_eq!(world.hops.sweep_groups(key.owner, 1), 1);
    assert_eq!(world.hops.group(key), None);
    assert_eq!(world.hops.collect(), [set]);
}

#[test]
fn a_full_table_of_sets_says_so() {
    let mut hops = NextHops::new(2, true);
    let rib = Rib::new(Limits {
        per_vrf: 0,
        total: 0,
    });
    let sets = [
        NextHopSet::Blackhole,
        NextHopSet::Unreachable,
        NextHopSet::Prohibit,
    ];
    let ids: Vec<_> = sets
        .iter()
        .map(|set| hops.intern(set.clone(), &rib))
        .collect();
    assert_eq!(ids[2], Err(SetsFull { limit: 2 }));
    assert_eq!(hops.intern(NextHopSet::Blackhole, &rib), ids[0]);
    let gone = hops.collect();
    assert_eq!(gone.len(), 2);
    let fresh = hops.intern(NextHopSet::Prohibit, &rib);
    assert!(
        gone.iter().all(|old| fresh != Ok(*old)),
        "their numbers rest"
    );
    gone.iter().for_each(|old| hops.reuse(*old));
    let reused = hops.intern(NextHopSet::Blackhole, &rib);
    assert!(gone.iter().any(|old| reused == Ok(*old)));
}
