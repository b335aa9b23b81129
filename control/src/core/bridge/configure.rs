//! Making, changing and removing bridge domains and their members.

use std::collections::BTreeSet;
use std::sync::Arc;

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::{BridgeId, EndpointId, InterfaceId};
use ferroute_dataplane::policer::Rate;
use ferroute_dataplane::snapshot::bridge::{Bridge, BridgePolicy};
use ferroute_dataplane::wire::vxlan::Vni;

use super::audience::segmented;
use super::station::{Learned, Station};
use crate::core::router::Router;
use crate::model::belonging::Belonging;
use crate::model::bridge::{
    DomainError, DomainSpec, DomainView, StationCause, StationCounters, StationKind,
};
use crate::model::event::Change;
use crate::model::interface::{InterfaceKind, VirtualKind};
use crate::model::name::{DomainName, InterfaceName};
use crate::model::saved::ThingKey;

/// Numbers that domains can have.
const MAX_DOMAINS: usize = u16::MAX as usize;

impl Router {
    /// Makes a bridge domain.
    ///
    /// # Errors
    /// [`DomainError`]; nothing was made then.
    pub(in crate::core) fn create_domain(
        &mut self,
        spec: &DomainSpec,
    ) -> Result<DomainView, DomainError> {
        let name = spec.name;
        if self.bridging.id(&name).is_ok() {
            return Err(DomainError::DomainTaken { domain: name });
        }
        let members = self.check_members(&spec.members, None)?;
        let id = self.bridging.add(name, spec.policy);
        let id = id.ok_or(DomainError::TooManyDomains { limit: MAX_DOMAINS })?;
        self.count_bridge(id);
        if let Err(error) = self.set_gateway(id, spec.gateway) {
            self.bridging.remove(id);
            return Err(error);
        }
        self.set_members(id, members);
        self.domain_view(&name)
    }

    /// Gives a bridge domain another spec.
    ///
    /// # Errors
    /// [`DomainError`]; it is as it was then.
    pub(in crate::core) fn change_domain(
        &mut self,
        spec: &DomainSpec,
    ) -> Result<DomainView, DomainError> {
        let id = self.bridging.id(&spec.name)?;
        let members = self.check_members(&spec.members, Some(id))?;
        self.set_gateway(id, spec.gateway)?;
        if let Some(domain) = self.bridging.get_mut(id) {
            domain.policy = spec.policy;
        }
        self.set_members(id, members);
        let heard = self
            .bridging
            .get(id)
            .is_some_and(|domain| !domain.heard.is_empty());
        if heard && !spec.policy.learn_remote {
            self.forget_heard(id);
        }
        self.domain_view(&spec.name)
    }

    /// Removes a bridge domain.
    ///
    /// # Errors
    /// [`DomainError`]; it stays then.
    pub(in crate::core) fn delete_domain(&mut self, name: DomainName) -> Result<(), DomainError> {
        let (id, domain) = self.bridging.named(&name)?;
        if let Some((_, vni)) = domain.vni {
            return Err(DomainError::DomainInUse { domain: name, vni });
        }
        self.set_gateway(id, None)?;
        self.set_members(id, BTreeSet::new());
        self.forget_stations(id, |_| Station::default());
        self.bridging.remove(id);
        self.plane.edit().bridges.set(id.index(), None);
        self.finish();
        Ok(())
    }

    /// Puts an interface into a domain.
    ///
    /// # Errors
    /// [`DomainError`]; it is where it was then.
    pub(in crate::core) fn add_member(
        &mut self,
        name: DomainName,
        interface: InterfaceName,
    ) -> Result<DomainView, DomainError> {
        let (id, domain) = self.bridging.named(&name)?;
        let mut members = domain.members.clone();
        let added = self.check_members(&[interface], None)?;
        members.extend(added);
        self.set_members(id, members);
        self.domain_view(&name)
    }

