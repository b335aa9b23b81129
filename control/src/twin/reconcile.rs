//! Making a netdev what its spec says, by writing only what differs.

use super::error::TwinError;
use super::manager::Legacy;
use super::netlink::{Change, Netlink};
use super::spec::{TwinName, TwinSpec};
use super::{sysctl, tun};
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

/// The kernel counts the Ethernet header of a TAP into the 65,535 bytes that a packet can have. Only a loopback's MTU is larger.
const TAP_MTU_MAX: u16 = u16::MAX - 14;

/// What was written to a netdev and is to be taken back when it is no longer wanted. What others
/// wrote is not in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    pub(super) addresses: Vec<IpNet>,
}

/// Makes a TAP in the namespace and returns its descriptor and index. One that bears a router's mark is taken over instead: an
/// earlier process left it, or it is open, which the kernel then says.
pub(super) fn create(
    netlink: &Netlink,
    name: &TwinName,
    mark: Option<&str>,
) -> Result<(OwnedFd, u32), TwinError> {
    let is_marked = || {
        let link = netlink.link_by_name(name.as_str());
        matches!(link, Ok(Some(link)) if link.alias.starts_with(Legacy::MARK))
    };
    let tap = match tun::create(name) {
        Err(TwinError::NameTaken { .. }) if mark.is_some() && is_marked() => tun::take_over(name)?,
        made => made?,
    };
    match netlink.link_by_name(name.as_str()) {
        Ok(Some(link)) => {
            if let Some(mark) = mark.filter(|mark| link.alias != **mark) {
                let note = rtnetlink::LinkUnspec::new_with_index(link.index).alias(mark);
                netlink
                    .set(note.build())
                    .map_err(refused(name, "note whose it is"))?;
            }
            Ok((tap, link.index))
        }
        Ok(None) => Err(TwinError::Create {
            name: name.clone(),
            source: io::ErrorKind::NotFound.into(),
        }),
        Err(source) => Err(TwinError::Create {
            name: name.clone(),
            source,
        }),
    }
}

/// Whether the netdev is still there under its name.
pub(super) fn is_there(netlink: &Netlink, index: u32, name: &TwinName) -> Result<bool, TwinError> {
    let link = netlink
        .link_by_index(index)
        .map_err(refused(name, "show it"))?;
    Ok(link.is_some_and(|link| link.name == name.as_str()))
}

/// Removes the netdev if it is there.
pub(super) fn remove(netlink: &Netlink, index: u32, name: &TwinName) -> Result<(), TwinError> {
    if is_there(netlink, index, name)? {
        netlink.delete(index).map_err(refused(name, "remove it"))?;
    }
    Ok(())
}

/// Removes the netdevs that bear the mark, but for these; says which.
pub(super) fn sweep(
    netlink: &Netlink,
    mark: &str,
    keep: &[u32],
) -> Vec<(String, Result<(), TwinError>)> {
    let links = netlink.links().unwrap_or_default();
    let marked = links
        .into_iter()
        .filter(|link| link.alias == mark && !keep.contains(&link.index));
    let removed = marked.filter_map(|link| {
        let name: TwinName = link.name.parse().ok()?;
        let gone = netlink.delete(link.index);
        Some((link.name, gone.map_err(refused(&name, "remove it"))))
    });
    removed.collect()
}

/// Brings the netdev to its spec. `written` is kept true also when this fails half way, so that the
/// next try goes on from there.
pub(super) fn reconcile(
    netlink: &Netlink,
    index: u32,
    spec: &TwinSpec,
    written: &mut Written,
) -> Result<(), TwinError> {
    let name = &spec.name;
    let link = netlink
        .link_by_index(index)
        .and_then(|link| link.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(refused(name, "show it"))?;
    // Before it is up: the kernel would make a link-local address at that moment.
    sysctl::apply(name)?;
    if link.mac != Some(spec.mac) {
        netlink
            .change(index, Change::Mac(spec.mac))
            .map_err(refused(name, "set its Ethernet address"))?;
    }
    let mtu = spec.mtu.min(TAP_MTU_MAX);
    if link.mtu != u32::from(mtu) {
        netlink
            .change(index, Change::Mtu(mtu))
            .map_err(refused(name, "set its MTU"))?;
    }
    if link.up != spec.up {
        let operation = if spec.up { "set it up" } else { "set it down" };
        netlink
            .change(index, Change::Up(spec.up))
            .map_err(refused(name, operation))?;
    }
    address(netlink, index, spec, written)
}

fn address(
    netlink: &Netlink,
    index: u32,
    spec: &TwinSpec,
    written: &mut Written,
) -> Result<(), TwinError> {
    let name = &spec.name;
    let has = netlink
        .addresses(index)
        .map_err(refused(name, "list its addresses"))?;
    // The kernel takes link-local addresses off a netdev that goes down, whatever it is told.
    let wanted = || {
        spec.addresses
            .iter()
            .filter(|address| spec.up || !is_link_local(address))
    };
    let failed = |operation, address| {
        move |source| TwinError::Address {
            name: name.clone(),
            operation,
            address,
            source,
        }
    };
    // First off, then on: IPv6 refuses an address that it has with another prefix length.
    for old in written.addresses.clone() {
        if !wanted().any(|new| *new == old) {
            if has.contains(&old) {
                netlink
                    .remove_address(index, old)
                    .map_err(failed("remove", old))?;
            }
            written.addresses.retain(|address| *address != old);
        }
    }
    for new in wanted() {
        if !has.contains(new) {
            netlink
                .add_address(index, *new)
                .map_err(failed("add", *new))?;
        }
        if !written.addresses.contains(new) {
            written.addresses.push(*new);
        }
    }
    Ok(())
}

/// Takes these addresses away, as far as they are there.
pub(super) fn take_away(
    netlink: &Netlink,
    index: u32,
    name: &TwinName,
    old: &[IpNet],
) -> Result<(), TwinError> {
    let has = netlink
        .addresses(index)
        .map_err(refused(name, "list its addresses"))?;
    for address in old.iter().filter(|address| has.contains(address)) {
        netlink
            .remove_address(index, *address)
            .map_err(|source| TwinError::Address {
                name: name.clone(),
                operation: "remove",
                address: *address,
                source,
            })?;
    }
    Ok(())
}

fn is_link_local(address: &IpNet) -> bool {
    matches!(address.addr(), IpAddr::V6(address) if address.is_unicast_link_local())
}

fn refused(name: &TwinName, operation: &'static str) -> impl FnOnce(io::Error) -> TwinError {
    let name = name.clone();
    move |source| TwinError::Link {
        name,
        operation,
        source,
    }
}
