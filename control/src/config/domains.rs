//! Bridge domains: who is in them, what they do with frames, which way stations are.

use super::number::{AgeingSeconds, MoveCount, Rate, Seconds, StationCount, VniNumber};
use super::text::{Address, StationMac};
use crate::model::bridge::{
    AGEING_SECONDS, DomainPolicy, DomainSpec, FdbChange, FloodChange, FloodRate, GatewaySpec,
    MAX_MOVES, MOVE_WINDOW_SECONDS, RemoteEnd, RemotePlace, RemoteStation,
};
use crate::model::name::{DomainName, InterfaceName, VrfName};
use crate::model::number::Mtu;
use crate::model::prefix::InterfaceAddress;
use crate::model::segment::SegmentId;
use ferroute_dataplane::wire::vxlan::Vni;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::{NonZeroU16, NonZeroU32};

/// An Ethernet segment of ports, VLANs and a VXLAN network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Its name.
    pub name: DomainName,
    /// Port and VLAN interfaces; they have no addresses of their own. A port needs no entry in `interfaces`.
    #[serde(default)]
    pub members: Vec<InterfaceName>,
    /// The router's own interface in it.
    #[serde(default)]
    pub gateway: Option<Gateway>,
    /// Whether sources behind members are learned.
    #[serde(default = "yes")]
    pub learning: bool,
    /// Whether sources out of tunnels are learned, each behind the remote end that sent it (RFC 7348 section 4.1). Not for
    /// domains of EVPN, which says which way remote stations are.
    #[serde(default)]
    pub remote_learning: bool,
    /// Whether unicast to stations that are not known is flooded.
    #[serde(default = "yes")]
    pub unknown_unicast: bool,
    /// Whether broadcast is flooded.
    #[serde(default = "yes")]
    pub broadcast: bool,
    /// Whether other groups are flooded.
    #[serde(default = "yes")]
    pub multicast: bool,
    /// Whether requests for neighbours are answered for stations that the gateway knows (RFC 9161).
    #[serde(default)]
    pub suppress: bool,
    /// Frames that each worker floods; absent: no bound.
    #[serde(default)]
    pub flood_rate: Option<Rate>,
    /// Most learned stations; absent: as many as there is room for.
    #[serde(default)]
    pub max_learned: Option<StationCount>,
    /// How long a learned station stays that sends nothing, in seconds.
    #[serde(default = "ageing")]
    pub ageing_seconds: AgeingSeconds,
    /// Moves of a station within `move_window_seconds` after which it stays where it is for as long again (RFC 7432
    /// section 15.1).
    #[serde(default = "moves")]
    pub max_moves: MoveCount,
    /// See `max_moves`.
    #[serde(default = "window")]
    pub move_window_seconds: Seconds,
    /// Stations that are known without being learned.
    #[serde(default)]
    pub fdb: Vec<Station>,
    /// The remote ends to which frames are flooded.
    #[serde(default)]
    pub flood: Vec<Remote>,
}

/// The router's own interface in a bridge domain, by which its stations reach the VRF.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// Its VRF.
    #[serde(default)]
    pub vrf: VrfName,
    /// Its Ethernet address; the same everywhere for an anycast gateway.
    pub mac: StationMac,
    /// Its name; absent: `br` and the domain's number.
    #[serde(default)]
    pub interface: Option<InterfaceName>,
    /// Whether it has a kernel twin, for services of the host such as DHCP or BGP.
    #[serde(default)]
    pub twin: bool,
    /// The largest packet in bytes for TCP connections that stations open through it: the MSS of SYN and SYN-ACK is lowered to
    /// what fits; absent: left to their ends.
    #[serde(default)]
    pub tcp_mtu: Option<Mtu>,
    /// Its addresses. The IPv6 link-local address comes by itself.
    #[serde(default)]
    pub addresses: Vec<InterfaceAddress>,
}

