//! VRFs: names, tables, and the tries that are their FIBs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ferroute_dataplane::fib::{FibError, Ruin, Trie};
use ferroute_dataplane::ids::{NextHopId, VrfId};
use ferroute_dataplane::snapshot;
use ipnet::IpNet;

use super::link::namespace_path;
use super::router::Router;
use crate::model::name::VrfName;
use crate::model::vrf::{VrfError, VrfSpec, VrfView};
use crate::nexthop::{NextHopSet, SetView};

/// Most VRFs of one router.
pub const MAX_VRFS: usize = 4096;

/// Groups of a FIB's new root that one piece of background work builds: some 0.3 ms.
const RESIZE_GROUPS: usize = 1024;
/// Entries of a removed VRF's FIB that one piece of background work goes over: some 0.3 ms.
const RAZED_ENTRIES: usize = 1 << 16;

/// A VRF with its FIBs.
#[derive(Debug)]
pub struct Vrf {
    /// What it shall be.
    pub spec: VrfSpec,
    /// Its IPv4 FIB.
    pub ipv4: Trie<u32>,
    /// Its IPv6 FIB.
    pub ipv6: Trie<u128>,
}

impl Vrf {
    /// Writes one prefix of the FIB; `next_hop` is `None` where it goes, and then `covering` tells the next hop of
    /// a shorter prefix that exists.
    ///
    /// # Errors
    /// [`FibError`]; the FIB is as it was.
    pub fn write(
        &mut self,
        prefix: IpNet,
        next_hop: Option<NextHopId>,
        covering: impl FnOnce(IpNet) -> NextHopId,
    ) -> Result<(), FibError> {
        match (prefix, next_hop) {
            (IpNet::V4(net), Some(id)) => self.ipv4.set(net, id),
            (IpNet::V6(net), Some(id)) => self.ipv6.set(net, id),
            (IpNet::V4(net), None) => {
                self.ipv4.remove(net, |parent| covering(parent.into()));
                Ok(())
            }
            (IpNet::V6(net), None) => {
                self.ipv6.remove(net, |parent| covering(parent.into()));
                Ok(())
            }
        }
    }

    /// Whether a FIB is on its way to a root that fits it.
    fn is_resizing(&self) -> bool {
        self.ipv4.is_resizing() || self.ipv6.is_resizing()
    }
}

/// All VRFs.
#[derive(Debug, Default)]
pub struct Vrfs {
    by_id: BTreeMap<VrfId, Vrf>,
    by_name: BTreeMap<VrfName, VrfId>,
    /// Those whose routes are on their way out of the RIB.
    leaving: BTreeSet<VrfId>,
    /// Those that may have a FIB on its way to a root that fits it.
    resizing: BTreeSet<VrfId>,
    /// FIBs of removed ones that still hold memory.
    ruins: VecDeque<(Ruin<u32>, Ruin<u128>)>,
}

impl Vrfs {
    /// The VRF of this name.
    #[must_use]
    pub fn id(&self, name: &VrfName) -> Option<VrfId> {
        self.by_name.get(name).copied()
    }

    /// The VRF.
    #[must_use]
    pub fn get(&self, id: VrfId) -> Option<&Vrf> {
        self.by_id.get(&id)
    }

    /// The VRF, to write its FIB.
    #[must_use]
    pub fn get_mut(&mut self, id: VrfId) -> Option<&mut Vrf> {
        self.by_id.get_mut(&id)
    }

    /// Its name; that of the default VRF for one that does not exist.
    #[must_use]
    pub fn name(&self, id: VrfId) -> VrfName {
        self.by_id.get(&id).map(|v| v.spec.name).unwrap_or_default()
    }

    /// All, by number; the default one is the first.
    pub fn iter(&self) -> impl Iterator<Item = (VrfId, &Vrf)> {
        self.by_id.iter().map(|(id, vrf)| (*id, vrf))
    }

    /// Notes that a VRF's FIB was written, which may have made another root due.
    pub(super) fn written(&mut self, id: VrfId) {
        if self.get(id).is_some_and(Vrf::is_resizing) {
            self.resizing.insert(id);
        }
    }

    /// Goes on with FIBs' roots and with what removed VRFs leave, a piece at a time. False when there is nothing to do.
    pub(super) fn resize(&mut self) -> bool {
        let Some(id) = self.resizing.first().copied() else {
            return self.raze();
        };
        if let Some(vrf) = self.by_id.get_mut(&id) {
            vrf.ipv4.resize(RESIZE_GROUPS);
            vrf.ipv6.resize(RESIZE_GROUPS);
            if vrf.is_resizing() {
                return true;
            }
        }
        self.resizing.remove(&id);
        true
    }

