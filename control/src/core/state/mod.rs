//! What the core writes down for its next start, and how it takes up what the last one left.
//!
//! * [`things`]: what clients made other than routes, looked up by name after each request that may have changed it.
//! * this file: routes, next hop sets and owners, as they change.
//! * [`pour`]: all that there is, a piece at a time, into a new file.
//! * [`restore`]: the way back.
//!
//! What the configuration made is not written: the next start makes it again, as its configuration then says.

mod pour;
mod restore;
mod things;

use ferroute_dataplane::ids::VrfId;
use ipnet::IpNet;

use super::router::Router;
use crate::api::saved::encode_hops;
use crate::model::name::OwnerName;
use crate::nexthop::{GroupKey, NextHopSet, NextHopSetId};
use crate::rib::{Attributes, OwnerId, OwnerState, Session, Undo};
use crate::state::{GroupRecord, OwnerRecord, Place, Record, RouteRecord, SavedLead};

pub(super) use pour::Pouring;
pub use restore::{Restore, Restored};

/// The number of an owner as it is kept.
fn number(owner: OwnerId) -> u16 {
    u16::try_from(owner.index()).unwrap_or(u16::MAX)
}

fn place(owner: OwnerId, vrf: VrfId, prefix: IpNet) -> Place {
    Place {
        owner: number(owner),
        vrf: vrf.get(),
        prefix,
    }
}

fn said(attributes: Attributes, generation: u32) -> RouteRecord {
    RouteRecord {
        generation,
        distance: attributes.distance,
        metric: attributes.metric,
        set: attributes.set.index() as u32,
    }
}

impl Router {
    /// Notes that an owner is there or begins another epoch.
    pub(super) fn note_owner(&mut self, owner: OwnerId) {
        if self.journal.is_on()
            && let Some(record) = owner_record(&self.rib, owner)
        {
            self.journal.note(&Record::Owner(record));
        }
    }

    /// Notes that an owner is gone with all that it had.
    pub(super) fn note_owner_gone(&mut self, owner: OwnerId) {
        if self.journal.keeps(owner.index()) {
            self.journal.note(&Record::OwnerGone(number(owner)));
        }
    }

    /// Notes that what an owner said before a generation is gone.
    pub(super) fn note_swept(&mut self, owner: OwnerId, generation: u32) {
        if self.journal.keeps(owner.index()) {
            let owner = number(owner);
            self.journal.note(&Record::Swept { owner, generation });
        }
    }

    /// Notes that an owner's route is this now, or is gone.
    pub(super) fn note_route(
        &mut self,
        session: Session,
        vrf: VrfId,
        prefix: IpNet,
        attributes: Option<Attributes>,
    ) {
        let said = attributes.map(|attributes| (attributes, session.generation()));
        self.note_said(session.owner(), vrf, prefix, said);
    }

    /// Notes that a change is taken back.
    pub(super) fn note_undo(&mut self, undo: &Undo) {
        let (vrf, prefix) = undo.place();
        self.note_said(undo.owner(), vrf, prefix, undo.before_with_generation());
    }

    fn note_said(
        &mut self,
        owner: OwnerId,
        vrf: VrfId,
        prefix: IpNet,
        route: Option<(Attributes, u32)>,
    ) {
        if !self.journal.keeps(owner.index()) {
            return;
        }
        if let Some((attributes, _)) = route
            && self.journal.lacks_set(attributes.set.index())
        {
            self.note_set(attributes.set);
        }
        let route = route.map(|(attributes, generation)| said(attributes, generation));
        self.journal.route(place(owner, vrf, prefix), route);
    }

    /// Notes what an owner's named set is now.
    pub(super) fn note_group(&mut self, key: GroupKey) {
        if !self.journal.keeps(key.owner.index()) {
            return;
        }
        match self.hops.group(key) {
            Some(set) => self.note_set(set),
            None => self.journal.note(&Record::GroupGone {
                owner: number(key.owner),
                number: key.number,
            }),
        }
    }

    fn note_set(&mut self, set: NextHopSetId) {
        let id = set.index() as u32;
        match self.kept_set(set) {
            Some((group, lead)) => self.journal.note(&Record::Set {
                id,
                group,
                lead: lead.as_lead(),
            }),
            None => self.journal.pass_over_set(set.index()),
        }
    }

    /// What is kept of a set; `None` where it cannot be said by names.
    fn kept_set(&self, set: NextHopSetId) -> Option<(Option<GroupRecord>, SavedLead)> {
        let view = self.hops.get(set)?;
        let lead = match view.declared {
            NextHopSet::Blackhole => SavedLead::Blackhole,
            NextHopSet::Unreachable => SavedLead::Unreachable,
            NextHopSet::Prohibit => SavedLead::Prohibit,
            declared => {
                SavedLead::NextHops(encode_hops(&self.next_hops_of(declared)?).into_boxed_slice())
            }
        };
        let group = view.group.map(|group| GroupRecord {
            owner: number(group.owner),
            number: group.number,
            generation: view.generation,
        });
        Some((group, lead))
    }
}

/// What is kept of an owner: nothing of the router itself.
fn owner_record(rib: &crate::rib::Rib, owner: OwnerId) -> Option<OwnerRecord<'_>> {
    let view = rib.owner_by_id(owner)?;
    if view.name.parse::<OwnerName>().ok()?.is_reserved() {
        return None;
    }
    Some(OwnerRecord {
        id: number(owner),
        name: view.name,
        epoch: view.epoch,
        grace_ns: view.grace_ns,
        persistent: matches!(view.state, OwnerState::Persistent { .. }),
    })
}
