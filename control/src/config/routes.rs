//! Static routes and what becomes of routes whose owner went away.

use super::number::Seconds;
use super::overlay::HopEncap;
use super::text::Address;
use crate::model::name::{InterfaceName, VrfName};
use crate::model::nexthop::{NextHopSpec, NextHops, TunnelHop, Via};
use crate::model::number::{Distance, Weight};
use crate::model::prefix::Prefix;
use crate::model::refusal::RouteError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a route does with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// Sends it to a next hop.
    #[default]
    Unicast,
    /// Drops it silently.
    Blackhole,
    /// Drops it and answers that the host cannot be reached.
    Unreachable,
    /// Drops it and answers that this is prohibited.
    Prohibit,
}

/// A static route.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Where it leads.
    pub prefix: Prefix,
    /// Its VRF.
    #[serde(default)]
    pub vrf: VrfName,
    /// What it does with packets.
    #[serde(default, rename = "type")]
    pub kind: RouteKind,
    /// Its next hops, which share the load by weight. Only unicast routes have them.
    #[serde(default)]
    pub via: Vec<NextHop>,
    /// How far it is trusted; the smaller wins.
    #[serde(default = "static_distance")]
    pub distance: Distance,
    /// Decides among routes of the same distance; the smaller wins.
    #[serde(default)]
    pub metric: u32,
}

/// A next hop. These forms are valid: address; address and dev; address and vrf; address and encap; dev; vrf.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextHop {
    /// The gateway; without `dev` it is looked up recursively. IPv6 gateways serve IPv4 prefixes too (RFC 8950).
    #[serde(default)]
    pub address: Option<Address>,
    /// The interface through which it is reached.
    #[serde(default)]
    pub dev: Option<InterfaceName>,
    /// The VRF in which the gateway, or the destination itself, is looked up; absent: the route's own.
    #[serde(default)]
    pub vrf: Option<VrfName>,
    /// The gateway is on the link of `dev` though no address of it says so.
    #[serde(default)]
    pub onlink: bool,
    /// What is put around packets on the way to `address`, the remote end of a tunnel.
    #[serde(default)]
    pub encap: Option<HopEncap>,
    /// Its share of the load.
    #[serde(default = "single_weight")]
    pub weight: Weight,
}

impl NextHop {
    /// The next hop, or `None` if its fields are no valid form.
    #[must_use]
    pub fn via(&self) -> Option<Via> {
        let gateway = self.address.map(Address::ip);
        if let Some(encap) = &self.encap {
            let alone = self.dev.is_none() && self.vrf.is_none() && !self.onlink;
            return Some(Via::Tunnel(Box::new(TunnelHop {
                remote: gateway.filter(|_| alone)?,
                endpoint: encap.endpoint,
                encap: encap.encap()?,
            })));
        }
        match (gateway, self.dev, self.vrf, self.onlink) {
            (Some(gateway), None, vrf, false) => Some(Via::Recursive { gateway, vrf }),
            (Some(gateway), Some(interface), None, onlink) => Some(Via::Neighbour {
                gateway,
                interface,
                onlink,
            }),
            (None, Some(interface), None, false) => Some(Via::Link(interface)),
            (None, None, Some(vrf), false) => Some(Via::Vrf(vrf)),
            _ => None,
        }
    }
}

/// Next hops in the core's terms.
///
/// # Errors
/// [`RouteError`]: there are none or too many, or one has none of the valid forms.
pub fn next_hops(hops: &[NextHop]) -> Result<NextHops, RouteError> {
    let form = RouteError::NextHopForm {
        problem: "a next hop has none of the valid forms",
    };
    let specs = hops.iter().map(|hop| {
        Some(NextHopSpec {
            via: hop.via()?,
            weight: hop.weight,
        })
    });
    NextHops::try_from(specs.collect::<Option<Vec<_>>>().ok_or(form)?)
}

/// Routes of clients that went away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Owners {
    /// How long the routes of a vanished client stay in force if it did not say otherwise, in seconds.
    pub grace_seconds: Seconds,
}

impl Default for Owners {
    fn default() -> Self {
        Self {
            grace_seconds: Seconds::GRACE,
        }
    }
}

/// How gateways of routes are resolved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NextHopTracking {
    /// Whether a gateway that only a default route covers is reached through it. Without it such a gateway is unresolved, and its
    /// routes give way to others.
    pub resolve_via_default: bool,
}

impl Default for NextHopTracking {
    fn default() -> Self {
        Self {
            resolve_via_default: true,
        }
    }
}

fn static_distance() -> Distance {
    Distance::MIN
}

fn single_weight() -> Weight {
    Weight::MIN
}
