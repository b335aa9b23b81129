//! Things that go with owners of routes: neighbours, stations, flood lists, segments, labels and VNIs that a client set under an owner's name.
//!
//! The rule is that of routes. A thing carries the generation of its owner in which it was last said; at end-of-RIB what was
//! not said since goes, and all of it when the owner is gone and its grace time over. What nobody's name stands for is an
//! operator's: it stays until it is deleted, and no owner gets it by saying it once more.
//!
//! * [`register`]: whose things are, without I/O.
//! * this file: what requests and sweeps do with it.

#[cfg(test)]
mod proptests;
mod register;

use super::router::Router;
use crate::model::belonging::Belonging;
use crate::model::bridge::{DomainError, FdbChange, FloodChange, StationKind};
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::neighbour::NeighbourError;
use crate::model::overlay::OverlayError;
use crate::model::saved::ThingKey;
use crate::model::segment::SegmentError;
use crate::rib::{OwnerId, OwnerView};

pub(super) use register::Belongings;

/// Things that are taken away in one go: well under ten milliseconds' worth.
const PIECE: usize = 256;

/// A client speaks in a name that no owner has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct UnknownOwner(OwnerName);

/// Every operation in somebody's name has an error for a name that is nobody's.
macro_rules! has_owners {
    ($($error:ident),+) => {
        $(impl From<UnknownOwner> for $error {
            fn from(UnknownOwner(owner): UnknownOwner) -> Self {
                Self::UnknownOwner { owner }
            }
        })+
    };
}

has_owners!(DomainError, NeighbourError, OverlayError, SegmentError);

/// In whose name a client speaks, now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Speaker {
    owner: OwnerId,
    name: OwnerName,
    generation: u32,
}

impl Router {
    /// Who it is that speaks in a name; nobody without one.
    ///
    /// # Errors
    /// [`UnknownOwner`], which every operation in somebody's name has among its errors.
    pub(super) fn speaker(&self, name: Option<OwnerName>) -> Result<Option<Speaker>, UnknownOwner> {
        let Some(name) = name else { return Ok(None) };
        let view = self.rib.owner(name.as_str()).ok_or(UnknownOwner(name))?;
        Ok(Some(Speaker {
            owner: view.id,
            name,
            generation: view.generation,
        }))
    }

    /// Something was set in somebody's name, or in nobody's: it goes with its owner from now on. `known` says that it was there
    /// before, and so may be an operator's.
    pub(super) fn own(&mut self, thing: Belonging, speaker: Option<Speaker>, known: bool) {
        match speaker {
            None => self.disown(&thing),
            Some(speaker) if !known || self.belongings.is_owned(&thing) => {
                let Speaker {
                    owner,
                    name,
                    generation,
                } = speaker;
                if self.belongings.claim(thing, owner, generation) {
                    let name = name.as_str().as_bytes();
                    self.journal.thing(&thing.owner_key(), Some(name));
                }
            }
            Some(_) => {}
        }
    }

    /// Something is gone, or an operator's.
    pub(super) fn disown(&mut self, thing: &Belonging) {
        if self.belongings.drop(thing) {
            self.journal.thing(&thing.owner_key(), None);
        }
    }

    /// The neighbours of an interface are gone.
    pub(super) fn disown_neighbours_of(&mut self, interface: InterfaceName) {
        for thing in self.belongings.neighbours_of(interface) {
            self.disown(&thing);
        }
    }

    /// The name of the owner with whom something goes.
    pub(super) fn owner_of(&self, thing: &Belonging) -> Option<OwnerName> {
        self.owner_name(self.belongings.owner(thing)?)
    }

    /// How many things an owner has, and how many of them it has not said since it came back, or all if it is gone.
    pub(super) fn things_of(&self, view: &OwnerView<'_>) -> (u64, u64) {
        let before = match self.rib.is_behind(view.id, view.generation) {
            true => u32::MAX,
            false => view.generation,
        };
        let count = |before| self.belongings.count(view.id, before);
        (count(u32::MAX), count(before))
    }

    /// Takes away some of what owners left. False when there was nothing.
    pub(super) fn sweep_belongings(&mut self) -> bool {
        let left = self.belongings.left(PIECE);
        let (mut stations, mut segments) = (Vec::new(), Vec::new());
        let (mut ends, mut vnis) = (Vec::new(), Vec::new());
        for thing in &left {
            self.disown(thing);
            let gone = |domain, mac, kind| FdbChange::Delete {
                domain,
                mac,
                kind: Some(kind),
                end: None,
            };
            match *thing {
                Belonging::Static(domain, mac) => {
                    stations.push(gone(domain, mac, StationKind::Static));
                }
                Belonging::Remote(domain, mac) => {
                    stations.push(gone(domain, mac, StationKind::Remote));
                }
                Belonging::Flood(domain, end) => ends.push(FloodChange {
                    domain,
                    end,
                    remove: true,
                }),
                Belonging::Neighbour(interface, address) => {
                    if let Err(error) = self.delete_neighbour(interface, address) {
                        tracing::debug!(%error, "a neighbour to be swept was gone");
                    }
                }
                Belonging::Label(label) => {
                    if let Err(error) = self.delete_label(label) {
                        tracing::debug!(%error, "a label to be swept was gone");
                    }
                    self.note_thing(&ThingKey::Label(label));
                }
                Belonging::Segment(id) => segments.push(id),
                Belonging::Vni(key) => vnis.push(key),
            }
        }
        let refused = [
            (!stations.is_empty()).then(|| self.change_fdb(&stations, None)),
            (!ends.is_empty()).then(|| self.change_flood(&ends, None)),
        ];
        for (_, error) in refused.into_iter().flatten().flatten() {
            tracing::debug!(%error, "a station or remote end to be swept was gone");
        }
        for end in &ends {
            self.note_thing(&ThingKey::Flood(end.domain, end.end));
        }
        for id in segments {
            if let Err(error) = self.delete_segment(id) {
                tracing::warn!(%error, "a segment to be swept stays");
            }
            self.note_thing(&ThingKey::Segment(id));
        }
        for key in vnis {
            if let Err(error) = self.delete_vni(key) {
                tracing::debug!(%error, "a VNI to be swept was gone");
            }
            self.note_thing(&ThingKey::Vni(key));
        }
        !left.is_empty()
    }
}
