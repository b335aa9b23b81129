//! The label table.

use std::collections::BTreeSet;

use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ferroute_dataplane::snapshot::label::{LabelEntry as Written, Payload};
use ferroute_dataplane::wire::mpls::Label;

use super::forwarding::next_hop_id;
use super::router::Router;
use crate::model::belonging::Belonging;
use crate::model::event::{Change, Happening};
use crate::model::interface::InterfaceKind;
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::overlay::{LabelCursor, LabelSpec, LabelTarget, LabelView, OverlayError};
use crate::model::page::{PAGE_ITEMS, Page};
use crate::model::prefix::Family;
use crate::nexthop::NextHopSetId;

/// A label as the core holds it.
#[derive(Clone, Debug)]
pub(super) struct LabelEntry {
    spec: LabelSpec,
    leads: Leads,
}

/// The labels that lead to one set.
#[derive(Debug, Default)]
pub(super) struct LabelSet {
    labels: BTreeSet<Label>,
    /// Whether clients know the set as usable.
    usable: bool,
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
    /// Makes an entry or replaces it, in somebody's name or nobody's; workers see the old or the new one.
    ///
    /// # Errors
    /// [`OverlayError`]; what was there stays then.
    pub(super) fn put_label(
        &mut self,
        spec: LabelSpec,
        owner: Option<OwnerName>,
    ) -> Result<LabelView, OverlayError> {
        let speaker = self.speaker(owner)?;
        let label = spec.label;
        let (leads, written) = self.lead_label(&spec)?;
        if !self.overlay.labels.contains_key(&label) {
            self.count_label(label);
        }
        self.plane.edit().labels.set(label, Some(written));
        let before = self
            .overlay
            .labels
            .insert(label, LabelEntry { spec, leads });
        self.own(Belonging::Label(label), speaker, before.is_some());
        self.finish();
        self.index_label(label, leads);
        let change = match before {
            Some(before) => {
                self.unindex_label(label, before.leads, Some(leads));
                self.let_go_label(before.leads);
                Change::Changed
            }
            None => Change::Added,
        };
        let view = self.label_view(label)?;
        self.tell_label(change, view.clone());
        Ok(view)
    }

    fn tell_label(&self, change: Change, view: LabelView) {
        let label = Box::new(view);
        self.tell(Happening::Label { change, label });
    }

    /// Notes which set a label leads to, and whether that is usable as its view says.
    fn index_label(&mut self, label: Label, leads: Leads) {
        if let Leads::Set(set) = leads {
            let usable = self.hops.is_usable(set);
            let over = self.overlay.label_sets.entry(set).or_default();
            over.usable = usable;
            over.labels.insert(label);
        }
    }

    fn unindex_label(&mut self, label: Label, leads: Leads, now: Option<Leads>) {
        if let Leads::Set(set) = leads
            && now != Some(leads)
            && let Some(over) = self.overlay.label_sets.get_mut(&set)
        {
            over.labels.remove(&label);
            if over.labels.is_empty() {
                self.overlay.label_sets.remove(&set);
            }
        }
    }

    /// Tells of the labels that lead to a set which became usable or unusable.
    pub(super) fn follow_labels(&mut self, set: NextHopSetId) {
        let usable = self.hops.is_usable(set);
        let Some(over) = self.overlay.label_sets.get_mut(&set) else {
            return;
        };
        if std::mem::replace(&mut over.usable, usable) == usable {
            return;
        }
        let labels: Vec<Label> = over.labels.iter().copied().collect();
        for label in labels {
            if let Ok(view) = self.label_view(label) {
                self.tell_label(Change::Changed, view);
            }
        }
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// [`OverlayError::UnknownLabel`].
    pub(super) fn delete_label(&mut self, label: Label) -> Result<(), OverlayError> {
        let view = self.label_view(label)?;
        let gone = self.overlay.labels.remove(&label);
        let gone = gone.ok_or(OverlayError::UnknownLabel { label })?;
        self.disown(&Belonging::Label(label));
        self.unindex_label(label, gone.leads, None);
        self.plane.edit().labels.set(label, None);
        self.finish();
        self.let_go_label(gone.leads);
        self.tell_label(Change::Removed, view);
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
            traffic: self.label_traffic(label),
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
                    return Err(OverlayError::PayloadFamily);
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
