//! How a thread that sleeps, a worker or the exception path, is woken by whoever gives it work.
//!
//! ```text
//!  sleeper                                    giver
//!  ───────                                    ─────
//!  1 asleep ← true                            a  puts work into a ring
//!  2 fence                                    b  fence
//!  3 looks into its rings once more           c  asleep? then asleep ← false, and rings
//!  4 waits for the bell                          the bell: one system call
//!  5 asleep ← false, bell silenced if it rang
//! ```
//!
//! The fences of 2 and b pair (Dekker): either the worker sees the work at 3, or the giver sees at c that it sleeps. While it
//! is awake a giver pays a fence and a load, the worker nothing.

#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering, fence};

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering, fence};

pub use bell::Bell;

/// What tells a sleeping thread that there is work.
#[derive(Debug)]
pub struct Waker {
    asleep: AtomicBool,
    bell: Bell,
}

impl Waker {
    /// The waker of a thread that is awake.
    ///
    /// # Errors
    /// What the system says when it has no eventfd left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            asleep: AtomicBool::new(false),
            bell: Bell::new()?,
        })
    }

    /// Wakes the thread if it sleeps. To be called after each work that it is given.
    pub fn wake(&self) {
        // Pairs with the fence of `fall_asleep`.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Relaxed) {
            self.bell.ring();
        }
    }

    /// Says that the thread is about to sleep. It must look for work after this, and then either wait for the bell or not; and
    /// then call [`Waker::wake_up`].
    pub fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence of `wake`.
        fence(Ordering::SeqCst);
    }

    /// Says that the thread is awake; silences the bell if that `rang`. One that rings only after the thread has woken by
    /// itself ends its next sleep at once.
    pub fn wake_up(&self, rang: bool) {
        self.asleep.store(false, Ordering::Relaxed);
        if rang {
            self.bell.silence();
        }
    }

    /// What the thread waits for.
    #[must_use]
    pub const fn bell(&self) -> &Bell {
        &self.bell
    }
}

#[cfg(not(loom))]
mod bell {
    use std::os::fd::{AsFd, BorrowedFd};

    use nix::sys::eventfd::{EfdFlags, EventFd};

    /// An eventfd: readable from when it was rung until it is silenced.
    #[derive(Debug)]
    pub struct Bell(EventFd);

    impl Bell {
        pub(super) fn new() -> std::io::Result<Self> {
            let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
            Ok(Self(EventFd::from_flags(flags)?))
        }

        pub(super) fn ring(&self) {
            // Fails only when it was rung 2^64 times and never silenced.
            let _ = self.0.write(1);
        }

        pub(super) fn silence(&self) {
            // Fails only when it was not rung.
            let _ = self.0.read();
        }
    }

    impl AsFd for Bell {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(loom)]
mod bell {
    use std::os::fd::{AsFd, BorrowedFd};

    use loom::sync::atomic::{AtomicBool, Ordering};

    /// The same for a model: who waits for it and is not called waits until loom has enough of it.
    #[derive(Debug)]
    pub struct Bell {
        rung: AtomicBool,
        never: std::io::Stdin,
    }

    impl Bell {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self {
                rung: AtomicBool::new(false),
                never: std::io::stdin(),
            })
        }

        pub(super) fn ring(&self) {
            self.rung.store(true, Ordering::Release);
        }

        pub(super) fn silence(&self) {
            self.rung.swap(false, Ordering::Acquire);
        }

        /// Waits until it was rung.
        #[cfg(test)]
        pub(super) fn wait(&self) {
            while !self.rung.load(Ordering::Acquire) {
                loom::thread::yield_now();
            }
        }
    }

    impl AsFd for Bell {
        /// Never used: no worker runs under loom.
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.never.as_fd()
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU32;

    /// The worker of the picture, until it has done so much work.
    fn work(waker: &Waker, ring: &AtomicU32, until: u32) {
        let mut done = 0;
        while done < until {
            let got = ring.swap(0, Ordering::Relaxed);
            done += got;
            if got > 0 || done == until {
                continue;
            }
            waker.fall_asleep();
            let waits = ring.load(Ordering::Relaxed) == 0;
            if waits {
                waker.bell().wait();
            }
            waker.wake_up(waits);
        }
    }

    #[test]
    fn loom_work_that_is_given_to_a_sleeper_is_done() {
        loom::model(|| {
            let shared = Arc::new((Waker::new().unwrap(), AtomicU32::new(0)));
            let theirs = Arc::clone(&shared);
            let worker = loom::thread::spawn(move || work(&theirs.0, &theirs.1, 2));
            for _ in 0..2 {
                shared.1.fetch_add(1, Ordering::Relaxed);
                shared.0.wake();
            }
            worker.join().unwrap();
        });
    }

    #[test]
    fn loom_either_of_two_givers_wakes_it() {
        let mut model = loom::model::Builder::new();
        // Who waits for the bell yields more often than a model may branch by default.
        model.max_branches = 20_000;
        model.preemption_bound = Some(2);
        model.check(|| {
            let shared = Arc::new((Waker::new().unwrap(), AtomicU32::new(0)));
            let givers = [(), ()].map(|()| {
                let shared = Arc::clone(&shared);
                loom::thread::spawn(move || {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    shared.0.wake();
                })
            });
            work(&shared.0, &shared.1, 2);
            for giver in givers {
                giver.join().unwrap();
            }
        });
    }
}
