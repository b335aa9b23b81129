//! Neighbours, as the core needs them: adjacencies, host routes, and clients' questions.

use std::net::IpAddr;
use std::time::Duration;

use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;
use tokio::sync::oneshot;

use super::request::Reply;
use super::router::Router;
use crate::api::saved::encode;
use crate::exception::command::Command;
use crate::exception::output::Told;
use crate::model::belonging::Belonging;
use crate::model::event::{Change, Happening};
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::neighbour::{
    NeighbourError, NeighbourFilter, NeighbourSpec, NeighbourState, NeighbourView,
};
use crate::model::page::{NeighbourCursor, PAGE_ITEMS, Page};
use crate::model::prefix::Family;
use crate::model::saved::{SavedNeighbour, Thing, ThingKey};
use crate::neighbour::{self, Neighbour, NeighbourEvent, NeighbourKey};
use crate::nexthop::NextHopSet;
use crate::rib::Attributes;

/// The distance of host routes to neighbours: whoever says anything else about a host is preferred.
const NEIGHBOUR_DISTANCE: u8 = 255;
/// Neighbours of one page as the exception path gives them.
const PAGE: usize = PAGE_ITEMS;

/// A question to the exception path whose answer the core passes on.
pub(super) struct Asked<T> {
    pub(super) answer: oneshot::Receiver<T>,
}

impl<T> Asked<T> {
    /// Asks, and waits: the exception path answers within a turn of its loop.
    fn wait(self) -> Option<T> {
        self.answer.blocking_recv().ok()
    }
}

