//! Making, changing and removing Ethernet segments.

use std::collections::BTreeSet;

use ferroute_dataplane::ids::{BridgeId, InterfaceId};
use ferroute_dataplane::snapshot::segment::SegmentPath;

use super::audience::{Attached, OnSegment};
use super::domain::Domain;
use super::segment::{PathKey, Segment};
use crate::core::interface::Interface;
use crate::core::router::Router;
use crate::model::belonging::Belonging;
use crate::model::event::{Change, Happening};
use crate::model::interface::{InterfaceKind, VirtualKind};
use crate::model::name::{InterfaceName, OwnerName};
use crate::model::page::{PAGE_ITEMS, Page};
use crate::model::saved::ThingKey;
use crate::model::segment::{
    Attachment, MAX_SEGMENTS, PathView, SegmentCursor, SegmentError, SegmentId, SegmentLeads,
    SegmentSpec, SegmentView,
};
use crate::nexthop::Via;

impl Router {
    /// Makes an Ethernet segment, in somebody's name or nobody's.
    ///
    /// # Errors
    /// [`SegmentError`]; nothing was made then.
    pub(in crate::core) fn create_segment(
        &mut self,
        spec: SegmentSpec,
        owner: Option<OwnerName>,
    ) -> Result<SegmentView, SegmentError> {
        let segment = spec.id;
        let speaker = self.speaker(owner)?;
        if self.bridging.segments.get(segment).is_some() {
            return Err(SegmentError::SegmentTaken { segment });
        }
        if self.bridging.segments.len() >= MAX_SEGMENTS {
            return Err(SegmentError::TooManySegments {
                limit: MAX_SEGMENTS,
            });
        }
        let view = self.put_segment(spec, Change::Added)?;
        self.own(Belonging::Segment(segment), speaker, false);
        Ok(view)
    }

    /// Gives an Ethernet segment another spec, in somebody's name or nobody's. When this returns, the workers forward by it,
    /// whatever number of stations is behind the segment. Nobody is told of a change to what it is.
    ///
    /// # Errors
    /// [`SegmentError`]; it is as it was then.
    pub(in crate::core) fn change_segment(
        &mut self,
        spec: SegmentSpec,
        owner: Option<OwnerName>,
    ) -> Result<SegmentView, SegmentError> {
        let segment = spec.id;
        let speaker = self.speaker(owner)?;
        let before = self.bridging.segments.get(segment);
        let before = before.ok_or(SegmentError::UnknownSegment { segment })?;
        let view = match before.spec == spec && before.members.len() == spec.members.len() {
            true => self.segment_view(segment)?,
            false => self.put_segment(spec, Change::Changed)?,
        };
        self.own(Belonging::Segment(segment), speaker, true);
        Ok(view)
    }

    /// Removes an Ethernet segment behind which no station is said to be.
    ///
    /// # Errors
    /// [`SegmentError`]; it stays then.
    pub(in crate::core) fn delete_segment(
        &mut self,
        segment: SegmentId,
    ) -> Result<(), SegmentError> {
        let view = self.segment_view(segment)?;
        let stations: u32 = view.paths.iter().map(|path| path.stations).sum();
        if stations > 0 {
            return Err(SegmentError::SegmentInUse { segment, stations });
        }
        let members = self.members_of(segment);
        self.bridging.segments.remove(segment);
        self.disown(&Belonging::Segment(segment));
        self.follow_attachment(&members);
        self.tell_segment(Change::Removed, view);
        Ok(())
    }

    /// Takes an interface that goes off its segment.
    pub(in crate::core) fn leave_segment(&mut self, interface: InterfaceId) {
        if let Some(segment) = self.bridging.segments.leave(interface)
            && let Ok(view) = self.segment_view(segment)
        {
            self.note_thing(&ThingKey::Segment(segment));
            self.tell_segment(Change::Changed, view);
        }
    }

    fn put_segment(
        &mut self,
        spec: SegmentSpec,
        change: Change,
    ) -> Result<SegmentView, SegmentError> {
        let id = spec.id;
        let members = self.check_attached(&spec)?;
        for peer in &spec.peers {
            let own = |on: &crate::core::endpoint::Endpoint| {
                on.spec.addresses.iter().any(|own| own == *peer)
            };
            if self.overlay.endpoints.iter().any(|(_, on)| own(on)) {
                return Err(SegmentError::OwnPeer { address: *peer });
            }
        }
        let mut concerned = self.members_of(id);
        concerned.extend(&members);
        self.bridging.segments.put(Segment { spec, members });
        self.follow_attachment(&concerned);
        let paths = self.bridging.segments.paths_of(id);
        let keys: Vec<PathKey> = paths.map(|(key, _)| key).collect();
        self.follow_paths(&keys);
        let view = self.segment_view(id)?;
        self.tell_segment(change, view.clone());
        Ok(view)
    }

