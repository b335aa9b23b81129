//! The thread that follows one namespace.

use super::Said;
use super::socket::{Received, Socket};
use crate::bridge::namespace;
use crate::bridge::netlink::request::Listing;
use crate::bridge::netlink::update::{LinkUpdate, Signs, Update};
use crate::bridge::netlink::view::{Message, Messages};
use crate::bridge::netlink::{Decoded, Ignored, Unreadable, decode};
use crate::model::vrf::Namespace;
use nix::libc;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::thread::Builder;
use tokio::sync::mpsc;

/// Larger than any message that the kernel makes.
const BUFFER_BYTES: usize = 256 << 10;
/// Updates that are handed on at once.
const MOST_UPDATES: usize = 4096;
/// Bit of a message's flags: the dump was disturbed by a change, and may have missed something.
const DUMP_INTERRUPTED: u16 = 0x10;
const DELADDR: i32 = libc::RTM_DELADDR as i32;

/// What is followed besides links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) struct Interest {
    /// Neighbours and forwarding databases.
    pub(in crate::bridge) neighbours: bool,
    /// Next hop objects.
    pub(in crate::bridge) next_hops: bool,
    /// Routes, label switched paths.
    pub(in crate::bridge) routes: bool,
}

/// Starts following. What it says goes to `listener`, in order; a listener that is slow holds the thread, and the kernel's
/// overrun then leads to another dump.
///
/// # Errors
/// The namespace cannot be entered, or the socket not be opened there.
pub(in crate::bridge) fn start(
    netns: Option<Namespace>,
    interest: Interest,
    listener: mpsc::Sender<Said>,
) -> io::Result<()> {
    let open = || Socket::open(interest);
    let socket = namespace::inside(netns.as_ref(), open)?;
    // It ends when nobody listens any more, at its next word.
    Builder::new().name("follower".to_owned()).spawn(move || {
        let mut follower = Follower {
            socket,
            interest,
            listener,
            pending: VecDeque::new(),
            running: None,
            disturbed: false,
            again: false,
            links: BTreeMap::new(),
            updates: Vec::new(),
            ignored: Ignored::default(),
            unreadable: None,
        };
        match follower.run() {
            Err(Ended::Socket(error)) => tracing::error!("the netlink socket broke: {error}"),
            Err(Ended::Unheard) | Ok(()) => {}
        }
    })?;
    Ok(())
}

/// Why the thread ends.
enum Ended {
    /// The socket broke.
    Socket(io::Error),
    /// Nobody listens.
    Unheard,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}

struct Follower {
    socket: Socket,
    interest: Interest,
    listener: mpsc::Sender<Said>,
    /// What is still to be dumped.
    pending: VecDeque<Listing>,
    /// The dump that runs: its number.
    running: Option<u32>,
    /// A dump of this round was disturbed.
    disturbed: bool,
    /// Another round is wanted after this one.
    again: bool,
    /// Links, to notice which can be used no more.
    links: BTreeMap<u32, Signs>,
    updates: Vec<Update>,
    ignored: Ignored,
    unreadable: Option<(u64, Unreadable)>,
}

impl Follower {
    fn run(&mut self) -> Result<(), Ended> {
        let mut buffer = vec![0; BUFFER_BYTES];
        self.begin()?;
        loop {
            // Hand on what has gathered before falling asleep.
            let full = self.updates.len() >= MOST_UPDATES;
            let received = match self.socket.receive(&mut buffer, false)? {
                Some(received) if !full => received,
                waiting => {
                    self.flush()?;
                    match waiting {
                        Some(received) => received,
                        None => match self.socket.receive(&mut buffer, true)? {
                            Some(received) => received,
                            None => continue,
                        },
                    }
                }
            };
            match received {
                Received::Bytes(length) => self.read(&buffer[..length])?,
                Received::Overrun => {
                    self.say(Said::Overrun)?;
                    self.socket.drain(&mut buffer)?;
                    // A dump that ran was thrown away with the rest.
                    (self.running, self.again) = (None, true);
                }
            }
            self.proceed()?;
        }
    }

