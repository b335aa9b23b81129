//! The cell against many readers, and, under loom, in every interleaving.

use super::*;

#[cfg(not(loom))]
mod plain {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Counts itself, and holds the same number twice so that a torn or freed one shows.
    struct Probe {
        a: u64,
        b: Box<u64>,
        alive: std::sync::Arc<AtomicUsize>,
    }

    impl Probe {
        fn new(n: u64, alive: &std::sync::Arc<AtomicUsize>) -> Self {
            alive.fetch_add(1, Ordering::SeqCst);
            Self {
                a: n,
                b: Box::new(n),
                alive: alive.clone(),
            }
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            *self.b = u64::MAX;
            self.alive.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn keeps_what_a_reader_may_see_and_drops_the_rest() {
        let alive = std::sync::Arc::default();
        let (mut publisher, readers) = cell(Probe::new(0, &alive), 2);
        let mut reader = readers.reader().unwrap();
        assert_eq!(reader.snapshot().a, 0);
        publisher.publish(Probe::new(1, &alive));
        let epoch = publisher.publish(Probe::new(2, &alive));
        publisher.collect();
        assert_eq!(alive.load(Ordering::SeqCst), 3);
        let late = publisher.wait(epoch, Duration::from_millis(1)).unwrap_err();
        assert_eq!(
            late,
            Laggards {
                epoch,
                slots: vec![reader.slot()]
            }
        );
        assert_eq!(reader.snapshot().a, 2);
        assert_eq!(publisher.collect(), epoch);
        assert_eq!(alive.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn an_offline_reader_holds_nobody_up() {
        let (mut publisher, readers) = cell(0, 1);
        let mut reader = readers.reader().unwrap();
        reader.snapshot();
        reader.offline();
        let epoch = publisher.publish(1);
        assert_eq!(publisher.wait(epoch, Duration::ZERO), Ok(()));
        assert_eq!(*reader.snapshot(), 1);
        assert!(matches!(readers.reader(), Err(NoSlot(1))));
        drop(reader);
        assert!(readers.reader().is_ok());
    }

    #[test]
    fn readers_never_see_a_dropped_snapshot() {
        let alive = std::sync::Arc::default();
        let (mut publisher, readers) = cell(Probe::new(0, &alive), 4);
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let threads: Vec<_> = (0..2)
            .map(|sleepy| {
                let mut reader = readers.reader().unwrap();
                let stop = stop.clone();
                std::thread::spawn(move || {
                    let mut last = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let probe = reader.snapshot();
                        assert_eq!(probe.a, *probe.b);
                        assert!(probe.a >= last, "a snapshot went back");
                        last = probe.a;
                        if sleepy == 1 && last % 7 == 0 {
                            reader.offline();
                        }
                    }
                })
            })
            .collect();
        for n in 1..20_000 {
            publisher.publish(Probe::new(n, &alive));
            publisher.collect();
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().for_each(|t| t.join().unwrap());
        publisher.collect();
        assert_eq!(alive.load(Ordering::SeqCst), 1);
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use loom::cell::UnsafeCell;

    /// loom reports any read of `value` that is not ordered after its creation and before its drop.
    struct Probe {
        value: UnsafeCell<u64>,
    }

    impl Probe {
        fn new(value: u64) -> Self {
            Self {
                value: UnsafeCell::new(value),
            }
        }
        fn read(&self) -> u64 {
            // SAFETY: loom checks the access.
            self.value.with(|v| unsafe { *v })
        }
    }

    impl Drop for Probe {
        fn drop(&mut self) {
            // SAFETY: loom checks the access.
            self.value.with_mut(|v| unsafe { *v = u64::MAX });
        }
    }

    // SAFETY: loom checks every access to the cell inside.
    unsafe impl Sync for Probe {}

    #[test]
    fn loom_a_reader_never_sees_a_dropped_snapshot() {
        loom::model(|| {
            let (mut publisher, readers) = cell(Probe::new(1), 1);
            let mut reader = readers.reader().unwrap();
            let thread = loom::thread::spawn(move || {
                let first = reader.snapshot().read();
                let second = reader.snapshot().read();
                assert!(first <= second && second <= 3);
            });
            publisher.publish(Probe::new(2));
            publisher.collect();
            publisher.publish(Probe::new(3));
            publisher.collect();
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_a_reader_may_leave_and_come_back() {
        loom::model(|| {
            let (mut publisher, readers) = cell(Probe::new(1), 1);
            let mut reader = readers.reader().unwrap();
            let thread = loom::thread::spawn(move || {
                let first = reader.snapshot().read();
                reader.offline();
                let second = reader.snapshot().read();
                assert!(first <= second && second <= 2);
            });
            publisher.publish(Probe::new(2));
            publisher.collect();
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_what_is_unlinked_before_a_tick_is_unseen_after_it_passed() {
        loom::model(|| {
            let (mut publisher, readers) = cell((), 1);
            let linked = Arc::new(AtomicU64::new(1));
            let freed = Arc::new(AtomicU64::new(0));
            let mut reader = readers.reader().unwrap();
            let (l, f) = (Arc::clone(&linked), Arc::clone(&freed));
            let thread = loom::thread::spawn(move || {
                for _ in 0..2 {
                    reader.snapshot();
                    if l.load(Ordering::Acquire) == 1 {
                        assert_eq!(f.load(Ordering::Relaxed), 0, "read after free");
                    }
                }
            });
            linked.store(0, Ordering::Release);
            let epoch = publisher.tick();
            if publisher.passed() >= epoch {
                freed.store(1, Ordering::Relaxed);
            }
            thread.join().unwrap();
        });
    }
}
