//! What clients say of stations.

use std::net::IpAddr;

use ferroute_dataplane::fdb::FdbKey;
use ferroute_dataplane::ids::{BridgeId, InterfaceId};
use ferroute_dataplane::mac::Mac;

use super::station::{Learned, Refusal, Remote, RemoteWay, Station};
use crate::core::belongings::{Speaker, UnknownOwner};
use crate::core::router::Router;
use crate::model::belonging::Belonging;
use crate::model::bridge::{
    DomainError, FdbChange, Refused, RemoteEnd, RemotePlace, RemoteStation, StationCause,
    StationKind,
};
use crate::model::name::{DomainName, InterfaceName, OwnerName};

impl Router {
    /// Sets and deletes stations, in somebody's name or nobody's. When this returns, the workers forward by them.
    pub(in crate::core) fn change_fdb(
        &mut self,
        changes: &[FdbChange],
        owner: Option<OwnerName>,
    ) -> Refused {
        let speaker = match self.speaker(owner) {
            Ok(speaker) => speaker,
            Err(unknown) => return refuse_all(unknown, changes.len()),
        };
        let mut refused = Refused::new();
        // Ways first: workers must know them before the FDB names them.
        let mut ways = Vec::with_capacity(changes.len());
        for change in changes {
            ways.push(match change {
                FdbChange::PutRemote { domain, remote, .. } => {
                    self.hold_way(*domain, remote.place).map(Some)
                }
                _ => Ok(None),
            });
        }
        self.finish();
        let mut idle = Vec::new();
        for (place, (change, way)) in changes.iter().zip(ways).enumerate() {
            let done = way.and_then(|way| self.change_station(change, way, speaker, &mut idle));
            if let Err(error) = done {
                refused.push((place, error));
            }
        }
        // What a worker looked up before this in the FDB it finds in its snapshot until it passes.
        for way in idle {
            self.let_go_way(way);
        }
        self.finish();
        refused
    }

    /// What leads to a place, held for one station more.
    fn hold_way(
        &mut self,
        domain: DomainName,
        place: RemotePlace,
    ) -> Result<RemoteWay, DomainError> {
        match place {
            RemotePlace::End(end) => self.hold_end(domain, end).map(RemoteWay::Tunnel),
            RemotePlace::Segment { id, primary } => {
                let path = self.hold_path(domain, id, primary);
                path.map(RemoteWay::Segment)
            }
        }
    }

    /// Lets what leads to a place go for one station.
    pub(super) fn let_go_way(&mut self, way: RemoteWay) {
        match way {
            RemoteWay::Tunnel(tunnel) => self.hops.let_go_tunnel(tunnel),
            RemoteWay::Segment(path) => self.let_go_path(path),
        }
    }

    fn change_station(
        &mut self,
        change: &FdbChange,
        way: Option<RemoteWay>,
        speaker: Option<Speaker>,
        idle: &mut Vec<RemoteWay>,
    ) -> Result<(), DomainError> {
        match (*change, way) {
            (
                FdbChange::PutRemote {
                    domain,
                    mac,
                    remote,
                },
                Some(way),
            ) => {
                let done = self.put_remote(domain, mac, remote, way);
                match done {
                    Ok(before) => idle.extend(before),
                    Err(_) => idle.push(way),
                }
                let known = done?.is_some();
                self.own(Belonging::Remote(domain, mac), speaker, known);
                Ok(())
            }
            (
                FdbChange::PutStatic {
                    domain,
                    mac,
                    interface,
                },
                _,
            ) => {
                let known = self.put_static(domain, mac, interface)?;
                self.own(Belonging::Static(domain, mac), speaker, known);
                Ok(())
            }
            (
                FdbChange::Delete {
                    domain,
                    mac,
                    kind,
                    end,
                },
                _,
            ) => {
                let key = FdbKey::new(self.bridging.id(&domain)?, mac);
                self.delete_station(key, kind, end, idle)
            }
            (FdbChange::PutRemote { domain, .. }, None) => Err(DomainError::NoVni { domain }),
        }
    }

    /// The key of a station that is to be at a member of a domain, and that member.
    ///
    /// # Errors
    /// The domain does not exist, or the interface is none of its members.
    pub(super) fn station_at(
        &self,
        name: DomainName,
        mac: Mac,
        interface: InterfaceName,
    ) -> Result<(FdbKey, InterfaceId), DomainError> {
        let (id, domain) = self.bridging.named(&name)?;
        let member = self.interfaces.id(&interface);
        let member = member.filter(|member| domain.members.contains(member));
        let member = member.ok_or(DomainError::NoMember {
            interface,
            domain: name,
        })?;
        Ok((FdbKey::new(id, mac), member))
    }

    /// Answers whether it was at some member for good before.
    fn put_static(
        &mut self,
        name: DomainName,
        mac: Mac,
        interface: InterfaceName,
    ) -> Result<bool, DomainError> {
        let (key, member) = self.station_at(name, mac, interface)?;
        let before = self.bridging.stations.get(key);
        if before.gateway.is_some() {
            return Err(DomainError::StationIsGateway { mac });
        }
        let station = Station {
            fixed: Some(member),
            learned: None,
            ..before
        };
        self.put_station(key, &before, station)?;
        Ok(before.fixed.is_some())
    }

