//! The router's configuration for a measurement, and the next hops that its routes lead to.

use crate::bench::{Bench, MEMORY_MIB};
use crate::machine::huge::Pages;
use crate::machine::{Cpus, Workers};
use crate::traffic::Family;
use bytes::Bytes;
use ferroute_proto::v1;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// The ports that receive.
pub const SOURCES: [&str; 2] = ["in0", "in1"];
/// The ports that send.
pub const SINKS: [&str; 2] = ["out0", "out1"];
/// The members of the bridge domain.
const MEMBERS: [&str; 2] = [SOURCES[0], SINKS[0]];

/// The bridge domain, where there is one.
pub const DOMAIN: &str = "blue";

/// Permanent neighbours behind each sink, in each family.
pub const NEIGHBOURS: u8 = 64;
/// The router has the first address of each link.
const FIRST_HOST: u8 = 2;
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// What the router is to have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// The captures that it receives for ever, each by a port and with a worker of its own; nothing if there are none.
    pub captures: &'a [PathBuf],
    /// The first port that receives and the first that sends are members of [`DOMAIN`], and have no addresses.
    pub bridged: bool,
}

impl Setup<'_> {
    /// Its workers.
    #[must_use]
    pub const fn workers(&self) -> Workers {
        Workers::of(self.captures.len())
    }

    /// The configuration.
    pub(super) fn yaml(&self, bench: &Bench) -> String {
        let pages = match bench.pages {
            Pages::Huge => "huge_pages: require".to_owned(),
            Pages::Ordinary => format!("huge_pages: \"off\", memory_mib: {MEMORY_MIB}"),
        };
        let buffers = bench.buffers;
        let mut yaml = format!(
            "eal: {{ file_prefix: router, {pages} }}\n\
             cpus: {{ {}, idle: poll }}\n\
             mempool: {{ buffers: {buffers} }}\n\
             log: {{ level: warn }}\n\
             ports:\n",
            cpus(&bench.cpus, self.workers())
        );
        let mut interfaces = String::new();
        let mut neighbours = String::new();
        // Without workers all of them have a queue of the port.
        let mut port = |name: &str, device: &str, workers: &[u8], net: u8| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                yaml,
                "  - {{ name: {name}, device: \"{device}\", workers: {workers:?} }}"
            );
            if !self.is_member(name) {
                let _ = writeln!(
                    interfaces,
                    "  - {{ name: {name}, addresses: [10.0.{net}.1/24, \"2001:db8:{net}::1/64\"] }}"
                );
            }
        };
        for ((number, name), capture) in (0..).zip(SOURCES).zip(self.captures) {
            let device = Bench::source(number, capture);
            port(name, &device, &[number], SINKS.len() as u8 + number);
        }
        for (net, name) in (0..).zip(SINKS) {
            port(name, &Bench::sink(net), &[], net);
            if self.is_member(name) {
                continue;
            }
            for (family, host) in FAMILIES
                .into_iter()
                .flat_map(|family| (0..NEIGHBOURS).map(move |host| (family, host)))
            {
                let address = neighbour(family, net, host);
                let _ = writeln!(
                    neighbours,
                    "  - {{ interface: {name}, address: \"{address}\", mac: \"02:00:00:00:0{net}:{host:02x}\" }}"
                );
            }
        }
        let domains = if self.bridged {
            format!(
                "domains: [{{ name: {DOMAIN}, members: [{}] }}]\n",
                MEMBERS.join(", ")
            )
        } else {
            String::new()
        };
        format!("{yaml}interfaces:\n{interfaces}neighbours:\n{neighbours}{domains}")
    }

    fn is_member(&self, port: &str) -> bool {
        self.bridged && MEMBERS.contains(&port)
    }
}

/// Who runs where. A control CPU that is a worker's as well cannot be asked for: it is what is left where nothing is.
fn cpus(cpus: &Cpus, workers: Workers) -> String {
    let list = format!("workers: {:?}", cpus.of(workers));
    if cpus.shared(workers) {
        list
    } else {
        format!("{list}, control: [{}]", cpus.control)
    }
}

/// A permanent neighbour behind a sink.
#[must_use]
pub fn neighbour(family: Family, sink: u8, host: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, sink, FIRST_HOST + host).into(),
        Family::V6 => Ipv6Addr::new(
            0x2001,
            0xdb8,
            sink.into(),
            0,
            0,
            0,
            0,
            (FIRST_HOST + host).into(),
        )
        .into(),
    }
}

/// The next hop through a neighbour behind a sink.
#[must_use]
pub fn next_hop(family: Family, sink: u8, host: u8) -> v1::NextHop {
    v1::NextHop {
        gateway: octets(neighbour(family, sink, host)),
        interface: SINKS[usize::from(sink)].to_owned(),
        ..v1::NextHop::default()
    }
}

/// The next hops through the first neighbours behind so many sinks.
#[must_use]
pub fn uplinks(family: Family, sinks: u8) -> Vec<v1::NextHop> {
    (0..sinks).map(|sink| next_hop(family, sink, 0)).collect()
}

/// The set of next hops through the first neighbours behind these sinks.
#[must_use]
pub fn next_hop_set(id: u32, family: Family, sinks: &[u8]) -> v1::NextHopSet {
    let next_hops = sinks.iter().map(|sink| next_hop(family, *sink, 0));
    v1::NextHopSet {
        id,
        next_hops: next_hops.collect(),
    }
}

/// An address as the API takes it.
#[must_use]
pub fn octets(address: IpAddr) -> Bytes {
    match address {
        IpAddr::V4(address) => Bytes::copy_from_slice(&address.octets()),
        IpAddr::V6(address) => Bytes::copy_from_slice(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_that_is_shared_is_not_asked_for() {
        let two = Cpus {
            worker: 1,
            second: 0,
            control: 0,
        };
        assert_eq!(cpus(&two, Workers::One), "workers: [1], control: [0]");
        assert_eq!(cpus(&two, Workers::Two), "workers: [1, 0]");
    }
}
