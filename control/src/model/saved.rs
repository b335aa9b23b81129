//! What clients made, other than routes, as it is kept over a restart.

use super::bridge::{DomainSpec, RemoteEnd, RemoteStation};
use super::interface::InterfaceKind;
use super::name::{DomainName, EndpointName, InterfaceName, VrfName};
use super::number::{Choice, Mtu};
use super::overlay::{EndpointSpec, LabelSpec, VniKey, VniSpec};
use super::port::PortSpec;
use super::prefix::InterfaceAddress;
use super::segment::{SegmentId, SegmentSpec};
use super::vrf::VrfSpec;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::mpls::Label;
use std::net::IpAddr;
use std::path::PathBuf;

/// Names a thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThingKey {
    /// A VRF.
    Vrf(VrfName),
    /// A port.
    Port(InterfaceName),
    /// The settings of an interface; with it go its addresses and neighbours.
    Interface(InterfaceName),
    /// An address of an interface.
    Address(InterfaceName, InterfaceAddress),
    /// A neighbour.
    Neighbour(InterfaceName, IpAddr),
    /// An endpoint; with it go its VNIs.
    Endpoint(EndpointName),
    /// A VNI.
    Vni(VniKey),
    /// A label.
    Label(Label),
    /// A bridge domain; with it go its stations and its flood list.
    Domain(DomainName),
    /// An Ethernet segment.
    Segment(SegmentId),
    /// A station of a domain.
    Station(DomainName, Mac),
    /// A remote end of a flood list.
    Flood(DomainName, RemoteEnd),
    /// What was written to the kernel twin of an interface.
    Twin(InterfaceName),
}

/// Kinds, as they stand in keys. Those of what goes with another thing stand behind its name.
mod kind {
    pub(super) const VRF: u8 = 1;
    pub(super) const PORT: u8 = 2;
    pub(super) const INTERFACE: u8 = 3;
    pub(super) const ADDRESS: u8 = 4;
    pub(super) const NEIGHBOUR: u8 = 5;
    pub(super) const ENDPOINT: u8 = 6;
    pub(super) const VNI: u8 = 7;
    pub(super) const LABEL: u8 = 8;
    pub(super) const DOMAIN: u8 = 9;
    pub(super) const STATION: u8 = 10;
    pub(super) const FLOOD: u8 = 11;
    pub(super) const TWIN: u8 = 12;
    pub(super) const SEGMENT: u8 = 13;
}

/// What a key is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ThingKind {
    /// [`ThingKey::Vrf`]. The order of these is the order in which one thing needs another.
    Vrf,
    /// [`ThingKey::Port`].
    Port,
    /// [`ThingKey::Interface`].
    Interface,
    /// [`ThingKey::Domain`].
    Domain,
    /// [`ThingKey::Address`].
    Address,
    /// [`ThingKey::Endpoint`].
    Endpoint,
    /// [`ThingKey::Vni`].
    Vni,
    /// [`ThingKey::Label`].
    Label,
    /// [`ThingKey::Neighbour`].
    Neighbour,
    /// [`ThingKey::Segment`].
    Segment,
    /// [`ThingKey::Station`].
    Station,
    /// [`ThingKey::Flood`].
    Flood,
    /// [`ThingKey::Twin`].
    Twin,
}

impl ThingKey {
    /// The key as it is kept: kind and name, for what goes with another thing behind the key of that.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let named = |kind: u8, name: &str| [&[kind], name.as_bytes(), &[0]].concat();
        let below = |mut key: Vec<u8>, kind: u8, rest: &[u8]| {
            key.push(kind);
            key.extend_from_slice(rest);
            key
        };
        match self {
            Self::Vrf(name) => named(kind::VRF, name.as_str()),
            Self::Port(name) => named(kind::PORT, name.as_str()),
            Self::Interface(name) => named(kind::INTERFACE, name.as_str()),
            Self::Address(name, address) => {
                let net = address.net();
                let key = below(
                    Self::Interface(*name).bytes(),
                    kind::ADDRESS,
                    &octets(net.addr()),
                );
                [key, vec![net.prefix_len()]].concat()
            }
            Self::Neighbour(name, address) => below(
                Self::Interface(*name).bytes(),
                kind::NEIGHBOUR,
                &octets(*address),
            ),
            Self::Endpoint(name) => named(kind::ENDPOINT, name.as_str()),
            Self::Vni(VniKey { endpoint, vni }) => below(
                Self::Endpoint(*endpoint).bytes(),
                kind::VNI,
                &vni.get().to_be_bytes(),
            ),
            Self::Label(label) => [&[kind::LABEL][..], &label.get().to_be_bytes()].concat(),
            Self::Domain(name) => named(kind::DOMAIN, name.as_str()),
            Self::Station(name, mac) => {
                below(Self::Domain(*name).bytes(), kind::STATION, &mac.octets())
            }
            Self::Flood(name, end) => {
                let vni = end.vni.map_or(0, |vni| vni.get()).to_be_bytes();
                let rest = [&vni[..], &octets(end.address)].concat();
                below(Self::Domain(*name).bytes(), kind::FLOOD, &rest)
            }
            Self::Twin(name) => named(kind::TWIN, name.as_str()),
            Self::Segment(id) => [&[kind::SEGMENT][..], &id.octets()].concat(),
        }
    }
}

