//! Neighbour discovery (RFC 4861): what to answer, what to learn, what to send.

use crate::neighbour::AdvertisementSeen;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::address::{ALL_NODES, Ipv6Source, ipv6_source, solicited_node};
use ferroute_dataplane::wire::ipv6::{Ipv6Header, Ipv6Packet};
use ferroute_dataplane::wire::nd::{
    HOP_LIMIT, NdMessage, NeighbourAdvertisement, NeighbourBytes, NeighbourSolicitation,
};
use ferroute_dataplane::wire::{Header, Protocol};
use ipnet::Ipv6Net;
use std::net::Ipv6Addr;

/// An interface as neighbour discovery sees it.
#[derive(Clone, Copy, Debug)]
pub struct NdInterface<'a> {
    /// Which one it is.
    pub id: InterfaceId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its addresses, link-local ones included, each with the length of its subnet's prefix.
    pub addresses: &'a [Ipv6Net],
}

impl NdInterface<'_> {
    /// Whether the address is one of the interface's own.
    #[must_use]
    pub fn owns(&self, address: Ipv6Addr) -> bool {
        self.addresses.iter().any(|net| net.addr() == address)
    }

    /// Whether the address can be another host's on the link: link-local, or of one of the
    /// interface's subnets.
    #[must_use]
    pub fn is_on_link(&self, address: Ipv6Addr) -> bool {
        match ipv6_source(address) {
            Ipv6Source::LinkLocal => true,
            Ipv6Source::Unicast => self.addresses.iter().any(|net| net.contains(&address)),
            Ipv6Source::Unspecified | Ipv6Source::Invalid => false,
        }
    }

    /// The address from which to ask for `target`: one of the same subnet, or else a link-local
    /// one, or else the first. `None` if the interface has none.
    #[must_use]
    pub fn source_for(&self, target: Ipv6Addr) -> Option<Ipv6Addr> {
        let is_link_local = |net: &&Ipv6Net| ipv6_source(net.addr()) == Ipv6Source::LinkLocal;
        let same_subnet = self.addresses.iter().find(|net| net.contains(&target));
        let source = same_subnet
            .or(self.addresses.iter().find(is_link_local))
            .or(self.addresses.first());
        source.map(Ipv6Net::addr)
    }
}

/// An IPv6 packet to be sent on the link, from the interface's own Ethernet address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NdSend {
    /// To whom the frame goes.
    pub destination: Mac,
    /// What it carries.
    pub packet: Vec<u8>,
}

/// What is to be done about a valid message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NdAction {
    /// Nothing: it asks for an address that is not ours.
    Ignore,
    /// It asks for one of our addresses: learn first, then answer.
    Answer {
        /// Who asks, with its Ethernet address; an entry is made if there is none (section 7.2.3).
        /// `None` if it does not say, or is not on the link's subnets.
        learn: Option<(Ipv6Addr, Mac)>,
        /// The answer.
        reply: NdSend,
    },
    /// A neighbour says where it is: the neighbour table is to hear it.
    Advertised(AdvertisementSeen),
    /// Router solicitation, router advertisement or redirect. The router does not route by them;
    /// the twin may want to see them.
    Twin {
        /// Who solicits routers, with its Ethernet address, which is an existing neighbour's or a
        /// new one's (section 6.2.6).
        learn: Option<(Ipv6Addr, Mac)>,
    },
}

/// What is to be done about a packet of neighbour discovery that came on `interface` in a frame of
/// the station `frame_source`.
///
/// # Errors
/// [`DropReason::NdInvalid`] when the message breaks a rule for receivers, is fragmented (RFC 6980)
/// or names a group's Ethernet address; [`DropReason::Ipv6ExtensionHeaders`].
pub fn receive(
    packet: &Ipv6Packet<'_>,
    frame_source: Mac,
    interface: &NdInterface<'_>,
) -> Result<NdAction, DropReason> {
    let upper = packet.upper()?;
    if upper.fragment.is_some() || upper.protocol != Protocol::ICMPV6 {
        return Err(DropReason::NdInvalid);
    }
    let source = packet.header().source();
    match NdMessage::parse(packet.header(), upper.bytes)? {
        NdMessage::NeighbourSolicitation(solicitation) => {
            solicited(&solicitation, source, frame_source, interface)
        }
        NdMessage::NeighbourAdvertisement(advertisement) => {
            let mac = station(advertisement.target_link_address)?;
            Ok(NdAction::Advertised(AdvertisementSeen {
                interface: interface.id,
                target: advertisement.target,
                mac,
                router: advertisement.router,
                solicited: advertisement.solicited,
                overrides: advertisement.overrides,
                target_is_ours: interface.owns(advertisement.target),
            }))
        }
        NdMessage::RouterSolicitation(solicitation) => {
            let learn = asker(
                source,
                station(solicitation.source_link_address)?,
                interface,
            );
            Ok(NdAction::Twin { learn })
        }
        NdMessage::RouterAdvertisement(_) | NdMessage::Redirect(_) => {
            Ok(NdAction::Twin { learn: None })
        }
    }
}