    fn check_attached(&self, spec: &SegmentSpec) -> Result<BTreeSet<InterfaceId>, SegmentError> {
        let mut members = BTreeSet::new();
        for name in &spec.members {
            let interface = *name;
            let found = self.interfaces.named(name);
            let found = found.ok_or(SegmentError::UnknownInterface { interface })?;
            let vlan = matches!(found.kind, InterfaceKind::Virtual(VirtualKind::Vlan { .. }));
            if found.kind != InterfaceKind::Port && !vlan {
                return Err(SegmentError::MemberKind { interface });
            }
            let other = self.bridging.segments.of(found.id).map(|s| s.spec.id);
            if let Some(segment) = other.filter(|other| *other != spec.id) {
                return Err(SegmentError::MemberTaken { interface, segment });
            }
            members.insert(found.id);
        }
        Ok(members)
    }

    fn members_of(&self, segment: SegmentId) -> BTreeSet<InterfaceId> {
        let segment = self.bridging.segments.get(segment);
        segment.map(|s| s.members.clone()).unwrap_or_default()
    }

    /// Lets domains and interfaces follow who is on which segment.
    fn follow_attachment(&mut self, members: &BTreeSet<InterfaceId>) {
        let domain_of = |member: &InterfaceId| self.interfaces.get(*member)?.bridge;
        let domains: BTreeSet<BridgeId> = members.iter().filter_map(domain_of).collect();
        for domain in domains {
            self.write_domain(domain);
        }
        for member in members {
            self.sync_interface(*member);
            let interface = self.interfaces.get(*member);
            let standby = interface.filter(|interface| self.is_standby(interface));
            if let Some(bridge) = standby.and_then(|interface| interface.bridge) {
                self.forget_learned_at(bridge, &BTreeSet::from([*member]));
            }
        }
        self.finish();
    }

    /// Whether an interface forwards nothing because another router is the designated forwarder of its single-active
    /// segment.
    pub(in crate::core) fn is_standby(&self, interface: &Interface) -> bool {
        let domain = interface.bridge.and_then(|id| self.bridging.get(id));
        let segment = self.bridging.segments.of(interface.id);
        matches!((domain, segment), (Some(domain), Some(segment)) if segment.is_standby(&domain.name()))
    }

    /// The members of a domain, each with its segment.
    pub(super) fn attached<'s>(&'s self, domain: &'s Domain) -> Vec<Attached<'s>> {
        let of = |member: InterfaceId| {
            let segment = self.bridging.segments.of(member)?;
            Some(OnSegment {
                id: segment.spec.id,
                redundancy: segment.spec.redundancy,
                peers: &segment.spec.peers,
                designated: segment.is_designated(&domain.name()),
            })
        };
        let members = domain.members.iter();
        members.map(|member| (*member, of(*member))).collect()
    }

    fn tell_segment(&self, change: Change, view: SegmentView) {
        self.tell(Happening::Segment {
            change,
            segment: Box::new(view),
        });
    }

    /// An Ethernet segment as clients see it.
    ///
    /// # Errors
    /// [`SegmentError::UnknownSegment`].
    pub(in crate::core) fn segment_view(
        &self,
        segment: SegmentId,
    ) -> Result<SegmentView, SegmentError> {
        let found = self.bridging.segments.get(segment);
        let found = found.ok_or(SegmentError::UnknownSegment { segment })?;
        let name_of = |id: &InterfaceId| self.interfaces.get(*id).map(|i| i.name);
        let attached = found.members.iter().filter_map(|id| {
            let interface = self.interfaces.get(*id)?;
            let domain = self.bridging.get(interface.bridge?)?.name();
            Some(Attachment {
                domain,
                interface: interface.name,
                designated: found.is_designated(&domain),
                standby: found.is_standby(&domain),
            })
        });
        let paths = self.bridging.segments.paths_of(segment);
        let paths = paths.filter_map(|(key, path)| {
            Some(PathView {
                domain: self.bridging.get(key.bridge)?.name(),
                primary: key.primary,
                stations: path.stations,
                leads: match path.leads.path {
                    SegmentPath::Nowhere => SegmentLeads::Nowhere,
                    SegmentPath::Member(member) => SegmentLeads::Member(name_of(&member)?),
                    SegmentPath::NextHop(_) => {
                        let set = path.leads.set.and_then(|set| self.hops.get(set));
                        let hops = set.map(|set| set.declared.members()).unwrap_or_default();
                        let remote = hops.iter().filter_map(|hop| match hop.via {
                            Via::Tunnel { remote, .. } => Some(remote),
                            _ => None,
                        });
                        SegmentLeads::Ends(remote.collect())
                    }
                },
            })
        });
        let members: Vec<InterfaceName> = found.members.iter().filter_map(name_of).collect();
        let mut attached: Vec<Attachment> = attached.collect();
        attached.sort_unstable_by_key(|member| (member.domain, member.interface));
        Ok(SegmentView {
            attached,
            paths: paths.collect(),
            spec: SegmentSpec {
                members,
                ..found.spec.clone()
            },
        })
    }

    /// One page of Ethernet segments, by number.
    pub(in crate::core) fn segment_page(
        &self,
        after: Option<SegmentCursor>,
    ) -> Page<SegmentView, SegmentCursor> {
        let ids = self.bridging.segments.after(after);
        let views = ids.filter_map(|id| self.segment_view(id).ok());
        Page::filled(views.take(PAGE_ITEMS).collect(), |view| view.spec.id)
    }
}
