//! Adjacencies: one per neighbour that a next hop leads to, shared by all next hops that do.

use std::collections::{HashMap, VecDeque};

use ferroute_dataplane::ids::{AdjacencyId, InterfaceId, PortId};
use ferroute_dataplane::mac::Mac;
use ferroute_dataplane::snapshot::interface::Interface;
use ferroute_dataplane::snapshot::nexthop::{Adjacency, AdjacencyState};

use super::plane::Plane;
use crate::neighbour::NeighbourKey;

#[derive(Debug)]
struct Entry {
    id: AdjacencyId,
    users: u32,
    mac: Option<Mac>,
}

/// All adjacencies.
#[derive(Debug, Default)]
pub struct Adjacencies {
    entries: HashMap<NeighbourKey, Entry>,
    by_id: HashMap<AdjacencyId, NeighbourKey>,
    known: HashMap<NeighbourKey, Mac>,
    /// The longest free one is used first, so that a punted packet that still names it finds nothing.
    free: VecDeque<AdjacencyId>,
    next: u32,
}

/// No device's number: what goes to a gateway interface goes through its bridge domain.
const NO_PORT: PortId = PortId::new(u16::MAX);

/// The rewrite of an interface towards `mac`.
fn rewrite(interface_id: InterfaceId, interface: &Interface, mac: Option<Mac>) -> Adjacency {
    let mut adjacency = Adjacency {
        interface: interface_id,
        mtu_bytes: interface.mtu_bytes,
        ..Adjacency::default()
    };
    let linked = interface.port.is_some() || interface.bridge.is_some();
    adjacency.state = match (interface.up && linked, mac) {
        (true, Some(_)) => AdjacencyState::Resolved,
        (true, None) => AdjacencyState::Unresolved,
        _ => AdjacencyState::Down,
    };
    adjacency.port = interface.port.unwrap_or(NO_PORT);
    adjacency.header[..6].copy_from_slice(&mac.unwrap_or_default().octets());
    adjacency.header[6..12].copy_from_slice(&interface.mac.octets());
    adjacency.header_len = 14;
    if let Some(vlan) = interface.vlan {
        adjacency.header[12..14].copy_from_slice(&0x8100_u16.to_be_bytes());
        adjacency.header[14..16].copy_from_slice(&vlan.to_be_bytes());
        adjacency.header_len = 18;
    }
    adjacency
}

impl Adjacencies {
    /// The adjacency of a neighbour for one more user. The flag says that it is the first, so the
    /// neighbour is to be resolved.
    pub fn acquire(&mut self, key: NeighbourKey, plane: &mut Plane) -> (AdjacencyId, bool) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.users += 1;
            return (entry.id, false);
        }
        let id = self.free.pop_front().unwrap_or_else(|| {
            let id = AdjacencyId::new(self.next);
            self.next += 1;
            id
        });
        let mac = self.known.get(&key).copied();
        self.entries.insert(key, Entry { id, users: 1, mac });
        self.by_id.insert(id, key);
        self.write(key, plane);
        (id, true)
    }

    /// One user less; true when it was the last, and the neighbour need not be kept resolved.
    pub fn release(&mut self, key: NeighbourKey, plane: &mut Plane) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else {
            return false;
        };
        entry.users -= 1;
        if entry.users > 0 {
            return false;
        }
        let id = entry.id;
        self.entries.remove(&key);
        self.by_id.remove(&id);
        plane
            .edit()
            .adjacencies
            .set(id.index(), Adjacency::default());
        plane.retire(id);
        true
    }

    /// A number that no worker can see any more.
    pub fn reuse(&mut self, id: AdjacencyId) {
        self.free.push_back(id);
    }

    /// Notes a neighbour's Ethernet address, or that it has none; true when that changed.
    pub fn set_mac(&mut self, key: NeighbourKey, mac: Option<Mac>, plane: &mut Plane) -> bool {
        let before = match mac {
            Some(mac) => self.known.insert(key, mac),
            None => self.known.remove(&key),
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.mac = mac;
            self.write(key, plane);
        }
        before != mac
    }

    /// The neighbour's Ethernet address, if it is known.
    #[must_use]
    pub fn mac(&self, key: &NeighbourKey) -> Option<Mac> {
        self.known.get(key).copied()
    }

    /// Writes all adjacencies of an interface anew, after it changed.
    pub fn refresh(&mut self, interface: InterfaceId, plane: &mut Plane) {
        let keys: Vec<NeighbourKey> = self
            .entries
            .keys()
            .filter(|k| k.interface == interface)
            .copied()
            .collect();
        for key in keys {
            self.write(key, plane);
        }
    }

    /// The adjacency of a neighbour, if a next hop leads to it.
    #[must_use]
    pub fn id(&self, key: &NeighbourKey) -> Option<AdjacencyId> {
        self.entries.get(key).map(|e| e.id)
    }

    /// The neighbour of an adjacency.
    #[must_use]
    pub fn key(&self, id: AdjacencyId) -> Option<NeighbourKey> {
        self.by_id.get(&id).copied()
    }

    /// All, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (AdjacencyId, NeighbourKey)> {
        self.by_id.iter().map(|(id, key)| (*id, *key))
    }

    fn write(&self, key: NeighbourKey, plane: &mut Plane) {
        let Some(entry) = self.entries.get(&key) else {
            return;
        };
        let interface = plane
            .draft()
            .interface(key.interface)
            .cloned()
            .unwrap_or_default();
        let adjacency = rewrite(key.interface, &interface, entry.mac);
        if plane.draft().adjacency(entry.id) != Some(&adjacency) {
            plane.edit().adjacencies.set(entry.id.index(), adjacency);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagged_interface_writes_its_tag() {
        let interface = Interface {
            up: true,
            mac: Mac::new([2, 0, 0, 0, 0, 1]),
            mtu_bytes: 1500,
            port: Some(PortId::new(3)),
            vlan: Some(100),
            ..Interface::default()
        };
        let to = Mac::new([2, 0, 0, 0, 0, 9]);
        let adjacency = rewrite(InterfaceId::new(7), &interface, Some(to));
        assert_eq!(adjacency.state, AdjacencyState::Resolved);
        assert_eq!(
            adjacency.header[..16],
            [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x81, 0, 0, 100]
        );
        assert_eq!(adjacency.header_len, 18);
        assert_eq!(
            rewrite(InterfaceId::new(7), &interface, None).state,
            AdjacencyState::Unresolved
        );
        let down = Interface {
            up: false,
            ..interface
        };
        assert_eq!(
            rewrite(InterfaceId::new(7), &down, Some(to)).state,
            AdjacencyState::Down
        );
    }
}
