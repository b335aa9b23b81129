//! Which buckets a new group begins with.

use super::*;
use ferroute_dataplane::fib::{Arena, Capacity};
use ferroute_dataplane::policer::PuntPolicy;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::snapshot::cell::cell;
use ferroute_dataplane::wire::flow::FlowHasher;
use std::net::IpAddr;
use std::sync::Arc;

struct World {
    forwarding: Forwarding,
    plane: Plane,
}

fn key(neighbour: u8) -> NeighbourKey {
    NeighbourKey::new(InterfaceId::new(1), IpAddr::from([10, 0, 0, neighbour]))
}

fn set(number: usize) -> NextHopSetId {
    NextHopSetId::at(number)
}

impl World {
    /// Without sets. No neighbour is known, so all members of a set count.
    fn new() -> Self {
        let arena = Arc::new(Arena::new(Capacity::default()).unwrap());
        let punts = PuntPolicy::default_for(1_000_000_000);
        let (publisher, _) = cell(Snapshot::empty(arena, punts, FlowHasher::new(1)), 0);
        Self {
            forwarding: Forwarding::default(),
            plane: Plane::new(publisher),
        }
    }

    fn compile(&mut self, number: usize, neighbours: impl IntoIterator<Item = u8>) {
        let path = |neighbour| Path {
            way: Way::Neighbour {
                interface: InterfaceId::new(1),
                neighbour: Some(IpAddr::from([10, 0, 0, neighbour])),
            },
            weight: 1,
        };
        let paths: Arc<[Path]> = neighbours.into_iter().map(path).collect();
        self.forwarding
            .compile(set(number), &Resolved::Paths(paths), &mut self.plane);
    }

    /// The neighbour of each bucket of a set.
    fn buckets(&self, number: usize) -> Vec<u8> {
        let (_, hops) = self.forwarding.buckets(set(number)).unwrap();
        let neighbour = |hop: &Hop| {
            (1..=8).find(|n| {
                let id = self.forwarding.adjacencies.id(&key(*n));
                id.is_some_and(|id| Hop::Adjacency(id) == *hop)
            })
        };
        hops.iter().map(|hop| neighbour(hop).unwrap()).collect()
    }

    /// Whether each bucket of a set leads where it did in another, unless that member is not in the set.
    fn keeps(&self, number: usize, before: &[u8]) -> bool {
        let now = self.buckets(number);
        let stays = |(now, before): (&u8, &u8)| now == before || !self.has(number, *before);
        now.len() == before.len() && now.iter().zip(before).all(stays)
    }

    fn has(&self, number: usize, neighbour: u8) -> bool {
        let mut members = self.forwarding.members(set(number)).iter();
        members
            .any(|member| matches!(member.to, To::Neighbour { key: k, .. } if k == key(neighbour)))
    }
}

#[test]
fn a_set_without_a_member_begins_with_the_buckets_of_the_set_that_has_it() {
    let mut world = World::new();
    world.compile(0, 1..=4);
    // A member goes and comes back: its buckets are now others than those of a group made from nothing.
    world.compile(0, [1, 3, 4]);
    world.compile(0, 1..=4);
    let before = world.buckets(0);
    // The routes of set 0 lead to a new set, without the third.
    world.compile(1, [1, 2, 4]);
    assert!(world.keeps(1, &before), "{:?}", world.buckets(1));
    let mut fresh = World::new();
    fresh.compile(1, [1, 2, 4]);
    assert_ne!(world.buckets(1), fresh.buckets(1));
}

#[test]
fn the_set_with_most_members_in_common_counts() {
    let mut world = World::new();
    world.compile(0, [1, 2, 7, 8]);
    world.compile(1, 1..=5);
    world.compile(1, [1, 2, 4, 5]);
    world.compile(1, 1..=5);
    let best = world.buckets(1);
    world.compile(2, 1..=4);
    assert!(world.keeps(2, &best), "{:?}\n{best:?}", world.buckets(2));
}

#[test]
fn a_set_with_little_in_common_is_no_help() {
    let (mut world, mut fresh) = (World::new(), World::new());
    for world in [&mut world, &mut fresh] {
        // It holds the adjacencies, so that their numbers are the same.
        world.compile(9, 1..=8);
    }
    world.compile(0, 1..=8);
    world.compile(0, (1..=8).filter(|n| *n != 2));
    world.compile(0, 1..=8);
    // Three of eight: less than half of the larger one.
    for world in [&mut world, &mut fresh] {
        world.compile(1, 1..=3);
    }
    assert_eq!(world.buckets(1), fresh.buckets(1));
    // Nor is one of which nothing is left.
    world.compile(2, 4..=7);
    world.compile(2, [4, 6, 7]);
    world.compile(2, 4..=7);
    world.forwarding.forget(set(2), &mut world.plane);
    for world in [&mut world, &mut fresh] {
        world.compile(3, 4..=6);
    }
    assert_eq!(world.buckets(3), fresh.buckets(3));
}
