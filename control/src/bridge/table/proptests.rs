//! Random operations against a naive reference, and a played router that insists on its rules.
//!
//! The reference keeps routes as lists and objects as shared cells, and computes from scratch what the router must have.

use super::played::{Route, Router, hops};
use super::*;
use crate::bridge::netlink::update::{
    Encapsulation, Hop, NextHopBody, NextHopUpdate, RouteChange, RouteUpdate, Target,
};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Clone, Debug)]
enum Op {
    Put {
        prefix: u8,
        metric: u32,
        aim: Lead,
        taken: bool,
    },
    Delete {
        prefix: u8,
        metric: u32,
    },
    Object {
        id: u32,
        body: Described,
    },
    ObjectGone {
        id: u32,
    },
    Interface(u32),
    Batch(usize),
    Begin,
    Sweep,
    Replay,
}

#[derive(Clone, Debug)]
enum Lead {
    Object(u32),
    Hops(Vec<u8>),
    Blackhole,
}

#[derive(Clone, Debug)]
enum Described {
    Hop(u8),
    Group(Vec<(u32, u32)>),
    Blackhole,
}

fn op() -> impl Strategy<Value = Op> {
    let lead = prop_oneof![
        4 => (1..5_u32).prop_map(Lead::Object),
        3 => prop::collection::vec(0..8_u8, 1..3).prop_map(Lead::Hops),
        1 => Just(Lead::Blackhole),
    ];
    let described = prop_oneof![
        4 => (0..8_u8).prop_map(Described::Hop),
        2 => prop::collection::vec((1..4_u32, 1..3_u32), 1..3).prop_map(Described::Group),
        1 => Just(Described::Blackhole),
    ];
    prop_oneof![
        8 => (0..4_u8, 0..2_u32, lead, prop::bool::weighted(0.85)).prop_map(|(prefix, metric, aim, taken)| Op::Put { prefix, metric, aim, taken }),
        3 => (0..4_u8, 0..2_u32).prop_map(|(prefix, metric)| Op::Delete { prefix, metric }),
        5 => (1..5_u32, described).prop_map(|(id, body)| Op::Object { id, body }),
        1 => (1..5_u32).prop_map(|id| Op::ObjectGone { id }),
        2 => (0..3_u32).prop_map(Op::Interface),
        4 => (1..4_usize).prop_map(Op::Batch),
        1 => Just(Op::Begin),
        1 => Just(Op::Sweep),
        1 => Just(Op::Replay),
    ]
}

/// A hop by a small number: the interface is its last two bits, 3 being one that the router never has; what hop 7 puts around
/// packets, the router cannot.
fn hop(number: u8) -> Hop {
    let interface = u32::from(number % 4) + 1;
    let encapsulation = if number == 7 {
        Encapsulation::Other(5)
    } else {
        Encapsulation::None
    };
    Hop {
        gateway: Some([10, 0, number, 1].into()),
        interface,
        onlink: false,
        weight: 1,
        encapsulation,
    }
}

#[derive(Debug)]
struct Cell {
    number: u32,
    body: Option<Body>,
    generation: u32,
}

#[derive(Clone, Debug)]
enum Body {
    Hop(u8),
    Group(Vec<(Rc<RefCell<Cell>>, u32)>),
    Blackhole,
}

/// Whether an object is described so.
fn is_body(cell: &Rc<RefCell<Cell>>, body: &Body) -> bool {
    match (&cell.borrow().body, body) {
        (Some(Body::Hop(a)), Body::Hop(b)) => a == b,
        (Some(Body::Blackhole), Body::Blackhole) => true,
        (Some(Body::Group(a)), Body::Group(b)) => {
            let same =
                |((a, of_a), (b, of_b)): (&(_, u32), &(_, u32))| Rc::ptr_eq(a, b) && of_a == of_b;
            a.len() == b.len() && a.iter().zip(b).all(same)
        }
        _ => false,
    }
}

#[derive(Clone, Debug)]
enum Way {
    Object(Rc<RefCell<Cell>>),
    Hops(Vec<u8>),
    Blackhole,
}

