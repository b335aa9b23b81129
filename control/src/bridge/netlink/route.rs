//! `RTM_NEWROUTE` and `RTM_DELROUTE`: routes and label switched paths.

use super::Unreadable;
use super::constant::*;
use super::hop::{HopParts, labels, multipath};
use super::update::{Hops, LspUpdate, Protocol, RouteChange, RouteUpdate, Special, Target, Update};
use super::view::{Attributes, Message, u32_at};
use crate::model::prefix::Prefix;
use nix::libc;

/// Bytes of `rtmsg`.
const HEADER: usize = 12;

/// Reads a route. A copy in a cache is none.
pub(super) fn decode(
    message: &Message<'_>,
    ignored: &mut u64,
) -> Result<Option<Update>, Unreadable> {
    let header = message
        .payload
        .first_chunk::<HEADER>()
        .ok_or(Unreadable::Short)?;
    let [
        family,
        length,
        source_length,
        tos,
        table,
        protocol,
        _scope,
        kind,
        ..,
    ] = *header;
    let flags = u32_at(header, 8).unwrap_or_default();
    if flags & RTM_F_CLONED != 0 {
        return Ok(None);
    }
    let (mut destination, mut priority, mut table) = (&[][..], 0, u32::from(table));
    let (mut object, mut several) = (None, None);
    let mut parts = HopParts::default();
    for attribute in Attributes::after(message.payload, HEADER) {
        let (kind, value) = attribute?;
        let number = || u32_at(value, 0).ok_or(Unreadable::Short);
        match kind {
            RTA_DST => destination = value,
            RTA_PRIORITY => priority = number()?,
            RTA_TABLE => table = number()?,
            RTA_NH_ID => object = Some(number()?),
            RTA_MULTIPATH => several = Some(multipath(value, ignored)?),
            other => parts.route_attribute(other, value, ignored)?,
        }
    }
    let gone = message.kind == libc::RTM_DELROUTE;
    let onlink = flags & u32::from(RTNH_F_ONLINK) != 0;
    let hops = move || -> Result<Option<Hops>, Unreadable> {
        if several.is_some() {
            return Ok(several);
        }
        let given = parts.is_given().then(|| parts.finish(onlink, 1));
        Ok(given.transpose()?.map(|hop| Hops::from_iter([hop])))
    };
    if family == AF_MPLS {
        let label = labels(destination)?[0];
        let hops = if gone {
            None
        } else {
            Some(hops()?.unwrap_or_default())
        };
        return Ok(Some(Update::Lsp(LspUpdate { label, hops })));
    }
    let prefix = match (family, destination) {
        (AF_INET, []) => Prefix::from_octets(&[0; 4], length.into())?,
        (AF_INET6, []) => Prefix::from_octets(&[0; 16], length.into())?,
        (AF_INET | AF_INET6, octets) => Prefix::from_octets(octets, length.into())?,
        // Multicast forwarding and others, which are no unicast routes.
        _ => return Ok(None),
    };
    let target = match (kind, object) {
        (libc::RTN_BLACKHOLE, _) => Target::Special(Special::Blackhole),
        (libc::RTN_UNREACHABLE, _) => Target::Special(Special::Unreachable),
        (libc::RTN_PROHIBIT, _) => Target::Special(Special::Prohibit),
        (libc::RTN_UNICAST, Some(id)) => Target::Object(id),
        (libc::RTN_UNICAST, None) => hops()?.map_or(Target::Other, Target::Hops),
        // FRR's withdrawals have the type 0; what they say of next hops does not matter.
        _ => Target::Other,
    };
    let change = if gone {
        RouteChange::Delete
    } else if i32::from(message.flags) & libc::NLM_F_REPLACE != 0 {
        RouteChange::Replace
    } else {
        RouteChange::Add
    };
    Ok(Some(Update::Route(RouteUpdate {
        change,
        table,
        prefix,
        selective: source_length != 0 || tos != 0,
        metric: priority,
        protocol: Protocol(protocol),
        target,
    })))
}
