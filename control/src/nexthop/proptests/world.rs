//! The table and the model side by side.

use super::model::{Frame, Model, Value, assert_same};
use super::*;

pub(super) struct World {
    rib: Rib,
    hops: NextHops,
    sessions: Vec<Session>,
    model: Model,
}

impl World {
    pub(super) fn new(via_default: bool) -> Self {
        let mut rib = Rib::new(Limits {
            per_vrf: 1000,
            total: 1000,
        });
        for vrf in [VrfId::DEFAULT, VrfId::new(1)] {
            rib.add_vrf(vrf).unwrap();
        }
        let sessions = OWNERS
            .map(|name| {
                rib.owner_connect(name, Tenure::Persistent, 0)
                    .unwrap()
                    .session
            })
            .to_vec();
        let mut world = Self {
            rib,
            hops: NextHops::new(1000, via_default),
            sessions,
            model: Model {
                via_default,
                ..Model::default()
            },
        };
        // They stay, so that their numbers do.
        for (at, key) in (1..).zip(tunnels()) {
            let (id, new) = world.hops.tunnel(key, &world.rib).unwrap();
            assert_eq!((id, new), (TunnelId::new(at), true));
            world.hops.hold_tunnel(id);
        }
        for interface in [1, 2] {
            world.step(Op::Interface {
                interface: InterfaceId::new(interface),
                up: true,
            });
        }
        world
    }

    fn id(&mut self, target: &Target) -> Option<NextHopSetId> {
        match target {
            Target::Set(set) => Some(self.hops.intern(set.clone(), &self.rib).unwrap()),
            Target::Group(number) => self.hops.group(GroupKey {
                owner: self.sessions[0].owner(),
                number: *number,
            }),
        }
    }

    pub(super) fn step(&mut self, op: Op) {
        let changes = &mut Vec::new();
        match op {
            Op::Insert {
                owner,
                vrf,
                prefix,
                distance,
                target,
            } => {
                let Some(set) = self.id(&target) else { return };
                let attributes = Attributes {
                    distance,
                    metric: 0,
                    set,
                };
                let outcome = self.rib.insert(
                    &mut self.hops,
                    self.sessions[owner],
                    vrf,
                    prefix,
                    attributes,
                    changes,
                );
                let mut with = self.model.clone();
                with.put(owner, (vrf, prefix), distance, target.clone());
                let closes = |frames: &[Frame]| {
                    frames.iter().enumerate().any(|(at, frame)| {
                        let next = &frames[(at + 1) % frames.len()];
                        matches!(frame, Frame::Gateway(_, Some(key)) if *key == (vrf, prefix))
                            && *next == Frame::Set(target.clone())
                    })
                };
                match with.set(&target, &mut Vec::new()) {
                    _ if prefix.addr().is_ipv6() && with.declared(&target).has_ipv4_gateway() => {
                        assert_eq!(outcome.err(), Some(RouteError::FamilyMismatch(prefix)));
                    }
                    Value::Loop(frames) if closes(&frames) => {
                        assert!(
                            matches!(outcome, Err(RouteError::Loop(_))),
                            "{outcome:?} {frames:?}"
                        );
                    }
                    _ => {
                        outcome.unwrap();
                        self.model = with;
                    }
                }
            }
            Op::Remove { owner, vrf, prefix } => {
                let outcome =
                    self.rib
                        .remove(&mut self.hops, self.sessions[owner], vrf, prefix, changes);
                let routes = self.model.routes.entry((vrf, prefix)).or_default();
                let before = routes.len();
                routes.retain(|(_, of, _)| *of != owner);
                assert_eq!(outcome.is_ok(), routes.len() < before);
            }
            Op::PutGroup { number, set } => {
                let outcome = self
                    .hops
                    .put_group(self.sessions[0], number, set.clone(), &self.rib);
                let mut with = self.model.clone();
                with.groups.insert(number, set.clone());
                let target = Target::Group(number);
                let ipv6 = self.model.routes.iter().any(|((_, prefix), routes)| {
                    prefix.addr().is_ipv6() && routes.iter().any(|(.., other)| *other == target)
                });
                match with.set(&target, &mut Vec::new()) {
                    _ if self.model.groups.get(&number) == Some(&set) => drop(outcome.unwrap()),
                    _ if ipv6 && set.has_ipv4_gateway() => {
                        assert_eq!(outcome.err(), Some(PutGroupError::FamilyMismatch))
                    }
                    Value::Loop(frames) if frames.contains(&Frame::Set(target)) => {
                        assert!(
                            matches!(outcome, Err(PutGroupError::Loop(_))),
                            "{outcome:?} {frames:?}"
                        );
                    }
                    _ => {
                        assert_eq!(
                            outcome.unwrap().1.as_deref(),
                            self.model.groups.get(&number)
                        );
                        self.model = with;
                    }
                }
            }
            Op::RemoveGroup { number } => {
                let outcome = self.hops.remove_group(GroupKey {
                    owner: self.sessions[0].owner(),
                    number,
                });
                let uses = |(.., target): &&Route| *target == Target::Group(number);
                let routes = self.model.routes.values().flatten().filter(uses).count();
                match outcome {
                    Ok(()) => assert!(routes == 0 && self.model.groups.remove(&number).is_some()),
                    Err(RemoveGroupError::Unknown) => {
                        assert!(!self.model.groups.contains_key(&number))
                    }
                    Err(RemoveGroupError::InUse { routes: told }) => {
                        assert!(routes > 0 && routes == told as usize)
                    }
                }
            }
            Op::Interface { interface, up } => {
                self.hops.set_interface(interface, up);
                if up {
                    self.model.up.insert(interface)
                } else {
                    self.model.up.remove(&interface)
                };
            }
            Op::Collect => {
                let gone = self.hops.collect();
                assert!(gone.iter().all(|id| self.hops.get(*id).is_none()));
                gone.iter().for_each(|id| self.hops.reuse(*id));
            }
        }
    }

    /// Settles and compares everything with the model.
    pub(super) fn check(&mut self) {
        let before: BTreeMap<_, _> = self
            .hops
            .iter()
            .map(|set| (set.id, set.resolved.clone()))
            .collect();
        let mut changed = BTreeSet::new();
        loop {
            let settled = self.hops.settle(&self.rib, 2);
            changed.extend(settled.changed);
            if settled.flipped {
                self.rib.recheck();
            }
            if !settled.more {
                break;
            }
        }
        self.rib.work(&mut self.hops, usize::MAX, &mut Vec::new());
        assert!(!self.rib.has_work());
        for set in self.hops.iter() {
            assert_eq!(changed.contains(&set.id), before[&set.id] != *set.resolved);
            let target = match set.group {
                Some(key) if self.hops.group(key) != Some(set.id) => continue,
                Some(key) => Target::Group(key.number),
                None => Target::Set(set.declared.clone()),
            };
            assert_eq!(self.model.declared(&target), set.declared);
            assert_same(set.resolved, &self.model.set(&target, &mut Vec::new()));
        }
        for (key @ (vrf, prefix), routes) in &self.model.routes {
            let usable = |(.., target): &&Route| {
                matches!(
                    self.model.set(target, &mut Vec::new()),
                    Value::Paths(_) | Value::Action(_)
                )
            };
            let best = routes
                .iter()
                .find(usable)
                .map(|(_, owner, _)| self.sessions[*owner].owner());
            assert_eq!(
                self.rib.installed(*vrf, *prefix).map(|best| best.owner),
                best,
                "{key:?}"
            );
        }
    }
}
