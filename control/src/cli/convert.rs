//! The API's bytes as text, and text as the API's bytes.
//!
//! What the router sends is printed even if it is not as the API says: a listing must not end for it.

use super::words::{WordError, parse};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ipnet::IpNet;
use prost::bytes::Bytes;
use serde::Serialize;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// An address in network order.
pub(super) fn address_bytes(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(v4) => Bytes::copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => Bytes::copy_from_slice(&v6.octets()),
    }
}

/// An address as text; empty if there is none.
pub(super) fn address_text(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        IpAddr::from(v4).to_string()
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        IpAddr::from(v6).to_string()
    } else {
        hex(bytes)
    }
}

/// An Ethernet address in network order.
pub(super) fn mac_bytes(mac: Mac) -> Bytes {
    Bytes::copy_from_slice(&mac.octets())
}

/// An Ethernet address as text; empty if there is none.
pub(super) fn mac_text(bytes: &[u8]) -> String {
    <[u8; 6]>::try_from(bytes).map_or_else(|_| hex(bytes), |octets| Mac::new(octets).to_string())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A prefix, or an address as the prefix of its host, as `ip` takes both.
pub(super) fn prefix(text: &str) -> Result<IpNet, WordError> {
    match text.contains('/') {
        true => net(text, "prefix"),
        false => parse::<IpAddr>(text, "prefix").map(IpNet::from),
    }
}

/// An address with its prefix length.
pub(super) fn net(text: &str, what: &'static str) -> Result<IpNet, WordError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (parse::<IpAddr>(address, what)?, Some(length)),
        None => (parse::<IpAddr>(text, what)?, None),
    };
    let net = length.and_then(|length| IpNet::new(address, length.parse().ok()?).ok());
    let longest = IpNet::from(address).prefix_len();
    net.ok_or_else(|| WordError::Value {
        value: text.to_owned(),
        what,
        reason: format!(
            "a length of 0 to {longest} must follow the address, as in {address}/{longest}"
        ),
    })
}

/// A prefix for the API.
pub(super) fn prefix_message(net: IpNet) -> v1::Prefix {
    v1::Prefix {
        address: address_bytes(net.addr()),
        length: u32::from(net.prefix_len()),
    }
}

/// A prefix as text.
pub(super) fn prefix_text(prefix: &v1::Prefix) -> String {
    format!("{}/{}", address_text(&prefix.address), prefix.length)
}

/// An interface's address for the API.
pub(super) fn interface_address(net: IpNet) -> v1::InterfaceAddress {
    v1::InterfaceAddress {
        address: address_bytes(net.addr()),
        length: u32::from(net.prefix_len()),
    }
}

/// An interface's address as text.
pub(super) fn interface_address_text(address: &v1::InterfaceAddress) -> String {
    format!("{}/{}", address_text(&address.address), address.length)
}

/// A family chosen by `-4` and `-6`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(super) struct Family {
    /// Only IPv4.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Only IPv6.
    #[arg(short = '6', long)]
    ipv6: bool,
}

impl Family {
    /// The family for the API.
    pub(super) fn message(self) -> v1::Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => v1::Family::Ipv4,
            (_, true) => v1::Family::Ipv6,
            _ => v1::Family::Unspecified,
        }
    }
}

/// The word of an enumeration's value: what stands behind the prefix, in lower case.
pub(super) fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_ascii_lowercase()
}

/// A time as people say it: its two greatest units.
pub(super) fn age(nanoseconds: u64) -> String {
    let seconds = Duration::from_nanos(nanoseconds).as_secs();
    match (
        seconds / 86400,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
    ) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (0, hours, minutes, _) => format!("{hours}h{minutes:02}m"),
        (days, hours, _, _) => format!("{days}d{hours:02}h"),
    }
}

/// An empty text as a dash, so that no column looks forgotten.
pub(super) fn dash(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.to_owned()
    }
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// `up` or `down`.
pub(super) fn up(value: bool) -> String {
    if value { "up" } else { "down" }.to_owned()
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Traffic {
    packets: u64,
    bytes: u64,
}

impl From<Option<v1::Traffic>> for Traffic {
    fn from(traffic: Option<v1::Traffic>) -> Self {
        traffic.map_or_else(Self::default, |traffic| Self {
            packets: traffic.packets,
            bytes: traffic.bytes,
        })
    }
}

impl Traffic {
    /// Both numbers for a table.
    pub(super) fn cells(self) -> [String; 2] {
        [self.packets.to_string(), self.bytes.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went() {
        for text in ["10.0.0.1", "2001:db8::1", "::", "255.255.255.255"] {
            assert_eq!(address_text(&address_bytes(text.parse().unwrap())), text);
        }
        assert_eq!(address_text(&[]), "");
        assert_eq!(address_text(&[1, 2, 3]), "010203");
        assert_eq!(
            mac_text(&mac_bytes("02:00:00:00:00:0a".parse().unwrap())),
            "02:00:00:00:00:0a"
        );
        assert_eq!(mac_text(&[]), "");
    }

    #[test]
    fn a_bare_address_is_its_hosts_prefix() {
        assert_eq!(prefix("10.1.0.0/16").unwrap().to_string(), "10.1.0.0/16");
        assert_eq!(prefix("10.1.0.9").unwrap().to_string(), "10.1.0.9/32");
        assert_eq!(
            prefix("2001:db8::1").unwrap().to_string(),
            "2001:db8::1/128"
        );
        for text in ["10.1.0.0/33", "10.1.0.0/", "10.1.0.0/-1", "10.1.0.0/a"] {
            assert_eq!(
                prefix(text).unwrap_err().to_string(),
                format!(
                    "`{text}` is no prefix: a length of 0 to 32 must follow the address, as in 10.1.0.0/32"
                )
            );
        }
        assert_eq!(
            net("2001:db8::1", "address").unwrap_err().to_string(),
            "`2001:db8::1` is no address: a length of 0 to 128 must follow the address, as in 2001:db8::1/128"
        );
        assert_eq!(
            prefix("10.1.0.300").unwrap_err().to_string(),
            "`10.1.0.300` is no prefix: invalid IP address syntax"
        );
    }

    #[test]
    fn ages_have_their_two_greatest_units() {
        let second = 1_000_000_000;
        let ages = [59, 61, 3600, 86400 * 2 + 7200].map(|seconds| age(seconds * second));
        assert_eq!(ages, ["59s", "1m01s", "1h00m", "2d02h"]);
    }
}
