//! The RIB by example: limits, batches that are taken back, owners' lives.

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ipnet::IpNet;

use super::*;
use crate::nexthop::{NextHopSet, NextHops};

const VRF: VrfId = VrfId::DEFAULT;
const OTHER: VrfId = VrfId::new(7);

struct World {
    rib: Rib,
    hops: NextHops,
    changes: Vec<BestChange>,
}

impl World {
    fn new(per_vrf: usize, total: usize) -> Self {
        let mut rib = Rib::new(Limits { per_vrf, total });
        rib.add_vrf(VRF).unwrap();
        rib.add_vrf(OTHER).unwrap();
        Self {
            rib,
            hops: NextHops::new(100, true),
            changes: Vec::new(),
        }
    }

    fn open(&mut self, name: &str, epoch: u64, now_ns: u64) -> Connected {
        self.rib
            .owner_connect(
                name,
                Tenure::Epochs {
                    epoch,
                    grace_ns: 100,
                },
                now_ns,
            )
            .unwrap()
    }

    fn insert(
        &mut self,
        session: Session,
        vrf: VrfId,
        prefix: &str,
        distance: u8,
    ) -> Result<Undo, RouteError> {
        let set = self.hops.intern(NextHopSet::Blackhole, &self.rib).unwrap();
        let attributes = Attributes {
            distance,
            metric: 0,
            set,
        };
        self.rib.insert(
            &mut self.hops,
            session,
            vrf,
            net(prefix),
            attributes,
            &mut self.changes,
        )
    }

    fn list(&self, vrf: VrfId) -> Vec<RouteView> {
        let query = Query {
            vrf,
            prefixes: Prefixes::AllIpv4,
            owner: None,
            only_best: false,
        };
        let mut routes = Vec::new();
        assert_eq!(
            self.rib
                .list(&self.hops, &query, None, usize::MAX, &mut routes),
            None
        );
        routes
    }

    fn work(&mut self) -> Vec<Finished> {
        let finished = self.rib.work(&mut self.hops, usize::MAX, &mut self.changes);
        assert!(!self.rib.has_work());
        finished
    }
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn a_full_table_refuses_the_next_route_and_keeps_what_it_has() {
    let mut world = World::new(2, 3);
    let session = world.open("bgp", 1, 0).session;
    world.insert(session, VRF, "10.0.0.0/8", 1).unwrap();
    world.insert(session, VRF, "10.1.0.0/16", 1).unwrap();
    let before = world.list(VRF);
    let full = RouteError::VrfFull { vrf: VRF, limit: 2 };
    assert_eq!(
        world.insert(session, VRF, "10.2.0.0/16", 1).unwrap_err(),
        full
    );
    let rival = world.open("isis", 1, 0).session;
    assert_eq!(world.insert(rival, VRF, "10.0.0.0/8", 0).unwrap_err(), full);
    assert_eq!(world.list(VRF), before);
    world.insert(session, VRF, "10.0.0.0/8", 2).unwrap();
    world.insert(rival, OTHER, "10.0.0.0/8", 1).unwrap();
    assert_eq!(
        world.insert(rival, OTHER, "10.1.0.0/16", 1).unwrap_err(),
        RouteError::Full { limit: 3 }
    );
    assert_eq!(
        (
            world.rib.len(),
            world.list(VRF).len(),
            world.list(OTHER).len()
        ),
        (3, 2, 1)
    );
}

#[test]
fn mistakes_are_told_apart() {
    let mut world = World::new(10, 10);
    let session = world.open("bgp", 1, 0).session;
    assert_eq!(
        world.insert(session, VRF, "10.0.0.1/8", 1).unwrap_err(),
        RouteError::HostBits(net("10.0.0.1/8"))
    );
    let nowhere = VrfId::new(u32::MAX);
    assert_eq!(
        world.insert(session, nowhere, "10.0.0.0/8", 1).unwrap_err(),
        RouteError::UnknownVrf(nowhere)
    );
    let mut remove = |prefix| {
        world
            .rib
            .remove(
                &mut world.hops,
                session,
                VRF,
                net(prefix),
                &mut world.changes,
            )
            .unwrap_err()
    };
    assert_eq!(
        remove("10.0.0.0/8"),
        RouteError::NoSuchRoute(net("10.0.0.0/8"))
    );
    assert_eq!(
        remove("10.0.0.1/8"),
        RouteError::HostBits(net("10.0.0.1/8"))
    );
    assert_eq!(world.rib.add_vrf(VRF), Err(VrfExists(VRF)));
    let set = world
        .hops
        .intern(NextHopSet::Blackhole, &world.rib)
        .unwrap();
    world.hops.collect();
    let attributes = Attributes {
        distance: 1,
        metric: 0,
        set,
    };
    let refused = world.rib.insert(
        &mut world.hops,
        session,
        VRF,
        net("10.0.0.0/8"),
        attributes,
        &mut world.changes,
    );
    assert_eq!(refused.unwrap_err(), RouteError::UnknownSet(set));
    assert!(world.rib.is_empty() && world.changes.is_empty());
}

#[test]
fn a_batch_that_is_taken_back_leaves_no_trace() {
    let mut world = World::new(10, 10);
    let first = world.open("bgp", 1, 0).session;
    let rival = world.open("isis", 1, 0).session;
    for prefix in ["10.0.0.0/8", "10.1.0.0/16"] {
        world.insert(first, VRF, prefix, 5).unwrap();
    }
    world.insert(rival, VRF, "10.0.0.0/8", 3).unwrap();
    world.rib.owner_gone(first, 0);
    let session = world.open("bgp", 2, 0).session;
    let (before, stale) = (
        world.list(VRF),
        world.rib.owner("bgp").map(|owner| owner.stale_routes),
    );
    world.changes.clear();
    let mut undo = vec![
        world.insert(session, VRF, "10.0.0.0/8", 1).unwrap(),
        world.insert(session, VRF, "10.2.0.0/16", 1).unwrap(),
        world.insert(session, VRF, "10.0.0.0/8", 9).unwrap(),
    ];
    let withdrawn = world.rib.remove(
        &mut world.hops,
        session,
        VRF,
        net("10.1.0.0/16"),
        &mut world.changes,
    );
    undo.push(withdrawn.unwrap());
    undo.push(world.insert(session, VRF, "10.1.0.0/16", 2).unwrap());
    assert_ne!(world.list(VRF), before);
    for undo in undo.into_iter().rev() {
        world.rib.undo(&mut world.hops, undo, &mut world.changes);
    }
    assert_eq!(world.list(VRF), before);
    assert_eq!(
        world.rib.owner("bgp").map(|owner| owner.stale_routes),
        stale
    );
    // Taken together the changes of each prefix lead back to where they began.
    for prefix in ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"] {
        let of_prefix: Vec<_> = world
            .changes
            .iter()
            .filter(|change| change.prefix == net(prefix))
            .collect();
        assert_eq!(
            of_prefix.first().unwrap().old,
            of_prefix.last().unwrap().new
        );
    }
}

