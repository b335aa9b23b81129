//! Which packets are shown.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;

use crate::counters::MAX_INTERFACES;
use crate::ids::InterfaceId;
use crate::wire::Header;
use crate::wire::ethernet::{EtherType, EthernetHeader, VlanTag};
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;

const WORD_BITS: usize = u64::BITS as usize;

/// A set of interfaces that the control plane changes while workers read it: those of a VRF come and
/// go.
#[derive(Debug)]
pub struct InterfaceSet(Box<[AtomicU64]>);

impl InterfaceSet {
    /// A set of these.
    #[must_use]
    pub fn new(interfaces: impl IntoIterator<Item = InterfaceId>) -> Self {
        let words = MAX_INTERFACES / WORD_BITS;
        let set = Self((0..words).map(|_| AtomicU64::new(0)).collect());
        set.replace(interfaces);
        set
    }

    /// Makes it a set of these.
    pub fn replace(&self, interfaces: impl IntoIterator<Item = InterfaceId>) {
        let mut words = vec![0; self.0.len()];
        for id in interfaces {
            if let Some(word) = words.get_mut(id.index() / WORD_BITS) {
                *word |= 1_u64 << (id.index() % WORD_BITS);
            }
        }
        for (word, new) in self.0.iter().zip(words) {
            word.store(new, Ordering::Relaxed);
        }
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn contains(&self, id: InterfaceId) -> bool {
        let word = self.0.get(id.index() / WORD_BITS);
        word.is_some_and(|word| word.load(Ordering::Relaxed) >> (id.index() % WORD_BITS) & 1 == 1)
    }
}

/// Which packets are shown: those for which all of it holds.
#[derive(Clone, Debug)]
pub struct Filter {
    /// The interface is one of these; `None` for any.
    pub interfaces: Option<Arc<InterfaceSet>>,
    /// The source or the destination of the outermost IP header is in here; `None` for any packet.
    pub prefix: Option<IpNet>,
    /// The packet was dropped or punted for the reason of this name; `None` for whatever became of it.
    pub reason: Option<&'static str>,
    /// Of those, one in so many.
    pub sample: NonZeroU32,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            interfaces: None,
            prefix: None,
            reason: None,
            sample: NonZeroU32::MIN,
        }
    }
}

impl Filter {
    /// Whether interface and addresses fit. The frame begins with its Ethernet header.
    #[must_use]
    pub fn fits(&self, interface: InterfaceId, frame: &[u8]) -> bool {
        let here = |set: &Arc<InterfaceSet>| set.contains(interface);
        self.interfaces.as_ref().is_none_or(here)
            && self.prefix.is_none_or(|prefix| names(frame, prefix))
    }

    /// Whether the reason, if the packet has one, fits.
    #[must_use]
    pub fn fits_reason(&self, reason: Option<&'static str>) -> bool {
        self.reason.is_none() || self.reason == reason
    }
}

/// The type and the bytes of what is behind a frame's Ethernet header and its tag, if it has one.
#[must_use]
pub fn network(frame: &[u8]) -> Option<(EtherType, &[u8])> {
    let (link, rest) = EthernetHeader::split(frame)?;
    if link.ethertype() != EtherType::VLAN {
        return Some((link.ethertype(), rest));
    }
    let (tag, rest) = VlanTag::split(rest)?;
    Some((tag.ethertype(), rest))
}

/// Whether the source or the destination of a frame's IP packet is in `prefix`.
fn names(frame: &[u8], prefix: IpNet) -> bool {
    let addresses: Option<[IpAddr; 2]> =
        match network(frame) {
            Some((EtherType::IPV4, packet)) => Ipv4Header::split(packet)
                .map(|(ip, _)| [ip.source().into(), ip.destination().into()]),
            Some((EtherType::IPV6, packet)) => Ipv6Header::split(packet)
                .map(|(ip, _)| [ip.source().into(), ip.destination().into()]),
            _ => None,
        };
    addresses.is_some_and(|both| both.iter().any(|address| prefix.contains(address)))
}
