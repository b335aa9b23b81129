//! The FDB against a map, under threads, and, under loom, in every interleaving.

use super::*;
use crate::ids::{BridgeId, InterfaceId};
use crate::mac::Mac;

fn key(bridge: u16, station: u32) -> FdbKey {
    let [a, b, c, d] = station.to_be_bytes();
    FdbKey::new(BridgeId::new(bridge), Mac::new([2, 0, a, b, c, d]))
}

const fn behind(interface: u32) -> FdbTarget {
    FdbTarget::Interface(InterfaceId::new(interface))
}

#[cfg(not(loom))]
mod plain {
    use super::*;
    use crate::ids::TunnelId;
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Change {
        Set(FdbKey, FdbTarget),
        Remove(FdbKey),
        See(FdbKey, FdbTarget),
        Tick,
        Settle,
    }

    fn any_key() -> impl Strategy<Value = FdbKey> {
        (1..4u16, 0..120u32).prop_map(|(bridge, station)| key(bridge, station))
    }

    fn any_target() -> impl Strategy<Value = FdbTarget> {
        prop_oneof![
            (1..5u32).prop_map(behind),
            (1..5u32).prop_map(|t| FdbTarget::Tunnel(TunnelId::new(t))),
            Just(FdbTarget::Gateway),
        ]
    }