#[test]
fn an_owner_comes_back_and_only_what_it_did_not_repeat_goes() {
    let mut world = World::new(10, 10);
    let session = world.open("bgp", 5, 0).session;
    for prefix in ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"] {
        world.insert(session, VRF, prefix, 1).unwrap();
    }
    world.rib.owner_gone(session, 10);
    assert_eq!(
        world.rib.owner("bgp").unwrap().state,
        OwnerState::Stale {
            since_ns: 10,
            until_ns: 110
        }
    );
    assert_eq!(
        world.insert(session, VRF, "10.3.0.0/16", 1).unwrap_err(),
        RouteError::SessionOver
    );
    assert_eq!(world.rib.end_of_rib(session), Err(RouteError::SessionOver));
    world.changes.clear();

    let behind = world.rib.owner_connect(
        "bgp",
        Tenure::Epochs {
            epoch: 4,
            grace_ns: 100,
        },
        20,
    );
    assert_eq!(behind, Err(OwnerError::EpochBehind { last: 5 }));
    let connected = world.open("bgp", 0, 20);
    assert_eq!((connected.epoch, connected.held_routes), (6, 3));
    assert_eq!(
        world.rib.owner("bgp").unwrap().state,
        OwnerState::Replaying { until_ns: 120 }
    );
    let busy = world.rib.owner_connect("bgp", Tenure::Persistent, 20);
    assert_eq!(busy, Err(OwnerError::Busy));
    assert_eq!(world.rib.remove_owner("bgp"), Err(OwnerError::Busy));

    let session = connected.session;
    world.insert(session, VRF, "10.1.0.0/16", 1).unwrap();
    assert!(world.changes.is_empty(), "a route repeated is no change");
    assert_eq!(world.rib.owner("bgp").unwrap().stale_routes, 2);
    world.rib.end_of_rib(session).unwrap();
    assert_eq!(world.rib.next_deadline(), None);
    let swept = Finished::Swept {
        owner: session.owner(),
        generation: session.generation(),
        routes: 2,
    };
    assert_eq!(world.work(), [swept]);
    let left: Vec<_> = world
        .list(VRF)
        .iter()
        .map(|route| (route.prefix, route.epoch, route.stale))
        .collect();
    assert_eq!(left, [(net("10.1.0.0/16"), 6, false)]);
    assert_eq!(world.changes.len(), 2);
}

