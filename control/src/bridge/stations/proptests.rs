//! Any order of events on both sides: when it is quiet, both have what they are to have.
//!
//! The kernel and the router are played: each takes words as the real one does, and its notifications come late, in order.

use super::segment::Segment;
use super::tests::{NETDEVS, PORT, VXLAN, end, entry, mac, station, told};
use super::words::{End, Station, ToKernel, ToRouter, Told, Whose};
use crate::bridge::netlink::update::FdbUpdate;
use ferroute_dataplane::mac::Mac;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

#[derive(Clone, Debug)]
enum Event {
    /// The daemons say that a station is behind an end, or behind none.
    Said(u8, Option<u8>),
    /// A frame of a station comes in.
    Frame(u8),
    /// A station is forgotten.
    Aged(u8),
    /// The bridge hears so many of the kernel's notifications, and of the router's.
    Hears(usize, usize),
    /// The bridge says what it has to say.
    Settles,
    /// There is another session with the router, whose side is read anew.
    Session,
}

fn event() -> impl Strategy<Value = Event> {
    let station = 1..4_u8;
    prop_oneof![
        3 => (station.clone(), prop::option::of(1..3_u8)).prop_map(|(s, end)| Event::Said(s, end)),
        3 => station.clone().prop_map(Event::Frame),
        1 => station.prop_map(Event::Aged),
        3 => (0..4_usize, 0..4_usize).prop_map(|(kernel, router)| Event::Hears(kernel, router)),
        4 => Just(Event::Settles),
        1 => Just(Event::Session),
    ]
}

#[derive(Default)]
struct World {
    segment: Segment,
    /// The kernel: entries of the VXLAN device, and of the bridge.
    remotes: BTreeMap<Mac, IpAddr>,
    places: BTreeMap<Mac, u32>,
    notices: VecDeque<FdbUpdate>,
    router: BTreeMap<Mac, Station>,
    events: VecDeque<(Mac, Option<Station>)>,
    /// Stations that the router was told of in this session.
    repeated: BTreeSet<Mac>,
}

