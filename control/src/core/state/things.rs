//! What clients made other than routes: which of it a request may change, and what it is afterwards.

use super::super::request::{
    BridgeRequest, InterfaceRequest, OverlayRequest, PortRequest, Request, SegmentRequest,
    VrfRequest,
};
use super::super::router::Router;
use crate::api::saved::encode;
use crate::model::overlay::VniKey;
use crate::model::port::PortSpec;
use crate::model::saved::{SavedInterface, SavedTwin, Thing, ThingKey};
use crate::state::Record;
use ferroute_dataplane::ids::{InterfaceId, VrfId};

/// What a request may change, of what is kept.
fn touched(request: &Request) -> Vec<ThingKey> {
    use ThingKey as Key;
    match request {
        Request::Port(request) => match request {
            PortRequest::Add(spec, _) => vec![Key::Port(spec.name), Key::Interface(spec.name)],
            PortRequest::Change(name, ..) => vec![Key::Port(*name)],
            PortRequest::Remove(name, _) => vec![Key::Port(*name)],
            _ => Vec::new(),
        },
        Request::Interface(request) => match request {
            InterfaceRequest::Create(spec, _) => {
                let addresses = spec.addresses.iter();
                let addresses = addresses.map(|address| Key::Address(spec.name, *address));
                std::iter::once(Key::Interface(spec.name))
                    .chain(addresses)
                    .collect()
            }
            // A port's own MTU is the port's.
            InterfaceRequest::Change(name, ..) => vec![Key::Interface(*name), Key::Port(*name)],
            InterfaceRequest::AddAddress(name, address, _)
            | InterfaceRequest::RemoveAddress(name, address, _) => {
                vec![Key::Address(*name, *address)]
            }
            _ => Vec::new(),
        },
        Request::Vrf(request) => match request {
            VrfRequest::Create(spec, _) => vec![Key::Vrf(spec.name)],
            VrfRequest::Delete(name, _) => vec![Key::Vrf(*name)],
            _ => Vec::new(),
        },
        Request::Overlay(request) => match request {
            OverlayRequest::CreateEndpoint(spec, _) | OverlayRequest::ChangeEndpoint(spec, _) => {
                vec![Key::Endpoint(spec.name)]
            }
            OverlayRequest::DeleteEndpoint(name, _) => vec![Key::Endpoint(*name)],
            OverlayRequest::CreateVni(spec, ..) | OverlayRequest::ChangeVni(spec, ..) => {
                vec![Key::Vni(spec.key)]
            }
            OverlayRequest::DeleteVni(key, _) => vec![Key::Vni(*key)],
            OverlayRequest::PutLabel(spec, ..) => vec![Key::Label(spec.label)],
            OverlayRequest::DeleteLabel(label, _) => vec![Key::Label(*label)],
            _ => Vec::new(),
        },
        Request::Bridge(request) => match request {
            BridgeRequest::Create(spec, _) | BridgeRequest::Change(spec, _) => {
                vec![Key::Domain(spec.name)]
            }
            BridgeRequest::Delete(name, _)
            | BridgeRequest::AddMember(name, ..)
            | BridgeRequest::RemoveMember(name, ..) => vec![Key::Domain(*name)],
            BridgeRequest::ChangeFlood(changes, ..) => changes
                .iter()
                .map(|change| Key::Flood(change.domain, change.end))
                .collect(),
            _ => Vec::new(),
        },
        Request::Segment(request) => match request {
            SegmentRequest::Create(spec, ..) | SegmentRequest::Change(spec, ..) => {
                vec![Key::Segment(spec.id)]
            }
            SegmentRequest::Delete(id, _) => vec![Key::Segment(*id)],
            _ => Vec::new(),
        },
        Request::Route(_)
        | Request::NextHop(_)
        | Request::Neighbour(_)
        | Request::Stats(_)
        | Request::Trace(_)
        | Request::System(_) => Vec::new(),
    }
}

impl Router {
    /// Notes what has become of things.
    pub(in crate::core) fn note_things(&mut self, keys: Vec<ThingKey>) {
        for key in keys {
            self.note_thing(&key);
            // The places of others change with one.
            if let ThingKey::Address(name, _) = key {
                let interface = self.interfaces.named(&name);
                let addresses = interface.map(|i| i.addresses.clone());
                for address in addresses.unwrap_or_default() {
                    self.note_thing(&ThingKey::Address(name, address));
                }
            }
        }
    }

    /// Notes what has become of a thing.
    pub(in crate::core) fn note_thing(&mut self, key: &ThingKey) {
        if !self.journal.is_on() {
            return;
        }
        let value = self.thing(key).map(encode);
        self.journal.thing(&key.bytes(), value.as_deref());
        if let ThingKey::Vrf(name) = key
            && let Some(id) = self.vrfs.id(name)
        {
            self.journal.note(&Record::Vrf {
                id: id.get(),
                name: name.as_str(),
            });
        }
    }