#[test]
fn grace_ends_at_its_deadline() {
    let mut world = World::new(10, 10);
    let (bgp, isis) = (
        world.open("bgp", 1, 0).session,
        world.open("isis", 1, 0).session,
    );
    world.insert(bgp, VRF, "10.0.0.0/8", 1).unwrap();
    world.insert(isis, VRF, "10.0.0.0/8", 2).unwrap();
    world.rib.owner_gone(bgp, 50);
    world.rib.owner_gone(isis, 60);
    let isis = world.open("isis", 2, 70).session;
    assert_eq!(world.rib.next_deadline(), Some(150));
    world.rib.expire(149);
    assert!(!world.rib.has_work());
    world.rib.expire(150);
    assert_eq!(
        world.work(),
        [Finished::Expired {
            owner: bgp.owner(),
            routes: 1
        }]
    );
    assert_eq!(world.rib.owner("bgp"), None);
    assert_eq!(
        world.rib.installed(VRF, net("10.0.0.0/8")).unwrap().owner,
        isis.owner()
    );
    // The one that came back but never said end of RIB loses what it did not repeat.
    assert_eq!(world.rib.next_deadline(), Some(170));
    world.rib.expire(170);
    assert_eq!(
        world.work(),
        [Finished::Swept {
            owner: isis.owner(),
            generation: isis.generation(),
            routes: 1
        }]
    );
    assert_eq!(world.rib.owner("isis").unwrap().state, OwnerState::Live);
    // The number of the forgotten owner is used again, but its session is not.
    let next = world.open("ospf", 1, 200).session;
    assert_eq!(next.owner(), bgp.owner());
    assert_eq!(
        world.insert(bgp, VRF, "10.0.0.0/8", 1).unwrap_err(),
        RouteError::SessionOver
    );
}

#[test]
fn an_owner_that_comes_back_while_it_expires_keeps_what_it_repeats() {
    let mut world = World::new(10, 10);
    let session = world.open("bgp", 1, 0).session;
    for prefix in ["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"] {
        world.insert(session, VRF, prefix, 1).unwrap();
    }
    world.rib.owner_gone(session, 0);
    world.rib.expire(100);
    world.rib.work(&mut world.hops, 1, &mut world.changes);
    let connected = world.open("bgp", 1, 100);
    assert_eq!(connected.held_routes, 2);
    world
        .insert(connected.session, VRF, "10.2.0.0/16", 1)
        .unwrap();
    world.work();
    let left: Vec<_> = world.list(VRF).iter().map(|route| route.prefix).collect();
    assert_eq!(left, [net("10.2.0.0/16")]);
    assert!(world.rib.owner("bgp").is_some());
}

#[test]
fn persistent_owners_keep_their_routes_without_a_session() {
    let mut world = World::new(10, 10);
    let open = |world: &mut World| {
        world
            .rib
            .owner_connect("cli", Tenure::Persistent, 0)
            .unwrap()
            .session
    };
    let (one, two) = (open(&mut world), open(&mut world));
    world.insert(one, VRF, "10.0.0.0/8", 1).unwrap();
    world.rib.owner_gone(one, 0);
    world.insert(two, VRF, "10.1.0.0/16", 1).unwrap();
    assert_eq!(world.rib.remove_owner("cli"), Err(OwnerError::Busy));
    world.rib.owner_gone(two, 0);
    assert_eq!(world.rib.next_deadline(), None);
    assert!(
        world
            .list(VRF)
            .iter()
            .all(|route| !route.stale && route.epoch == 0)
    );
    assert_eq!(world.rib.remove_owner("cli"), Ok(one.owner()));
    assert_eq!(
        world.work(),
        [Finished::Expired {
            owner: one.owner(),
            routes: 2
        }]
    );
    assert!(world.rib.is_empty());
}

#[test]
fn a_vrf_goes_with_its_routes_and_no_others() {
    let mut world = World::new(10, 10);
    let session = world.open("bgp", 1, 0).session;
    for vrf in [VRF, OTHER] {
        world.insert(session, vrf, "10.0.0.0/8", 1).unwrap();
    }
    world.rib.remove_vrf(OTHER).unwrap();
    assert_eq!(
        world.rib.remove_vrf(OTHER),
        Err(RouteError::UnknownVrf(OTHER))
    );
    assert_eq!(
        world.rib.add_vrf(OTHER),
        Err(VrfExists(OTHER)),
        "its routes are still going"
    );
    assert_eq!(world.work(), [Finished::VrfRemoved(OTHER)]);
    assert_eq!((world.rib.len(), world.rib.has_vrf(OTHER)), (1, false));
    world.rib.add_vrf(OTHER).unwrap();
    assert_eq!(world.list(OTHER), []);
}

