//! The thread that writes the file.
//!
//! The core hands it records and never waits for it. Beside the file in force there may be a new one, into which the core
//! pours all that there is while changes go into both; when it is whole it takes the place of the other by renaming. So
//! a process that dies at any moment leaves a whole file.
//!
//! Writes go to the page cache: they outlive the process, which is what this is for, not a power cut.

use super::frame::{Boot, HEADER_LENGTH, frame, header};
use crossbeam::channel::Receiver;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Records that one frame takes at most, if they come in pieces.
const FRAME_BYTES: usize = 256 << 10;
/// How far a file may outgrow twice what it was when it was new before it is written anew.
const SLACK_BYTES: u64 = 1 << 20;

/// What the core has for the file.
#[derive(Debug)]
pub(super) enum Order {
    /// Changes.
    Log(Vec<u8>),
    /// A new file begins.
    Begin,
    /// A part of all that there is, for the new file.
    Pour(Vec<u8>),
    /// The new file is whole.
    Whole,
}

/// What core and thread know of each other.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Bytes on their way.
    pub(super) under_way: AtomicUsize,
    /// A new file is due.
    pub(super) due: AtomicBool,
}

/// The thread's state.
pub(super) struct Keeper {
    path: PathBuf,
    boot: Boot,
    shared: Arc<Shared>,
    current: Option<Writing>,
    new: Option<Writing>,
    /// Bytes of the file in force when it was new.
    fresh_bytes: u64,
    scratch: Vec<u8>,
    failed: bool,
}

/// A file that grows.
#[derive(Debug)]
struct Writing {
    file: File,
    bytes: u64,
}

impl Writing {
    fn begin(path: &Path, boot: Boot) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(&header(boot))?;
        Ok(Self {
            file,
            bytes: HEADER_LENGTH as u64,
        })
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all(frame)?;
        self.bytes += frame.len() as u64;
        Ok(())
    }
}

/// Where the new file grows.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Keeper {
    pub(super) fn new(path: PathBuf, boot: Boot, shared: Arc<Shared>) -> Self {
        Self {
            path,
            boot,
            shared,
            current: None,
            new: None,
            fresh_bytes: 0,
            scratch: Vec::new(),
            failed: false,
        }
    }

    /// Writes until the core is gone.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            self.take(order, orders);
        }
    }

    fn take(&mut self, order: Order, orders: &Receiver<Order>) {
        match order {
            Order::Log(mut records) => {
                let mut next = None;
                while records.len() < FRAME_BYTES && next.is_none() {
                    match orders.try_recv() {
                        Ok(Order::Log(more)) => records.extend_from_slice(&more),
                        Ok(other) => next = Some(other),
                        Err(_) => break,
                    }
                }
                self.write(&records, true);
                if let Some(next) = next {
                    self.take(next, orders);
                }
            }
            Order::Pour(records) => self.write(&records, false),
            Order::Begin => match Writing::begin(&beside(&self.path, ".new"), self.boot) {
                Ok(new) => self.new = Some(new),
                Err(error) => self.fail("begun", &error),
            },
            Order::Whole => self.replace(),
        }
    }

    fn write(&mut self, records: &[u8], both: bool) {
        self.shared
            .under_way
            .fetch_sub(records.len(), Ordering::Relaxed);
        let mut scratch = std::mem::take(&mut self.scratch);
        frame(records, &mut scratch);
        let current = self.current.as_mut().filter(|_| both);
        let mut files = current.into_iter().chain(self.new.as_mut());
        let written = files.try_for_each(|file| file.write(&scratch));
        self.scratch = scratch;
        if let Err(error) = written {
            return self.fail("written", &error);
        }
        if let Some(current) = self.current.as_ref().filter(|_| self.new.is_none())
            && current.bytes > 2 * self.fresh_bytes + SLACK_BYTES
        {
            self.shared.due.store(true, Ordering::Relaxed);
        }
    }

    fn replace(&mut self) {
        let Some(new) = self.new.take() else {
            return;
        };
        if let Err(error) = fs::rename(beside(&self.path, ".new"), &self.path) {
            return self.fail("put in its place", &error);
        }
        if std::mem::take(&mut self.failed) {
            tracing::info!("the state is kept again");
        }
        self.fresh_bytes = new.bytes;
        self.current = Some(new);
    }

    /// Gives both files up: what is in them would be half of the truth. The next one begins when it is due.
    fn fail(&mut self, what: &str, error: &io::Error) {
        if !std::mem::replace(&mut self.failed, true) {
            let path = self.path.display();
            tracing::error!(
                "the state {path} cannot be {what}: {error}; a restart would not find what clients made"
            );
        }
        (self.current, self.new) = (None, None);
        let _gone = fs::remove_file(beside(&self.path, ".new"));
        self.shared.due.store(true, Ordering::Relaxed);
    }
}
