//! Prefixes and addresses that are what they claim to be.

use super::reason::reasons;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::address::{
    Ipv4Destination, Ipv6Destination, ipv4_destination, ipv6_destination,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::IpAddr;

reasons! {
    /// Why octets are no address or prefix.
    pub enum AddressError {
        /// They are neither 4 nor 16 octets.
        InvalidAddress {
            /// How many there are.
            octets: usize,
        } = "INVALID_ADDRESS", Invalid, "an IP address has 4 or 16 octets, not {octets}";
        /// The prefix length is past the address.
        PrefixLength {
            /// The length.
            length: u32,
            /// The longest of this family.
            longest: u8,
        } = "PREFIX_LENGTH", Invalid, "a prefix length of {length} is above {longest}";
        /// A prefix has bits set past its length.
        HostBits {
            /// What was given.
            given: IpNet,
            /// The prefix that covers it.
            meant: IpNet,
        } = "HOST_BITS", Invalid, "{given} has host bits set; the prefix is {meant}";
        /// The address cannot be that of a host.
        NotUnicast {
            /// The address.
            address: IpAddr,
        } = "ADDRESS_INVALID", Invalid, "{address} is not the unicast address of a station";
        /// The address is not a station's but the network's.
        NotStation {
            /// The address with its prefix length.
            address: IpNet,
        } = "ADDRESS_INVALID", Invalid, "{address} is the network or broadcast address of its prefix";
        /// The address has the prefix length zero: a link with all addresses there are.
        NoLink {
            /// The address with its prefix length.
            address: IpNet,
        } = "ADDRESS_INVALID", Invalid, "{address}: a link's prefix is not of length 0";
    }
}

reasons! {
    /// Why octets are no Ethernet address of a station.
    pub enum MacError {
        /// They are not six.
        Length { /// How many there are.
            octets: usize } = "MAC_INVALID", Invalid, "an Ethernet address has 6 octets, not {octets}";
        /// It is a group's, or all zero.
        NotStation { /// The address.
            mac: Mac } = "MAC_INVALID", Invalid, "{mac} is no station's Ethernet address: it is zero or a group's";
    }
}

/// An address family.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// The address with these octets, in network order.
///
/// # Errors
/// [`AddressError::InvalidAddress`] unless there are 4 or 16.
pub fn address(octets: &[u8]) -> Result<IpAddr, AddressError> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        Ok(v4.into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
        Ok(v6.into())
    } else {
        Err(AddressError::InvalidAddress {
            octets: octets.len(),
        })
    }
}

/// The address with these octets, which is that of a station, and may stand in packets: not unspecified, a group's, a loopback's,
/// reserved (240/4, 0/8) or IPv4-mapped.
///
/// # Errors
/// [`AddressError::InvalidAddress`] and [`AddressError::NotUnicast`].
pub fn station(octets: &[u8]) -> Result<IpAddr, AddressError> {
    let address = address(octets)?;
    let is_station = match address {
        IpAddr::V4(v4) => ipv4_destination(v4) == Ipv4Destination::Unicast,
        IpAddr::V6(v6) => matches!(
            ipv6_destination(v6),
            Ipv6Destination::Unicast | Ipv6Destination::LinkLocal
        ),
    };
    if is_station {
        Ok(address)
    } else {
        Err(AddressError::NotUnicast { address })
    }
}

/// The Ethernet address of a station with these octets.
///
/// # Errors
/// [`MacError`].
pub fn station_mac(octets: &[u8]) -> Result<Mac, MacError> {
    let length = |_| MacError::Length {
        octets: octets.len(),
    };
    let mac = <[u8; 6]>::try_from(octets).map(Mac::new).map_err(length)?;
    if mac.is_station() {
        Ok(mac)
    } else {
        Err(MacError::NotStation { mac })
    }
}

fn network(octets: &[u8], length: u32) -> Result<IpNet, AddressError> {
    let address = address(octets)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let fail = || AddressError::PrefixLength { length, longest };
    let short = u8::try_from(length).map_err(|_| fail())?;
    IpNet::new(address, short).map_err(|_| fail())
}

/// An IP prefix: no bit is set past its length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(IpNet);

