//! Ethernet segments as workers see them (RFC 7432 section 8, RFC 8365 section 8.3).
//!
//! Who gets a copy of a flooded frame depends on whence it comes, and is decided by the control plane
//! ahead of time: for each remote end with which a segment is shared, for all other remote ends, and for
//! each member with another member on its segment there is a list of its own. So a worker chooses a list
//! and knows nothing of segments, and domains without members on segments do not even choose.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::ids::{InterfaceId, NextHopId};

/// Which way the stations of a bridge domain are that are behind one segment: one entry for all of them, so
/// that they move together (RFC 7432 section 8.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SegmentPath {
    /// Nobody leads there: they are as good as unknown.
    #[default]
    Nowhere,
    /// Behind a member of the domain.
    Member(InterfaceId),
    /// Behind remote ends: a tunnel, or a group of tunnels (aliasing, RFC 7432 section 8.4).
    NextHop(NextHopId),
}

/// The members that a flooded frame reaches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audience {
    /// These; the frame's own member may be among them.
    pub members: Arc<[InterfaceId]>,
    /// Others that are left out because the frame comes from their segment (RFC 8365 section 8.3.1).
    pub local_bias: u32,
    /// Others that are left out because another router is the designated forwarder of their segment (RFC
    /// 7432 section 8.5).
    pub not_designated: u32,
}

/// A remote end with which a segment is shared, by its number in its bridge domain; 0 stands for all
/// others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peer(u16);

/// Who gets what is flooded in a bridge domain with members on segments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segmented {
    /// By the number of a [`Peer`].
    from_tunnels: Vec<Audience>,
    peers: FxHashMap<IpAddr, Peer>,
    from_members: FxHashMap<InterfaceId, Audience>,
}

impl Segmented {
    /// Lists for frames out of the tunnels of `peers`, at most 65,535, out of those of `others`, and for
    /// those of members that share their segment with another member.
    #[must_use]
    pub fn new(
        others: Audience,
        peers: impl IntoIterator<Item = (IpAddr, Audience)>,
        from_members: impl IntoIterator<Item = (InterfaceId, Audience)>,
    ) -> Self {
        let mut segmented = Self {
            from_tunnels: vec![others],
            peers: HashMap::with_hasher(FxBuildHasher),
            from_members: from_members.into_iter().collect(),
        };
        for ((address, audience), number) in peers.into_iter().zip(1..=u16::MAX) {
            segmented.from_tunnels.push(audience);
            segmented.peers.insert(address, Peer(number));
        }
        segmented
    }

    /// The number of a remote end.
    #[must_use]
    pub fn peer(&self, address: &IpAddr) -> Peer {
        self.peers.get(address).copied().unwrap_or_default()
    }

    /// Who gets frames out of a remote end's tunnels.
    #[must_use]
    pub fn from_tunnel(&self, peer: Peer) -> Option<&Audience> {
        // A number of an older snapshot is none's here.
        let of = |peer: Peer| self.from_tunnels.get(usize::from(peer.0));
        of(peer).or_else(|| of(Peer::default()))
    }

    /// Who gets frames of a member; `None` for all.
    #[must_use]
    pub fn from_member(&self, member: InterfaceId) -> Option<&Audience> {
        self.from_members.get(&member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_its_list() {
        let list = |members: &[u32]| Audience {
            members: members.iter().copied().map(InterfaceId::new).collect(),
            ..Audience::default()
        };
        let [a, b, c]: [IpAddr; 3] = [[1; 4], [2; 4], [3; 4]].map(IpAddr::from);
        let segmented = Segmented::new(
            list(&[1, 2]),
            [(a, list(&[1])), (b, list(&[2]))],
            [(InterfaceId::new(7), list(&[3]))],
        );
        let from = |address| segmented.from_tunnel(segmented.peer(&address)).unwrap();
        assert_eq!(
            [a, b, c].map(from),
            [&list(&[1]), &list(&[2]), &list(&[1, 2])]
        );
        assert_eq!(segmented.from_tunnel(Peer(9)), Some(&list(&[1, 2])));
        assert_eq!(
            segmented.from_member(InterfaceId::new(7)),
            Some(&list(&[3]))
        );
        assert_eq!(segmented.from_member(InterfaceId::new(1)), None);
        assert_eq!(Segmented::default().from_tunnel(Peer::default()), None);
    }
}
