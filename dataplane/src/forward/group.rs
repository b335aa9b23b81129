//! A burst that takes one group, as bursts towards several uplinks do: the member of each packet is found first, and then all
//! packets of one member go together, so that what leads there is followed once. Packets of one flow stay in their order, since
//! they have one member.

use arrayvec::ArrayVec;

use super::Forwarder;
use crate::ids::{BURST, GroupId, NextHopId};
use crate::snapshot::Snapshot;
use crate::snapshot::nexthop::Hop;

/// For how many members packets are gathered. To each of the others they go one by one: where there are so many, each has few.
const GATHERED: usize = 16;

impl Forwarder {
    /// Sends the packets at `slots`, whose next hop `id` is this group, by its members.
    #[inline]
    pub(super) fn share_out<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slots: &[u8],
        id: NextHopId,
        group: GroupId,
        now_ticks: u64,
    ) {
        let Some(group) = snapshot.group(group) else {
            for slot in slots {
                self.detour::<FAMILY>(snapshot, *slot, id, now_ticks);
            }
            return;
        };
        let mut runs = [const { ArrayVec::<u8, BURST>::new_const() }; GATHERED];
        let members = group.members();
        for slot in slots {
            let hash = self.hash::<FAMILY>(snapshot, usize::from(*slot) % BURST);
            let place = group.place(hash);
            let run = place.and_then(|place| runs.get_mut(place));
            if let Some(run) = run {
                run.push(*slot);
                continue;
            }
            match place.and_then(|place| members.get(place)) {
                Some(hop) => self.go::<FAMILY>(snapshot, &[*slot], *hop, id, now_ticks),
                None => self.detour::<FAMILY>(snapshot, *slot, id, now_ticks),
            }
        }
        for (run, hop) in runs.iter().zip(members) {
            self.go::<FAMILY>(snapshot, run, *hop, id, now_ticks);
        }
    }

    /// Sends the packets at `slots` by one member of a group.
    #[inline(always)]
    fn go<const FAMILY: u8>(
        &mut self,
        snapshot: &Snapshot,
        slots: &[u8],
        hop: Hop,
        id: NextHopId,
        now_ticks: u64,
    ) {
        let tunnel = match hop {
            Hop::Adjacency(neighbour) => {
                return self.send_all::<FAMILY>(snapshot, slots, neighbour, id, now_ticks);
            }
            Hop::Tunnel(tunnel) => tunnel,
        };
        for slot in slots {
            if self.is_usual(*slot) {
                self.batch.outbound.push((*slot, tunnel));
            } else {
                self.detour::<FAMILY>(snapshot, *slot, id, now_ticks);
            }
        }
    }
}