    /// Takes a member out of a domain.
    ///
    /// # Errors
    /// [`DomainError::UnknownDomain`], [`DomainError::NoMember`].
    pub(in crate::core) fn remove_member(
        &mut self,
        name: DomainName,
        interface: InterfaceName,
    ) -> Result<DomainView, DomainError> {
        let (id, domain) = self.bridging.named(&name)?;
        let mut members = domain.members.clone();
        let known = self.interfaces.id(&interface);
        if !known.is_some_and(|member| members.remove(&member)) {
            return Err(DomainError::NoMember {
                interface,
                domain: name,
            });
        }
        self.set_members(id, members);
        self.domain_view(&name)
    }

    /// Takes an interface that goes out of its domain.
    pub(in crate::core) fn leave_domain(&mut self, interface: InterfaceId) {
        let bridge = self.interfaces.get(interface).and_then(|i| i.bridge);
        let Some((id, domain)) = bridge.and_then(|id| Some((id, self.bridging.get(id)?))) else {
            return;
        };
        let mut members = domain.members.clone();
        if members.remove(&interface) {
            self.set_members(id, members);
        }
    }

    /// The interfaces of these names, if they can be members of the domain; those that are ([`None`] for no domain) may
    /// stay.
    fn check_members(
        &self,
        names: &[InterfaceName],
        of: Option<BridgeId>,
    ) -> Result<BTreeSet<InterfaceId>, DomainError> {
        let mut members = BTreeSet::new();
        for name in names {
            let found = self.interfaces.named(name);
            let found = found.ok_or(DomainError::UnknownInterface { interface: *name })?;
            let interface = *name;
            let kind = found.kind;
            let vlan = matches!(kind, InterfaceKind::Virtual(VirtualKind::Vlan { .. }));
            if kind != InterfaceKind::Port && !vlan {
                return Err(DomainError::MemberKind { interface });
            }
            let elsewhere = found.bridge.filter(|bridge| Some(*bridge) != of);
            if let Some(other) = elsewhere.and_then(|id| self.bridging.get(id)) {
                return Err(DomainError::MemberTaken {
                    interface,
                    domain: other.name(),
                });
            }
            if !found.addresses.is_empty() {
                return Err(DomainError::MemberAddresses { interface });
            }
            members.insert(found.id);
        }
        Ok(members)
    }

