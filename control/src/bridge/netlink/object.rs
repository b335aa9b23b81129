//! `RTM_NEWNEXTHOP` and `RTM_DELNEXTHOP`: next hop objects and groups.

use super::Unreadable;
use super::constant::*;
use super::hop::HopParts;
use super::update::{FdbHop, NextHopBody, NextHopUpdate, Update};
use super::view::{Attributes, Message, u8_at, u32_at};

/// Bytes of `nhmsg`.
const HEADER: usize = 8;

/// Reads a next hop object.
pub(super) fn decode(
    message: &Message<'_>,
    ignored: &mut u64,
) -> Result<Option<Update>, Unreadable> {
    let header = message
        .payload
        .first_chunk::<HEADER>()
        .ok_or(Unreadable::Short)?;
    let onlink = u32_at(header, 4).unwrap_or_default() & u32::from(RTNH_F_ONLINK) != 0;
    let (mut id, mut group, mut blackhole, mut fdb) = (None, None, false, false);
    let mut parts = HopParts::default();
    for attribute in Attributes::after(message.payload, HEADER) {
        let (kind, value) = attribute?;
        match kind {
            NHA_ID => id = u32_at(value, 0),
            NHA_GROUP => group = Some(members(value)?),
            NHA_BLACKHOLE => blackhole = true,
            NHA_FDB => fdb = true,
            other => parts.object_attribute(other, value, ignored)?,
        }
    }
    let id = id.ok_or(Unreadable::Missing("number"))?;
    let body = if message.kind == RTM_DELNEXTHOP {
        None
    } else if fdb {
        Some(NextHopBody::Fdb(match group {
            Some(group) => FdbHop::Group(group.into_iter().map(|(id, _)| id).collect()),
            None => FdbHop::End(
                parts
                    .finish(onlink, 1)?
                    .gateway
                    .ok_or(Unreadable::Missing("gateway"))?,
            ),
        }))
    } else if blackhole {
        Some(NextHopBody::Blackhole)
    } else if let Some(group) = group {
        Some(NextHopBody::Group(group))
    } else if parts.is_given() {
        Some(NextHopBody::Hop(parts.finish(onlink, 1)?))
    } else {
        return Err(Unreadable::Missing("next hop"));
    };
    Ok(Some(Update::NextHop(NextHopUpdate { id, body })))
}

/// Members of a group: number, weight less one in two bytes that are not neighbours.
fn members(value: &[u8]) -> Result<Vec<(u32, u32)>, Unreadable> {
    const ENTRY: usize = 8;
    let (entries, rest) = value.as_chunks::<ENTRY>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(Unreadable::Short);
    }
    let member = |entry: &[u8; ENTRY]| {
        let id = u32_at(entry, 0).unwrap_or_default();
        let low = u32::from(u8_at(entry, 4).unwrap_or_default());
        let high = u32::from(u8_at(entry, 5).unwrap_or_default());
        (id, (high << 8 | low) + 1)
    };
    Ok(entries.iter().map(member).collect())
}
