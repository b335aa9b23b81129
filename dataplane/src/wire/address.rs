//! What kind of address stands in a packet, and whether it may.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether an IPv4 packet with this source is never forwarded: 0/8, 127/8, 224/4 and 240/4 with
/// 255.255.255.255 (RFC 1812 section 5.3.7, RFC 1122 section 3.2.1.3).
///
/// 0.0.0.0 is among them; a host that has no address yet sends from it, but only on its own link.
#[inline(always)]
#[must_use]
pub const fn ipv4_source_is_martian(source: Ipv4Addr) -> bool {
    let net = source.octets()[0];
    (net == 0) | (net == 127) | (net >= 224)
}

/// Where an IPv4 destination leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv4Destination {
    /// A host, or the broadcast address of some subnet (only the subnet's routers can tell).
    Unicast,
    /// 224.0.0/24: groups of one link, never forwarded (RFC 5771 section 4).
    LinkMulticast,
    /// Any other group of 224/4.
    Multicast,
    /// 255.255.255.255: all hosts of one link, never forwarded (RFC 1812 section 5.3.5.1).
    LimitedBroadcast,
    /// 0/8, 127/8 and the rest of 240/4: never forwarded (RFC 1812 section 5.3.7).
    Martian,
}

/// Where `destination` leads.
#[inline(always)]
#[must_use]
pub const fn ipv4_destination(destination: Ipv4Addr) -> Ipv4Destination {
    match destination.octets() {
        [1..=126 | 128..=223, ..] => Ipv4Destination::Unicast,
        [224, 0, 0, _] => Ipv4Destination::LinkMulticast,
        [224..=239, ..] => Ipv4Destination::Multicast,
        [255, 255, 255, 255] => Ipv4Destination::LimitedBroadcast,
        _ => Ipv4Destination::Martian,
    }
}

/// What an IPv6 source is (RFC 4291 section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv6Source {
    /// A unicast address of more than link scope.
    Unicast,
    /// fe80::/10: valid on its own link only (section 2.5.6).
    LinkLocal,
    /// `::`, a host without an address: valid on its own link only (section 2.5.2).
    Unspecified,
    /// A group (section 2.7), `::1` (section 2.5.3) or an IPv4-mapped address (section 2.5.5.2),
    /// which never stand as a source on the wire.
    Invalid,
}

/// What `source` is.
#[inline]
#[must_use]
pub const fn ipv6_source(source: Ipv6Addr) -> Ipv6Source {
    let bits = source.to_bits();
    match (bits >> 112) as u16 {
        0xff00..=0xffff => Ipv6Source::Invalid,
        0xfe80..=0xfebf => Ipv6Source::LinkLocal,
        0 if bits == 0 => Ipv6Source::Unspecified,
        0 if bits == 1 || is_ipv4_mapped(bits) => Ipv6Source::Invalid,
        _ => Ipv6Source::Unicast,
    }
}

/// Where an IPv6 destination leads (RFC 4291 section 2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ipv6Destination {
    /// A unicast or anycast address of more than link scope.
    Unicast,
    /// fe80::/10: on its own link only (section 2.5.6).
    LinkLocal,
    /// A group.
    Multicast(MulticastScope),
    /// `::`, `::1`, an IPv4-mapped address, or a group of interface scope or of scope 0 (section
    /// 2.7), which never stand as a destination on the wire.
    Invalid,
}

/// How far an IPv6 group reaches (RFC 4291 section 2.7, RFC 7346 section 2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MulticastScope {
    /// One link; never forwarded.
    Link,
    /// Realm, administration, site, organisation and the unassigned ones between: by the number of
    /// the scope, 3 to 13.
    Administrative(u8),
    /// Everywhere (14, and 15, which is to be treated as 14).
    Global,
}

/// Where `destination` leads.
#[inline]
#[must_use]
pub const fn ipv6_destination(destination: Ipv6Addr) -> Ipv6Destination {
    let bits = destination.to_bits();
    match (bits >> 112) as u16 {
        top @ 0xff00..=0xffff => match top & 0xf {
            0 | 1 => Ipv6Destination::Invalid,
            2 => Ipv6Destination::Multicast(MulticastScope::Link),
            14 | 15 => Ipv6Destination::Multicast(MulticastScope::Global),
            scope => Ipv6Destination::Multicast(MulticastScope::Administrative(scope as u8)),
        },
        0xfe80..=0xfebf => Ipv6Destination::LinkLocal,
        0 if bits <= 1 || is_ipv4_mapped(bits) => Ipv6Destination::Invalid,
        _ => Ipv6Destination::Unicast,
    }
}