#[derive(Debug)]
struct Reference {
    meaning: Meaning,
    generation: u32,
    objects: BTreeMap<u32, Rc<RefCell<Cell>>>,
    /// How many objects there were, which numbers them.
    made: u32,
    /// Objects of zebra's connections that ended, until another has said everything.
    orphans: Vec<Rc<RefCell<Cell>>>,
    /// Prefix → (metric, way, generation).
    routes: BTreeMap<u8, Vec<(u32, Way, u32)>>,
}

impl Reference {
    fn object(&mut self, id: u32) -> Rc<RefCell<Cell>> {
        let generation = self.generation;
        let new = || {
            self.made += 1;
            Rc::new(RefCell::new(Cell {
                number: self.made,
                body: None,
                generation,
            }))
        };
        Rc::clone(self.objects.entry(id).or_insert_with(new))
    }

    fn gone(&mut self, cell: &Rc<RefCell<Cell>>) {
        if self.meaning == Meaning::Kernel {
            for routes in self.routes.values_mut() {
                routes
                    .retain(|(_, way, _)| !matches!(way, Way::Object(of) if Rc::ptr_eq(of, cell)));
            }
        }
    }

    fn is_used(&self, cell: &Rc<RefCell<Cell>>) -> bool {
        let mut ways = self.routes.values().flatten();
        ways.any(|(_, way, _)| matches!(way, Way::Object(of) if Rc::ptr_eq(of, cell)))
    }

    fn apply(&mut self, op: &Op) {
        let fpm = self.meaning == Meaning::Fpm;
        match op {
            Op::Put {
                prefix,
                metric,
                aim,
                taken,
            } => {
                let generation = self.generation;
                let way = taken.then(|| match aim {
                    Lead::Object(id) => Way::Object(self.object(*id)),
                    Lead::Hops(hops) => Way::Hops(hops.clone()),
                    Lead::Blackhole => Way::Blackhole,
                });
                let routes = self.routes.entry(*prefix).or_default();
                routes.retain(|(other, ..)| !fpm && other != metric);
                routes.extend(way.map(|way| (*metric, way, generation)));
            }
            Op::Delete { prefix, metric } => {
                let routes = self.routes.entry(*prefix).or_default();
                routes.retain(|(other, ..)| !fpm && other != metric);
            }
            Op::Object { id, body } => {
                let body = match body {
                    Described::Hop(hop) => Body::Hop(*hop),
                    Described::Blackhole => Body::Blackhole,
                    Described::Group(members) => {
                        // A group of itself is none.
                        let members = members.iter().filter(|(member, _)| member != id);
                        Body::Group(
                            members
                                .map(|(member, weight)| (self.object(*member), *weight))
                                .collect(),
                        )
                    }
                };
                let mut orphans = self.orphans.iter();
                if let (false, Some(place)) = (
                    self.objects.contains_key(id),
                    orphans.position(|cell| is_body(cell, &body)),
                ) {
                    let cell = self.orphans.remove(place);
                    self.objects.insert(*id, cell);
                }
                let cell = self.object(*id);
                cell.borrow_mut().generation = self.generation;
                cell.borrow_mut().body = Some(body);
            }
            Op::ObjectGone { id } => {
                if let Some(cell) = self.objects.remove(id) {
                    self.gone(&cell);
                }
            }
            Op::Begin => {
                self.generation += 1;
                if fpm {
                    let gone = std::mem::take(&mut self.objects);
                    let mut gone: Vec<_> = gone.into_values().collect();
                    gone.sort_by_key(|cell| cell.borrow().number);
                    gone.retain(|cell| cell.borrow().body.is_some());
                    self.orphans.extend(gone);
                }
            }
            Op::Sweep => {
                let generation = self.generation;
                self.orphans.clear();
                for routes in self.routes.values_mut() {
                    routes.retain(|(.., of)| *of == generation);
                }
                let stale: Vec<u32> = (self.objects.iter())
                    .filter(|(_, cell)| cell.borrow().generation != generation)
                    .filter(|(_, cell)| !(cell.borrow().body.is_none() && self.is_used(cell)))
                    .map(|(id, _)| *id)
                    .collect();
                for id in stale {
                    if let Some(cell) = self.objects.remove(&id) {
                        self.gone(&cell);
                    }
                }
            }
            Op::Interface(_) | Op::Batch(_) | Op::Replay => {}
        }
    }

