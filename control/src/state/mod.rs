//! What a router leaves for the next: a file of all that clients made, so that a restart, planned or not, forwards at once
//! what was forwarded before, until its clients have said everything anew. `docs/restart.md` is the operator's side.
//!
//! ```text
//!  core ── records ──► Journal ── orders ──► thread ── frames ──► file      (while it runs)
//!  core ◄── Restore ── Saved ◄── records ◄── frames ◄── file                 (at its next start)
//! ```
//!
//! * [`frame`], [`record`], [`wire`]: the file's form.
//! * [`saved`]: what a file comes to.
//! * [`journal`], [`keeper`]: writing it, at the core's end and in a thread of its own.
//!
//! The file is a journal: what changes is appended, and when it has grown to twice what is in it the core pours a new
//! one, a piece at a time, while changes go into both. Keys and values of things other than routes are opaque here.
//!
//! # What it costs
//!
//! An IPv4 route takes 12 to 15 bytes in a new file, an IPv6 route 16 to 27, a route of a new next hop set some 20
//! to 40 more. The core appends a record to a buffer and hands buffers to the thread; it never waits for it.

mod frame;
mod journal;
mod keeper;
#[cfg(test)]
mod proptests;
mod record;
mod saved;
mod wire;

pub use frame::{Boot, Foreign};
pub use journal::Journal;
pub use record::{GroupRecord, Lead, OwnerRecord, Place, Record, RouteRecord};
pub use saved::{LoadError, Saved, SavedLead, SavedOwner, SavedRoute, SavedSet};
pub use wire::Malformed;

use keeper::beside;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads what the last router left in this file, and begins to write for the next. What cannot be used is put aside, and
/// where nothing can be written nothing is kept; both are logged, and neither keeps the router from starting.
#[must_use]
pub fn open(path: &Path) -> (Saved, Journal) {
    let shown = path.display();
    let boot = match Boot::present() {
        Ok(boot) => boot,
        Err(error) => {
            tracing::warn!(
                "no state is kept over a restart: the machine's boot has no name: {error}"
            );
            return (Saved::default(), Journal::off());
        }
    };
    let saved = load(path, boot);
    let journal = writable(path).and_then(|()| Journal::start(path.to_owned(), boot));
    let journal = journal.unwrap_or_else(|error| {
        tracing::warn!("no state is kept over a restart: {shown} cannot be written: {error}");
        Journal::off()
    });
    (saved, journal)
}

/// What the last router left in this file, to be looked at; nothing where it is of no use.
#[must_use]
pub fn peek(path: &Path) -> Saved {
    let read = || Saved::read(&fs::read(path).ok()?, Boot::present().ok()?).ok();
    read().unwrap_or_default()
}

/// Removes what was left.
///
/// # Errors
/// The system's; that there is nothing is none.
pub fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn load(path: &Path, boot: Boot) -> Saved {
    let shown = path.display();
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Saved::default(),
        Err(error) => {
            tracing::error!("the state {shown} cannot be read: {error}; starting without it");
            return Saved::default();
        }
    };
    match Saved::read(&file, boot) {
        Ok(saved) => {
            if saved.torn_bytes > 0 {
                tracing::warn!(
                    bytes = saved.torn_bytes,
                    "the end of the state {shown} was not written whole, and is left out"
                );
            }
            saved
        }
        Err(error) => {
            let aside = beside(path, ".bad");
            tracing::error!(
                "the state {shown} is of no use: {error}; starting without it, and keeping it as {}",
                aside.display()
            );
            if let Err(error) = fs::rename(path, &aside) {
                tracing::warn!("the state {shown} could not be put aside: {error}");
            }
            Saved::default()
        }
    }
}

/// Whether a file can be made where the new one will grow.
fn writable(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(directory)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(beside(path, ".new")).map(drop)
}
