//! Bridge domains as the core holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ferroute_dataplane::fdb::{Fdb, FdbKey};
use ferroute_dataplane::ids::{BridgeId, EndpointId, InterfaceId, TunnelId};
use ferroute_dataplane::wire::vxlan::Vni;

use super::segment::Segments;
use super::stations::Stations;
use crate::model::bridge::{DomainError, DomainPolicy, GatewaySpec, RemoteEnd, StationCounters};
use crate::model::name::DomainName;

/// A bridge domain.
#[derive(Clone, Debug)]
pub(in crate::core) struct Domain {
    pub(super) name: DomainName,
    pub(super) policy: DomainPolicy,
    pub(super) members: BTreeSet<InterfaceId>,
    pub(super) gateway: Option<Gateway>,
    pub(super) vni: Option<(EndpointId, Vni)>,
    /// The tunnels to its remote ends, each held once.
    pub(super) flood: BTreeMap<RemoteEnd, TunnelId>,
    /// The remote ends behind which stations were learned, each with its tunnel held once.
    pub(super) heard: BTreeMap<IpAddr, HeardEnd>,
    /// Whether its endpoint was told that it matters by which remote end frames come.
    pub(super) asks_source: bool,
    pub(super) counters: StationCounters,
}

/// A remote end behind which stations were learned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HeardEnd {
    pub(super) tunnel: TunnelId,
    pub(super) stations: u32,
}

/// The router's own interface in a domain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gateway {
    pub(super) spec: GatewaySpec,
    pub(super) interface: InterfaceId,
}

/// All bridge domains, and the stations in them.
#[derive(Debug)]
pub(in crate::core) struct Bridging {
    by_id: BTreeMap<BridgeId, Domain>,
    by_name: BTreeMap<DomainName, BridgeId>,
    /// The number handed out last. Numbers rest for as long as there are others, because records of learned stations
    /// may still name them.
    last: u16,
    pub(super) stations: Stations,
    pub(super) segments: Segments,
    /// Remote ends behind which there may be no learned station any more.
    pub(super) unheard: BTreeSet<(BridgeId, IpAddr)>,
    pub(super) fdb: Fdb,
    /// The station that was looked at last for its age.
    pub(super) looked_at: Option<FdbKey>,
}

impl Bridging {
    /// No domain.
    pub(in crate::core) fn new(fdb: Fdb) -> Self {
        Self {
            by_id: BTreeMap::new(),
            by_name: BTreeMap::new(),
            last: 0,
            stations: Stations::default(),
            segments: Segments::default(),
            unheard: BTreeSet::new(),
            fdb,
            looked_at: None,
        }
    }

    pub(in crate::core) fn id(&self, name: &DomainName) -> Result<BridgeId, DomainError> {
        let found = self.by_name.get(name).copied();
        found.ok_or(DomainError::UnknownDomain { domain: *name })
    }

    pub(in crate::core) fn get(&self, id: BridgeId) -> Option<&Domain> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: BridgeId) -> Option<&mut Domain> {
        self.by_id.get_mut(&id)
    }

    pub(super) fn named(&self, name: &DomainName) -> Result<(BridgeId, &Domain), DomainError> {
        let id = self.id(name)?;
        let domain = self.by_id.get(&id);
        Ok((
            id,
            domain.ok_or(DomainError::UnknownDomain { domain: *name })?,
        ))
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = DomainName> {
        self.by_name.keys().copied()
    }

    /// Adds an empty one.
    pub(super) fn add(&mut self, name: DomainName, policy: DomainPolicy) -> Option<BridgeId> {
        let numbers = (1..=u16::MAX).map(|step| self.last.wrapping_add(step));
        let mut ids = numbers.filter(|n| *n != 0).map(BridgeId::new);
        let id = ids.find(|id| !self.by_id.contains_key(id))?;
        self.last = id.get();
        self.by_name.insert(name, id);
        self.by_id.insert(
            id,
            Domain {
                name,
                policy,
                members: BTreeSet::new(),
                gateway: None,
                vni: None,
                flood: BTreeMap::new(),
                heard: BTreeMap::new(),
                asks_source: false,
                counters: StationCounters::default(),
            },
        );
        Some(id)
    }

    pub(super) fn remove(&mut self, id: BridgeId) {
        if let Some(domain) = self.by_id.remove(&id) {
            self.by_name.remove(&domain.name);
        }
    }
}

impl Domain {
    /// Its name.
    pub(in crate::core) const fn name(&self) -> DomainName {
        self.name
    }

    /// Its members.
    pub(in crate::core) fn members(&self) -> impl Iterator<Item = InterfaceId> {
        self.members.iter().copied()
    }

    /// Whether a VXLAN network leads to it.
    pub(in crate::core) const fn has_vni(&self) -> bool {
        self.vni.is_some()
    }

    /// Whether it matters by which remote end frames come.
    pub(in crate::core) const fn asks_source(&self) -> bool {
        self.asks_source
    }

    /// The remote end at an address, with the VNI that it expects as far as its place in the flood list tells.
    pub(super) fn end_at(&self, address: IpAddr) -> RemoteEnd {
        let first = RemoteEnd { address, vni: None };
        let known = self.flood.range(first..).next().map(|(end, _)| *end);
        known.filter(|end| end.address == address).unwrap_or(first)
    }

    /// Whether its gateway is to have a kernel twin.
    pub(in crate::core) fn gateway_has_twin(&self) -> bool {
        self.gateway.is_some_and(|gateway| gateway.spec.twin)
    }
}
