//! The tunnels that next hops lead into: interned, counted, each with its underlay.
//!
//! A tunnel is (endpoint, remote end, encapsulation). However many prefixes lead into it, it is one object of the data
//! plane. What leads to its remote end is a set of its own, so that the underlay's ECMP stays apart and a change of it
//! reaches the tunnel at one place.

use std::collections::HashMap;
use std::net::IpAddr;

use ferroute_dataplane::ids::{EndpointId, TunnelId, VrfId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::wire::mpls::LabelStack;
use ferroute_dataplane::wire::vxlan::Vni;

use super::resolve::Lookup;
use super::set::{NextHopSet, Via};
use super::slots::Slots;
use super::store::{NextHopSetId, NextHops, SetsFull};

/// How a packet is wrapped for the remote end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Encap {
    /// VXLAN (RFC 7348) around an Ethernet header of the router's own making (RFC 9135).
    Vxlan {
        /// The VNI that the remote end expects.
        vni: Vni,
        /// The remote end's router MAC.
        router_mac: Mac,
    },
    /// VXLAN around the frame as it is.
    VxlanBridged {
        /// The VNI that the remote end expects.
        vni: Vni,
    },
    /// Labels in UDP (RFC 7510).
    MplsUdp(LabelStack),
    /// Labels on the link (RFC 3032).
    Mpls(LabelStack),
    /// IP in IP (RFC 2003, RFC 2473).
    IpIp,
    /// IP in UDP (Generic UDP Encapsulation, variant 0).
    Gue,
}

/// What makes a tunnel one and not another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TunnelKey {
    /// Where it starts.
    pub endpoint: EndpointId,
    /// The endpoint's VRF, in which the remote end is looked up.
    pub vrf: VrfId,
    /// Where it ends.
    pub remote: IpAddr,
    /// What is put around packets.
    pub encap: Encap,
}

#[derive(Debug)]
struct Entry {
    key: TunnelKey,
    underlay: NextHopSetId,
    users: u32,
    idle: bool,
}

/// A tunnel as others see it.
#[derive(Clone, Copy, Debug)]
pub struct TunnelView<'a> {
    /// Its number.
    pub id: TunnelId,
    /// What it is.
    pub key: &'a TunnelKey,
    /// What leads to its remote end.
    pub underlay: NextHopSetId,
    /// Sets and others that lead into it.
    pub users: u32,
}

/// All tunnels.
#[derive(Debug)]
pub(super) struct Tunnels {
    entries: Slots<Entry>,
    by_key: HashMap<TunnelKey, TunnelId>,
    idle: Vec<TunnelId>,
}

/// The place of a tunnel's entry: number 0 is never handed out.
fn place(id: TunnelId) -> usize {
    id.index().wrapping_sub(1)
}

fn number(place: usize) -> TunnelId {
    TunnelId::new(u32::try_from(place + 1).unwrap_or(u32::MAX))
}

fn tunnels_of(set: &NextHopSet) -> impl Iterator<Item = TunnelId> {
    set.members().iter().filter_map(|hop| match hop.via {
        Via::Tunnel { tunnel, .. } => Some(tunnel),
        _ => None,
    })
}

impl Tunnels {
    pub(super) fn new() -> Self {
        Self {
            entries: Slots::new(),
            by_key: HashMap::new(),
            idle: Vec::new(),
        }
    }

    pub(super) fn acquire_all(&mut self, set: &NextHopSet) {
        tunnels_of(set).for_each(|tunnel| self.acquire(tunnel));
    }

    pub(super) fn release_all(&mut self, set: &NextHopSet) {
        tunnels_of(set).for_each(|tunnel| self.release(tunnel));
    }

    fn acquire(&mut self, id: TunnelId) {
        if let Some(entry) = self.entries.get_mut(place(id)) {
            entry.users += 1;
        }
    }

    fn release(&mut self, id: TunnelId) {
        if let Some(entry) = self.entries.get_mut(place(id)) {
            entry.users = entry.users.saturating_sub(1);
            if entry.users == 0 && !std::mem::replace(&mut entry.idle, true) {
                self.idle.push(id);
            }
        }
    }
}

impl NextHops {
    /// The tunnel of this key, made if it is new: then the flag is set. It stays until a
    /// [`collect`](Self::collect) finds that nothing leads into it.
    ///
    /// # Errors
    /// [`SetsFull`] when there is no room for its underlay.
    pub fn tunnel(
        &mut self,
        key: TunnelKey,
        lookup: &impl Lookup,
    ) -> Result<(TunnelId, bool), SetsFull> {
        if let Some(&id) = self.tunnels.by_key.get(&key) {
            return Ok((id, false));
        }
        let via = Via::Recursive {
            vrf: key.vrf,
            address: key.remote,
        };
        let underlay = self.intern(NextHopSet::single(via), lookup)?;
        self.hold(underlay);
        let id = number(self.tunnels.entries.insert(Entry {
            key: key.clone(),
            underlay,
            users: 0,
            idle: true,
        }));
        self.tunnels.by_key.insert(key, id);
        self.tunnels.idle.push(id);
        Ok((id, true))
    }

    /// The tunnel, if it exists.
    #[must_use]
    pub fn tunnel_view(&self, id: TunnelId) -> Option<TunnelView<'_>> {
        let entry = self.tunnels.entries.get(place(id))?;
        Some(TunnelView {
            id,
            key: &entry.key,
            underlay: entry.underlay,
            users: entry.users,
        })
    }

    /// All tunnels, by number.
    pub fn tunnels(&self) -> impl Iterator<Item = TunnelView<'_>> {
        self.tunnels.entries.iter().map(|(at, entry)| TunnelView {
            id: number(at),
            key: &entry.key,
            underlay: entry.underlay,
            users: entry.users,
        })
    }

    /// One user more that is no next hop set.
    pub fn hold_tunnel(&mut self, id: TunnelId) {
        self.tunnels.acquire(id);
    }

    /// One user less that is no next hop set.
    pub fn let_go_tunnel(&mut self, id: TunnelId) {
        self.tunnels.release(id);
    }

    /// Forgets the tunnels that nothing leads into, and says which. Their numbers rest until
    /// [`reuse_tunnel`](Self::reuse_tunnel).
    pub fn collect_tunnels(&mut self) -> Vec<(TunnelId, TunnelKey)> {
        let mut gone = Vec::new();
        for id in std::mem::take(&mut self.tunnels.idle) {
            let Some(entry) = self.tunnels.entries.get_mut(place(id)) else {
                continue;
            };
            entry.idle = false;
            if entry.users > 0 {
                continue;
            }
            let Some(Entry { key, underlay, .. }) = self.tunnels.entries.remove(place(id)) else {
                continue;
            };
            self.tunnels.by_key.remove(&key);
            self.let_go(underlay);
            gone.push((id, key));
        }
        gone
    }

    /// Lets the number of a tunnel that is [gone](Self::collect_tunnels) be used again.
    pub fn reuse_tunnel(&mut self, id: TunnelId) {
        self.tunnels.entries.free(place(id));
    }
}