    fn any_change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => (any_key(), any_target()).prop_map(|(k, t)| Change::Set(k, t)),
            3 => any_key().prop_map(Change::Remove),
            4 => (any_key(), any_target()).prop_map(|(k, t)| Change::See(k, t)),
            1 => Just(Change::Tick),
            1 => Just(Change::Settle),
        ]
    }

    proptest! {
        /// A worker that is late to take a new table over loses no use mark.
        #[test]
        fn answers_as_a_map_does(changes in prop::collection::vec(any_change(), 0..600), capacity in 1..300usize) {
            let mut fdb = Fdb::new(capacity, 7, 1);
            let mut reader = fdb.reader();
            let mut model: HashMap<FdbKey, (FdbTarget, Second)> = HashMap::new();
            let mut now = Second::new(u16::MAX - 3);
            for change in changes {
                match change {
                    Change::Set(k, t) => match fdb.set(k, t, now) {
                        Ok(set) => {
                            prop_assert_eq!(set.previous, model.insert(k, (t, now)).map(|(t, _)| t));
                            if set.grown {
                                reader = fdb.reader();
                            }
                        }
                        Err(e) => {
                            prop_assert_eq!(e, FdbError::Full { entries: capacity, capacity });
                            prop_assert!(model.len() == capacity && !model.contains_key(&k));
                        }
                    },
                    Change::Remove(k) => prop_assert_eq!(fdb.remove(k), model.remove(&k).map(|(t, _)| t)),
                    Change::See(k, t) => {
                        let seen = match model.get_mut(&k) {
                            Some((known, used)) if *known == t => {
                                *used = now;
                                Seen::Here
                            }
                            Some((known, _)) => Seen::Elsewhere(*known),
                            None => Seen::Nowhere,
                        };
                        prop_assert_eq!(reader.see(&reader.view().seek(k), t, now), seen);
                    }
                    Change::Tick => now = Second::new(now.get().wrapping_add(1)),
                    Change::Settle => fdb.settle(),
                }
                prop_assert_eq!(fdb.len(), model.len());
            }
            let held: HashMap<_, _> = fdb.entries().map(|e| (e.key, (e.target, e.used))).collect();
            prop_assert_eq!(&held, &model);
            for station in 0..120 {
                for bridge in 1..4 {
                    let k = key(bridge, station);
                    prop_assert_eq!(reader.find(k), model.get(&k).map(|(t, _)| *t));
                }
            }
        }

        #[test]
        fn a_key_is_its_parts(bridge: u16, octets: [u8; 6]) {
            let key = FdbKey::new(BridgeId::new(bridge), Mac::new(octets));
            prop_assert_eq!((key.bridge(), key.mac()), (BridgeId::new(bridge), Mac::new(octets)));
        }
    }

    #[test]
    fn a_full_table_keeps_what_it_has_and_takes_again_after_a_removal() {
        let mut fdb = Fdb::new(1_000, 1, 1);
        for station in 0..1_000 {
            fdb.set(key(1, station), behind(station), Second::new(0))
                .unwrap();
        }
        let full = FdbError::Full {
            entries: 1_000,
            capacity: 1_000,
        };
        let now = Second::new(0);
        assert_eq!(fdb.set(key(1, 1_000), behind(9), now), Err(full));
        assert!(
            fdb.set(key(1, 5), behind(9), now).is_ok(),
            "a move needs no place"
        );
        assert_eq!(fdb.remove(key(1, 6)), Some(behind(6)));
        assert!(fdb.set(key(1, 1_000), behind(9), now).is_ok());
        let reader = fdb.reader();
        assert!((7..1_000).all(|s| reader.find(key(1, s)) == Some(behind(s))));
    }

    #[test]
    fn the_memory_of_many_stations_is_bounded() {
        const STATIONS: u32 = 200_000;
        let mut fdb = Fdb::new(STATIONS as usize, 3, 1);
        for station in 0..STATIONS {
            fdb.set(
                key(station as u16 % 500 + 1, station),
                behind(1),
                Second::new(0),
            )
            .unwrap();
            if station.is_power_of_two() && station > 256 {
                let each = fdb.memory_bytes() / station as usize;
                assert!(each <= 64, "{each} bytes each of {station}");
            }
        }
        assert!(fdb.memory_bytes() <= 128 * STATIONS as usize);
    }

    #[test]
    fn marks_left_in_an_outgrown_table_are_taken_over() {
        let mut fdb = Fdb::new(10_000, 1, 1);
        let (first, now) = (key(1, 0), Second::new(0));
        fdb.set(first, behind(1), now).unwrap();
        let late = fdb.reader();
        let mut station = 1;
        while !fdb.set(key(1, station), behind(1), now).unwrap().grown {
            station += 1;
        }
        assert_eq!(
            late.see(&late.view().seek(first), behind(1), Second::new(9)),
            Seen::Here
        );
        assert_eq!(fdb.get(first).unwrap().used, now);
        fdb.settle();
        assert_eq!(fdb.get(first).unwrap().used, Second::new(9));
    }

    /// Stations that come, move and go in few places, under two readers: an answer is one that the
    /// station had, never another's.
    #[test]
    fn a_reader_never_gets_the_answer_of_another_station() {
        let mut fdb = Fdb::new(64, 1, 1);
        let (reader, done) = (fdb.reader(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for station in 0..200 {
                            let k = key(1, station);
                            match reader.find(k) {
                                None => {}
                                Some(FdbTarget::Interface(id)) => {
                                    assert_eq!(id.get() & 0xffff, station);
                                    let _ = reader.see(
                                        &reader.view().seek(k),
                                        FdbTarget::Interface(id),
                                        Second::new(1),
                                    );
                                }
                                other => panic!("{other:?}"),
                            }
                        }
                    }
                });
            }
            let mut grown = false;
            for round in 0..60_000u32 {
                let station = round.wrapping_mul(0x9e37_79b9) >> 8;
                let k = key(1, station % 200);
                if fdb.remove(k).is_none() {
                    let target = behind((station % 200) | ((round % 8) << 16));
                    let set = fdb.set(k, target, Second::new(0));
                    grown |= set.is_ok_and(|set| set.grown);
                }
            }
            done.store(true, Ordering::Relaxed);
            assert!(!grown, "the readers' table is the only one");
        });
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::fdb::slot::Slot;
    use crate::fdb::table::seeming;
    use loom::sync::Arc;
    use loom::thread;

    fn run(change: impl Fn(&Slot) + Send + Sync + Copy + 'static, answers: [Option<u32>; 3]) {
        loom::model(move || {
            let slot = Arc::new(Slot::new());
            slot.put(key(1, 1), behind(1).encode().unwrap(), Second::new(0));
            let reader = thread::spawn({
                let slot = Arc::clone(&slot);
                move || {
                    let found = slot.find(key(1, 1));
                    let interface = found.and_then(|w| match w.target() {
                        Some(FdbTarget::Interface(id)) => Some(id.get()),
                        _ => None,
                    });
                    assert!(answers.contains(&interface), "{interface:?}");
                    if let Some(word) = found {
                        slot.mark(word, Second::new(7));
                    }
                }
            });
            change(&slot);
            reader.join().unwrap();
        });
    }

    #[test]
    fn loom_a_move_shows_the_old_or_the_new_way() {
        run(
            |slot| {
                slot.change(behind(2).encode().unwrap(), Second::new(1));
                assert_eq!(slot.entry().unwrap().1.target(), Some(behind(2)));
            },
            [Some(1), Some(2), Some(2)],
        );
    }

    #[test]
    fn loom_a_place_that_changes_hands_shows_no_other_stations_way() {
        run(
            |slot| {
                slot.take();
                slot.put(key(1, 2), behind(2).encode().unwrap(), Second::new(1));
                let (held, word) = slot.entry().unwrap();
                assert_eq!((held, word.target()), (key(1, 2), Some(behind(2))));
            },
            [Some(1), None, None],
        );
    }

    #[test]
    fn loom_a_station_that_comes_back_is_not_mixed_up_with_the_one_between() {
        run(
            |slot| {
                slot.take();
                slot.put(key(1, 2), behind(2).encode().unwrap(), Second::new(1));
                slot.take();
                slot.put(key(1, 1), behind(3).encode().unwrap(), Second::new(1));
            },
            [Some(1), Some(3), None],
        );
    }

    #[test]
    fn loom_a_station_that_comes_back_in_another_place_is_there_or_was_away() {
        loom::model(|| {
            let slots = Arc::new([Slot::new(), Slot::new()]);
            let put = |slot: &Slot, interface| {
                slot.put(
                    key(1, 1),
                    behind(interface).encode().unwrap(),
                    Second::new(0),
                );
            };
            put(&slots[1], 1);
            let reader = thread::spawn({
                let slots = Arc::clone(&slots);
                move || {
                    let place = seeming(&*slots, key(1, 1));
                    let found = place.and_then(|slot| slot.find(key(1, 1)));
                    let target = found.and_then(|word| word.target());
                    assert!([None, Some(behind(1)), Some(behind(2))].contains(&target));
                }
            });
            slots[1].take();
            put(&slots[0], 2);
            let place = seeming(&*slots, key(1, 1)).expect("its writer finds it");
            assert_eq!(place.find(key(1, 1)).unwrap().target(), Some(behind(2)));
            reader.join().unwrap();
        });
    }
}
