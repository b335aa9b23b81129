//! Connections that open through an interface with an MTU for TCP of its own, so that neither end
//! sends what a tunnel behind it does not take (RFC 4459 section 3.2).

use super::Forwarder;
use crate::snapshot::Snapshot;
use crate::wire::ethernet::EtherType;
use crate::wire::mss::clamp;

impl Forwarder {
    /// Lowers the MSS of what waits in the lanes, where interfaces ask for that.
    #[cold]
    pub(super) fn clamp_lanes(&mut self, snapshot: &Snapshot) {
        let lanes = [
            (EtherType::IPV4, *self.batch.ipv4.found()),
            (EtherType::IPV6, *self.batch.ipv6.found()),
        ];
        for (kind, found) in lanes {
            for slot in found.slots() {
                self.clamp_at(snapshot, usize::from(*slot), kind);
            }
        }
    }

    /// Lowers the MSS of the packet at `slot`, if the interface that it came by asks for that.
    #[cold]
    pub(super) fn clamp_at(&mut self, snapshot: &Snapshot, slot: usize, kind: EtherType) {
        let facts = self.batch.facts[slot];
        let mtu_bytes = snapshot
            .interface(facts.interface)
            .and_then(|i| i.tcp_mtu_bytes);
        let (Some(mtu_bytes), Some(mbuf)) = (mtu_bytes, &mut self.batch.packets[slot]) else {
            return;
        };
        let start = usize::from(facts.l3_offset);
        if let Some(packet) = mbuf.data_mut().get_mut(start..) {
            clamp(kind, packet, mtu_bytes.get());
        }
    }
}
