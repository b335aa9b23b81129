//! One route in the words of `ip`, on the command line or in a file.

use crate::cli::convert::{address_bytes, prefix};
use crate::cli::hops::Hops;
use crate::cli::words::{WordError, Words, unknown};
use ferroute_proto::v1;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::num::NonZeroU8;

/// What may follow a prefix, for messages.
const KNOWN: &str = "via, dev, weight, onlink, lookup, nexthop, nhid, vrf, metric, distance";

/// A route as it was written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    /// What it does with packets.
    pub(super) kind: v1::RouteKind,
    /// Where it leads.
    pub(super) prefix: IpNet,
    /// Its next hops.
    pub(super) next_hops: Vec<v1::NextHop>,
    /// The set that it refers to; 0: none.
    pub(super) next_hop_set: u32,
    /// Its VRF, if the words say one.
    pub(super) vrf: Option<String>,
    /// Its distance, if the words say one; else 0.
    pub(super) distance: u32,
    /// Its metric, if the words say one.
    pub(super) metric: Option<u32>,
}

impl Line {
    /// Reads `[KIND] PREFIX [via ADDRESS] [dev INTERFACE] ... [vrf VRF] [metric N] [distance N]`.
    pub(super) fn read<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, WordError> {
        let mut words = Words::new(words);
        let first = words.required("the prefix")?;
        let kind = match first {
            "blackhole" => v1::RouteKind::Blackhole,
            "unreachable" => v1::RouteKind::Unreachable,
            "prohibit" => v1::RouteKind::Prohibit,
            _ => v1::RouteKind::Unicast,
        };
        let target = match (kind, first) {
            (v1::RouteKind::Unicast, "unicast") => words.required("the prefix")?,
            (v1::RouteKind::Unicast, target) => target,
            (_, _) => words.required("the prefix")?,
        };
        let mut hops = Hops::default();
        let (mut next_hop_set, mut vrf, mut distance, mut metric) = (0, None, 0, None);
        while let Some(word) = words.next() {
            match word {
                "nhid" => next_hop_set = words.value("nhid", "next hop set")?,
                "vrf" => vrf = Some(words.text("vrf")?),
                "metric" => metric = Some(words.value("metric", "metric")?),
                "distance" => {
                    distance = words
                        .value::<NonZeroU8>("distance", "distance")?
                        .get()
                        .into();
                }
                other if hops.word(other, &mut words)? => {}
                other => return Err(unknown(other, KNOWN)),
            }
        }
        let next_hops = hops.finish();
        let prefix = match target {
            "default" => default_route(&next_hops),
            target => prefix(target)?,
        };
        Ok(Self {
            kind,
            prefix,
            next_hops,
            next_hop_set,
            vrf,
            distance,
            metric,
        })
    }

    /// The route for the API; `vrf` is the place of its VRF in the batch.
    pub(super) fn message(self, vrf: u32, withdraw: bool) -> v1::Route {
        v1::Route {
            address: address_bytes(self.prefix.addr()),
            length: u32::from(self.prefix.prefix_len()),
            next_hop_set: self.next_hop_set,
            vrf,
            kind: self.kind.into(),
            withdraw,
            metric: self.metric,
            distance: self.distance,
            next_hops: self.next_hops,
        }
    }
}

/// `default` is of the family of its gateway. (An IPv4 default by an IPv6 gateway is written 0.0.0.0/0.)
fn default_route(next_hops: &[v1::NextHop]) -> IpNet {
    match next_hops.first().map(|next_hop| next_hop.gateway.len()) {
        Some(16) => IpNet::V6(Ipv6Net::default()),
        _ => IpNet::V4(Ipv4Net::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Line, WordError> {
        Line::read(text.split_whitespace())
    }

    fn hop(gateway: &str, interface: &str, vrf: &str, weight: u32) -> v1::NextHop {
        let gateway = gateway.parse().map(address_bytes).unwrap_or_default();
        v1::NextHop {
            gateway,
            interface: interface.to_owned(),
            vrf: vrf.to_owned(),
            weight,
            ..v1::NextHop::default()
        }
    }

    #[test]
    fn routes_are_read_in_the_words_of_ip() {
        let route = read("10.1.0.0/16 via 10.0.0.2 dev p0 metric 5 vrf red distance 7").unwrap();
        assert_eq!(route.prefix.to_string(), "10.1.0.0/16");
        assert_eq!(route.next_hops, [hop("10.0.0.2", "p0", "", 0)]);
        assert_eq!(
            (route.vrf.as_deref(), route.metric, route.distance),
            (Some("red"), Some(5), 7)
        );

        let several =
            read("10.0.0.0/8 nexthop via 10.0.0.2 weight 2 nexthop via inet6 fe80::1 dev p1")
                .unwrap();
        assert_eq!(
            several.next_hops,
            [hop("10.0.0.2", "", "", 2), hop("fe80::1", "p1", "", 0)]
        );

        let leak = read("10.0.0.0/8 via 10.9.0.1 lookup blue nexthop lookup green").unwrap();
        assert_eq!(
            leak.next_hops,
            [hop("10.9.0.1", "", "blue", 0), hop("", "", "green", 0)]
        );

        let blackhole = read("blackhole 192.0.2.1").unwrap();
        assert_eq!(
            (blackhole.kind, blackhole.prefix.to_string().as_str()),
            (v1::RouteKind::Blackhole, "192.0.2.1/32")
        );
        assert_eq!(read("10.0.0.0/8 nhid 4").unwrap().next_hop_set, 4);
    }

    #[test]
    fn a_default_route_is_of_its_gateways_family() {
        for (text, prefix) in [
            ("default via 10.0.0.1", "0.0.0.0/0"),
            ("default via fe80::1 dev p0", "::/0"),
            ("default dev p0", "0.0.0.0/0"),
            ("unicast ::/0 dev p0", "::/0"),
        ] {
            assert_eq!(read(text).unwrap().prefix.to_string(), prefix, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            ("", "the prefix is missing"),
            ("blackhole", "the prefix is missing"),
            (
                "10.0.0.0/33",
                "`10.0.0.0/33` is no prefix: a length of 0 to 32 must follow the address, as in 10.0.0.0/32",
            ),
            ("10.0.0.0/8 via", "`via` must be followed by a value"),
            (
                "10.0.0.0/8 via x",
                "`x` is no address: invalid IP address syntax",
            ),
            (
                "10.0.0.0/8 weight -1",
                "`-1` is no weight: invalid digit found in string",
            ),
            (
                "10.0.0.0/8 proto bgp",
                "`proto` is not known here; known are via, dev, weight, onlink, lookup, nexthop, nhid, vrf, metric, distance",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message, "{text}");
        }
    }
}
