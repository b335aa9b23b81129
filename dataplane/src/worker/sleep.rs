//! How a worker sleeps: until one of its queues interrupts, somebody gives it work, or time is up.

use std::os::fd::AsFd;
use std::time::Duration;

use arrayvec::ArrayVec;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::idle::{Rest, Woken};
use super::run::{Loop, MAX_QUEUES};

/// The longest sleep. It bounds the harm of a device whose interrupts do not come, and costs about a thousandth of a CPU.
const LONGEST: Duration = Duration::from_millis(10);

impl Loop {
    /// Sleeps, unless there is work after all.
    #[cold]
    pub(super) fn sleep(&mut self, rest: Rest, now_ticks: u64) -> Woken {
        self.injects.waker().fall_asleep();
        let is_armed = matches!(rest, Rest::Deep { .. }) && self.arm();
        // What came before the bell or an interrupt could tell of it.
        let has_work = !self.commands.is_empty() || !self.injects.is_empty();
        let woken = if has_work || is_armed && self.pass(now_ticks) > 0 {
            Woken::Busy
        } else {
            self.reader.offline();
            match rest {
                Rest::Deep { .. } if is_armed => self.wait(LONGEST),
                // Without interrupts only looking finds out.
                Rest::Deep { nap } | Rest::Nap(nap) => match self.wait(nap) {
                    Woken::TooLate => Woken::Napped,
                    other => other,
                },
            }
        };
        self.injects.waker().wake_up(woken == Woken::Called);
        // What told of packets without having been asked would do so again at once.
        if is_armed || woken == Woken::Interrupted {
            self.queues.iter_mut().for_each(|(_, queue)| queue.disarm());
        }
        woken
    }

    /// Asks every queue to tell of packets; whether all will.
    fn arm(&mut self) -> bool {
        self.queues.iter().all(|(_, q)| q.wake().is_some())
            && self.queues.iter_mut().all(|(_, q)| q.arm())
    }

    fn wait(&self, longest: Duration) -> Woken {
        let bell = self.injects.waker().bell();
        let queues = self.queues.iter().filter_map(|(_, q)| q.wake());
        let mut fds: ArrayVec<PollFd<'_>, { MAX_QUEUES + 1 }> = std::iter::once(bell.as_fd())
            .chain(queues)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match ppoll(&mut fds, Some(TimeSpec::from_duration(longest)), None) {
            Ok(0) => Woken::TooLate,
            Ok(_) if fds[0].any() == Some(true) => Woken::Called,
            Ok(_) => Woken::Interrupted,
            // A signal, which is how TAP devices tell of packets: a look does no harm.
            Err(_) => Woken::Napped,
        }
    }
}