impl ThingKind {
    /// The kind of a key as it is kept; `None` if it is of no kind that this router knows.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let (first, rest) = key.split_first()?;
        let name_length = || rest.iter().position(|byte| *byte == 0);
        let below = || rest.get(name_length()? + 1).copied();
        Some(match (*first, below()) {
            (kind::VRF, None) => Self::Vrf,
            (kind::PORT, None) => Self::Port,
            (kind::INTERFACE, None) => Self::Interface,
            (kind::INTERFACE, Some(kind::ADDRESS)) => Self::Address,
            (kind::INTERFACE, Some(kind::NEIGHBOUR)) => Self::Neighbour,
            (kind::ENDPOINT, None) => Self::Endpoint,
            (kind::ENDPOINT, Some(kind::VNI)) => Self::Vni,
            (kind::LABEL, _) => Self::Label,
            (kind::SEGMENT, _) => Self::Segment,
            (kind::DOMAIN, None) => Self::Domain,
            (kind::DOMAIN, Some(kind::STATION)) => Self::Station,
            (kind::DOMAIN, Some(kind::FLOOD)) => Self::Flood,
            (kind::TWIN, None) => Self::Twin,
            _ => return None,
        })
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// A thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Thing {
    /// A VRF.
    Vrf(VrfSpec),
    /// A port.
    Port(Box<PortSpec>),
    /// An interface's settings.
    Interface(Box<SavedInterface>),
    /// An address of an interface, and its place among them: the first is the one that the interface speaks from.
    Address(InterfaceName, InterfaceAddress, u32),
    /// A neighbour.
    Neighbour(SavedNeighbour),
    /// An endpoint.
    Endpoint(Box<EndpointSpec>),
    /// A VNI.
    Vni(Box<VniSpec>),
    /// A label.
    Label(Box<LabelSpec>),
    /// A bridge domain.
    Domain(Box<DomainSpec>),
    /// An Ethernet segment.
    Segment(Box<SegmentSpec>),
    /// A station.
    Station(SavedStation),
    /// A remote end of a flood list.
    Flood(DomainName, RemoteEnd),
    /// What was written to a kernel twin.
    Twin(Box<SavedTwin>),
}

/// The settings of an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedInterface {
    /// Its name.
    pub name: InterfaceName,
    /// What it is.
    pub kind: InterfaceKind,
    /// Its VRF.
    pub vrf: VrfName,
    /// What was asked for as its MTU.
    pub mtu: Choice<Mtu>,
    /// Whether it is administratively up.
    pub admin_up: bool,
    /// Whether it takes packets with labels.
    pub mpls: bool,
    /// The largest packet for TCP connections that open through it.
    pub tcp_mtu: Choice<Mtu>,
}

/// A neighbour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavedNeighbour {
    /// The interface on whose link it is.
    pub interface: InterfaceName,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Whether a client set it for good.
    pub permanent: bool,
}

/// A station of a bridge domain: all that is known of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavedStation {
    /// Its domain.
    pub domain: DomainName,
    /// The station.
    pub mac: Mac,
    /// The member behind which a client put it.
    pub fixed: Option<InterfaceName>,
    /// The member at which it was seen, and with which sequence.
    pub learned: Option<(InterfaceName, u32)>,
    /// What a client said of its remote end.
    pub remote: Option<RemoteStation>,
}

/// What the router wrote to a kernel twin, to be taken back when it is not wanted any more.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SavedTwin {
    /// The file of its network namespace; absent: the router's own.
    pub namespace: Option<PathBuf>,
    /// The interface's name.
    pub name: String,
    /// Addresses with their prefix lengths.
    pub addresses: Vec<ipnet::IpNet>,
}