    /// What the router must have of a prefix; `None` when what it had before may stay.
    fn expected(&self, prefix: u8, names: &Names) -> Option<Expected> {
        let best = self
            .routes
            .get(&prefix)
            .and_then(|routes| routes.iter().min_by_key(|(metric, ..)| *metric));
        let Some((_, way, _)) = best else {
            return Some(Expected::Nothing);
        };
        let mut found = Found::default();
        match way {
            Way::Blackhole => return Some(Expected::Blackhole),
            Way::Hops(hops) => hops.iter().for_each(|hop| found.hop(*hop, 1, names)),
            Way::Object(cell) => found.cell(cell, 1, names, 4),
        }
        if !found.hops.is_empty() {
            return Some(Expected::Hops(found.hops));
        }
        match found.unknown_first {
            Some(true) => None,
            Some(false) => Some(Expected::Nothing),
            None if found.blackhole => Some(Expected::Blackhole),
            None => Some(Expected::Nothing),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Expected {
    Nothing,
    Blackhole,
    Hops(Vec<(u8, u32)>),
}

#[derive(Default)]
struct Found {
    hops: Vec<(u8, u32)>,
    /// Whether the first that could not be said was unknown.
    unknown_first: Option<bool>,
    blackhole: bool,
}

impl Found {
    fn hop(&mut self, number: u8, weight: u32, names: &Names) {
        let there = names
            .router
            .iter()
            .any(|name| name.as_str() == format!("if{}", number % 4 + 1));
        if there && number != 7 {
            self.hops.push((number, weight));
        } else {
            self.unknown_first.get_or_insert(false);
        }
    }

    fn cell(&mut self, cell: &Rc<RefCell<Cell>>, weight: u32, names: &Names, depth: u32) {
        match &cell.borrow().body {
            None => {
                self.unknown_first.get_or_insert(true);
            }
            Some(Body::Hop(hop)) => self.hop(*hop, weight, names),
            Some(Body::Blackhole) => self.blackhole = true,
            Some(Body::Group(_)) if depth == 0 => {
                self.unknown_first.get_or_insert(false);
            }
            Some(Body::Group(members)) => {
                for (member, weight) in members {
                    self.cell(member, *weight, names, depth - 1);
                }
            }
        }
    }
}

fn prefix(number: u8) -> Prefix {
    Prefix::from_octets(&[192, 0, number, 0], 24).unwrap()
}

fn update(op: &Op) -> Option<Update> {
    let route = |change, prefix_number: u8, metric, protocol, target| {
        Update::Route(RouteUpdate {
            change,
            table: 254,
            prefix: prefix(prefix_number),
            selective: false,
            metric,
            protocol: Protocol(protocol),
            target,
        })
    };
    Some(match op {
        Op::Put {
            prefix,
            metric,
            aim,
            taken,
        } => {
            let target = match aim {
                Lead::Object(id) => Target::Object(*id),
                Lead::Hops(hops) => Target::Hops(hops.iter().map(|number| hop(*number)).collect()),
                Lead::Blackhole => Target::Special(Special::Blackhole),
            };
            let protocol = if *taken { 186 } else { 2 };
            route(RouteChange::Replace, *prefix, *metric, protocol, target)
        }
        Op::Delete { prefix, metric } => {
            route(RouteChange::Delete, *prefix, *metric, 186, Target::Other)
        }
        Op::Object { id, body } => {
            let body = match body {
                Described::Hop(number) => NextHopBody::Hop(hop(*number)),
                Described::Group(members) => NextHopBody::Group(
                    members
                        .iter()
                        .filter(|(member, _)| member != id)
                        .copied()
                        .collect(),
                ),
                Described::Blackhole => NextHopBody::Blackhole,
            };
            Update::NextHop(NextHopUpdate {
                id: *id,
                body: Some(body),
            })
        }
        Op::ObjectGone { id } => Update::NextHop(NextHopUpdate {
            id: *id,
            body: None,
        }),
        _ => return None,
    })
}

fn run(meaning: Meaning, ops: &[Op]) {
    let mut table = Table::new(Scope {
        meaning,
        feedback: false,
        tables: vec![ScopeTable {
            table: 254,
            vrf: VrfName::default(),
            protocols: [Protocol(186)].into(),
        }],
    });
    let mut names = Names::default();
    for index in 1..=4 {
        names.links.insert(index, format!("if{index}"));
    }
    names.router.extend(
        ["if1", "if2"].map(|name| -> crate::model::name::InterfaceName { name.parse().unwrap() }),
    );
    let mut router = Router::default();
    let mut reference = Reference {
        meaning,
        generation: 0,
        objects: BTreeMap::new(),
        made: 0,
        orphans: Vec::new(),
        routes: BTreeMap::new(),
    };
    for op in ops {
        reference.apply(op);
        if let Some(update) = update(op) {
            assert!(table.apply(update).is_none());
        }
        match op {
            Op::Interface(index) => {
                let name = format!("if{}", index + 1).parse().unwrap();
                if !names.router.remove(&name) {
                    names.router.insert(name);
                }
                table.names_changed();
            }
            Op::Batch(most) => drop(router.take(&mut table, &names, *most)),
            Op::Begin => table.begin(),
            Op::Sweep => drop(table.sweep()),
            Op::Replay => {
                router = Router::default();
                table.replay();
            }
            _ => {}
        }
    }
    router.settle(&mut table, &names);
    let (mut tally, by_set) = table.recount();
    tally.by_protocol.retain(|_, count| *count > 0);
    table.tally.by_protocol.retain(|_, count| *count > 0);
    assert_eq!(table.tally, tally);
    for (number, set) in &table.sets {
        let best = by_set.get(number).copied().unwrap_or_default();
        assert_eq!(set.best, best, "{number:?}");
    }
    assert!(by_set.keys().all(|number| table.sets.contains_key(number)));
    for number in 0..4 {
        let key = ("default".to_owned(), prefix(number).net().addr(), 24);
        let Some(expected) = reference.expected(number, &names) else {
            continue;
        };
        let has = match router.routes.get(&key) {
            None => "nothing".to_owned(),
            Some(Route::Special(kind)) => format!("{kind:?}"),
            Some(Route::Set(id)) => hops(&router.sets[id]),
        };
        let wants = match expected {
            Expected::Nothing => "nothing".to_owned(),
            Expected::Blackhole => "Blackhole".to_owned(),
            Expected::Hops(list) => list
                .iter()
                .map(|(number, weight)| {
                    let weight = if *weight == 1 {
                        String::new()
                    } else {
                        format!(" weight {weight}")
                    };
                    format!("via 10.0.{number}.1 dev if{}{weight}", number % 4 + 1)
                })
                .collect::<Vec<_>>()
                .join(", "),
        };
        assert_eq!(has, wants, "192.0.{number}.0/24");
    }
    // Sets that no route of the source leads to are not left in the router.
    for id in router.sets.keys() {
        let used = table
            .sets
            .get(&super::set::SetNumber(*id))
            .is_some_and(|set| set.routes > 0);
        assert!(
            used || router
                .routes
                .values()
                .any(|route| *route == Route::Set(*id)),
            "set {id} is left"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_router_has_what_the_kernel_has(ops in prop::collection::vec(op(), 0..60)) {
        run(Meaning::Kernel, &ops);
    }

    #[test]
    fn the_router_has_what_zebra_says(ops in prop::collection::vec(op(), 0..60)) {
        run(Meaning::Fpm, &ops);
    }
}
