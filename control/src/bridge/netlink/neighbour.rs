//! `RTM_NEWNEIGH` and `RTM_DELNEIGH`: neighbours and entries of forwarding databases.

use super::constant::*;
use super::hop::address;
use super::update::{
    Behind, FdbEntry, FdbKey, FdbUpdate, Neighbour, NeighbourState, NeighbourUpdate, Update,
};
use super::view::{Attributes, Message, u8_at, u16_at, u32_at};
use super::{Ignored, Unreadable};
use ferroute_dataplane::mac::Mac;
use nix::libc;

/// Bytes of `ndmsg`.
const HEADER: usize = 12;
const NDA_VLAN: u16 = 5;
const NDA_VNI: u16 = 7;
const NDA_NH_ID: u16 = 13;
/// The last attribute of neighbours that is known (`NDA_NDM_FLAGS_MASK`).
const LAST_KNOWN: u16 = 17;
const NTF_PROXY: u8 = 0x08;
const NUD_RESOLVED: u16 = 0x02 | 0x04 | 0x08 | 0x10;
const NUD_NOARP: u16 = 0x40;

/// Reads a neighbour or an entry of a forwarding database. What the kernel answers for others (proxies) is none.
pub(super) fn decode(
    message: &Message<'_>,
    ignored: &mut Ignored,
) -> Result<Option<Update>, Unreadable> {
    let header = message
        .payload
        .first_chunk::<HEADER>()
        .ok_or(Unreadable::Short)?;
    let interface = u32_at(header, 4).unwrap_or_default();
    let state = u16_at(header, 8).unwrap_or_default();
    let flags = u8_at(header, 10).unwrap_or_default();
    let (mut destination, mut mac, mut vlan, mut vni, mut group) = (None, None, 0, None, None);
    let mut ours = false;
    let ignored = match header[0] {
        AF_BRIDGE => &mut ignored.fdb,
        _ => &mut ignored.neighbours,
    };
    for attribute in Attributes::after(message.payload, HEADER) {
        let (kind, value) = attribute?;
        match kind {
            NDA_DST => destination = Some(address(value)?),
            NDA_LLADDR => mac = <[u8; 6]>::try_from(value).ok(),
            NDA_VLAN => vlan = u16_at(value, 0).unwrap_or_default(),
            NDA_VNI => vni = u32_at(value, 0),
            NDA_PROTOCOL => ours = u8_at(value, 0) == Some(OWN_PROTOCOL),
            NDA_NH_ID => group = u32_at(value, 0),
            other => *ignored += u64::from(other > LAST_KNOWN),
        }
    }
    let gone = message.kind == libc::RTM_DELNEIGH;
    let told = state & (NUD_PERMANENT | NUD_NOARP) != 0 || flags & NTF_EXT_LEARNED != 0;
    match header[0] {
        AF_BRIDGE => {
            let key = FdbKey {
                interface,
                mac: mac.ok_or(Unreadable::Missing("Ethernet address"))?,
                vlan,
                behind: match (group, destination) {
                    (Some(group), _) => Behind::Group(group),
                    (None, Some(remote)) => Behind::Remote(remote),
                    (None, None) => Behind::Port,
                },
            };
            let sticky = state & NUD_NOARP != 0;
            let entry = (!gone).then_some(FdbEntry { vni, told, sticky });
            Ok(Some(Update::Fdb(FdbUpdate { key, entry })))
        }
        AF_INET | AF_INET6 if flags & NTF_PROXY == 0 => {
            let state = if ours {
                NeighbourState::Ours
            } else if told {
                NeighbourState::Told
            } else if state & NUD_RESOLVED != 0 {
                NeighbourState::Resolved
            } else {
                NeighbourState::Unresolved
            };
            let known = (!gone).then_some(Neighbour {
                mac: mac.map(Mac::new),
                state,
            });
            Ok(Some(Update::Neighbour(NeighbourUpdate {
                interface,
                address: destination.ok_or(Unreadable::Missing("address"))?,
                known,
            })))
        }
        _ => Ok(None),
    }
}