    fn raze(&mut self) -> bool {
        let Some((ipv4, ipv6)) = self.ruins.front_mut() else {
            return false;
        };
        if ipv4.step(RAZED_ENTRIES) && ipv6.step(RAZED_ENTRIES) {
            self.ruins.pop_front();
        }
        true
    }

    /// Says that the last route of a removed VRF is gone.
    pub(super) fn left(&mut self, id: VrfId) {
        self.leaving.remove(&id);
    }

    fn free_id(&self) -> VrfId {
        let taken = |id: &u32| {
            let id = VrfId::new(*id);
            self.by_id.contains_key(&id) || self.leaving.contains(&id)
        };
        VrfId::new((0..).find(|id| !taken(id)).unwrap_or_default())
    }
}

impl Router {
    /// Makes a VRF with empty tables.
    ///
    /// # Errors
    /// [`VrfError`]; nothing was made then.
    pub(super) fn create_vrf(&mut self, spec: VrfSpec) -> Result<VrfView, VrfError> {
        if self.vrfs.id(&spec.name).is_some() {
            return Err(VrfError::NameTaken { name: spec.name });
        }
        let twice = |v: &&Vrf| spec.table_id.is_some() && v.spec.table_id == spec.table_id;
        if let (Some(table_id), Some(other)) = (spec.table_id, self.vrfs.by_id.values().find(twice))
        {
            return Err(VrfError::TableTaken {
                table_id,
                vrf: other.spec.name,
            });
        }
        let full = || VrfError::TooManyVrfs { limit: MAX_VRFS };
        let id = self.vrfs.free_id();
        if id.index() >= MAX_VRFS {
            return Err(full());
        }
        if let Some(namespace) = &spec.namespace
            && !namespace_path(namespace.as_str()).exists()
        {
            return Err(VrfError::UnknownNamespace {
                namespace: namespace.clone(),
            });
        }
        let arena = &self.plane.draft().arena;
        let (Ok(ipv4), Ok(ipv6)) = (Trie::new(arena), Trie::new(arena)) else {
            return Err(full());
        };
        self.rib.add_vrf(id).map_err(|_| full())?;
        let tables = snapshot::Vrf {
            ipv4: ipv4.reader(),
            ipv6: ipv6.reader(),
        };
        self.plane.edit().vrfs.set(id.index(), Some(tables));
        self.vrfs.by_name.insert(spec.name, id);
        self.vrfs.by_id.insert(id, Vrf { spec, ipv4, ipv6 });
        self.plane.publish();
        self.vrf_view(id)
    }

    /// Removes a VRF that no interface and no next hop names, with its routes.
    ///
    /// # Errors
    /// [`VrfError`]; it stays then.
    pub(super) fn delete_vrf(&mut self, name: VrfName) -> Result<(), VrfError> {
        let id = self
            .vrfs
            .id(&name)
            .ok_or(VrfError::UnknownVrf { vrf: name })?;
        if id == VrfId::DEFAULT {
            return Err(VrfError::DefaultVrf);
        }
        let interfaces = self.interfaces.in_vrf(id).count();
        let leads = |set: &SetView<'_>| set.routes > 0 && *set.declared == NextHopSet::Vrf(id);
        let next_hops = self.hops.iter().filter(leads).count();
        if interfaces + next_hops > 0 {
            return Err(VrfError::InUse {
                vrf: name,
                interfaces,
                next_hops,
            });
        }
        if self.rib.remove_vrf(id).is_ok() {
            self.vrfs.leaving.insert(id);
        }
        self.vrfs.by_name.remove(&name);
        // The workers lose sight of the tables before these give their memory back; what still
        // names the VRF finds none and drops.
        self.plane.edit().vrfs.set(id.index(), None);
        self.plane.publish();
        if let Some(Vrf { ipv4, ipv6, .. }) = self.vrfs.by_id.remove(&id) {
            self.vrfs.ruins.push_back((ipv4.into(), ipv6.into()));
        }
        self.finish();
        Ok(())
    }

    /// A VRF as clients see it.
    pub(super) fn vrf_view(&self, id: VrfId) -> Result<VrfView, VrfError> {
        let vrf = self.vrfs.get(id).ok_or_else(|| VrfError::UnknownVrf {
            vrf: self.vrfs.name(id),
        })?;
        Ok(VrfView {
            spec: vrf.spec.clone(),
            id,
            interfaces: self.interfaces.in_vrf(id).map(|i| i.name).collect(),
            ipv4_prefixes: vrf.ipv4.len() as u64,
            ipv6_prefixes: vrf.ipv6.len() as u64,
        })
    }
}
