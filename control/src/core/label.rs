//! The label table.

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ferroute_dataplane::snapshot::label::{LabelEntry as Written, Payload};
use ferroute_dataplane::wire::mpls::Label;

use super::forwarding::next_hop_id;
use super::router::Router;
use crate::model::interface::InterfaceKind;
use crate::model::name::InterfaceName;
use crate::model::overlay::{LabelCursor, LabelSpec, LabelTarget, LabelView, OverlayError};
use crate::model::page::{PAGE_ITEMS, Page};
use crate::model::prefix::Family;
use crate::model::refusal::RouteError;
use crate::nexthop::NextHopSetId;

/// A label as the core holds it.
#[derive(Clone, Debug)]
pub(super) struct LabelEntry {
    spec: LabelSpec,
    leads: Leads,
}

/// Where a label leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leads {
    /// Into a VRF.
    Vrf(VrfId),
    /// To a next hop set, which it holds.
    Set(NextHopSetId),
}

impl Router {
    /// Makes an entry or replaces it; workers see the old or the new one.
    ///
    /// # Errors
    /// [`OverlayError`]; what was there stays then.
    pub(super) fn put_label(&mut self, spec: LabelSpec) -> Result<LabelView, OverlayError> {
        let label = spec.label;
        let (leads, written) = self.lead_label(&spec)?;
        self.plane.edit().labels.set(label, Some(written));
        let before = self
            .overlay
            .labels
            .insert(label, LabelEntry { spec, leads });
        self.finish();
        if let Some(before) = before {
            self.let_go_label(before.leads);
        }
        self.label_view(label)
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// [`OverlayError::UnknownLabel`].
    pub(super) fn delete_label(&mut self, label: Label) -> Result<(), OverlayError> {
        let gone = self.overlay.labels.remove(&label);
        let gone = gone.ok_or(OverlayError::UnknownLabel { label })?;
        self.plane.edit().labels.set(label, None);
        self.finish();
        self.let_go_label(gone.leads);
        Ok(())
    }

    /// An entry as clients see it.
    pub(super) fn label_view(&self, label: Label) -> Result<LabelView, OverlayError> {
        let entry = self.overlay.labels.get(&label);
        let entry = entry.ok_or(OverlayError::UnknownLabel { label })?;
        let (interface, set) = match entry.leads {
            Leads::Vrf(vrf) => (self.overlay.label_interfaces.get(&vrf), None),
            Leads::Set(set) => (None, Some(set)),
        };
        Ok(LabelView {
            spec: entry.spec.clone(),
            interface: interface.and_then(|(id, _)| self.interfaces.get(*id).map(|i| i.name)),
            next_hop: set.map(next_hop_id),
            resolved: set.is_none_or(|set| self.hops.is_usable(set)),
            traffic: self.sum_of(|counters| counters.label(label)),
        })
    }

    /// One page of entries, by label.
    pub(super) fn label_page(&self, after: Option<LabelCursor>) -> Page<LabelView, LabelCursor> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let labels = self.overlay.labels.range((from, Bound::Unbounded));
        let views = labels.filter_map(|(label, _)| self.label_view(*label).ok());
        Page::filled(views.take(PAGE_ITEMS).collect(), |view| view.spec.label)
    }

    /// Makes what a label is to lead to, and holds it.
    fn lead_label(&mut self, spec: &LabelSpec) -> Result<(Leads, Written), OverlayError> {
        let (payload, ttl_mode) = (spec.payload, spec.ttl_mode);
        match &spec.target {
            LabelTarget::Vrf(name) => {
                let vrf = self.vrfs.id(name);
                let vrf = vrf.ok_or(OverlayError::UnknownVrf { vrf: *name })?;
                let interface = self.label_interface(vrf)?;
                let written = Written::Vrf {
                    interface,
                    payload,
                    ttl_mode,
                };
                Ok((Leads::Vrf(vrf), written))
            }
            LabelTarget::NextHops(hops) => {
                let refused = |problem| OverlayError::NextHops { problem };
                if payload != Payload::Ipv4 && !hops.serve(Family::Ipv6) {
                    return Err(refused(RouteError::FamilyMismatch));
                }
                let declared = self.declared_set(VrfId::DEFAULT, hops).map_err(refused)?;
                let set = self.intern(declared).map_err(refused)?;
                self.hops.hold(set);
                if let Some(resolved) = self.hops.resolved(set).cloned()
                    && !self.forwarding.has(set)
                {
                    self.forwarding.compile(set, &resolved, &mut self.plane);
                }
                let written = Written::NextHop {
                    next_hop: next_hop_id(set),
                    payload,
                    ttl_mode,
                };
                Ok((Leads::Set(set), written))
            }
        }
    }

    /// The interface by which packets with labels come into a VRF, for one label more.
    fn label_interface(&mut self, vrf: VrfId) -> Result<InterfaceId, OverlayError> {
        if let Some((interface, labels)) = self.overlay.label_interfaces.get_mut(&vrf) {
            *labels += 1;
            return Ok(*interface);
        }
        let name = InterfaceName::numbered("mpls", vrf.get());
        let interface = self.make_overlay_interface(name, InterfaceKind::Mpls, vrf, None)?;
        let interfaces = &mut self.overlay.label_interfaces;
        interfaces.insert(vrf, (interface, 1));
        Ok(interface)
    }

    /// Lets go what a label led to, once no worker sees it do so.
    fn let_go_label(&mut self, leads: Leads) {
        match leads {
            Leads::Set(set) => self.hops.let_go(set),
            Leads::Vrf(vrf) => {
                if let Some((interface, labels)) = self.overlay.label_interfaces.get_mut(&vrf) {
                    *labels -= 1;
                    let (interface, left) = (*interface, *labels);
                    if left == 0 {
                        self.overlay.label_interfaces.remove(&vrf);
                        self.drop_interface(interface);
                    }
                }
            }
        }
        self.finish();
    }
}