impl World {
    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Said(station, behind) => {
                let mac = mac(station);
                let before = match behind {
                    Some(behind) => self.remotes.insert(mac, end(behind)),
                    None => self.remotes.remove(&mac),
                };
                if let Some(behind) = behind {
                    self.notice(VXLAN, mac, Some(end(behind)), true);
                    self.places.insert(mac, VXLAN);
                    self.notice(VXLAN, mac, None, true);
                } else if before.is_some() {
                    self.notice(VXLAN, mac, before, false);
                    if self.places.get(&mac) == Some(&VXLAN) {
                        self.places.remove(&mac);
                        self.notice(VXLAN, mac, None, false);
                    }
                }
            }
            Event::Frame(number) => {
                let mac = mac(number);
                let before = self.router.get(&mac).copied();
                let sequence = match before {
                    Some(before) if before.whose == Whose::Member => return,
                    Some(before) => before.sequence + 1,
                    None => 0,
                };
                let remote = before.and_then(|before| before.remote);
                self.set(mac, Some(station(Whose::Member, sequence, remote)), true);
            }
            Event::Aged(number) => {
                let mac = mac(number);
                if let Some(known) = self.router.get(&mac).copied()
                    && known.whose == Whose::Member
                {
                    let left = known.remote.map(behind);
                    self.set(mac, left, true);
                }
            }
            Event::Hears(kernel, router) => {
                for update in self.notices.drain(..kernel.min(self.notices.len())) {
                    self.segment.fdb(&update);
                }
                for (mac, station) in self.events.drain(..router.min(self.events.len())) {
                    self.segment.router_event(mac, station);
                }
            }
            Event::Settles => self.settle(),
            Event::Session => {
                self.events.clear();
                self.repeated.clear();
                self.segment.begin_session();
                self.segment.forget_router(false);
                for (mac, station) in &self.router {
                    self.segment.router_station(*mac, Some(*station));
                }
                self.segment.look_at_all();
            }
        }
    }

    fn notice(&mut self, interface: u32, mac: Mac, remote: Option<IpAddr>, there: bool) {
        let update = entry(interface, mac.octets(), remote, there);
        self.notices.push_back(update);
    }

    fn set(&mut self, mac: Mac, station: Option<Station>, told: bool) {
        match station {
            Some(station) => self.router.insert(mac, station),
            None => self.router.remove(&mac),
        };
        if told {
            self.events.push_back((mac, station));
        }
    }

    fn settle(&mut self) {
        // Each word is answered by a few others at most; more would be a quarrel without an end.
        for _ in 0..100 {
            let keys = self.segment.take_dirty(2);
            if keys.is_empty() {
                return;
            }
            for key in keys {
                let (to_router, to_kernel) = self.segment.words(key);
                if let Some(word) = to_kernel {
                    self.write(word);
                    self.segment.told_kernel(word);
                }
                if let Some(word) = to_router {
                    self.tell(word);
                    self.segment.told_router(word);
                }
            }
        }
        panic!("it does not end");
    }

    fn write(&mut self, word: ToKernel) {
        match word {
            ToKernel::Station(mac, true) => {
                self.places.insert(mac, PORT);
                self.notice(PORT, mac, None, true);
                // zebra takes it for its own, and the remote end away.
                if let Some(end) = self.remotes.remove(&mac) {
                    self.notice(VXLAN, mac, Some(end), false);
                }
            }
            ToKernel::Station(mac, false) => {
                if self.places.get(&mac) == Some(&PORT) {
                    self.places.remove(&mac);
                    self.notice(PORT, mac, None, false);
                }
            }
            ToKernel::Neighbour(..) => {}
        }
    }

    fn tell(&mut self, word: ToRouter) {
        match word {
            ToRouter::Remote(mac, at, sequence) => {
                self.repeated.insert(mac);
                let before = self.router.get(&mac).copied();
                let stays =
                    before.is_some_and(|b| b.whose == Whose::Member && b.sequence >= sequence);
                let End::Remote(end) = at.end else {
                    panic!("nobody said a group");
                };
                let remote = told(end, sequence);
                let now = match before {
                    Some(before) if stays => Station { remote, ..before },
                    _ => station(Whose::Remote, sequence, remote),
                };
                let moved = before.is_some_and(|b| b.whose == Whose::Member) && !stays;
                self.set(mac, Some(now), moved);
            }
            ToRouter::Forget(mac) => {
                self.repeated.remove(&mac);
                match self.router.get(&mac).copied() {
                    Some(known) if known.whose == Whose::Member => {
                        let remote = None;
                        self.set(mac, Some(Station { remote, ..known }), false);
                    }
                    _ => self.set(mac, None, false),
                }
            }
            ToRouter::Flood(..) | ToRouter::Neighbour(..) => {}
        }
    }
}

/// A station that is nowhere but where it was told to be.
fn behind(told: Told) -> Station {
    station(Whose::Remote, told.sequence, Some(told))
}

proptest! {
    #[test]
    fn both_sides_agree_when_it_is_quiet(events in prop::collection::vec(event(), 0..60)) {
        let mut world = World::default();
        world.segment.netdevs(NETDEVS);
        world.segment.forget_router(false);
        world.segment.look_at_all();
        for event in &events {
            world.happen(event);
        }
        for _ in 0..20 {
            world.happen(&Event::Hears(usize::MAX, usize::MAX));
            world.settle();
        }
        prop_assert!(world.notices.is_empty() && world.events.is_empty());
        for number in 1..4 {
            let mac = mac(number);
            let known = world.router.get(&mac);
            let remote = known.and_then(|known| known.remote).map(|told| told.place.end);
            let wanted = world.remotes.get(&mac).copied().map(End::Remote);
            prop_assert_eq!(remote, wanted, "remote of {}", mac);
            prop_assert_eq!(world.repeated.contains(&mac), remote.is_some(), "{} repeated", mac);
            let here = known.is_some_and(|known| known.whose == Whose::Member);
            let local = world.places.get(&mac) == Some(&PORT);
            prop_assert_eq!(here, local, "place of {}", mac);
            prop_assert!(!(local && remote.is_some()), "{} is at two places", mac);
        }
    }
}