const fn is_ipv4_mapped(bits: u128) -> bool {
    bits >> 32 == 0xffff
}

/// ff02::1, all nodes of a link (RFC 4291 section 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// ff02::2, all routers of a link (RFC 4291 section 2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;

/// The group on which the holder of `address` is asked for its Ethernet address: ff02::1:ff and
/// its low 24 bits (RFC 4291 section 2.7.1).
#[inline]
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(SOLICITED_NODE | address.to_bits() & 0xff_ffff)
}

/// Whether `group` is a solicited-node group.
#[inline]
#[must_use]
pub const fn is_solicited_node(group: Ipv6Addr) -> bool {
    group.to_bits() >> 24 == SOLICITED_NODE >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    #[test]
    fn v4_09_martian_sources() {
        for bad in [
            "0.0.0.0",
            "0.255.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
        ] {
            assert!(ipv4_source_is_martian(v4(bad)), "{bad}");
        }
        for good in [
            "1.0.0.0",
            "10.0.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "169.254.1.1",
            "192.168.0.0",
            "223.255.255.255",
        ] {
            assert!(!ipv4_source_is_martian(v4(good)), "{good}");
        }
    }

    #[test]
    fn v4_10_destinations() {
        use Ipv4Destination as D;
        for (text, expected) in [
            ("0.0.0.0", D::Martian),
            ("0.1.2.3", D::Martian),
            ("127.0.0.1", D::Martian),
            ("240.0.0.0", D::Martian),
            ("255.255.255.254", D::Martian),
            ("255.255.255.255", D::LimitedBroadcast),
            ("224.0.0.255", D::LinkMulticast),
            ("224.0.1.0", D::Multicast),
            ("239.255.255.255", D::Multicast),
            ("1.0.0.0", D::Unicast),
            ("126.255.255.255", D::Unicast),
            ("128.0.0.0", D::Unicast),
            ("223.255.255.255", D::Unicast),
        ] {
            assert_eq!(ipv4_destination(v4(text)), expected, "{text}");
        }
    }

    #[test]
    fn v6_04_sources() {
        use Ipv6Source as S;
        for (text, expected) in [
            ("::", S::Unspecified),
            ("::1", S::Invalid),
            ("::2", S::Unicast),
            ("::ffff:10.0.0.1", S::Invalid),
            ("64:ff9b::10.0.0.1", S::Unicast),
            ("ff02::1", S::Invalid),
            ("ff0e::1", S::Invalid),
            ("fe80::1", S::LinkLocal),
            ("febf:ffff::1", S::LinkLocal),
            ("fec0::1", S::Unicast),
            ("fe7f::1", S::Unicast),
            ("2001:db8::1", S::Unicast),
            ("fd00::1", S::Unicast),
        ] {
            assert_eq!(ipv6_source(v6(text)), expected, "{text}");
        }
    }

    #[test]
    fn v6_03_destinations() {
        use Ipv6Destination as D;
        for (text, expected) in [
            ("::", D::Invalid),
            ("::1", D::Invalid),
            ("::2", D::Unicast),
            ("::ffff:10.0.0.1", D::Invalid),
            ("ff00::1", D::Invalid),
            ("ff01::1", D::Invalid),
            ("ff11::1", D::Invalid),
            ("ff02::1", D::Multicast(MulticastScope::Link)),
            ("ff12::1", D::Multicast(MulticastScope::Link)),
            ("ff05::1", D::Multicast(MulticastScope::Administrative(5))),
            ("ff0e::1", D::Multicast(MulticastScope::Global)),
            ("ff0f::1", D::Multicast(MulticastScope::Global)),
            ("fe80::1", D::LinkLocal),
            ("fec0::1", D::Unicast),
            ("2001:db8::", D::Unicast),
        ] {
            assert_eq!(ipv6_destination(v6(text)), expected, "{text}");
        }
    }

    #[test]
    fn solicited_node_groups() {
        let group = solicited_node(v6("2001:db8::1:2:3456:789a"));
        assert_eq!(group, v6("ff02::1:ff56:789a"));
        assert!(is_solicited_node(group));
        assert!(!is_solicited_node(v6("ff02::1:fe56:789a")));
        assert!(!is_solicited_node(ALL_NODES));
    }
}
