//! What can go with an owner of routes: what a client set under its name, besides routes and next hop sets.

use super::bridge::RemoteEnd;
use super::name::{DomainName, InterfaceName};
use super::overlay::VniKey;
use super::saved::ThingKey;
use super::segment::SegmentId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::mpls::Label;
use std::net::IpAddr;

/// Names one of these things.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Belonging {
    /// A permanent neighbour.
    Neighbour(InterfaceName, IpAddr),
    /// That a station is at a member.
    Static(DomainName, Mac),
    /// That a station is behind a remote end or a segment.
    Remote(DomainName, Mac),
    /// An Ethernet segment, behind the stations that may be behind it.
    Segment(SegmentId),
    /// A remote end of a flood list.
    Flood(DomainName, RemoteEnd),
    /// A label.
    Label(Label),
    /// A VNI. It is the last, for stations and flood lists of its domain go with it.
    Vni(VniKey),
}

/// Kinds, as they stand in front of the key of a thing.
mod kind {
    pub(super) const OWNER: u8 = 0x80;
    pub(super) const OWNER_OF_STATIC: u8 = 0x81;
}

impl Belonging {
    /// The thing of which this is all, or for a station a part.
    #[must_use]
    pub const fn thing(&self) -> ThingKey {
        match *self {
            Self::Neighbour(interface, address) => ThingKey::Neighbour(interface, address),
            Self::Static(domain, mac) | Self::Remote(domain, mac) => ThingKey::Station(domain, mac),
            Self::Segment(id) => ThingKey::Segment(id),
            Self::Flood(domain, end) => ThingKey::Flood(domain, end),
            Self::Label(label) => ThingKey::Label(label),
            Self::Vni(key) => ThingKey::Vni(key),
        }
    }

    /// The key under which it is kept over a restart whose it is.
    #[must_use]
    pub fn owner_key(&self) -> Vec<u8> {
        let kind = match self {
            Self::Static(..) => kind::OWNER_OF_STATIC,
            _ => kind::OWNER,
        };
        [vec![kind], self.thing().bytes()].concat()
    }
}