impl Prefix {
    /// The prefix with these octets in network order and this length.
    ///
    /// # Errors
    /// [`AddressError::InvalidAddress`], [`AddressError::PrefixLength`], [`AddressError::HostBits`].
    pub fn from_octets(octets: &[u8], length: u32) -> Result<Self, AddressError> {
        network(octets, length)?.try_into()
    }

    /// The prefix as a network.
    #[must_use]
    pub const fn net(self) -> IpNet {
        self.0
    }

    /// The prefix length.
    #[must_use]
    pub fn length(self) -> u8 {
        self.0.prefix_len()
    }

    /// The family.
    #[must_use]
    pub const fn family(self) -> Family {
        match self.0 {
            IpNet::V4(_) => Family::Ipv4,
            IpNet::V6(_) => Family::Ipv6,
        }
    }

    /// Whether no unicast route may have this prefix: it lies within multicast, loopback or link-local space, or is
    /// IPv4's limited broadcast.
    #[must_use]
    pub fn is_reserved(self) -> bool {
        match self.0 {
            IpNet::V4(net) => within_v4(net),
            IpNet::V6(net) => within_v6(net),
        }
    }
}

fn within_v4(net: Ipv4Net) -> bool {
    let (address, length) = (net.addr(), net.prefix_len());
    (address.is_multicast() && length >= 4)
        || (address.is_loopback() && length >= 8)
        || (address.is_link_local() && length >= 16)
        || (address.is_broadcast() && length == 32)
}

fn within_v6(net: Ipv6Net) -> bool {
    let (address, length) = (net.addr(), net.prefix_len());
    (address.is_multicast() && length >= 8)
        || (address.is_loopback() && length == 128)
        || (address.is_unicast_link_local() && length >= 10)
}

impl TryFrom<IpNet> for Prefix {
    type Error = AddressError;

    fn try_from(given: IpNet) -> Result<Self, AddressError> {
        let meant = given.trunc();
        if given == meant {
            Ok(Self(given))
        } else {
            Err(AddressError::HostBits { given, meant })
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A station's address with the length of its connected prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InterfaceAddress(IpNet);

impl InterfaceAddress {
    /// The address with these octets in network order and this prefix length.
    ///
    /// # Errors
    /// All of [`AddressError`] but `HostBits`.
    pub fn from_octets(octets: &[u8], length: u32) -> Result<Self, AddressError> {
        network(octets, length)?.try_into()
    }

    /// Address and prefix length.
    #[must_use]
    pub const fn net(self) -> IpNet {
        self.0
    }

    /// The address alone.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// Whether it is valid on its link only.
    #[must_use]
    pub fn is_link_local(self) -> bool {
        matches!(self.0, IpNet::V6(net) if net.addr().is_unicast_link_local())
    }

    /// Whether the two cannot both be in one VRF: they are the same address, or on two interfaces and
    /// their links overlap. Link-local addresses are told apart by their link. A host address
    /// within another link's prefix is a common way to hand out service addresses, and means no
    /// second link.
    #[must_use]
    pub fn clashes(self, other: Self, same_interface: bool) -> bool {
        if self.address() == other.address() {
            return same_interface || !self.is_link_local();
        }
        let is_link = |a: Self| a.0.prefix_len() < a.0.max_prefix_len() && !a.is_link_local();
        !same_interface
            && is_link(self)
            && is_link(other)
            && (self.0.contains(&other.0.network()) || other.0.contains(&self.0.network()))
    }

    /// The connected prefix.
    #[must_use]
    pub fn prefix(self) -> Prefix {
        Prefix(self.0.trunc())
    }
}

impl TryFrom<IpNet> for InterfaceAddress {
    type Error = AddressError;

    fn try_from(net: IpNet) -> Result<Self, AddressError> {
        match net {
            IpNet::V4(v4) => station(&v4.addr().octets())?,
            IpNet::V6(v6) => station(&v6.addr().octets())?,
        };
        // RFC 3021: a /31 has no network and no broadcast address. IPv6 has neither at all.
        let outside = matches!(net, IpNet::V4(v4) if v4.prefix_len() < 31 && (v4.addr() == v4.network() || v4.addr() == v4.broadcast()));
        if net.prefix_len() == 0 {
            return Err(AddressError::NoLink { address: net });
        }
        if outside {
            return Err(AddressError::NotStation { address: net });
        }
        Ok(Self(net))
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