    /// Begins a round of dumps.
    fn begin(&mut self) -> Result<(), Ended> {
        use Listing::*;
        self.flush()?;
        (self.again, self.disturbed) = (false, false);
        self.pending = VecDeque::from([Links]);
        if self.interest.next_hops {
            self.pending.extend([NextHops]);
        }
        if self.interest.neighbours {
            self.pending.extend([Neighbours, Fdb]);
        }
        if self.interest.routes {
            self.pending.extend([Ipv4Routes, Ipv6Routes, Lsps]);
        }
        self.say(Said::Begin)?;
        self.next()
    }

    fn next(&mut self) -> Result<(), Ended> {
        self.running = match self.pending.pop_front() {
            Some(listing) => Some(self.socket.ask(listing)?),
            None => None,
        };
        Ok(())
    }

    /// When no dump runs: the round is over, and another one begins if it must.
    fn proceed(&mut self) -> Result<(), Ended> {
        if self.running.is_none() && (self.again || self.disturbed) {
            return self.begin();
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        for message in Messages::new(bytes) {
            match message {
                Ok(message) => self.message(&message)?,
                Err(error) => self.unreadable(error.into()),
            }
        }
        Ok(())
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Ended> {
        let answers = self.running == Some(message.sequence) && message.sequence != 0;
        if answers && message.flags & DUMP_INTERRUPTED != 0 {
            self.disturbed = true;
        }
        match i32::from(message.kind) {
            // An error answers a kernel that does not know the kind; it then has none of it.
            libc::NLMSG_DONE | libc::NLMSG_ERROR if answers => {
                self.next()?;
                if self.running.is_none() && !self.disturbed && !self.again {
                    self.say(Said::End)?;
                }
                return Ok(());
            }
            libc::NLMSG_NOOP | libc::NLMSG_ERROR | libc::NLMSG_DONE => return Ok(()),
            // An IPv4 address that goes takes routes along that prefer it as their source, and the last of a link all routes
            // over it, without a word.
            DELADDR => self.again = true,
            libc::NLMSG_OVERRUN => {
                self.again = true;
                return Ok(());
            }
            _ => {}
        }
        match decode(message, &mut self.ignored) {
            Ok(Decoded::Update(update)) => {
                self.watch_links(&update);
                self.updates.push(update);
            }
            Ok(Decoded::Nothing | Decoded::Unknown) => {}
            Err(error) => self.unreadable(error),
        }
        Ok(())
    }

    /// A link that goes down takes routes along of which the kernel says nothing; one that loses its carrier, next hop
    /// objects and members of groups.
    fn watch_links(&mut self, update: &Update) {
        let Update::Link(LinkUpdate { index, link }) = update else {
            return;
        };
        let before = match link {
            Some(link) => self.links.insert(*index, link.signs),
            None => self.links.remove(index),
        };
        let now = link.as_ref().map_or(Signs::default(), |link| link.signs);
        if self.interest.routes && before.is_some_and(|before| before.lost(now)) {
            self.again = true;
        }
    }

    fn unreadable(&mut self, error: Unreadable) {
        self.unreadable.get_or_insert((0, error)).0 += 1;
    }

    fn flush(&mut self) -> Result<(), Ended> {
        if let Some((count, first)) = self.unreadable.take() {
            self.send(Said::Unreadable(count, first))?;
        }
        let ignored = std::mem::take(&mut self.ignored);
        if ignored != Ignored::default() {
            self.send(Said::Ignored(ignored))?;
        }
        if self.updates.is_empty() {
            return Ok(());
        }
        let updates = std::mem::take(&mut self.updates);
        self.send(Said::Updates(updates))
    }

    /// Says something after what was gathered before.
    fn say(&mut self, said: Said) -> Result<(), Ended> {
        self.flush()?;
        self.send(said)
    }

    fn send(&self, said: Said) -> Result<(), Ended> {
        self.listener
            .blocking_send(said)
            .map_err(|_| Ended::Unheard)
    }
}
