//! The messages of rtnetlink(7), as the kernel and FRR's Forwarding Plane Manager send them.
//!
//! [`view`] cuts bytes into messages and attributes, a file for each kind of message reads it into an [`update`], and
//! [`request`] writes the few that the bridge sends. Unknown attributes are skipped, as netlink(7) wants it; unknown messages
//! are counted by who reads them. Libraries that read netlink refuse a whole message for one value that they do not know, and
//! allocate for each attribute; a table of a million routes is worth these few lines.

mod address;
mod constant;
mod hop;
mod ignored;
mod link;
mod neighbour;
mod object;
pub(in crate::bridge) mod request;
mod route;
pub(crate) mod update;
pub(in crate::bridge) mod view;

pub(in crate::bridge) use ignored::Ignored;

use crate::model::prefix::AddressError;
use constant::{RTM_DELNEXTHOP, RTM_NEWNEXTHOP};
use nix::libc;
use update::Update;
use view::{LyingLength, Message};

/// Why a message cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// An attribute, or the whole, is longer than what holds it.
    #[error(transparent)]
    Length(#[from] LyingLength),
    /// Something is shorter than what it says.
    #[error("a value is too short")]
    Short,
    /// Something without which it means nothing is not there.
    #[error("its {0} is missing")]
    Missing(&'static str),
    /// An address or prefix is none.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::bridge) enum Decoded {
    /// Something changed.
    Update(Update),
    /// It is of a kind that is read, but says nothing about forwarding.
    Nothing,
    /// It is of a kind that is not read.
    Unknown,
}

/// Reads a message. Attributes that are not known are counted in `ignored`.
///
/// # Errors
/// It is of a kind that is read, and malformed.
pub(in crate::bridge) fn decode(
    message: &Message<'_>,
    ignored: &mut Ignored,
) -> Result<Decoded, Unreadable> {
    let update = match message.kind {
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => route::decode(message, &mut ignored.routes)?,
        RTM_NEWNEXTHOP | RTM_DELNEXTHOP => object::decode(message, &mut ignored.next_hops)?,
        libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => neighbour::decode(message, ignored)?,
        libc::RTM_NEWLINK | libc::RTM_DELLINK => link::decode(message, &mut ignored.links)?,
        libc::RTM_NEWADDR | libc::RTM_DELADDR => {
            address::count(message, &mut ignored.addresses)?;
            None
        }
        _ => return Ok(Decoded::Unknown),
    };
    Ok(update.map_or(Decoded::Nothing, Decoded::Update))
}

#[cfg(test)]
mod tests;
