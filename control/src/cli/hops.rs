//! Next hops in the words of `ip`: `via 10.0.0.2 dev p0 weight 2 nexthop via 10.0.0.3`.

use super::convert::{address_bytes, address_text};
use super::encap;
use super::words::{WordError, Words, parse};
use ferroute_proto::v1;
use serde::Serialize;
use std::net::IpAddr;
use std::num::NonZeroU32;

/// What [`Hops::word`] knows, for messages.
pub(super) const KNOWN: &str = "via, dev, weight, onlink, lookup, encap, nexthop";

/// Next hops that are being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Hops {
    done: Vec<v1::NextHop>,
    current: v1::NextHop,
}

impl Hops {
    /// Reads what follows `word`, if it is one of a next hop; says whether it was.
    pub(super) fn word<'a, I: Iterator<Item = &'a str>>(
        &mut self,
        word: &str,
        words: &mut Words<'a, I>,
    ) -> Result<bool, WordError> {
        let current = &self.current;
        let again = match word {
            "via" => !current.gateway.is_empty(),
            "dev" => !current.interface.is_empty(),
            "weight" => current.weight != 0,
            "lookup" => !current.vrf.is_empty(),
            "encap" => current.encap.is_some(),
            _ => false,
        };
        if again {
            return Err(WordError::Conflict(
                "a next hop has one gateway, one interface, one weight, one VRF and one encap; `nexthop` begins another one",
            ));
        }
        match word {
            "via" => {
                // `ip` wants the family said where it is not the prefix's.
                let _ = words.take("inet") || words.take("inet6");
                let address: IpAddr =
                    parse(words.next().ok_or(WordError::NoValue("via"))?, "address")?;
                self.current.gateway = address_bytes(address);
            }
            "dev" => self.current.interface = words.text("dev")?,
            "weight" => {
                self.current.weight = words.value::<NonZeroU32>("weight", "weight")?.get();
            }
            "lookup" => self.current.vrf = words.text("lookup")?,
            "onlink" => self.current.onlink = true,
            "encap" => self.current.encap = Some(encap::encap(words)?),
            "nexthop" => self.next(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn next(&mut self) {
        let next_hop = std::mem::take(&mut self.current);
        if next_hop != v1::NextHop::default() {
            self.done.push(next_hop);
        }
    }

    /// All that were read.
    pub(super) fn finish(mut self) -> Vec<v1::NextHop> {
        self.next();
        self.done
    }
}

/// A next hop.
#[derive(Clone, Debug, Serialize)]
pub(super) struct HopRow {
    gateway: String,
    interface: String,
    vrf: String,
    onlink: bool,
    weight: u32,
    /// In the words by which it is given; empty: none.
    encap: String,
}

impl From<v1::NextHop> for HopRow {
    fn from(next_hop: v1::NextHop) -> Self {
        Self {
            gateway: address_text(&next_hop.gateway),
            interface: next_hop.interface,
            vrf: next_hop.vrf,
            onlink: next_hop.onlink,
            weight: next_hop.weight.max(1),
            encap: next_hop.encap.as_ref().map(encap::text).unwrap_or_default(),
        }
    }
}

impl HopRow {
    /// The next hop in the words by which it is given, for a route in the VRF `home`. (The router says where it
    /// looks a gateway up even if that is the route's own VRF.)
    pub(super) fn text(&self, home: &str) -> String {
        let mut parts = Vec::new();
        if !self.encap.is_empty() {
            parts.push(self.encap.clone());
        }
        for (word, value) in [
            ("via", &self.gateway),
            ("dev", &self.interface),
            ("lookup", &self.vrf),
        ] {
            let implied = word == "lookup" && !self.gateway.is_empty() && value == home;
            if !value.is_empty() && !implied {
                parts.push(format!("{word} {value}"));
            }
        }
        if self.onlink {
            parts.push("onlink".to_owned());
        }
        if self.weight != 1 {
            parts.push(format!("weight {}", self.weight));
        }
        parts.join(" ")
    }
}

/// A member that a next hop was resolved to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MemberRow {
    adjacency: u32,
    interface: String,
    port: String,
    neighbour: String,
    resolved: bool,
    /// The header bytes before the IP header, in hexadecimal.
    rewrite: String,
    mtu: u32,
    weight: u32,
    buckets: u32,
    /// The tunnel that it leads into; 0: none.
    tunnel: u32,
    /// The header bytes that the tunnel puts before packets, in hexadecimal.
    tunnel_header: String,
    /// Where the tunnel's underlay leads.
    underlay: Vec<MemberRow>,
    packets: u64,
    bytes: u64,
}

impl From<v1::ResolvedMember> for MemberRow {
    fn from(member: v1::ResolvedMember) -> Self {
        let adjacency = member.adjacency.unwrap_or_default();
        let traffic = adjacency.traffic.unwrap_or_default();
        Self {
            adjacency: adjacency.id,
            neighbour: address_text(&adjacency.neighbour),
            rewrite: super::convert::hex(&adjacency.rewrite),
            interface: adjacency.interface,
            port: adjacency.port,
            resolved: adjacency.resolved,
            mtu: adjacency.mtu,
            weight: member.weight,
            buckets: member.buckets,
            tunnel: member.tunnel,
            tunnel_header: super::convert::hex(&member.tunnel_header),
            underlay: member.underlay.into_iter().map(Self::from).collect(),
            packets: traffic.packets,
            bytes: traffic.bytes,
        }
    }
}

impl MemberRow {
    /// Where a tunnel's underlay leads.
    pub(super) fn underlay(&self) -> &[Self] {
        &self.underlay
    }

    /// The member in one line, down to the bytes on the wire.
    pub(super) fn text(&self) -> String {
        if self.tunnel != 0 {
            let mut text = format!("tunnel {}", self.tunnel);
            if self.buckets > 0 {
                text.push_str(&format!(" weight {} buckets {}", self.weight, self.buckets));
            }
            text.push_str(&format!(" header {}", self.tunnel_header));
            return text;
        }
        let mut text = format!("adjacency {} dev {}", self.adjacency, self.interface);
        if !self.neighbour.is_empty() {
            text.push_str(&format!(" via {}", self.neighbour));
        }
        if self.buckets > 0 {
            text.push_str(&format!(" weight {} buckets {}", self.weight, self.buckets));
        }
        match self.resolved {
            true => text.push_str(&format!(" mtu {} rewrite {}", self.mtu, self.rewrite)),
            false => text.push_str(" unresolved"),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_hop_has_one_of_each() {
        let read = |text: &str| {
            let mut words = Words::new(text.split(' '));
            let mut hops = Hops::default();
            while let Some(word) = words.next() {
                assert!(hops.word(word, &mut words)?, "{word}");
            }
            Ok::<_, WordError>(hops.finish())
        };
        let two = read("via 10.0.0.2 weight 3 nexthop via 10.0.0.3 dev p0").unwrap();
        assert_eq!((two.len(), two[0].weight), (2, 3));
        for bad in [
            "via 10.0.0.2 weight 3 via 10.0.0.3",
            "dev p0 dev p1",
            "via 10.0.0.2 weight 1 weight 2",
            "via 10.0.0.2 weight 0",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_gateways_vrf_is_said_only_where_it_is_another() {
        let hop = |gateway: &str, vrf: &str| {
            let gateway = gateway.parse().map(address_bytes).unwrap_or_default();
            HopRow::from(v1::NextHop {
                gateway,
                vrf: vrf.to_owned(),
                ..v1::NextHop::default()
            })
        };
        assert_eq!(hop("10.0.0.2", "red").text("red"), "via 10.0.0.2");
        assert_eq!(
            hop("10.0.0.2", "red").text("blue"),
            "via 10.0.0.2 lookup red"
        );
        assert_eq!(hop("", "red").text("red"), "lookup red");
    }
}
