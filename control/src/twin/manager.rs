//! The control side: which twins there are, and making them.

use super::error::TwinError;
use super::io::TwinIo;
use super::namespace::{self, Namespace, NamespaceId};
use super::reconcile::{self, Written};
use super::spec::{TwinName, TwinSpec};
use super::tun;
use ferroute_dataplane::ids::InterfaceId;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

struct Twin {
    name: TwinName,
    netns: Option<PathBuf>,
    home: Arc<Namespace>,
    index: u32,
    tap: Arc<OwnedFd>,
    carrier: bool,
    written: Written,
    /// What an earlier process wrote. It stays until all is said that this one wants: an address that went and came
    /// back would take the kernel's routes along.
    left: Vec<IpNet>,
}

/// What an earlier process wrote to a twin that it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftTwin {
    /// Its name.
    pub name: TwinName,
    /// A file of its network namespace; none for the process's own.
    pub netns: Option<PathBuf>,
    /// Its addresses, which are taken away if they are not wanted any more.
    pub addresses: Vec<IpNet>,
}

/// How twins of one process are known to the next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Legacy {
    /// The note (`ifalias`) by which this router knows its own; it begins with [`Legacy::MARK`].
    pub mark: String,
    /// Whether twins stay when the process ends.
    pub persist: bool,
    /// What is known of those that were left.
    pub left: Vec<LeftTwin>,
}

impl Legacy {
    /// How the notes of all routers begin.
    pub const MARK: &str = "ferrouted ";
}

/// The twins of the router. Making and changing one waits for the kernel, so this is not for the packet loop; removing one does
/// not.
///
/// Dropping it removes all twins and waits for that, unless they are to stay.
#[derive(Default)]
pub struct TwinManager {
    legacy: Option<Legacy>,
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

    /// A manager that takes over what an earlier process left.
    #[must_use]
    pub fn after(legacy: Legacy) -> Self {
        let mut manager = Self::default();
        manager.legacy = Some(legacy);
        manager
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
        let twin = Twin::make(home, spec, self.legacy.as_ref())?;
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

    /// Name, namespace and written addresses of the interface's twin.
    #[must_use]
    pub fn written(&self, id: InterfaceId) -> Option<(&TwinName, Option<&Path>, &[IpNet])> {
        let twin = self.twins.get(&id)?;
        Some((&twin.name, twin.netns.as_deref(), &twin.written.addresses))
    }

    /// To be called when all is said that this process wants: takes away what an earlier one wrote to present twins and this
    /// one does not want, and removes what bears our mark and is no twin now, in the namespaces of these paths, of the present
    /// twins, and where something is known to have been left. Says what was removed.
    pub fn sweep(
        &mut self,
        namespaces: impl IntoIterator<Item = Option<PathBuf>>,
    ) -> Vec<(String, Result<(), TwinError>)> {
        let Some(Legacy { mark, left, .. }) = self.legacy.clone() else {
            return Vec::new();
        };
        let known = left.into_iter().map(|twin| twin.netns);
        let present: Vec<_> = self.twins.values().map(|twin| twin.netns.clone()).collect();
        let paths: BTreeSet<_> = namespaces.into_iter().chain(known).chain(present).collect();
        for twin in self.twins.values_mut() {
            if let Err(error) = twin.shed() {
                tracing::warn!(name = %twin.name, %error, "an old address stays");
            }
        }
        let mut removed = Vec::new();
        for path in paths {
            // A namespace that is gone took its netdevs along.
            let Ok(home) = self.enter(path.as_deref()) else {
                continue;
            };
            let of_home = self.twins.values();
            let of_home = of_home.filter(|twin| Arc::ptr_eq(&twin.home, &home));
            let keep: Vec<u32> = of_home.map(|twin| twin.index).collect();
            let mark = mark.clone();
            let swept = home.run(move |netlink| Ok(reconcile::sweep(netlink, &mark, &keep)));
            removed.extend(swept.unwrap_or_default());
        }
        removed
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
        if self.legacy.as_ref().is_some_and(|legacy| legacy.persist) {
            return;
        }
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
    fn make(
        home: Arc<Namespace>,
        spec: &TwinSpec,
        legacy: Option<&Legacy>,
    ) -> Result<Self, TwinError> {
        let name = spec.name.clone();
        let mark = legacy.map(|legacy| legacy.mark.clone());
        let (tap, index) =
            home.run(move |netlink| reconcile::create(netlink, &name, mark.as_deref()))?;
        let left = legacy.into_iter().flat_map(|legacy| &legacy.left);
        let addresses = left
            .filter(|left| left.name == spec.name && left.netns == spec.netns)
            .flat_map(|left| left.addresses.clone());
        let mut twin = Self {
            name: spec.name.clone(),
            netns: spec.netns.clone(),
            home,
            index,
            tap: Arc::new(tap),
            // The kernel makes TAPs with a carrier, and gives it back to one that is opened again.
            carrier: true,
            written: Written::default(),
            left: addresses.collect(),
        };
        // On failure the only descriptor is dropped, and a new TAP with it.
        twin.change(spec)?;
        if let Some(legacy) = legacy {
            tun::set_persistent(twin.tap.as_fd(), legacy.persist).map_err(|errno| {
                TwinError::Link {
                    name: spec.name.clone(),
                    operation: "let it stay",
                    source: errno.into(),
                }
            })?;
        }
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

    /// Takes away what an earlier process wrote and this one does not want.
    fn shed(&mut self) -> Result<(), TwinError> {
        let mut old = std::mem::take(&mut self.left);
        old.retain(|address| !self.written.addresses.contains(address));
        if old.is_empty() {
            return Ok(());
        }
        let (index, name) = (self.index, self.name.clone());
        self.home
            .run(move |netlink| reconcile::take_away(netlink, index, &name, &old))
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
