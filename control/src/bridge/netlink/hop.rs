//! Next hops: the attributes of a route, of a member of a multipath route, or of a next hop object.

use super::Unreadable;
use super::constant::*;
use super::update::{Encapsulation, Hop, Hops, Labels};
use super::view::{Attributes, LyingLength, be32_at, u8_at, u16_at, u32_at};
use std::net::IpAddr;

/// The parts of one next hop, as its attributes come.
#[derive(Debug, Default)]
pub(super) struct HopParts<'a> {
    gateway: Option<IpAddr>,
    interface: u32,
    encapsulation_type: u16,
    encapsulation: &'a [u8],
    /// Outgoing labels of a label switched path.
    new_destination: Option<&'a [u8]>,
    given: bool,
}

impl<'a> HopParts<'a> {
    /// Takes an attribute of a route, if it is one of a next hop; counts it if nobody knows what it says.
    pub(super) fn route_attribute(
        &mut self,
        kind: u16,
        value: &'a [u8],
        ignored: &mut u64,
    ) -> Result<(), Unreadable> {
        match kind {
            RTA_OIF => self.interface = u32_at(value, 0).ok_or(Unreadable::Short)?,
            RTA_GATEWAY => self.gateway = Some(address(value)?),
            // The family stands before the address.
            RTA_VIA => self.gateway = Some(address(value.get(2..).unwrap_or_default())?),
            RTA_ENCAP_TYPE => {
                self.encapsulation_type = u16_at(value, 0).ok_or(Unreadable::Short)?
            }
            RTA_ENCAP => self.encapsulation = value,
            RTA_NEWDST => self.new_destination = Some(value),
            kind => {
                *ignored += u64::from(!ROUTE_ASIDE.contains(&kind));
                return Ok(());
            }
        }
        self.given = true;
        Ok(())
    }

    /// The same of a next hop object.
    pub(super) fn object_attribute(
        &mut self,
        kind: u16,
        value: &'a [u8],
        ignored: &mut u64,
    ) -> Result<(), Unreadable> {
        let route = match kind {
            NHA_OIF => RTA_OIF,
            NHA_GATEWAY => RTA_GATEWAY,
            NHA_ENCAP_TYPE => RTA_ENCAP_TYPE,
            NHA_ENCAP => RTA_ENCAP,
            kind => {
                *ignored += u64::from(!OBJECT_ASIDE.contains(&kind));
                return Ok(());
            }
        };
        self.route_attribute(route, value, ignored)
    }

    /// Whether there was any.
    pub(super) const fn is_given(&self) -> bool {
        self.given
    }

    /// The next hop.
    pub(super) fn finish(self, onlink: bool, weight: u32) -> Result<Hop, Unreadable> {
        let encapsulation = match self.new_destination {
            Some(stack) => Encapsulation::Mpls(labels(stack)?),
            None => encapsulation(self.encapsulation_type, self.encapsulation)?,
        };
        Ok(Hop {
            gateway: self.gateway,
            interface: self.interface,
            onlink,
            weight,
            encapsulation,
        })
    }
}

/// The members of `RTA_MULTIPATH`: each an `rtnexthop` (length, flags, weight less one, interface) with its attributes.
pub(super) fn multipath(mut bytes: &[u8], ignored: &mut u64) -> Result<Hops, Unreadable> {
    const HEADER: usize = 8;
    let mut hops = Hops::new();
    while !bytes.is_empty() {
        let left = bytes.len();
        let length = u16_at(bytes, 0).map_or(0, usize::from);
        if length < HEADER || length > left {
            return Err(LyingLength { length, left }.into());
        }
        let mut parts = HopParts {
            interface: u32_at(bytes, 4).unwrap_or_default(),
            ..HopParts::default()
        };
        for attribute in Attributes::new(&bytes[HEADER..length]) {
            let (kind, value) = attribute?;
            parts.route_attribute(kind, value, ignored)?;
        }
        let onlink = u8_at(bytes, 2).unwrap_or_default() & RTNH_F_ONLINK != 0;
        let weight = u32::from(u8_at(bytes, 3).unwrap_or_default()) + 1;
        hops.push(parts.finish(onlink, weight)?);
        bytes = bytes
            .get(super::view::aligned(length)..)
            .unwrap_or_default();
    }
    Ok(hops)
}

fn encapsulation(kind: u16, value: &[u8]) -> Result<Encapsulation, Unreadable> {
    match kind {
        0 => Ok(Encapsulation::None),
        ENCAP_MPLS => {
            const MPLS_IPTUNNEL_DST: u16 = 1;
            let stack = find(value, MPLS_IPTUNNEL_DST)?.ok_or(Unreadable::Missing("labels"))?;
            Ok(Encapsulation::Mpls(labels(stack)?))
        }
        ENCAP_NET_VXLAN => {
            // FRR gives the VNI the type 0, in host order.
            let vni = find(value, 0)?.and_then(|value| u32_at(value, 0));
            Ok(Encapsulation::Vxlan(vni.ok_or(Unreadable::Missing("VNI"))?))
        }
        ENCAP_IP | ENCAP_IP6 => {
            const ID: u16 = 1;
            const DST: u16 = 2;
            let id = find(value, ID)?.and_then(|value| value.first_chunk::<8>());
            let remote = find(value, DST)?.map(address).transpose()?;
            Ok(Encapsulation::Tunnel {
                id: id.map_or(0, |id| u64::from_be_bytes(*id)),
                remote,
            })
        }
        other => Ok(Encapsulation::Other(other)),
    }
}

fn find(bytes: &[u8], wanted: u16) -> Result<Option<&[u8]>, LyingLength> {
    for attribute in Attributes::new(bytes) {
        let (kind, value) = attribute?;
        if kind == wanted {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// A label stack (RFC 3032 section 2.1): entries of four bytes, the last marked.
pub(super) fn labels(stack: &[u8]) -> Result<Labels, Unreadable> {
    const BOTTOM: u32 = 1 << 8;
    let mut labels = Labels::new();
    for at in (0..stack.len()).step_by(4) {
        let entry = be32_at(stack, at).ok_or(Unreadable::Short)?;
        labels.push(entry >> 12);
        if entry & BOTTOM != 0 {
            break;
        }
    }
    if labels.is_empty() {
        return Err(Unreadable::Short);
    }
    Ok(labels)
}

/// An address of 4 or 16 bytes.
pub(super) fn address(value: &[u8]) -> Result<IpAddr, Unreadable> {
    Ok(crate::model::prefix::address(value)?)
}
