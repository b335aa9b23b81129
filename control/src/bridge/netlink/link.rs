//! `RTM_NEWLINK` and `RTM_DELLINK`: netdevs.

use super::Unreadable;
use super::update::{Link, LinkKind, LinkUpdate, Signs, Update};
use super::view::{Attributes, LyingLength, Message, u32_at};
use ferroute_dataplane::mac::Mac;
use nix::libc;

/// Bytes of `ifinfomsg`.
const HEADER: usize = 16;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
/// The last attribute of netdevs that is known (`IFLA_TAILROOM`).
const LAST_KNOWN: u16 = 69;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VRF_TABLE: u16 = 1;
const IFLA_VXLAN_ID: u16 = 1;

/// Reads a netdev. Messages of bridges about their ports are none.
pub(super) fn decode(
    message: &Message<'_>,
    ignored: &mut u64,
) -> Result<Option<Update>, Unreadable> {
    let header = message
        .payload
        .first_chunk::<HEADER>()
        .ok_or(Unreadable::Short)?;
    if header[0] != 0 {
        return Ok(None);
    }
    let index = u32_at(header, 4).unwrap_or_default();
    let flags = u32_at(header, 8).unwrap_or_default();
    let (mut name, mut mac, mut controller, mut kind) = (None, None, None, LinkKind::Other);
    for attribute in Attributes::after(message.payload, HEADER) {
        let (attribute, value) = attribute?;
        match attribute {
            IFLA_ADDRESS => mac = value.try_into().ok().map(Mac::new),
            IFLA_IFNAME => name = Some(text(value).to_owned()),
            IFLA_MASTER => controller = u32_at(value, 0).filter(|index| *index != 0),
            IFLA_LINKINFO => kind = link_kind(value)?,
            other => *ignored += u64::from(other > LAST_KNOWN),
        }
    }
    let link = if message.kind == libc::RTM_DELLINK {
        None
    } else {
        Some(Link {
            name: name.ok_or(Unreadable::Missing("name"))?,
            signs: Signs::of_flags(flags),
            mac,
            controller,
            kind,
        })
    };
    Ok(Some(Update::Link(LinkUpdate { index, link })))
}

fn link_kind(info: &[u8]) -> Result<LinkKind, LyingLength> {
    let (mut kind, mut data) = ("", &[][..]);
    for attribute in Attributes::new(info) {
        match attribute? {
            (IFLA_INFO_KIND, value) => kind = text(value),
            (IFLA_INFO_DATA, value) => data = value,
            _ => {}
        }
    }
    let number = |wanted| {
        for attribute in Attributes::new(data) {
            let (attribute, value) = attribute?;
            if attribute == wanted {
                return Ok(u32_at(value, 0));
            }
        }
        Ok(None)
    };
    Ok(match kind {
        "bridge" => LinkKind::Bridge,
        "vrf" => number(IFLA_VRF_TABLE)?.map_or(LinkKind::Other, |table| LinkKind::Vrf { table }),
        "vxlan" => number(IFLA_VXLAN_ID)?.map_or(LinkKind::Other, |vni| LinkKind::Vxlan { vni }),
        _ => LinkKind::Other,
    })
}

/// A text that ends with a zero byte. The kernel's names are ASCII; anything else cannot be a name of ours and reads as empty.
fn text(value: &[u8]) -> &str {
    let end = value.iter().position(|byte| *byte == 0);
    std::str::from_utf8(&value[..end.unwrap_or(value.len())]).unwrap_or_default()
}