    /// What a request may change; nothing while nothing is kept.
    pub(in crate::core) fn touched(&self, request: &Request) -> Vec<ThingKey> {
        match self.journal.is_on() {
            true => touched(request),
            false => Vec::new(),
        }
    }

    /// What a thing is, if it is there. Neighbours and stations are told by those who see them change.
    pub(super) fn thing(&self, key: &ThingKey) -> Option<Thing> {
        Some(match key {
            ThingKey::Vrf(name) => {
                let id = self.vrfs.id(name).filter(|id| *id != VrfId::DEFAULT)?;
                Thing::Vrf(self.vrfs.get(id)?.spec.clone())
            }
            ThingKey::Port(name) => {
                let port = self.ports.get(name)?;
                Thing::Port(Box::new(PortSpec {
                    name: *name,
                    device: port.device.clone(),
                    settings: port.settings.clone(),
                }))
            }
            ThingKey::Interface(name) => {
                let interface = self.interfaces.named(name)?;
                Thing::Interface(Box::new(SavedInterface {
                    name: *name,
                    kind: interface.kind,
                    vrf: self.vrfs.name(interface.vrf),
                    mtu: interface.mtu,
                    admin_up: interface.admin_up,
                    mpls: interface.mpls,
                    tcp_mtu: interface.tcp_mtu,
                }))
            }
            ThingKey::Address(name, address) => {
                let interface = self.interfaces.named(name)?;
                let place = interface.addresses.iter().position(|is| is == address)?;
                Thing::Address(*name, *address, u32::try_from(place).unwrap_or(u32::MAX))
            }
            ThingKey::Endpoint(name) => {
                let (_, endpoint) = self.overlay.endpoints.named(name).ok()?;
                Thing::Endpoint(Box::new(endpoint.spec.clone()))
            }
            ThingKey::Vni(key) => Thing::Vni(Box::new(self.vni_view(*key).ok()?.spec)),
            ThingKey::Label(label) => Thing::Label(Box::new(self.label_view(*label).ok()?.spec)),
            ThingKey::Domain(name) => Thing::Domain(Box::new(self.domain_view(name).ok()?.spec)),
            ThingKey::Segment(id) => Thing::Segment(Box::new(self.segment_view(*id).ok()?.spec)),
            ThingKey::Flood(name, end) => {
                let there = self.bridging.floods_to(name, end);
                there.then_some(Thing::Flood(*name, *end))?
            }
            ThingKey::Twin(name) => {
                let interface = self.interfaces.named(name)?;
                Thing::Twin(Box::new(self.kept_twin(interface.id)?))
            }
            ThingKey::Neighbour(..) | ThingKey::Station(..) => return None,
        })
    }

    /// What was written to the twin of an interface.
    fn kept_twin(&self, id: InterfaceId) -> Option<SavedTwin> {
        let (name, namespace, addresses) = self.twins.written(id)?;
        Some(SavedTwin {
            namespace: namespace.map(Into::into),
            name: name.to_string(),
            addresses: addresses.to_vec(),
        })
    }

    /// The names of all things that the router has now, but for neighbours and stations.
    pub(super) fn thing_keys(&self) -> Vec<ThingKey> {
        let mut keys = Vec::new();
        let vrfs = self.vrfs.iter().filter(|(id, _)| *id != VrfId::DEFAULT);
        keys.extend(vrfs.map(|(_, vrf)| ThingKey::Vrf(vrf.spec.name)));
        keys.extend(self.ports.keys().copied().map(ThingKey::Port));
        for interface in self.interfaces.iter() {
            let name = interface.name;
            keys.push(ThingKey::Interface(name));
            let addresses = interface.addresses.iter();
            keys.extend(addresses.map(|address| ThingKey::Address(name, *address)));
            if interface.twin.is_some() {
                keys.push(ThingKey::Twin(name));
            }
        }
        for (_, endpoint) in self.overlay.endpoints.iter() {
            let name = endpoint.spec.name;
            keys.push(ThingKey::Endpoint(name));
            let vnis = endpoint.vnis.keys();
            keys.extend(vnis.map(|vni| {
                ThingKey::Vni(VniKey {
                    endpoint: name,
                    vni: *vni,
                })
            }));
        }
        keys.extend(self.overlay.labels.keys().copied().map(ThingKey::Label));
        for (name, ends) in self.bridging.flood_lists() {
            keys.push(ThingKey::Domain(name));
            keys.extend(ends.map(|end| ThingKey::Flood(name, end)));
        }
        keys.extend(self.bridging.segment_ids().map(ThingKey::Segment));
        keys
    }
}
