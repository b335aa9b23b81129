//! What the file says, one thing at a time.
//!
//! Numbers of owners, VRFs and next hop sets are those of the process that wrote; records bind them to names and to what
//! they stood for. A later record about the same thing replaces an earlier one.

use super::wire::{Malformed, Reader, put_bytes, put_number};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An owner of routes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnerRecord<'a> {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: &'a str,
    /// Its last epoch.
    pub epoch: u64,
    /// How long its routes stay without it, in nanoseconds.
    pub grace_ns: u64,
    /// Whether its routes stay for good.
    pub persistent: bool,
}

/// Where a next hop set leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lead<'a> {
    /// To these next hops: the message `ferroute.v1.LabelNextHops`.
    NextHops(&'a [u8]),
    /// Nowhere, and nobody is told.
    Blackhole,
    /// Nowhere.
    Unreachable,
    /// Nowhere, by policy.
    Prohibit,
}

/// The name of a set that an owner can replace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupRecord {
    /// Whose it is.
    pub owner: u16,
    /// The owner's number for it.
    pub number: u32,
    /// The owner's generation that last declared it.
    pub generation: u32,
}

/// What an owner says of a prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteRecord {
    /// The owner's generation in which it was said.
    pub generation: u32,
    /// Its distance.
    pub distance: u8,
    /// Its metric.
    pub metric: u32,
    /// The number of the set to which it leads.
    pub set: u32,
}

/// Where a route is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its owner.
    pub owner: u16,
    /// Its VRF.
    pub vrf: u32,
    /// Its prefix.
    pub prefix: IpNet,
}

/// One thing that the file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// A thing that clients made is this.
    Put {
        /// Its kind and name.
        key: &'a [u8],
        /// What it is.
        value: &'a [u8],
    },
    /// A thing is gone, and all whose keys begin with its kind's children and its name.
    Gone {
        /// Its kind and name.
        key: &'a [u8],
    },
    /// A VRF has this number.
    Vrf {
        /// The number.
        id: u32,
        /// The name.
        name: &'a str,
    },
    /// A VRF is gone with its routes.
    VrfGone(u32),
    /// An owner is there, or began another epoch.
    Owner(OwnerRecord<'a>),
    /// An owner is gone with all that it had.
    OwnerGone(u16),
    /// What an owner said before a generation is gone.
    Swept {
        /// The owner.
        owner: u16,
        /// The first generation that stays.
        generation: u32,
    },
    /// A next hop set is this.
    Set {
        /// Its number.
        id: u32,
        /// Its name, if its owner can replace it.
        group: Option<GroupRecord>,
        /// Where it leads.
        lead: Lead<'a>,
    },
    /// A named set is gone.
    GroupGone {
        /// Whose it was.
        owner: u16,
        /// The owner's number for it.
        number: u32,
    },
    /// A route is this.
    Route(Place, RouteRecord),
    /// A route is gone.
    Withdrawn(Place),
}

mod tag {
    pub(super) const PUT: u8 = 1;
    pub(super) const GONE: u8 = 2;
    pub(super) const VRF: u8 = 3;
    pub(super) const VRF_GONE: u8 = 4;
    pub(super) const OWNER: u8 = 5;
    pub(super) const OWNER_GONE: u8 = 6;
    pub(super) const SWEPT: u8 = 7;
    pub(super) const SET: u8 = 8;
    pub(super) const GROUP: u8 = 9;
    pub(super) const GROUP_GONE: u8 = 10;
    pub(super) const ROUTE: u8 = 11;
    pub(super) const ROUTE6: u8 = 12;
    pub(super) const WITHDRAWN: u8 = 13;
    pub(super) const WITHDRAWN6: u8 = 14;
}