    /// Makes these the members of a domain, and writes it.
    fn set_members(&mut self, id: BridgeId, members: BTreeSet<InterfaceId>) {
        let Some(domain) = self.bridging.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut domain.members, members.clone());
        self.write_domain(id);
        for member in before.difference(&members) {
            self.move_into(*member, None);
            self.forget_stations(id, |station| Station {
                learned: station.learned.filter(|l| l.member() != Some(*member)),
                fixed: station.fixed.filter(|fixed| fixed != member),
                ..station
            });
        }
        for member in members.difference(&before) {
            self.move_into(*member, Some(id));
        }
        // Its MTU follows the members'.
        let gateway = self.bridging.get(id).and_then(|d| d.gateway);
        if let Some(gateway) = gateway {
            self.sync_interface(gateway.interface);
        }
        self.finish();
        self.follow_paths_in(id);
    }

    fn move_into(&mut self, member: InterfaceId, bridge: Option<BridgeId>) {
        if let Some(interface) = self.interfaces.get_mut(member) {
            interface.bridge = bridge;
            if let Some(port) = interface.port {
                self.follow_members(port);
            }
        }
        // Its link-local address comes and goes, which only a twin could refuse.
        if let Err(message) = self.sync_twin(member) {
            tracing::warn!(%message, "the twin of a member was not changed");
        }
        self.sync_interface(member);
        self.tell_interface(Change::Changed, member);
    }

    /// Forgets the stations of a domain that were learned at these members.
    pub(super) fn forget_learned_at(&mut self, id: BridgeId, members: &BTreeSet<InterfaceId>) {
        let there = |learned: &Learned| learned.member().is_some_and(|m| members.contains(&m));
        self.forget_stations(id, |station| Station {
            learned: station.learned.filter(|learned| !there(learned)),
            ..station
        });
    }

    /// Makes a change of all stations of a domain.
    pub(super) fn forget_stations(&mut self, id: BridgeId, left: impl Fn(Station) -> Station) {
        let of = self.bridging.stations.of(id);
        let changed: Vec<(FdbKey, Station)> = of
            .map(|(key, station)| (key, *station))
            .filter(|(_, station)| left(*station) != *station)
            .collect();
        for (key, before) in changed {
            let station = left(before);
            if let Err(error) = self.write_station(key, station) {
                tracing::warn!(%error, "a station stays");
                continue;
            }
            if let Some(remote) = before.remote.filter(|_| station.remote.is_none()) {
                self.let_go_way(remote.way);
            }
            if before.kind() != Some(StationKind::Gateway) && before.target() != station.target() {
                self.tell_station(key, &before, StationCause::Configured);
            }
        }
    }

    /// Writes a domain into the draft.
    pub(super) fn write_domain(&mut self, id: BridgeId) {
        let Some(domain) = self.bridging.get(id) else {
            return;
        };
        let policy = domain.policy;
        let storm = policy.flood.map(|rate| {
            Rate::new(
                rate.packets_per_second,
                rate.burst_packets,
                self.settings.ticks_hz,
            )
        });
        let attached = self.attached(domain);
        let active = attached
            .iter()
            .filter(|(_, on)| on.is_none_or(|s| !s.is_standby()));
        let segments = segmented(&attached).map(Arc::new);
        let heard = domain
            .heard
            .iter()
            .map(|(address, end)| (*address, end.tunnel));
        let hears = policy.learn_remote && domain.vni.is_some();
        let asks_source = hears || segments.is_some();
        let bridge = Bridge {
            members: active.map(|(member, _)| *member).collect(),
            flood: domain.flood.values().copied().collect(),
            gateway: domain.gateway.map(|gateway| gateway.interface),
            policy: BridgePolicy {
                learn: policy.learn,
                unknown_unicast: policy.unknown_unicast,
                broadcast: policy.broadcast,
                multicast: policy.multicast,
                suppress: policy.suppress,
                storm,
            },
            segments,
            heard: hears.then(|| Arc::new(heard.collect())),
        };
        let told = domain.vni.filter(|_| asks_source != domain.asks_source);
        if let Some((endpoint, _)) = told {
            self.overlay.stale_endpoints.insert(endpoint);
        }
        self.plane.edit().bridges.set(id.index(), Some(bridge));
        if let Some(domain) = self.bridging.get_mut(id) {
            domain.asks_source = asks_source;
        }
    }

    /// Notes that a VXLAN network leads to a domain now.
    pub(in crate::core) fn attach_vni(&mut self, id: BridgeId, endpoint: EndpointId, vni: Vni) {
        if let Some(domain) = self.bridging.get_mut(id) {
            domain.vni = Some((endpoint, vni));
        }
        self.write_domain(id);
    }

    /// Takes a domain's VXLAN network away, with its remote stations and its flood list.
    pub(in crate::core) fn detach_vni(&mut self, id: BridgeId) {
        let Some(domain) = self.bridging.get_mut(id) else {
            return;
        };
        let flood = std::mem::take(&mut domain.flood);
        self.write_domain(id);
        self.plane.publish();
        self.forget_stations(id, |station| Station {
            remote: None,
            ..station
        });
        self.forget_heard(id);
        let name = self.bridging.get(id).map(|domain| domain.name());
        if let Some(domain) = self.bridging.get_mut(id) {
            domain.vni = None;
        }
        self.write_domain(id);
        for (end, tunnel) in flood {
            self.hops.let_go_tunnel(tunnel);
            if let Some(name) = name {
                self.disown(&Belonging::Flood(name, end));
                self.note_thing(&ThingKey::Flood(name, end));
            }
        }
        self.finish();
    }

    /// Counts what became of a station.
    pub(super) fn count_stations(
        &mut self,
        id: BridgeId,
        which: impl FnOnce(&mut StationCounters) -> &mut u64,
    ) {
        if let Some(domain) = self.bridging.get_mut(id) {
            *which(&mut domain.counters) += 1;
        }
    }
}
