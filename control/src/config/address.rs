//! Values of the network that are written as text: addresses and prefixes.

use super::text::{TextError, display_inner, text};
use ferroute_dataplane::mac::Mac;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

display_inner!(Prefix, InterfaceAddress, Address, StationMac, Listen);

text!(
    /// An IP prefix without host bits.
    Prefix(IpNet),
    "a prefix such as 10.1.0.0/16",
    { "type": "string", "examples": ["10.1.0.0/16", "2001:db8::/32"] }
);

impl Prefix {
    /// The prefix as a network.
    #[must_use]
    pub const fn net(&self) -> IpNet {
        self.0
    }
}

impl FromStr for Prefix {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let given: IpNet = text
            .parse()
            .map_err(|_| TextError::Prefix(text.to_owned()))?;
        let meant = given.trunc();
        if given == meant {
            Ok(Self(given))
        } else {
            Err(TextError::HostBits { given, meant })
        }
    }
}

text!(
    /// An address of the router with the length of its link's prefix.
    InterfaceAddress(IpNet),
    "an address with its prefix length such as 10.0.0.1/24",
    { "type": "string", "examples": ["10.0.0.1/24", "2001:db8::1/64"] }
);

impl InterfaceAddress {
    /// The address together with its link's prefix.
    #[must_use]
    pub const fn net(&self) -> IpNet {
        self.0
    }
}

impl FromStr for InterfaceAddress {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let net: IpNet = text
            .parse()
            .map_err(|_| TextError::InterfaceAddress(text.to_owned()))?;
        if !is_unicast(net.addr()) {
            return Err(TextError::NotUnicast(net.addr()));
        }
        // A /31 has no network or broadcast address (RFC 3021); a subnet-router anycast address
        // (RFC 4291 section 2.6.1) is every router's, so no router may take it for its own alone.
        if net.prefix_len() + 1 < net.max_prefix_len() {
            if net.addr() == net.network() {
                return Err(TextError::NotStation(
                    net,
                    if net.addr().is_ipv4() {
                        "network"
                    } else {
                        "subnet-router anycast"
                    },
                ));
            }
            if net.addr().is_ipv4() && net.addr() == net.broadcast() {
                return Err(TextError::NotStation(net, "broadcast"));
            }
        }
        Ok(Self(net))
    }
}

text!(
    /// The unicast address of a station.
    Address(IpAddr),
    "an IP address",
    { "type": "string", "examples": ["10.0.0.2", "fe80::1"] }
);

impl Address {
    /// The address itself.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.0
    }
}

impl FromStr for Address {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        let address: IpAddr = text
            .parse()
            .map_err(|_| TextError::Address(text.to_owned()))?;
        if is_unicast(address) {
            Ok(Self(address))
        } else {
            Err(TextError::NotUnicast(address))
        }
    }
}

/// Whether a station on a link can have this address.
fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.octets()[0] == 0 || v4.is_loopback() || v4.octets()[0] >= 224),
        IpAddr::V6(v6) => {
            !(v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_multicast()
                || v6.to_ipv4_mapped().is_some())
        }
    }
}

text!(
    /// The Ethernet address of a station.
    StationMac(Mac),
    "an Ethernet address such as 02:00:00:00:00:01",
    { "type": "string", "pattern": "^([0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}$" }
);

impl StationMac {
    /// The address itself.
    #[must_use]
    pub const fn mac(&self) -> Mac {
        self.0
    }
}

impl FromStr for StationMac {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        text.parse()
            .ok()
            .filter(|mac: &Mac| mac.is_station())
            .map(Self)
            .ok_or_else(|| TextError::Mac(text.to_owned()))
    }
}

text!(
    /// An address and a TCP port to listen on.
    Listen(SocketAddr),
    "an address and a TCP port such as 127.0.0.1:9273",
    { "type": "string", "examples": ["127.0.0.1:9273", "[::]:9273"] }
);

impl Listen {
    /// The address and the port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Listen {
    type Err = TextError;

    fn from_str(text: &str) -> Result<Self, TextError> {
        text.parse()
            .map(Self)
            .map_err(|_| TextError::Listen(text.to_owned()))
    }
}
