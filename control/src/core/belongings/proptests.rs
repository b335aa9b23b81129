//! Random words of owners against the plainest register: a list of things, each with whose it is.

use super::register::Belongings;
use crate::model::belonging::Belonging;
use crate::rib::{Limits, OwnerId, Rib, Tenure};
use ferroute_dataplane::mac::Mac;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug)]
enum Event {
    Claim(usize, usize),
    Drop(usize),
    Begin(usize),
    Sweep(usize),
    Expire(usize),
    Take(usize),
    GoneInterface(usize),
}

/// Whose a thing is, and since which generation; or it is left to be taken away.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Plain {
    Of(usize, u32),
    Left,
}

const OWNERS: usize = 3;
const THINGS: usize = 9;

fn thing(number: usize) -> Belonging {
    let mac = Mac::new([2, 0, 0, 0, 0, number as u8]);
    let domain = "blue".parse().unwrap();
    let neighbour = |interface: &str, address: &str| {
        Belonging::Neighbour(interface.parse().unwrap(), address.parse().unwrap())
    };
    match number {
        0 => neighbour("p0", "0.0.0.0"),
        1 => neighbour("p0", "ff::1"),
        2 => neighbour("p00", "10.0.0.1"),
        3 => neighbour("p1", "10.0.0.1"),
        4 | 5 => Belonging::Static(domain, mac),
        _ => Belonging::Remote(domain, mac),
    }
}

fn event() -> impl Strategy<Value = Event> {
    let (owner, what) = (0..OWNERS, 0..THINGS);
    prop_oneof![
        8 => (what.clone(), owner.clone()).prop_map(|(t, o)| Event::Claim(t, o)),
        2 => what.prop_map(Event::Drop),
        2 => owner.clone().prop_map(Event::Begin),
        2 => owner.clone().prop_map(Event::Sweep),
        1 => owner.prop_map(Event::Expire),
        1 => (0..4_usize).prop_map(Event::Take),
        1 => (0..2_usize).prop_map(Event::GoneInterface),
    ]
}

/// Numbers of owners, which only a RIB gives.
fn owners() -> Vec<OwnerId> {
    let mut rib = Rib::new(Limits {
        per_vrf: 1,
        total: 1,
    });
    let connect = |name| rib.owner_connect(name, Tenure::Persistent, 0).unwrap();
    ["a", "b", "c"]
        .map(connect)
        .map(|c| c.session.owner())
        .to_vec()
}

proptest! {
    #[test]
    fn things_are_whose_the_last_word_says(events in prop::collection::vec(event(), 0..60)) {
        let ids = owners();
        let mut register = Belongings::default();
        let mut plain: BTreeMap<usize, Plain> = BTreeMap::new();
        let mut generations = [1_u32; OWNERS];
        for event in events {
            match event {
                Event::Claim(what, owner) => {
                    let new = register.claim(thing(what), ids[owner], generations[owner]);
                    let before = plain.insert(what, Plain::Of(owner, generations[owner]));
                    prop_assert_eq!(new, !matches!(before, Some(Plain::Of(o, _)) if o == owner));
                }
                Event::Drop(what) => {
                    prop_assert_eq!(register.drop(&thing(what)), plain.remove(&what).is_some());
                }
                Event::Begin(owner) => generations[owner] += 1,
                Event::Sweep(owner) | Event::Expire(owner) => {
                    let before = match event {
                        Event::Expire(_) => u32::MAX,
                        _ => generations[owner],
                    };
                    register.leave(ids[owner], before);
                    for now in plain.values_mut() {
                        if matches!(now, Plain::Of(o, said) if *o == owner && *said < before) {
                            *now = Plain::Left;
                        }
                    }
                }
                Event::Take(most) => {
                    let taken = register.left(most);
                    let left = plain.values().filter(|now| **now == Plain::Left).count();
                    prop_assert_eq!(taken.len(), left.min(most));
                    for what in taken {
                        prop_assert!(register.drop(&what));
                        let number = (0..THINGS).find(|number| thing(*number) == what).unwrap();
                        prop_assert_eq!(plain.remove(&number), Some(Plain::Left));
                    }
                }
                Event::GoneInterface(which) => {
                    let name = ["p0", "p1"][which];
                    let mut gone = register.neighbours_of(name.parse().unwrap());
                    gone.sort();
                    let on = |number: &usize| {
                        matches!(thing(*number), Belonging::Neighbour(i, _) if i.as_str() == name)
                    };
                    let mut wanted: Vec<_> = plain.keys().copied().filter(on).map(thing).collect();
                    wanted.sort();
                    prop_assert_eq!(gone, wanted);
                }
            }
            for number in 0..THINGS {
                let owner = register.owner(&thing(number));
                let (of, known) = match plain.get(&number) {
                    Some(Plain::Of(owner, _)) => (Some(ids[*owner]), true),
                    now => (None, now.is_some()),
                };
                prop_assert_eq!(owner, of);
                prop_assert_eq!(register.is_owned(&thing(number)), known);
            }
            let left = plain.values().any(|now| *now == Plain::Left);
            prop_assert_eq!(register.has_left(), left);
            for owner in 0..OWNERS {
                for before in 0..=generations[owner] + 1 {
                    let is = |now: &&Plain| {
                        matches!(now, Plain::Of(o, said) if *o == owner && *said < before)
                    };
                    let count = plain.values().filter(is).count() as u64;
                    prop_assert_eq!(register.count(ids[owner], before), count);
                }
            }
            let mut listed = Vec::new();
            while let Some(next) = register.after(listed.last().map(|(thing, _)| *thing)).next() {
                listed.push(next);
            }
            prop_assert_eq!(listed.len(), plain.values().filter(|n| **n != Plain::Left).count());
        }
    }
}