    /// Answers what is not used any more.
    fn put_remote(
        &mut self,
        name: DomainName,
        mac: Mac,
        said: RemoteStation,
        way: RemoteWay,
    ) -> Result<Option<RemoteWay>, DomainError> {
        let (id, domain) = self.bridging.named(&name)?;
        let end = said.place.end();
        let (policy, own) = (domain.policy, end.and_then(|end| self.own_end(id, end)));
        let key = FdbKey::new(id, mac);
        let before = self.bridging.stations.get(key);
        let member = before.learned.and_then(Learned::member);
        let segment = member.and_then(|member| self.bridging.segments.of(member));
        let segment = segment.map(|segment| segment.spec.id);
        let here = segment.is_some() && segment == said.place.segment();
        let mut station = before;
        let previous = station
            .put_remote(Remote { said, way }, own, here, self.now_ns(), &policy)
            .map_err(|refusal| match refusal {
                Refusal::Gateway => DomainError::StationIsGateway { mac },
                Refusal::Sticky => DomainError::Sticky { mac },
                Refusal::Stale(sequence) => DomainError::StaleSequence { mac, sequence },
            })?;
        self.put_station(key, &before, station)?;
        Ok(previous.map(|p| p.way))
    }

    fn put_station(
        &mut self,
        key: FdbKey,
        before: &Station,
        station: Station,
    ) -> Result<(), DomainError> {
        self.write_station(key, station)
            .map_err(|error| self.fdb_full(error))?;
        if before.target() != station.target() {
            let moved = before.learned.is_some() && station.fixed.is_none();
            let cause = if moved {
                self.count_stations(key.bridge(), |c| &mut c.moves);
                StationCause::Moved
            } else {
                StationCause::Configured
            };
            self.tell_station(key, before, cause);
        }
        Ok(())
    }

    /// The address here of the endpoint of a domain's VXLAN network, of the family of a remote end.
    fn own_end(&self, bridge: BridgeId, end: RemoteEnd) -> Option<IpAddr> {
        let (endpoint, _) = self.bridging.get(bridge)?.vni?;
        let endpoint = self.overlay.endpoints.get(endpoint)?;
        endpoint.spec.addresses.source_for(end.address)
    }

    /// Forgets what is known of a station: of one kind or all, behind one remote end or any.
    pub(super) fn delete_station(
        &mut self,
        key: FdbKey,
        kind: Option<StationKind>,
        end: Option<RemoteEnd>,
        idle: &mut Vec<RemoteWay>,
    ) -> Result<(), DomainError> {
        let before = self.bridging.stations.get(key);
        let mut station = before;
        let is = |wanted| kind.is_none_or(|kind| kind == wanted);
        if is(StationKind::Static) && end.is_none() {
            station.fixed = None;
        }
        if is(StationKind::Learned) && end.is_none() {
            station.learned = None;
        }
        if is(StationKind::Remote) {
            let other = |remote: &Remote| end.is_some() && remote.said.place.end() != end;
            station.remote = station.remote.filter(other);
        }
        if station == before {
            return Err(DomainError::UnknownStation { mac: key.mac() });
        }
        self.write_station(key, station)
            .map_err(|error| self.fdb_full(error))?;
        if station.remote.is_none() {
            idle.extend(before.remote.map(|r| r.way));
        }
        if before.target() != station.target() {
            self.tell_station(key, &before, StationCause::Configured);
        }
        Ok(())
    }

    /// Forgets learned stations, of one domain and behind one member or all; answers how many.
    ///
    /// # Errors
    /// [`DomainError::UnknownDomain`], [`DomainError::UnknownInterface`].
    pub(in crate::core) fn flush_fdb(
        &mut self,
        domain: Option<DomainName>,
        interface: Option<InterfaceName>,
    ) -> Result<u32, DomainError> {
        let domain = domain.map(|name| self.bridging.id(&name)).transpose()?;
        let member = interface
            .map(|name| {
                let id = self.interfaces.id(&name);
                id.ok_or(DomainError::UnknownInterface { interface: name })
            })
            .transpose()?;
        let learned = |station: &Station| {
            let learned = station.learned?;
            (member.is_none() || learned.member() == member).then_some(())
        };
        let all = self.bridging.stations.after(None);
        let keys: Vec<FdbKey> = all
            .filter(|(key, _)| domain.is_none_or(|id| key.bridge() == id))
            .filter_map(|(key, station)| learned(station).map(|()| key))
            .collect();
        for key in &keys {
            self.delete_station(*key, Some(StationKind::Learned), None, &mut Vec::new())?;
        }
        Ok(u32::try_from(keys.len()).unwrap_or(u32::MAX))
    }
}

/// All changes of a request are refused: no owner has the name in which it speaks.
pub(super) fn refuse_all(unknown: UnknownOwner, changes: usize) -> Refused {
    (0..changes).map(|place| (place, unknown.into())).collect()
}
