//! What is said of the stations of a VNI, by and to the kernel and the router.

use crate::model::segment::SegmentId;
use ferroute_dataplane::mac::Mac;
use std::fmt;
use std::net::IpAddr;

/// What may differ between the two sides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// A remote end of the flood list.
    End(IpAddr),
    /// A station.
    Station(Mac),
    /// An address of a station.
    Address(IpAddr),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End(address) => write!(f, "remote end {address}"),
            Self::Station(mac) => write!(f, "station {mac}"),
            Self::Address(address) => write!(f, "neighbour {address}"),
        }
    }
}

/// What the router is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ToRouter {
    /// Frames are flooded to the end, or no more.
    Flood(IpAddr, bool),
    /// The station is behind this remote end.
    Remote(Mac, Place, u32),
    /// The station is behind no remote end.
    Forget(Mac),
    /// The address is this station's, or nobody's that is known.
    Neighbour(IpAddr, Option<Mac>),
}

impl ToRouter {
    /// What it is about, and whether that is to be there.
    pub(super) const fn about(&self) -> (Key, bool) {
        match *self {
            Self::Flood(end, there) => (Key::End(end), there),
            Self::Remote(mac, ..) => (Key::Station(mac), true),
            Self::Forget(mac) => (Key::Station(mac), false),
            Self::Neighbour(address, mac) => (Key::Address(address), mac.is_some()),
        }
    }
}

/// What the kernel is to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ToKernel {
    /// The station is with the router, or no more.
    Station(Mac, bool),
    /// The address is this station's, which is with the router; or is not.
    Neighbour(IpAddr, Option<Mac>),
}

/// Where the daemons say that a station is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Behind what.
    pub(super) end: End,
    /// It stays there.
    pub(super) sticky: bool,
}

/// Behind what a remote station is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// A remote end.
    Remote(IpAddr),
    /// An Ethernet segment.
    Segment(SegmentId),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(end) => write!(f, "{end}"),
            Self::Segment(segment) => write!(f, "segment {segment}"),
        }
    }
}

/// What the router knows of a station.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Station {
    /// Where.
    pub(super) whose: Whose,
    /// With this mobility sequence.
    pub(super) sequence: u32,
    /// What it was told of a remote end, whether it counts or not.
    pub(super) remote: Option<Told>,
}

/// What the router was told of a station's remote end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// Where it is.
    pub(super) place: Place,
    /// With this mobility sequence.
    pub(super) sequence: u32,
}

/// What counts of a station in the router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// It is at a member.
    Member,
    /// It is behind its remote end.
    Remote,
    /// It is the gateway.
    Gateway,
}

/// What the router knows of a neighbour of the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    /// Its Ethernet address.
    pub(super) mac: Mac,
    /// Somebody told it; otherwise it answered.
    pub(super) permanent: bool,
}

/// The netdevs of a VNI, by index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Netdevs {
    pub(super) vxlan: Option<u32>,
    pub(super) bridge: Option<u32>,
    /// The port behind which the router's own stations are.
    pub(super) port: Option<u32>,
}
