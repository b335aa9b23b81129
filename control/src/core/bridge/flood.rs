//! The VXLAN network of a domain: its tunnels, and the list of those to which frames are flooded.

use std::collections::BTreeSet;

use ferroute_dataplane::ids::{BridgeId, TunnelId};

use super::change::refuse_all;
use crate::core::belongings::Speaker;
use crate::core::router::Router;
use crate::model::belonging::Belonging;
use crate::model::bridge::{DomainError, FloodChange, Refused, RemoteEnd};
use crate::model::name::{DomainName, OwnerName};
use crate::nexthop::{Encap, TunnelKey};

impl Router {
    /// The tunnel to a remote end of a domain, held for one user more. It is in the draft after the next
    /// [`finish`](Router::finish).
    ///
    /// # Errors
    /// [`DomainError`].
    pub(super) fn hold_end(
        &mut self,
        name: DomainName,
        end: RemoteEnd,
    ) -> Result<TunnelId, DomainError> {
        let key = self.tunnel_key(name, end)?;
        let tunnel = self.tunnel(key).map_err(|_full| DomainError::TableFull {
            table: "next hop set",
        })?;
        self.hops.hold_tunnel(tunnel);
        Ok(tunnel)
    }

    /// The tunnel to a remote end of a domain.
    pub(super) fn tunnel_key(
        &self,
        name: DomainName,
        end: RemoteEnd,
    ) -> Result<TunnelKey, DomainError> {
        let (_, domain) = self.bridging.named(&name)?;
        let (id, own) = domain.vni.ok_or(DomainError::NoVni { domain: name })?;
        let endpoint = self.overlay.endpoints.get(id);
        let endpoint = endpoint.ok_or(DomainError::NoVni { domain: name })?;
        if endpoint.spec.addresses.source_for(end.address).is_none() {
            return Err(DomainError::EndpointFamily {
                endpoint: endpoint.spec.name,
                address: end.address,
            });
        }
        Ok(TunnelKey {
            endpoint: id,
            vrf: endpoint.vrf,
            remote: end.address,
            encap: Encap::VxlanBridged {
                vni: end.vni.unwrap_or(own),
            },
        })
    }

    /// Changes flood lists, in somebody's name or nobody's. When this returns, the workers flood by them.
    pub(in crate::core) fn change_flood(
        &mut self,
        changes: &[FloodChange],
        owner: Option<OwnerName>,
    ) -> Refused {
        let speaker = match self.speaker(owner) {
            Ok(speaker) => speaker,
            Err(unknown) => return refuse_all(unknown, changes.len()),
        };
        let mut refused = Refused::new();
        let mut touched = BTreeSet::new();
        let mut gone = Vec::new();
        for (place, change) in changes.iter().enumerate() {
            match self.change_flood_end(change, speaker, &mut gone) {
                Ok(id) => drop(touched.insert(id)),
                Err(error) => refused.push((place, error)),
            }
        }
        // New tunnels are in the draft before lists that name them, and old ones go after.
        self.finish();
        for id in &touched {
            self.write_domain(*id);
        }
        self.plane.publish();
        for tunnel in gone {
            self.hops.let_go_tunnel(tunnel);
        }
        self.finish();
        for id in touched {
            self.follow_paths_in(id);
        }
        refused
    }

    fn change_flood_end(
        &mut self,
        change: &FloodChange,
        speaker: Option<Speaker>,
        gone: &mut Vec<TunnelId>,
    ) -> Result<BridgeId, DomainError> {
        let (id, domain) = self.bridging.named(&change.domain)?;
        let known = domain.flood.contains_key(&change.end);
        if change.remove {
            let list = self.bridging.get_mut(id).map(|d| &mut d.flood);
            let tunnel = list.and_then(|list| list.remove(&change.end));
            gone.push(tunnel.ok_or(DomainError::UnknownEnd {
                address: change.end.address,
            })?);
        } else if !known {
            let tunnel = self.hold_end(change.domain, change.end)?;
            if let Some(domain) = self.bridging.get_mut(id) {
                domain.flood.insert(change.end, tunnel);
            }
        }
        let thing = Belonging::Flood(change.domain, change.end);
        match change.remove {
            true => self.disown(&thing),
            false => self.own(thing, speaker, known),
        }
        Ok(id)
    }
}
