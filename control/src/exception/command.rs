//! What the core tells the exception path.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crossbeam::channel::Sender;
use ferroute_dataplane::forward::InjectRing;
use ferroute_dataplane::ids::{AdjacencyId, InterfaceId, PortId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::worker::waker::Waker;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::sync::oneshot;

use crate::neighbour::{ConfiguredFull, Neighbour, NeighbourKey};
use crate::twin::TwinIo;

/// What the exception path needs to know of an interface beyond the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InterfaceFacts {
    /// Its name, for events.
    pub name: String,
    /// Its IPv4 addresses with their prefix lengths.
    pub ipv4: Vec<Ipv4Net>,
    /// Its IPv6 addresses with their prefix lengths, link-local ones included.
    pub ipv6: Vec<Ipv6Net>,
    /// Whether it can carry packets: administratively up, and its link up.
    pub running: bool,
}

/// Where the exception path is told.
#[derive(Clone, Debug)]
pub struct Commands {
    /// What it reads.
    pub sender: Sender<Command>,
    /// Wakes it.
    pub waker: Arc<Waker>,
}

impl Commands {
    /// Tells it, and answers whether it is still there.
    pub fn send(&self, command: Command) -> bool {
        let is_there = self.sender.send(command).is_ok();
        self.waker.wake();
        is_there
    }
}

/// A change that the core made, or a question that it asks.
#[derive(Debug)]
pub enum Command {
    /// An interface came, changed, or went.
    Interface(InterfaceId, Option<Arc<InterfaceFacts>>),
    /// The twin of an interface came or went.
    Twin(InterfaceId, Option<TwinIo>),
    /// The ring of frames for a port came or went.
    Injector(PortId, Option<Arc<InjectRing>>),
    /// This adjacency leads to this neighbour.
    Lead(AdjacencyId, NeighbourKey),
    /// This adjacency leads to nobody any more.
    Part(AdjacencyId),
    /// This neighbour is a gateway: resolve it and keep it so.
    Want(NeighbourKey),
    /// This neighbour is no gateway any more.
    Unwant(NeighbourKey),
    /// Set a neighbour for good; answers whether it was so set before.
    AddPermanent(
        NeighbourKey,
        Mac,
        oneshot::Sender<Result<bool, ConfiguredFull>>,
    ),
    /// An earlier process knew this neighbour: take it as such, to be probed when it is used.
    Remember(NeighbourKey, Mac),
    /// Delete one neighbour; answers whether there was one.
    Delete(NeighbourKey, oneshot::Sender<bool>),
    /// Delete the neighbours of an interface that are not permanent.
    Flush(InterfaceId),
    /// Traffic went to these neighbours since the last time.
    Used(Vec<NeighbourKey>),
    /// Ask for these stations behind a gateway, if they are neighbours, so that they say something.
    Probe(InterfaceId, Vec<Mac>),
    /// List the neighbours after this one, at most so many.
    List(Option<NeighbourKey>, usize, oneshot::Sender<Vec<Neighbour>>),
    /// Look one neighbour up.
    Get(NeighbourKey, oneshot::Sender<Option<Neighbour>>),
    /// End the thread.
    Stop,
}

impl InterfaceFacts {
    /// The facts of an interface with these addresses.
    #[must_use]
    pub fn new(name: String, addresses: &[IpNet], running: bool) -> Self {
        let mut facts = Self {
            name,
            running,
            ..Self::default()
        };
        for net in addresses {
            match net {
                IpNet::V4(net) => facts.ipv4.push(*net),
                IpNet::V6(net) => facts.ipv6.push(*net),
            }
        }
        facts
    }

    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv6 = self.ipv6.iter().map(|net| IpAddr::V6(net.addr()));
        self.ipv4
            .iter()
            .map(|net| IpAddr::V4(net.addr()))
            .chain(ipv6)
    }

    /// Whether the interface has this address.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses().any(|own| own == address)
    }

    /// Whether this is the broadcast address of one of its IPv4 subnets (RFC 1812 section 5.3.5);
    /// subnets of /31 and /32 have none (RFC 3021).
    #[must_use]
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        self.ipv4
            .iter()
            .any(|net| net.prefix_len() < 31 && net.broadcast() == address)
    }

    /// The address from which to speak to `peer`: one of the same subnet if there is one, else the
    /// first of the family, link-local only if the peer is (RFC 6724 rules 2 and 8).
    #[must_use]
    pub fn source_for(&self, peer: IpAddr) -> Option<IpAddr> {
        match peer {
            IpAddr::V4(peer) => {
                let near = self.ipv4.iter().find(|net| net.contains(&peer));
                near.or(self.ipv4.first()).map(|net| net.addr().into())
            }
            IpAddr::V6(peer) => {
                let local = peer.is_unicast_link_local();
                let mut fits = self
                    .ipv6
                    .iter()
                    .filter(|net| net.addr().is_unicast_link_local() == local);
                let near = fits.clone().find(|net| net.contains(&peer));
                near.or_else(|| fits.next()).map(|net| net.addr().into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_of_the_peers_subnet_and_scope() {
        let addresses = [
            "10.0.0.1/24",
            "10.1.0.1/24",
            "fe80::1/64",
            "2001:db8::1/64",
            "192.0.2.0/31",
        ];
        let addresses = addresses.map(|a| a.parse().unwrap());
        let facts = InterfaceFacts::new("p0".into(), &addresses, true);
        let source = |peer: &str| {
            facts
                .source_for(peer.parse().unwrap())
                .map(|a| a.to_string())
        };
        assert_eq!(source("10.1.0.7").as_deref(), Some("10.1.0.1"));
        assert_eq!(source("198.51.100.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(source("fe80::9").as_deref(), Some("fe80::1"));
        assert_eq!(source("2001:db8:9::1").as_deref(), Some("2001:db8::1"));
        assert!(facts.is_broadcast("10.0.0.255".parse().unwrap()));
        assert!(
            !facts.is_broadcast("192.0.2.1".parse().unwrap()),
            "a /31 has no broadcast"
        );
    }
}