#[test]
fn elections_that_are_overtaken_by_the_next_change_are_held_again() {
    let mut world = World::new(100, 100);
    let interface = InterfaceId::new(1);
    let session = world.open("bgp", 1, 0).session;
    let set = world
        .hops
        .intern(NextHopSet::connected(interface), &world.rib)
        .unwrap();
    let attributes = Attributes {
        distance: 1,
        metric: 0,
        set,
    };
    for at in 0..50 {
        let prefix = net(&format!("10.0.{at}.0/24"));
        world
            .rib
            .insert(
                &mut world.hops,
                session,
                VRF,
                prefix,
                attributes,
                &mut world.changes,
            )
            .unwrap();
    }
    let flip = |world: &mut World, up| {
        world.hops.set_interface(interface, up);
        assert!(world.hops.settle(&world.rib, usize::MAX).flipped);
        world.rib.recheck();
    };
    let installed = |world: &World| {
        let best = |route: &&RouteView| route.state == RouteState::Active;
        world.list(VRF).iter().filter(best).count()
    };
    assert_eq!(installed(&world), 0);
    flip(&mut world, true);
    world.rib.work(&mut world.hops, 20, &mut world.changes);
    assert_eq!(installed(&world), 20);
    // The first twenty are behind the walk.
    flip(&mut world, false);
    flip(&mut world, true);
    flip(&mut world, false);
    assert!(world.rib.is_electing());
    world.work();
    assert_eq!((installed(&world), world.rib.is_electing()), (0, false));
    assert_eq!(world.changes.len(), 40);
}

#[test]
fn elections_go_before_sweeps() {
    let mut world = World::new(100, 100);
    let session = world.open("bgp", 1, 0).session;
    for at in 0..50 {
        world
            .insert(session, VRF, &format!("10.0.{at}.0/24"), 1)
            .unwrap();
    }
    world.rib.owner_gone(session, 0);
    world.rib.expire(100);
    let other = world.open("isis", 1, 100).session;
    let interface = InterfaceId::new(1);
    let set = world
        .hops
        .intern(NextHopSet::connected(interface), &world.rib)
        .unwrap();
    let attributes = Attributes {
        distance: 1,
        metric: 0,
        set,
    };
    let prefix = net("203.0.113.1/32");
    world
        .rib
        .insert(
            &mut world.hops,
            other,
            VRF,
            prefix,
            attributes,
            &mut world.changes,
        )
        .unwrap();
    world.hops.set_interface(interface, true);
    world.hops.settle(&world.rib, usize::MAX);
    world.rib.recheck();
    world.changes.clear();
    // One step elects the one route of the set, wherever it is; the sweep waits.
    world.rib.work(&mut world.hops, 1, &mut world.changes);
    assert_eq!(world.changes.len(), 1);
    assert!(world.rib.installed(VRF, prefix).is_some());
    assert!(world.rib.has_work());
}

#[test]
fn an_owner_of_an_earlier_process_is_to_repeat_its_routes_also_in_the_same_epoch() {
    let mut world = World::new(10, 10);
    let put_back = world.open("bgp", 7, 0).session;
    for prefix in ["10.0.0.0/8", "10.1.0.0/16"] {
        world.insert(put_back, VRF, prefix, 20).unwrap();
    }
    world.rib.owner_restored(put_back, 5);
    let view = world.rib.owner("bgp").unwrap();
    let stale = OwnerState::Stale {
        since_ns: 5,
        until_ns: 105,
    };
    assert_eq!((view.state, view.stale_routes), (stale, 2));
    let back = world.open("bgp", 7, 10);
    assert_eq!((back.epoch, back.held_routes), (7, 2));
    assert_eq!(world.rib.owner("bgp").unwrap().stale_routes, 2);
    world.insert(back.session, VRF, "10.0.0.0/8", 20).unwrap();
    world.rib.end_of_rib(back.session).unwrap();
    while world.rib.has_work() {
        world.rib.work(&mut world.hops, 100, &mut world.changes);
    }
    assert_eq!(world.rib.len(), 1);
    // A session that only lost its stream goes on with its epoch, as ever.
    world.rib.owner_gone(back.session, 20);
    world.open("bgp", 7, 30);
    assert_eq!(world.rib.owner("bgp").unwrap().stale_routes, 0);
}
