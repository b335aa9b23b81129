//! Messages that the bridge writes: requests for dumps and stations to the kernel, and words on routes back to FRR.

use super::constant::*;
use super::update::{Protocol, Special};
use super::view::{HEADER_BYTES, aligned};
use crate::model::prefix::Prefix;
use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;
use nix::libc;
use std::net::IpAddr;

/// What the kernel can be asked to list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::bridge) enum Listing {
    /// Netdevs.
    Links,
    /// Next hop objects.
    NextHops,
    /// Neighbours of both families.
    Neighbours,
    /// Forwarding databases of bridges and tunnels.
    Fdb,
    /// IPv4 routes.
    Ipv4Routes,
    /// IPv6 routes.
    Ipv6Routes,
    /// Label switched paths.
    Lsps,
}

/// A request for everything of a kind.
pub(in crate::bridge) fn dump(listing: Listing, sequence: u32) -> Vec<u8> {
    let (kind, family, header_bytes) = match listing {
        Listing::Links => (libc::RTM_GETLINK, 0, 16),
        Listing::NextHops => (RTM_GETNEXTHOP, 0, 8),
        Listing::Neighbours => (libc::RTM_GETNEIGH, 0, 12),
        // The kernel takes a header of netdevs here, as bridge(8) sends it.
        Listing::Fdb => (libc::RTM_GETNEIGH, AF_BRIDGE, 16),
        Listing::Ipv4Routes => (libc::RTM_GETROUTE, AF_INET, 12),
        Listing::Ipv6Routes => (libc::RTM_GETROUTE, AF_INET6, 12),
        Listing::Lsps => (libc::RTM_GETROUTE, AF_MPLS, 12),
    };
    let mut bytes = header(kind, REQUEST | DUMP, sequence);
    bytes.push(family);
    bytes.resize(HEADER_BYTES + header_bytes, 0);
    finish(bytes)
}

const REQUEST: u16 = 0x001;
const ACK: u16 = 0x004;
const DUMP: u16 = 0x300;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;

/// An entry of a bridge's forwarding database at one of its ports, or that there is none: a station that the router learned.
pub(in crate::bridge) fn station(port: u32, mac: Mac, there: bool, sequence: u32) -> Vec<u8> {
    let flags = NTF_MASTER | NTF_EXT_LEARNED;
    let mut bytes = neighbour_header(AF_BRIDGE, port, NUD_REACHABLE, flags, there, sequence);
    attribute(&mut bytes, NDA_LLADDR, &mac.octets());
    finish(bytes)
}

/// A neighbour that the router knows, or that it is no neighbour (`None`).
pub(in crate::bridge) fn neighbour(
    netdev: u32,
    address: IpAddr,
    mac: Option<Mac>,
    sequence: u32,
) -> Vec<u8> {
    let (family, octets) = match address {
        IpAddr::V4(v4) => (AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (AF_INET6, v6.octets().to_vec()),
    };
    // Not one that another program learned: to zebra such are its own, from other routers.
    let there = mac.is_some();
    let mut bytes = neighbour_header(family, netdev, NUD_PERMANENT, 0, there, sequence);
    attribute(&mut bytes, NDA_DST, &octets);
    if let Some(mac) = mac {
        attribute(&mut bytes, NDA_LLADDR, &mac.octets());
        attribute(&mut bytes, NDA_PROTOCOL, &[OWN_PROTOCOL]);
    }
    finish(bytes)
}

fn neighbour_header(
    family: u8,
    netdev: u32,
    state: u16,
    flags: u8,
    there: bool,
    sequence: u32,
) -> Vec<u8> {
    let mut bytes = if there {
        header(
            libc::RTM_NEWNEIGH,
            REQUEST | ACK | CREATE | REPLACE,
            sequence,
        )
    } else {
        header(libc::RTM_DELNEIGH, REQUEST | ACK, sequence)
    };
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(netdev.to_ne_bytes());
    bytes.extend(state.to_ne_bytes());
    bytes.extend([flags, 0]);
    bytes
}

/// What became of a route in the data path, as FRR's zebra understands it since 8.5: the route with a flag.
pub(in crate::bridge) fn feedback(
    prefix: Prefix,
    table: u32,
    protocol: Protocol,
    special: Option<Special>,
    done: bool,
) -> Vec<u8> {
    let (family, octets) = match prefix.net() {
        IpNet::V4(net) => (AF_INET, net.addr().octets().to_vec()),
        IpNet::V6(net) => (AF_INET6, net.addr().octets().to_vec()),
    };
    let kind = match special {
        None => libc::RTN_UNICAST,
        Some(Special::Blackhole) => libc::RTN_BLACKHOLE,
        Some(Special::Unreachable) => libc::RTN_UNREACHABLE,
        Some(Special::Prohibit) => libc::RTN_PROHIBIT,
    };
    let flags = if done {
        RTM_F_OFFLOAD
    } else {
        RTM_F_OFFLOAD_FAILED
    };
    let short_table = u8::try_from(table).unwrap_or_default();
    let mut bytes = header(libc::RTM_NEWROUTE, REQUEST, 0);
    bytes.extend([
        family,
        prefix.length(),
        0,
        0,
        short_table,
        protocol.0,
        0,
        kind,
    ]);
    bytes.extend(flags.to_ne_bytes());
    attribute(&mut bytes, RTA_DST, &octets);
    if table > u32::from(u8::MAX) {
        attribute(&mut bytes, RTA_TABLE, &table.to_ne_bytes());
    }
    finish(bytes)
}

fn header(kind: u16, flags: u16, sequence: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.resize(HEADER_BYTES, 0);
    bytes
}

/// Appends an attribute.
fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(aligned(bytes.len()), 0);
}

fn finish(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}