/// A station for good: behind the member `interface`, the remote end `remote`, or the Ethernet segment `segment`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its Ethernet address.
    pub mac: StationMac,
    /// The member behind which it is.
    #[serde(default)]
    pub interface: Option<InterfaceName>,
    /// The remote end behind which it is; of one behind a single-active segment its primary.
    #[serde(default)]
    pub remote: Option<Address>,
    /// The Ethernet segment behind which it is.
    #[serde(default)]
    pub segment: Option<SegmentId>,
    /// The VNI that the remote end expects; absent: the domain's.
    #[serde(default)]
    pub vni: Option<VniNumber>,
}

/// The far end of a tunnel of a domain's VXLAN network.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// Its address.
    pub address: Address,
    /// The VNI that it expects; absent: the domain's.
    #[serde(default)]
    pub vni: Option<VniNumber>,
}

impl Domain {
    /// In the core's terms, without its stations and remote ends.
    #[must_use]
    pub fn spec(&self) -> DomainSpec {
        DomainSpec {
            name: self.name,
            members: self.members.clone(),
            policy: self.policy(),
            gateway: self.gateway.as_ref().map(|gateway| GatewaySpec {
                vrf: gateway.vrf,
                mac: gateway.mac.mac(),
                interface: gateway.interface,
                twin: gateway.twin,
            }),
        }
    }

    fn policy(&self) -> DomainPolicy {
        DomainPolicy {
            learn: self.learning,
            learn_remote: self.remote_learning,
            unknown_unicast: self.unknown_unicast,
            broadcast: self.broadcast,
            multicast: self.multicast,
            suppress: self.suppress,
            flood: self.flood_rate.map(|rate| FloodRate {
                packets_per_second: rate.per_second.get().into(),
                burst_packets: rate.burst.get().into(),
            }),
            max_learned: self.max_learned.and_then(|n| NonZeroU32::new(n.get())),
            ageing_seconds: NonZeroU16::new(self.ageing_seconds.get()).unwrap_or(AGEING_SECONDS),
            max_moves: NonZeroU32::new(self.max_moves.get()).unwrap_or(MAX_MOVES),
            move_window_seconds: NonZeroU32::new(self.move_window_seconds.get())
                .unwrap_or(MOVE_WINDOW_SECONDS),
        }
    }

    /// Its remote ends in the core's terms, each with its place in `flood`.
    pub fn flood_changes(&self) -> impl Iterator<Item = (usize, FloodChange)> {
        let change = |remote: &Remote| FloodChange {
            domain: self.name,
            end: end(remote.address, remote.vni),
            remove: false,
        };
        self.flood.iter().map(change).enumerate()
    }

    /// Its stations in the core's terms, each with its place in `fdb`. Those that are behind nothing, or behind two
    /// places, are left out: the configuration's check refuses them.
    pub fn fdb_changes(&self) -> impl Iterator<Item = (usize, FdbChange)> {
        let domain = self.name;
        let changes = self.fdb.iter().enumerate();
        changes.filter_map(move |(place, station)| {
            let mac = station.mac.mac();
            let primary = station.remote.map(|remote| end(remote, station.vni));
            let place_of = match (station.segment, primary) {
                (Some(id), primary) => Some(RemotePlace::Segment { id, primary }),
                (None, end) => end.map(RemotePlace::End),
            };
            let change = match (station.interface, place_of) {
                (Some(interface), None) => FdbChange::PutStatic {
                    domain,
                    mac,
                    interface,
                },
                (None, Some(place)) => FdbChange::PutRemote {
                    domain,
                    mac,
                    remote: RemoteStation {
                        place,
                        sequence: 0,
                        sticky: true,
                    },
                },
                _ => return None,
            };
            Some((place, change))
        })
    }
}

fn end(address: Address, vni: Option<VniNumber>) -> RemoteEnd {
    RemoteEnd {
        address: address.ip(),
        vni: vni.and_then(|vni| Vni::new(vni.get()).ok()),
    }
}

fn yes() -> bool {
    true
}

const fn ageing() -> AgeingSeconds {
    AgeingSeconds::fixed(AGEING_SECONDS.get())
}

const fn moves() -> MoveCount {
    MoveCount::fixed(MAX_MOVES.get())
}

const fn window() -> Seconds {
    Seconds::fixed(MOVE_WINDOW_SECONDS.get())
}
