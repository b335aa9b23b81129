//! Bridge domains and stations as clients see them.

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::BridgeId;
use ferroute_dataplane::mac::Mac;

use super::domain::Domain;
use crate::core::router::Router;
use crate::model::bridge::{
    DomainCounters, DomainCursor, DomainError, DomainSpec, DomainView, GatewaySpec, StationCursor,
    StationFilter, StationView,
};
use crate::model::name::DomainName;
use crate::model::page::{PAGE_ITEMS, Page};

impl Router {
    /// A domain.
    ///
    /// # Errors
    /// [`DomainError::UnknownDomain`].
    pub(in crate::core) fn domain_view(
        &self,
        name: &DomainName,
    ) -> Result<DomainView, DomainError> {
        let (id, domain) = self.bridging.named(name)?;
        let name_of = |id| self.interfaces.get(id).map(|i| i.name);
        let gateway = domain.gateway.map(|gateway| GatewaySpec {
            interface: name_of(gateway.interface),
            ..gateway.spec
        });
        let endpoint = |id| self.overlay.endpoints.get(id).map(|e| e.spec.name);
        Ok(DomainView {
            spec: DomainSpec {
                name: *name,
                members: domain.members().filter_map(name_of).collect(),
                policy: domain.policy,
                gateway,
            },
            id,
            vni: domain.vni.and_then(|(id, vni)| Some((endpoint(id)?, vni))),
            flood: domain.flood.keys().copied().collect(),
            stations: self.bridging.stations.count(id),
            counters: self.domain_counters(id, domain),
        })
    }

    fn domain_counters(&self, id: BridgeId, domain: &Domain) -> DomainCounters {
        DomainCounters {
            stations: domain.counters,
            ..self.bridge_counters(id)
        }
    }

    /// What was counted for a domain's number, but for stations.
    pub(in crate::core) fn bridge_counted(&self, id: BridgeId) -> DomainCounters {
        let mut sum = DomainCounters {
            answered: self.exception_counters.answered(id).get(),
            ..DomainCounters::default()
        };
        for worker in self.hardware.workers() {
            let counted = worker.counters.bridge(id);
            sum.frames.packets += counted.frames.packets.get();
            sum.frames.bytes += counted.frames.bytes.get();
            sum.flooded += counted.flooded.get();
            sum.copies += counted.copies.get();
            sum.gateway += counted.gateway.get();
            sum.dropped += counted.dropped.get();
            sum.learn_lost += counted.learn_lost.get();
            sum.local_bias += counted.local_bias.get();
            sum.not_designated += counted.not_designated.get();
        }
        sum
    }

    /// One page of domains, by name.
    pub(in crate::core) fn domain_page(
        &self,
        after: Option<DomainCursor>,
    ) -> Page<DomainView, DomainCursor> {
        let names = self.bridging.names();
        let names = names.filter(|name| after.is_none_or(|after| *name > after));
        let views = names.filter_map(|name| self.domain_view(&name).ok());
        Page::filled(views.take(PAGE_ITEMS).collect(), |view| view.spec.name)
    }

    /// One page of stations, by the domain's number and address.
    ///
    /// # Errors
    /// [`DomainError::UnknownDomain`].
    pub(in crate::core) fn station_page(
        &self,
        filter: &StationFilter,
        after: Option<StationCursor>,
    ) -> Result<Page<StationView, StationCursor>, DomainError> {
        let domain = filter.domain.map(|name| self.bridging.id(&name));
        let domain = domain.transpose()?;
        let first = domain.map(|id| FdbKey::new(id, Mac::ZERO));
        let stations = self.bridging.stations.after(after.or(first));
        let here = |key: FdbKey| domain.is_none_or(|id| key.bridge() == id);
        let some: Vec<_> = stations
            .take_while(|(key, _)| here(*key))
            .take(PAGE_ITEMS)
            .collect();
        let next = some.last().filter(|_| some.len() == PAGE_ITEMS);
        let next = next.map(|(key, _)| *key);
        let views = some
            .iter()
            .filter(|(_, station)| filter.kind.is_none_or(|kind| station.kind() == Some(kind)));
        let views = views.filter_map(|(key, station)| self.station_view(*key, station));
        Ok(Page {
            items: views.collect(),
            next,
        })
    }
}