impl Router {
    fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Asked<T> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply));
        Asked { answer }
    }

    /// Takes what the exception path learned.
    pub(super) fn learn(&mut self, told: Told) {
        match told {
            Told::Resolved(key, mac) => self.neighbour_has(key, Some(mac)),
            Told::Lost(key, _) => self.neighbour_has(key, None),
            Told::Event(NeighbourEvent::AddressConflict { key, mac }) => {
                let interface = self.interfaces.get(key.interface).map(|i| i.name);
                let message = format!("{mac} claims our address {key}");
                tracing::warn!(?interface, "{message}");
                self.tell(Happening::Refusal {
                    owner: None,
                    reason: "ADDRESS_CONFLICT",
                    message,
                });
            }
            Told::Seen(seen) => self.see_station(seen),
            Told::PathMtu(report) => self.learn_path_mtu(&report),
            Told::TwinGone(id) => self.restore_twin(id),
            Told::Event(event) => tracing::debug!(?event, "neighbour"),
        }
    }

    fn neighbour_has(&mut self, key: NeighbourKey, mac: Option<Mac>) {
        let before = self.forwarding.adjacencies.mac(&key);
        if !self.forwarding.set_mac(key, mac, &mut self.plane) {
            return;
        }
        // The rewrite first, on its own: everything else may wait.
        self.plane.publish();
        self.note_neighbour(key, mac, false);
        if before.is_some() != mac.is_some() {
            self.sync_neighbour_route(key, mac.is_some());
            self.finish();
        }
        let change = match (before, mac) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        if let Some(interface) = self.interfaces.get(key.interface) {
            let state = if mac.is_some() {
                NeighbourState::Reachable
            } else {
                NeighbourState::Failed
            };
            let neighbour = NeighbourView {
                interface: interface.name,
                address: key.address,
                mac,
                state,
                router: false,
                confirmed: None,
                held_packets: 0,
                owner: self.owner_of(&Belonging::Neighbour(interface.name, key.address)),
            };
            self.tell(Happening::Neighbour { change, neighbour });
        }
    }

    /// Gives a neighbour on a connected prefix its host route, or takes it away, so that workers need no
    /// help to reach it.
    fn sync_neighbour_route(&mut self, key: NeighbourKey, present: bool) {
        if matches!(key.address, IpAddr::V6(a) if a.is_unicast_link_local()) {
            return;
        }
        let prefix = IpNet::from(key.address);
        let session = self.own.neighbour;
        if let Some(vrf) = self.neighbour_routes.remove(&key)
            && self
                .rib
                .remove(&mut self.hops, session, vrf, prefix, &mut self.changes)
                .is_err()
        {
            tracing::debug!(%key, "the host route of a neighbour was gone");
        }
        let Some(interface) = self.interfaces.get(key.interface).filter(|_| present) else {
            return;
        };
        let vrf = interface.vrf;
        if !interface
            .addresses
            .iter()
            .any(|a| a.net().contains(&key.address))
        {
            return;
        }
        let set = self
            .hops
            .intern(NextHopSet::neighbour(key.interface, key.address), &self.rib);
        let Ok(set) = set else { return };
        self.forwarding.note_host(set);
        let attributes = Attributes {
            distance: NEIGHBOUR_DISTANCE,
            metric: 0,
            set,
        };
        match self.rib.insert(
            &mut self.hops,
            session,
            vrf,
            prefix,
            attributes,
            &mut self.changes,
        ) {
            Ok(_) => drop(self.neighbour_routes.insert(key, vrf)),
            Err(error) => tracing::debug!(%key, %error, "a neighbour has no host route"),
        }
    }

    /// Tells the exception path which neighbours traffic went to since the last time.
    pub(super) fn note_used(&mut self) {
        let workers = self.hardware.workers();
        let mut used = Vec::new();
        for (id, key) in self.forwarding.adjacencies.iter() {
            let packets = workers
                .iter()
                .map(|w| w.counters.adjacency(id).packets.get())
                .sum();
            if self.samples.adjacency_moved(id, packets) {
                used.push(key);
            }
        }
        if !used.is_empty() {
            self.send(Command::Used(used));
        }
    }

    fn link_of(&self, name: InterfaceName) -> Result<&super::interface::Interface, NeighbourError> {
        let interface = self
            .interfaces
            .named(&name)
            .ok_or(NeighbourError::UnknownInterface { interface: name })?;
        if !interface.has_link() {
            Err(NeighbourError::InterfaceKind { interface: name })
        } else {
            Ok(interface)
        }
    }

    /// Sets a neighbour for good, in somebody's name or nobody's.
    ///
    /// # Errors
    /// [`NeighbourError`]; nothing changed then.
    pub(super) fn add_neighbour(
        &mut self,
        spec: NeighbourSpec,
        owner: Option<OwnerName>,
    ) -> Result<NeighbourView, NeighbourError> {
        let speaker = self.speaker(owner)?;
        let interface = self.link_of(spec.interface)?;
        if interface
            .addresses
            .iter()
            .any(|a| a.address() == spec.address)
        {
            return Err(NeighbourError::OwnAddress {
                address: spec.address,
            });
        }
        let key = NeighbourKey::new(interface.id, spec.address);
        let asked = self
            .ask(|reply| Command::AddPermanent(key, spec.mac, reply))
            .wait();
        let known = match asked {
            Some(Err(full)) => return Err(NeighbourError::TableFull { limit: full.most }),
            Some(Ok(known)) => known,
            None => false,
        };
        let thing = Belonging::Neighbour(spec.interface, spec.address);
        self.own(thing, speaker, known);
        self.neighbour_has(key, Some(spec.mac));
        self.note_neighbour(key, Some(spec.mac), true);
        Ok(NeighbourView {
            interface: spec.interface,
            address: spec.address,
            mac: Some(spec.mac),
            state: NeighbourState::Permanent,
            router: false,
            confirmed: None,
            held_packets: 0,
            owner: self.owner_of(&thing),
        })
    }

    /// Deletes a neighbour.
    ///
    /// # Errors
    /// [`NeighbourError::UnknownNeighbour`].
    pub(super) fn delete_neighbour(
        &mut self,
        interface: InterfaceName,
        address: IpAddr,
    ) -> Result<(), NeighbourError> {
        let key = NeighbourKey::new(self.link_of(interface)?.id, address);
        match self.ask(|reply| Command::Delete(key, reply)).wait() {
            Some(true) => {
                self.disown(&Belonging::Neighbour(interface, address));
                self.neighbour_has(key, None);
                Ok(())
            }
            _ => Err(NeighbourError::UnknownNeighbour { interface, address }),
        }
    }

    /// Deletes learned neighbours; says how many.
    ///
    /// # Errors
    /// [`NeighbourError`] for a name that is unknown.
    pub(super) fn flush_neighbours(
        &mut self,
        filter: NeighbourFilter,
    ) -> Result<u64, NeighbourError> {
        let mut flushed = 0;
        let mut after = None;
        loop {
            let page = self.neighbours_after(after);
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            for found in page {
                if found.state != neighbour::NeighbourState::Permanent
                    && self.matches(&filter, &found)?
                {
                    flushed += u64::from(
                        self.ask(|reply| Command::Delete(found.key, reply)).wait() == Some(true),
                    );
                    self.neighbour_has(found.key, None);
                }
            }
        }
        Ok(flushed)
    }

    /// Notes what has become of a neighbour.
    fn note_neighbour(&mut self, key: NeighbourKey, mac: Option<Mac>, permanent: bool) {
        let Some(interface) = self.interfaces.get(key.interface).map(|i| i.name) else {
            return;
        };
        if !self.journal.is_on() {
            return;
        }
        let address = key.address;
        let value = mac.map(|mac| {
            encode(Thing::Neighbour(SavedNeighbour {
                interface,
                address,
                mac,
                permanent,
            }))
        });
        let key = ThingKey::Neighbour(interface, address).bytes();
        self.journal.thing(&key, value.as_deref());
    }

    /// One page of neighbours as the exception path has them.
    pub(super) fn neighbours_after(&self, after: Option<NeighbourKey>) -> Vec<Neighbour> {
        self.ask(|reply| Command::List(after, PAGE, reply))
            .wait()
            .unwrap_or_default()
    }

    fn matches(&self, filter: &NeighbourFilter, found: &Neighbour) -> Result<bool, NeighbourError> {
        if let Some(interface) = filter.interface {
            self.interfaces
                .id(&interface)
                .ok_or(NeighbourError::UnknownInterface { interface })?;
        }
        if let Some(vrf) = filter.vrf {
            self.vrfs
                .id(&vrf)
                .ok_or(NeighbourError::UnknownVrf { vrf })?;
        }
        let Some(on) = self.interfaces.get(found.key.interface) else {
            return Ok(false);
        };
        Ok(filter.interface.is_none_or(|name| name == on.name)
            && filter
                .vrf
                .is_none_or(|vrf| self.vrfs.id(&vrf) == Some(on.vrf))
            && filter
                .family
                .is_none_or(|family| family == Family::of(found.key.address))
            && filter.state.is_none_or(|state| state == found.state))
    }

    /// Answers with one page of neighbours.
    pub(super) fn list_neighbours(
        &self,
        filter: &NeighbourFilter,
        after: Option<NeighbourCursor>,
        reply: Reply<Page<NeighbourView, NeighbourCursor>, NeighbourError>,
    ) {
        drop(reply.send(self.neighbour_page(filter, after)));
    }

    fn neighbour_page(
        &self,
        filter: &NeighbourFilter,
        after: Option<NeighbourCursor>,
    ) -> Result<Page<NeighbourView, NeighbourCursor>, NeighbourError> {
        // Names that do not exist are refused even where there is nothing to list.
        if let Some(interface) = filter.interface {
            self.interfaces
                .id(&interface)
                .ok_or(NeighbourError::UnknownInterface { interface })?;
        }
        if let Some(vrf) = filter.vrf {
            self.vrfs
                .id(&vrf)
                .ok_or(NeighbourError::UnknownVrf { vrf })?;
        }
        // The order is the exception path's, by interface number; a cursor's interface may be gone by now.
        let after = match after {
            Some(at) => match self.interfaces.id(&at.interface) {
                Some(id) => Some(NeighbourKey::new(id, at.address)),
                None => {
                    return Ok(Page {
                        items: Vec::new(),
                        next: None,
                    });
                }
            },
            None => None,
        };
        let found = self.neighbours_after(after);
        let full = found.len() == PAGE;
        let last = found.last().and_then(|n| self.cursor(n));
        let mut items = Vec::new();
        for neighbour in &found {
            if self.matches(filter, neighbour)? {
                items.extend(self.neighbour_view(neighbour));
            }
        }
        Ok(Page {
            items,
            next: last.filter(|_| full),
        })
    }

    fn cursor(&self, found: &Neighbour) -> Option<NeighbourCursor> {
        let interface = self.interfaces.get(found.key.interface)?.name;
        Some(NeighbourCursor {
            interface,
            address: found.key.address,
        })
    }

    fn neighbour_view(&self, found: &Neighbour) -> Option<NeighbourView> {
        let now_ns = self.now_ns();
        let interface = self.interfaces.get(found.key.interface)?.name;
        Some(NeighbourView {
            interface,
            address: found.key.address,
            mac: found.mac,
            state: found.state,
            router: found.router,
            confirmed: found
                .confirmed_ns
                .map(|at| Duration::from_nanos(now_ns.saturating_sub(at))),
            held_packets: u32::try_from(found.held).unwrap_or(u32::MAX),
            owner: self.owner_of(&Belonging::Neighbour(interface, found.key.address)),
        })
    }
}
