//! VNIs and labels of a source, as the router is to have them.

use super::actor::Source;
use crate::bridge::netlink::update::{Encapsulation, Hops, LspUpdate};
use crate::bridge::router::vnis::Vni;
use crate::bridge::stations::Word;
use ferroute_proto::v1;
use ferroute_proto::v1::label_spec::Target;

/// Labels below this have a meaning of their own (RFC 7274).
const FIRST_LABEL: u32 = 16;

impl Source {
    /// Says the VNIs whose bridges are in the kernel. One whose bridge goes stays: what the fabric still sends is taken.
    pub(super) fn wish_vnis(&self) {
        for table in &self.config.tables {
            let vni = table.l3vni.map(|vni| vni.get());
            let seen = vni.and_then(|vni| Some((vni, self.names.netdevs.bridge_of(vni)?)));
            if let Some((vni, (_, router_mac))) = seen {
                let vrf = table.vrf;
                self.vnis.wish(vni, Some(Vni::Routed { vrf, router_mac }));
            }
        }
    }

    /// Says something to the task for bridged VNIs, if there is one.
    pub(super) fn tell_stations(&self, word: impl FnOnce() -> Word) {
        if let Some(stations) = &self.stations {
            stations.say(word());
        }
    }

    /// Whether a netdev is the bridge of a bridged VNI, whose neighbours are not like others.
    pub(super) fn is_bridged(&self, netdev: u32) -> bool {
        let vni = self.names.netdevs.vni(netdev);
        vni.is_some_and(|vni| self.config.l2vnis.iter().any(|own| own.vni.get() == vni))
    }

    /// A label switched path is this now, or gone.
    pub(super) fn lsp(&mut self, update: LspUpdate) {
        self.wish_label(update.label, update.hops.as_ref());
        self.lsps.set(update.label, update.hops);
    }

    /// What the source did not repeat goes.
    pub(super) fn sweep_lsps(&mut self) {
        for label in self.lsps.sweep() {
            self.labels.wish(label, None);
        }
    }

    /// Says all labels again, because names changed; those that are as they were cost no call.
    pub(super) fn wish_labels(&self) {
        for (label, hops) in self.lsps.iter() {
            self.wish_label(*label, Some(hops));
        }
    }

    fn wish_label(&self, label: u32, hops: Option<&Hops>) {
        if label >= FIRST_LABEL {
            let target = hops.and_then(|hops| self.label_target(hops));
            self.labels.wish(label, target);
        }
    }

    /// Where a label leads: into a VRF by its device, or to those of its next hops that can be said, if any.
    fn label_target(&self, hops: &Hops) -> Option<Target> {
        if let [hop] = &hops[..]
            && hop.gateway.is_none()
            && hop.encapsulation == Encapsulation::None
            && let Some(table) = self.names.netdevs.vrf_table(hop.interface)
        {
            let mut tables = self.config.tables.iter();
            let table = tables.find(|known| known.table.get() == table)?;
            return Some(Target::Vrf(table.vrf.to_string()));
        }
        let next_hops: Vec<_> = hops
            .iter()
            .filter_map(|hop| self.names.hop(hop, 1).ok())
            .collect();
        (!next_hops.is_empty()).then_some(Target::NextHops(v1::LabelNextHops { next_hops }))
    }
}
