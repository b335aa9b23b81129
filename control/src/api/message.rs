//! What the conversions of all services share.

use super::status::Field;
use crate::model::name::{InterfaceName, NameError, VrfName};
use crate::model::number::{Choice, Mtu, RangeError};
use crate::model::port::Traffic;
use crate::model::prefix::{Family, InterfaceAddress, Prefix};
use crate::model::reason::reasons;
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1 as pb;
use prost::bytes::Bytes;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;
use tonic::Status;

reasons! {
    /// Why a message makes no sense as a whole.
    pub(super) enum MessageError {
        /// A field that must be given is not.
        Missing = "MISSING", Invalid, "this field must be given";
        /// An enum has a value that this version does not know.
        UnknownValue { /// The value.
            value: i32 } = "UNKNOWN_VALUE", Invalid, "the value {value} is not known";
        /// A list is too long.
        TooMany { /// How many there are.
            count: usize, /// Most that are allowed.
            limit: usize } = "TOO_MANY", Invalid, "{count} are more than the {limit} allowed";
        /// A list has the same thing twice.
        Twice = "TWICE", Invalid, "this stands in the list already";
    }
}

/// A field that must be given.
pub(super) fn required<T>(value: Option<T>, field: &str) -> Result<T, Status> {
    value.ok_or(MessageError::Missing).field(field)
}

/// A list that has a limit.
pub(super) fn at_most<T>(list: Vec<T>, limit: usize, field: &str) -> Result<Vec<T>, Status> {
    let count = list.len();
    if count > limit {
        Err(MessageError::TooMany { count, limit }).field(field)
    } else {
        Ok(list)
    }
}

/// The VRF with this name; an empty one means the default VRF.
pub(super) fn vrf_name(text: &str) -> Result<VrfName, NameError> {
    if text.is_empty() {
        Ok(VrfName::default())
    } else {
        text.parse()
    }
}

/// The name in a field.
pub(super) fn interface_name(text: &str, field: &str) -> Result<InterfaceName, Status> {
    text.parse::<InterfaceName>().field(field)
}

/// The name in a field that may be absent.
pub(super) fn optional_vrf(text: Option<String>) -> Result<Option<VrfName>, Status> {
    text.map(|text| vrf_name(&text)).transpose().field("vrf")
}

/// The name in a field that may be absent.
pub(super) fn optional_interface(text: Option<String>) -> Result<Option<InterfaceName>, Status> {
    text.map(|text| text.parse()).transpose().field("interface")
}

/// The family in a filter.
pub(super) fn family(value: i32) -> Result<Option<Family>, Status> {
    match pb::Family::try_from(value) {
        Ok(pb::Family::Unspecified) => Ok(None),
        Ok(pb::Family::Ipv4) => Ok(Some(Family::Ipv4)),
        Ok(pb::Family::Ipv6) => Ok(Some(Family::Ipv6)),
        Err(_) => Err(MessageError::UnknownValue { value }).field("family"),
    }
}

/// A count for which zero means that the router chooses.
pub(super) fn count(value: u32) -> Result<Choice<NonZeroU16>, RangeError> {
    let fit = u16::try_from(value);
    let fit = fit.map_err(|_| RangeError::OutOfRange {
        value: value.into(),
        min: 0,
        max: u16::MAX.into(),
    })?;
    Ok(NonZeroU16::new(fit).map_or(Choice::Auto, Choice::Exactly))
}

/// An MTU for which zero means that the router chooses.
pub(super) fn mtu(value: u32) -> Result<Choice<Mtu>, RangeError> {
    if value == 0 {
        Ok(Choice::Auto)
    } else {
        Mtu::try_from(value).map(Choice::Exactly)
    }
}

/// An address in network order.
pub(super) fn octets(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
    }
}

/// An Ethernet address, or nothing.
pub(super) fn mac(mac: Option<Mac>) -> Bytes {
    mac.map_or_else(Bytes::new, |mac| Bytes::copy_from_slice(&mac.octets()))
}

/// A duration in nanoseconds; what does not fit is as long as fits, which is 584 years.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A NUMA node as the API counts it.
pub(super) fn numa(node: Option<u16>) -> i32 {
    node.map_or(-1, i32::from)
}

impl From<Family> for pb::Family {
    fn from(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4,
            Family::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<Prefix> for pb::Prefix {
    fn from(prefix: Prefix) -> Self {
        Self {
            address: octets(prefix.net().addr()),
            length: prefix.length().into(),
        }
    }
}

impl From<InterfaceAddress> for pb::InterfaceAddress {
    fn from(address: InterfaceAddress) -> Self {
        Self {
            address: octets(address.address()),
            length: address.net().prefix_len().into(),
        }
    }
}

impl From<Traffic> for pb::Traffic {
    fn from(traffic: Traffic) -> Self {
        Self {
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}