impl<'a> Record<'a> {
    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, tag, number: u32| {
            out.push(tag);
            put_number(out, number.into());
        };
        match *self {
            Self::Put { key, value } => {
                out.push(tag::PUT);
                put_bytes(out, key);
                put_bytes(out, value);
            }
            Self::Gone { key } => {
                out.push(tag::GONE);
                put_bytes(out, key);
            }
            Self::Vrf { id, name } => {
                number(out, tag::VRF, id);
                put_bytes(out, name.as_bytes());
            }
            Self::VrfGone(id) => number(out, tag::VRF_GONE, id),
            Self::Owner(owner) => {
                number(out, tag::OWNER, owner.id.into());
                put_bytes(out, owner.name.as_bytes());
                put_number(out, owner.epoch);
                put_number(out, owner.grace_ns);
                out.push(owner.persistent.into());
            }
            Self::OwnerGone(id) => number(out, tag::OWNER_GONE, id.into()),
            Self::Swept { owner, generation } => {
                number(out, tag::SWEPT, owner.into());
                put_number(out, generation.into());
            }
            Self::Set { id, group, lead } => {
                match group {
                    None => number(out, tag::SET, id),
                    Some(group) => {
                        number(out, tag::GROUP, id);
                        put_number(out, group.owner.into());
                        put_number(out, group.number.into());
                        put_number(out, group.generation.into());
                    }
                }
                put_lead(out, lead);
            }
            Self::GroupGone { owner, number: n } => {
                number(out, tag::GROUP_GONE, owner.into());
                put_number(out, n.into());
            }
            Self::Route(place, route) => {
                put_place(out, place, [tag::ROUTE, tag::ROUTE6]);
                put_number(out, route.generation.into());
                out.push(route.distance);
                put_number(out, route.metric.into());
                put_number(out, route.set.into());
            }
            Self::Withdrawn(place) => put_place(out, place, [tag::WITHDRAWN, tag::WITHDRAWN6]),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Malformed`], also for a record of a kind that is not known.
    pub(super) fn decode(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            tag::PUT => Self::Put {
                key: from.bytes()?,
                value: from.bytes()?,
            },
            tag::GONE => Self::Gone { key: from.bytes()? },
            tag::VRF => Self::Vrf {
                id: from.narrow()?,
                name: from.text()?,
            },
            tag::VRF_GONE => Self::VrfGone(from.narrow()?),
            tag::OWNER => Self::Owner(OwnerRecord {
                id: from.narrow()?,
                name: from.text()?,
                epoch: from.number()?,
                grace_ns: from.number()?,
                persistent: from.byte()? != 0,
            }),
            tag::OWNER_GONE => Self::OwnerGone(from.narrow()?),
            tag::SWEPT => Self::Swept {
                owner: from.narrow()?,
                generation: from.narrow()?,
            },
            tag::SET => Self::Set {
                id: from.narrow()?,
                group: None,
                lead: lead(from)?,
            },
            tag::GROUP => Self::Set {
                id: from.narrow()?,
                group: Some(GroupRecord {
                    owner: from.narrow()?,
                    number: from.narrow()?,
                    generation: from.narrow()?,
                }),
                lead: lead(from)?,
            },
            tag::GROUP_GONE => Self::GroupGone {
                owner: from.narrow()?,
                number: from.narrow()?,
            },
            tag::ROUTE => Self::Route(place4(from)?, route(from)?),
            tag::ROUTE6 => Self::Route(place6(from)?, route(from)?),
            tag::WITHDRAWN => Self::Withdrawn(place4(from)?),
            tag::WITHDRAWN6 => Self::Withdrawn(place6(from)?),
            _ => return Err(Malformed),
        })
    }
}

fn put_lead(out: &mut Vec<u8>, lead: Lead<'_>) {
    let kind = match lead {
        Lead::NextHops(_) => 0,
        Lead::Blackhole => 1,
        Lead::Unreachable => 2,
        Lead::Prohibit => 3,
    };
    out.push(kind);
    if let Lead::NextHops(hops) = lead {
        put_bytes(out, hops);
    }
}

fn lead<'a>(from: &mut Reader<'a>) -> Result<Lead<'a>, Malformed> {
    Ok(match from.byte()? {
        0 => Lead::NextHops(from.bytes()?),
        1 => Lead::Blackhole,
        2 => Lead::Unreachable,
        3 => Lead::Prohibit,
        _ => return Err(Malformed),
    })
}

/// Of the prefix, only the bytes that its length covers.
fn put_place(out: &mut Vec<u8>, place: Place, [tag4, tag6]: [u8; 2]) {
    out.push(if place.prefix.addr().is_ipv4() {
        tag4
    } else {
        tag6
    });
    put_number(out, place.owner.into());
    put_number(out, place.vrf.into());
    let length = place.prefix.prefix_len();
    out.push(length);
    let covered = usize::from(length).div_ceil(8);
    match place.prefix {
        IpNet::V4(net) => out.extend_from_slice(&net.network().octets()[..covered]),
        IpNet::V6(net) => out.extend_from_slice(&net.network().octets()[..covered]),
    }
}

fn octets<const N: usize>(from: &mut Reader<'_>) -> Result<([u8; N], u8), Malformed> {
    let length = from.byte()?;
    let covered = from.take(usize::from(length).div_ceil(8))?;
    let mut octets = [0; N];
    octets
        .get_mut(..covered.len())
        .ok_or(Malformed)?
        .copy_from_slice(covered);
    Ok((octets, length))
}

fn place4(from: &mut Reader<'_>) -> Result<Place, Malformed> {
    let (owner, vrf) = (from.narrow()?, from.narrow()?);
    let (octets, length) = octets::<4>(from)?;
    let net = Ipv4Net::new(Ipv4Addr::from(octets), length).map_err(|_| Malformed)?;
    Ok(Place {
        owner,
        vrf,
        prefix: net.trunc().into(),
    })
}

fn place6(from: &mut Reader<'_>) -> Result<Place, Malformed> {
    let (owner, vrf) = (from.narrow()?, from.narrow()?);
    let (octets, length) = octets::<16>(from)?;
    let net = Ipv6Net::new(Ipv6Addr::from(octets), length).map_err(|_| Malformed)?;
    Ok(Place {
        owner,
        vrf,
        prefix: net.trunc().into(),
    })
}

fn route(from: &mut Reader<'_>) -> Result<RouteRecord, Malformed> {
    Ok(RouteRecord {
        generation: from.narrow()?,
        distance: from.byte()?,
        metric: from.narrow()?,
        set: from.narrow()?,
    })
}
