//! Why a route or a next hop set was refused.

use super::name::{EndpointName, InterfaceName, NameError, VrfName};
use super::number::NextHopSetId;
use super::prefix::{AddressError, Prefix};
use super::reason::reasons;
use crate::nexthop::Loop;
use std::net::IpAddr;

/// A VRF as a message named it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VrfRef {
    /// By name.
    Name(VrfName),
    /// By a place in the batch where there is none.
    Place(u32),
}

impl std::fmt::Display for VrfRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Place(place) => write!(f, "in place {place} of the batch"),
        }
    }
}

/// Next hops that lead back to themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Circle {
    /// Through gateways.
    Gateways(Loop),
    /// From a VRF into itself.
    Vrf(VrfName),
}

impl std::fmt::Display for Circle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gateways(gateways) => gateways.fmt(f),
            Self::Vrf(vrf) => write!(f, "VRF {vrf} → VRF {vrf}"),
        }
    }
}

reasons! {
    /// Why a route or a next hop set was refused.
    pub enum RouteError {
        /// An address has neither 4 nor 16 octets.
        InvalidAddress { /// How many it has.
            octets: usize } = "INVALID_ADDRESS", Invalid, "an IP address has 4 or 16 octets, not {octets}";
        /// The prefix length is past the address.
        PrefixLength { /// The length.
            length: u32, /// The longest of this family.
            longest: u8 } = "PREFIX_LENGTH", Invalid, "a prefix length of {length} is above {longest}";
        /// Bits are set past the prefix length.
        HostBits { /// What was given.
            given: ipnet::IpNet, /// The prefix that covers it.
            meant: ipnet::IpNet } = "HOST_BITS", Invalid, "{given} has host bits set; the prefix is {meant}";
        /// The prefix is not for unicast routes.
        ReservedPrefix { /// The prefix.
            prefix: Prefix } = "RESERVED_PREFIX", Invalid, "{prefix} is multicast, loopback or link-local and takes no route";
        /// No such VRF.
        UnknownVrf { /// Its name, or its place in the batch.
            vrf: VrfRef } = "UNKNOWN_VRF", NotFound, "there is no VRF {vrf}";
        /// No such interface.
        UnknownInterface { /// Its name.
            interface: InterfaceName } = "UNKNOWN_INTERFACE", NotFound, "there is no interface {interface}";
        /// The owner has no such set.
        UnknownNextHopSet { /// Its number.
            next_hop_set: NextHopSetId } = "UNKNOWN_NEXT_HOP_SET", NotFound, "the owner has no next hop set {next_hop_set}";
        /// A unicast route without a next hop, or an empty set.
        NoNextHop = "NO_NEXT_HOP", Invalid, "a unicast route or a set needs a next hop";
        /// Too many next hops.
        TooManyNextHops { /// How many there are.
            count: usize, /// Most that are allowed.
            limit: usize } = "TOO_MANY_NEXT_HOPS", Invalid, "{count} next hops are above the limit of {limit}";
        /// The mix of fields has no meaning.
        NextHopForm { /// What is wrong with it.
            problem: &'static str } = "NEXT_HOP_FORM", Invalid, "{problem}";
        /// The gateway can be no station's.
        InvalidGateway { /// The gateway.
            gateway: IpAddr } = "INVALID_GATEWAY", Invalid, "{gateway} is not unicast, or is link-local and needs an interface";
        /// The gateway is the router itself.
        NextHopSelf { /// The gateway.
            gateway: IpAddr } = "NEXT_HOP_SELF", Precondition, "the gateway {gateway} is an address of the router itself";
        /// The gateway is not on the link.
        GatewayNotOnLink { /// The gateway.
            gateway: IpAddr, /// The interface.
            interface: InterfaceName } = "GATEWAY_NOT_ON_LINK", Precondition,
            "no connected prefix of {interface} covers the gateway {gateway}; say onlink if it is there nevertheless";
        /// The next hop leads back to this route.
        NextHopLoop { /// The circle, from one of its places back to it.
            path: Circle } = "NEXT_HOP_LOOP", Precondition, "the next hop leads back to this route: {path}";
        /// An IPv4 gateway for an IPv6 prefix.
        FamilyMismatch = "FAMILY_MISMATCH", Invalid, "an IPv4 gateway cannot serve an IPv6 prefix";
        /// The weight is too large.
        BadWeight { /// The weight.
            weight: u32 } = "BAD_WEIGHT", Invalid, "a weight of {weight} is above 65535";
        /// The distance is out of its bounds.
        BadDistance { /// The distance.
            distance: u32 } = "BAD_DISTANCE", Invalid, "a distance of {distance} is not between 1 and 254";
        /// No endpoint has the name.
        UnknownEndpoint { /// The name.
            endpoint: EndpointName } = "UNKNOWN_ENDPOINT", NotFound, "there is no endpoint {endpoint}";
        /// The endpoint cannot speak to the remote end.
        EndpointFamily { /// The endpoint.
            endpoint: EndpointName, /// The remote end.
            gateway: IpAddr } = "ENDPOINT_FAMILY", Precondition, "endpoint {endpoint} has no address of the family of {gateway}";
        /// An encapsulation is not valid.
        BadEncap { /// What is wrong with it.
            problem: String } = "BAD_ENCAP", Invalid, "{problem}";
        /// A table has no room.
        TableFull { /// The table.
            table: &'static str, /// What it holds.
            limit: u64 } = "TABLE_FULL", Exhausted, "the {table} table is full at {limit}";
        /// The owner has no route for the prefix.
        NoSuchRoute { /// The prefix.
            prefix: Prefix } = "NO_SUCH_ROUTE", NotFound, "the owner has no route for {prefix}";
        /// Routes refer to the set.
        InUse { /// The set.
            next_hop_set: NextHopSetId, /// How many routes do.
            routes: u64 } = "IN_USE", Precondition, "{routes} routes refer to the next hop set {next_hop_set}";
        /// A set's number is zero.
        SetNumber = "SET_NUMBER", Invalid, "a next hop set's number is not zero";
        /// A name is not valid.
        InvalidName { /// What is wrong with it.
            problem: NameError } = "INVALID_NAME", Invalid, "{problem}";
        /// The interface has no neighbours.
        InterfaceKind { /// The interface.
            interface: InterfaceName } = "INTERFACE_KIND", Precondition, "interface {interface} has no link";
    }
}

impl From<AddressError> for RouteError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::InvalidAddress { octets } => Self::InvalidAddress { octets },
            AddressError::PrefixLength { length, longest } => {
                Self::PrefixLength { length, longest }
            }
            AddressError::HostBits { given, meant } => Self::HostBits { given, meant },
            AddressError::NotUnicast { address } => Self::InvalidGateway { gateway: address },
            AddressError::NotStation { address } | AddressError::NoLink { address } => {
                Self::InvalidGateway {
                    gateway: address.addr(),
                }
            }
        }
    }
}

impl From<NameError> for RouteError {
    fn from(problem: NameError) -> Self {
        Self::InvalidName { problem }
    }
}
