//! The control side: which twins there are, and making them.

use super::error::TwinError;
use super::io::TwinIo;
use super::namespace::{self, Namespace, NamespaceId};
use super::reconcile::{self, Written};
use super::spec::{TwinName, TwinSpec};
use super::tun;
use ferroute_dataplane::ids::InterfaceId;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Weak};

struct Twin {
    name: TwinName,
    home: Arc<Namespace>,
    index: u32,
    tap: Arc<OwnedFd>,
    carrier: bool,
    written: Written,
}

/// The twins of the router. Making and changing one waits for the kernel, so this is not for the packet loop; removing one does
/// not.
///
/// Dropping it removes all twins, and waits for that.
#[derive(Default)]
pub struct TwinManager {
    twins: BTreeMap<InterfaceId, Twin>,
    /// The threads, one per namespace; each lives as long as a twin there.
    namespaces: BTreeMap<NamespaceId, Weak<Namespace>>,
}

impl TwinManager {
    /// A manager without twins.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the interface's twin what the spec says, and makes it in the first place if it is not
    /// there, has another name or lives in another namespace. Returns the frame side of a twin that
    /// was made, to stand in for the one before.
    ///
    /// # Errors
    /// [`TwinError`]. A twin that could not be made complete is not made at all, and the one before
    /// stays; one that could not be changed keeps what it has, and the next call goes on from there.
    pub fn apply(&mut self, spec: &TwinSpec) -> Result<Option<TwinIo>, TwinError> {
        let home = self.enter(spec.netns.as_deref())?;
        if let Some(twin) = self.twins.get_mut(&spec.id)
            && Arc::ptr_eq(&twin.home, &home)
            && twin.name == spec.name
            && twin.is_there()?
        {
            return twin.change(spec).map(|()| None);
        }
        let twin = Twin::make(home, spec)?;
        let io = TwinIo::new(spec.id, Arc::clone(&twin.tap));
        if let Some(before) = self.twins.insert(spec.id, twin) {
            before.unmake();
        }
        Ok(Some(io))
    }

    /// Has the interface's twin removed, and says whether there was one. The kernel takes milliseconds for it, more while many
    /// change its configuration; a twin that is made in the same namespace afterwards is made after that.
    pub fn remove(&mut self, id: InterfaceId) -> bool {
        self.twins.remove(&id).map(Twin::unmake).is_some()
    }

    /// The index of the interface's twin in its namespace, if there is one.
    #[must_use]
    pub fn ifindex(&self, id: InterfaceId) -> Option<u32> {
        self.twins.get(&id).map(|twin| twin.index)
    }

    /// The interfaces that have twins.
    pub fn ids(&self) -> impl Iterator<Item = InterfaceId> {
        self.twins.keys().copied()
    }

    /// The thread of the namespace that this path stands for now.
    fn enter(&mut self, path: Option<&Path>) -> Result<Arc<Namespace>, TwinError> {
        let path = path.unwrap_or(Path::new("/proc/self/ns/net"));
        let (id, file) = namespace::open(path)?;
        if let Some(running) = self.namespaces.get(&id).and_then(Weak::upgrade) {
            return Ok(running);
        }
        let started = Arc::new(Namespace::start(path, file)?);
        self.namespaces
            .retain(|_, thread| thread.strong_count() > 0);
        self.namespaces.insert(id, Arc::downgrade(&started));
        Ok(started)
    }
}

impl Drop for TwinManager {
    fn drop(&mut self) {
        for (_, twin) in std::mem::take(&mut self.twins) {
            twin.unmake();
        }
        for home in self.namespaces.values().filter_map(Weak::upgrade) {
            // Jobs are done one after the other; a thread that is gone has none.
            let _ = home.run(|_| Ok(()));
        }
    }
}

impl Twin {
    fn make(home: Arc<Namespace>, spec: &TwinSpec) -> Result<Self, TwinError> {
        let name = spec.name.clone();
        let (tap, index) = home.run(move |netlink| reconcile::create(netlink, &name))?;
        let mut twin = Self {
            name: spec.name.clone(),
            home,
            index,
            tap: Arc::new(tap),
            // The kernel makes TAPs with a carrier.
            carrier: true,
            written: Written::default(),
        };
        // On failure the only descriptor is dropped, and the TAP with it.
        twin.change(spec)?;
        Ok(twin)
    }

    fn is_there(&self) -> Result<bool, TwinError> {
        let (index, name) = (self.index, self.name.clone());
        self.home
            .run(move |netlink| reconcile::is_there(netlink, index, &name))
    }

    fn change(&mut self, spec: &TwinSpec) -> Result<(), TwinError> {
        if self.carrier != spec.link {
            tun::set_carrier(self.tap.as_fd(), spec.link).map_err(|errno| TwinError::Link {
                name: self.name.clone(),
                operation: "switch its carrier",
                source: errno.into(),
            })?;
            self.carrier = spec.link;
        }
        let (index, spec, mut written) = (self.index, spec.clone(), self.written.clone());
        let (result, written) = self.home.run(move |netlink| {
            let result = reconcile::reconcile(netlink, index, &spec, &mut written);
            Ok((result, written))
        })?;
        self.written = written;
        result
    }

    fn unmake(self) {
        let (index, name, tap) = (self.index, self.name, self.tap);
        self.home.leave(move |netlink| {
            if let Err(error) = reconcile::remove(netlink, index, &name) {
                tracing::warn!(%error, "a twin was not removed; it goes with its descriptor");
            }
            // Closing the last descriptor of a TAP that is there removes it too, and takes as long.
            drop(tap);
        });
    }
}
