//! ARP (RFC 826, RFC 1122 section 2.3.2, RFC 5227): what to answer, what to learn, what to send.

use crate::neighbour::{self, ArpSeen};
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::address::ipv4_source_is_martian;
use ferroute_dataplane::wire::arp::{ArpOperation, ArpPacket};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// An interface as ARP sees it.
#[derive(Clone, Copy, Debug)]
pub struct ArpInterface<'a> {
    /// Which one it is.
    pub id: InterfaceId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its addresses, each with the length of its subnet's prefix.
    pub addresses: &'a [Ipv4Net],
}

impl ArpInterface<'_> {
    /// Whether the address is one of the interface's own.
    #[must_use]
    pub fn owns(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|net| net.addr() == address)
    }

    /// Whether the address can be another host's on one of the interface's subnets.
    #[must_use]
    pub fn is_on_link(&self, address: Ipv4Addr) -> bool {
        self.addresses
            .iter()
            .any(|net| net.contains(&address) && !is_subnets_own(net, address))
    }

    /// The address from which to ask for `target`: one of the same subnet, or else the first.
    /// `None` if the interface has none.
    #[must_use]
    pub fn source_for(&self, target: Ipv4Addr) -> Option<Ipv4Addr> {
        let same_subnet = self.addresses.iter().find(|net| net.contains(&target));
        same_subnet.or(self.addresses.first()).map(Ipv4Net::addr)
    }
}

/// Whether the address stands for the subnet itself or for all of its hosts. Point-to-point subnets
/// have neither (RFC 3021).
fn is_subnets_own(net: &Ipv4Net, address: Ipv4Addr) -> bool {
    net.prefix_len() < 31 && (address == net.network() || address == net.broadcast())
}

/// An ARP packet to be sent, from the interface's own Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpSend {
    /// To whom the frame goes.
    pub destination: Mac,
    /// What it carries.
    pub packet: ArpPacket,
}

/// What is to be done about a packet of valid form: learn first, then answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ArpOutcome {
    /// What the neighbour table is to hear. `None` for probes, for our own packets that came back,
    /// and for senders that are not on the link's subnets: whoever is on the link could otherwise
    /// claim any address there is.
    pub seen: Option<ArpSeen>,
    /// The answer.
    pub reply: Option<ArpSend>,
}

/// What is to be done about a packet that came on `interface`.
///
/// # Errors
/// [`DropReason::ArpInvalid`] when the sender's Ethernet address is a group's or zero, or its IPv4
/// address no host's.
pub fn receive(packet: &ArpPacket, interface: &ArpInterface<'_>) -> Result<ArpOutcome, DropReason> {
    let (mac, sender, target) = (packet.sender_mac(), packet.sender_ip(), packet.target_ip());
    let probe = sender.is_unspecified();
    if !mac.is_station() || ipv4_source_is_martian(sender) && !probe {
        return Err(DropReason::ArpInvalid);
    }
    if mac == interface.mac {
        return Ok(ArpOutcome::default());
    }
    let operation = packet.operation();
    let (sender_is_ours, target_is_ours) = (interface.owns(sender), interface.owns(target));
    let known = !probe && (sender_is_ours || interface.is_on_link(sender));
    let seen = known.then_some(ArpSeen {
        interface: interface.id,
        operation: match operation {
            ArpOperation::Request => neighbour::ArpOperation::Request,
            ArpOperation::Reply => neighbour::ArpOperation::Reply,
        },
        sender_mac: mac,
        sender,
        target,
        sender_is_ours,
        target_is_ours,
    });
    // Who claims an address of ours gets no answer but an announcement, when the claim is handled.
    let asks_us = target_is_ours && !sender_is_ours && operation == ArpOperation::Request;
    let reply = asks_us.then_some(ArpSend {
        destination: mac,
        packet: ArpPacket::new(ArpOperation::Reply, (interface.mac, target), (mac, sender)),
    });
    Ok(ArpOutcome { seen, reply })
}

/// Asks all stations for `target`, from our `source`.
#[must_use]
pub const fn request(mac: Mac, source: Ipv4Addr, target: Ipv4Addr) -> ArpSend {
    ArpSend {
        destination: Mac::BROADCAST,
        packet: ArpPacket::new(ArpOperation::Request, (mac, source), (Mac::ZERO, target)),
    }
}

/// Asks the station that is believed to have `target` whether it still does (RFC 1122 section
/// 2.3.2.1, unicast poll).
#[must_use]
pub const fn poll(mac: Mac, source: Ipv4Addr, target: Ipv4Addr, believed: Mac) -> ArpSend {
    ArpSend {
        destination: believed,
        ..request(mac, source, target)
    }
}

/// Tells all stations that `address` is ours (RFC 5227 section 2.3).
#[must_use]
pub const fn announcement(mac: Mac, address: Ipv4Addr) -> ArpSend {
    request(mac, address, address)
}

#[cfg(test)]
#[path = "arp_tests.rs"]
mod tests;