fn solicited(
    solicitation: &NeighbourSolicitation,
    source: Ipv6Addr,
    frame_source: Mac,
    interface: &NdInterface<'_>,
) -> Result<NdAction, DropReason> {
    let link_address = station(solicitation.source_link_address)?;
    // What we sent ourselves may come back from a link that echoes.
    if !interface.owns(solicitation.target) || frame_source == interface.mac {
        return Ok(NdAction::Ignore);
    }
    // A station that checks whether the address is free has none yet and is told with all others.
    let detection = source.is_unspecified();
    let (destination, mac) = if detection {
        (ALL_NODES, Mac::for_ipv6_multicast(ALL_NODES))
    } else {
        (source, link_address.unwrap_or(frame_source))
    };
    let reply = advertise(
        interface.mac,
        solicitation.target,
        !detection,
        destination,
        mac,
    );
    Ok(NdAction::Answer {
        learn: asker(source, link_address, interface),
        reply,
    })
}

/// A link-layer address, if it can be a station's.
fn station(mac: Option<Mac>) -> Result<Option<Mac>, DropReason> {
    match mac {
        Some(mac) if !mac.is_station() => Err(DropReason::NdInvalid),
        mac => Ok(mac),
    }
}

/// Who asks, if that may be learned: whoever is on the link could otherwise claim any address
/// there is.
fn asker(
    source: Ipv6Addr,
    mac: Option<Mac>,
    interface: &NdInterface<'_>,
) -> Option<(Ipv6Addr, Mac)> {
    let learnable = interface.is_on_link(source) && !interface.owns(source);
    mac.filter(|_| learnable).map(|mac| (source, mac))
}

/// Asks all who may have it for `target`, from our `source` (section 7.2.2).
#[must_use]
pub fn solicitation(mac: Mac, source: Ipv6Addr, target: Ipv6Addr) -> NdSend {
    let group = solicited_node(target);
    solicit(mac, source, target, group, Mac::for_ipv6_multicast(group))
}

/// Asks the station that is believed to have `target` whether it is still there (section 7.3.3).
#[must_use]
pub fn probe(mac: Mac, source: Ipv6Addr, target: Ipv6Addr, believed: Mac) -> NdSend {
    solicit(mac, source, target, target, believed)
}

/// Tells all stations that `address` is ours (section 7.2.6).
#[must_use]
pub fn announcement(mac: Mac, address: Ipv6Addr) -> NdSend {
    advertise(
        mac,
        address,
        false,
        ALL_NODES,
        Mac::for_ipv6_multicast(ALL_NODES),
    )
}

/// Answers a solicitation in the place of the host `mac` that has `address` (RFC 9161 section 3.2): to
/// the address that asks, at its Ethernet address.
#[must_use]
pub fn proxy(mac: Mac, address: Ipv6Addr, to: Ipv6Addr, to_mac: Mac) -> NdSend {
    let message = NeighbourAdvertisement {
        router: false,
        solicited: true,
        overrides: true,
        target: address,
        target_link_address: Some(mac),
    };
    send(address, to, to_mac, &message.emit(address, to))
}

fn solicit(
    mac: Mac,
    source: Ipv6Addr,
    target: Ipv6Addr,
    destination: Ipv6Addr,
    frame_to: Mac,
) -> NdSend {
    let message = NeighbourSolicitation {
        target,
        source_link_address: Some(mac),
    };
    send(
        source,
        destination,
        frame_to,
        &message.emit(source, destination),
    )
}

fn advertise(
    mac: Mac,
    address: Ipv6Addr,
    solicited: bool,
    destination: Ipv6Addr,
    frame_to: Mac,
) -> NdSend {
    let message = NeighbourAdvertisement {
        router: true,
        solicited,
        overrides: true,
        target: address,
        target_link_address: Some(mac),
    };
    send(
        address,
        destination,
        frame_to,
        &message.emit(address, destination),
    )
}

fn send(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    frame_to: Mac,
    message: &NeighbourBytes,
) -> NdSend {
    let header = Ipv6Header::new(
        source,
        destination,
        Protocol::ICMPV6,
        HOP_LIMIT,
        message.len() as u16,
    );
    NdSend {
        destination: frame_to,
        packet: [header.bytes(), message].concat(),
    }
}

#[cfg(test)]
#[path = "nd_tests.rs"]
mod tests;
