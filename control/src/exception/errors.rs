//! ICMP and ICMPv6 errors about packets that are not forwarded.

use std::net::IpAddr;

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::ids::{InterfaceId, VrfId};
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::wire::icmp4::Unreachable as Unreachable4;
use ferroute_dataplane::wire::icmp6::Unreachable as Unreachable6;
use ferroute_dataplane::wire::ipv4::Ipv4Packet;
use ferroute_dataplane::wire::ipv6::Ipv6Packet;

use super::path::{ExceptionPath, Held, Origin, Taken};
use super::send::source;
use crate::slowpath::icmp4::{self, Icmp4Report};
use crate::slowpath::icmp6::{self, Icmp6Report};

/// A packet about which something is to be said.
pub(super) struct About<'a> {
    /// From its IP header on.
    pub(super) packet: &'a [u8],
    /// Where it came in.
    pub(super) interface: InterfaceId,
    /// The VRF in which it was looked up.
    pub(super) vrf: VrfId,
    /// Whether its frame went to a group.
    pub(super) group_frame: bool,
}

/// What is to be said, in the words of either family.
#[derive(Clone, Copy)]
pub(super) enum Report {
    V4(Icmp4Report),
    V6(Icmp6Report),
}

impl<'a> About<'a> {
    pub(super) fn taken(taken: &'a Taken) -> Self {
        Self {
            packet: taken.packet(),
            interface: taken.interface,
            vrf: taken.vrf,
            group_frame: taken.group_frame,
        }
    }

    fn is_ipv6(&self) -> bool {
        self.packet.first().is_some_and(|b| b >> 4 == 6)
    }
}

impl ExceptionPath {
    /// Ends a packet that has no way, and tells its sender.
    pub(super) fn refuse(&mut self, snapshot: &Snapshot, taken: &Taken, now_ns: u64) {
        let about = About::taken(taken);
        let report = if about.is_ipv6() {
            Icmp6Report::of_punt(taken.reason).map(Report::V6)
        } else {
            Icmp4Report::of_punt(taken.reason).map(Report::V4)
        };
        if let Some(report) = report {
            self.report(snapshot, &about, report, now_ns);
        }
        self.dropped(taken.reason.refused_as(DropReason::IcmpNotAllowed));
    }

    /// Ends a packet whose neighbour did not answer.
    pub(super) fn fail(&mut self, snapshot: &Snapshot, held: &Held, now_ns: u64) {
        let Origin::Transit { interface, vrf } = held.origin else {
            return;
        };
        let about = About {
            packet: &held.packet,
            interface,
            vrf,
            group_frame: false,
        };
        let report = if about.is_ipv6() {
            Report::V6(Icmp6Report::Unreachable(Unreachable6::Address))
        } else {
            Report::V4(Icmp4Report::Unreachable(Unreachable4::Host))
        };
        self.report(snapshot, &about, report, now_ns);
        self.dropped(DropReason::NeighbourUnreachable);
    }

    /// Tells that a packet is too big for the next link.
    pub(super) fn report_too_big(
        &mut self,
        snapshot: &Snapshot,
        about: &About<'_>,
        mtu: u16,
        now_ns: u64,
    ) {
        let report = if about.is_ipv6() {
            Report::V6(Icmp6Report::PacketTooBig { mtu })
        } else {
            Report::V4(Icmp4Report::FragmentationNeeded { mtu })
        };
        self.report(snapshot, about, report, now_ns);
    }

    /// Sends an error if the packet may cause one, the limit has room, and the router has an address to send it from.
    pub(super) fn report(
        &mut self,
        snapshot: &Snapshot,
        about: &About<'_>,
        report: Report,
        now_ns: u64,
    ) {
        let Some(error) = self.build(snapshot, about, report, now_ns) else {
            return;
        };
        if self.originate(snapshot, about.vrf, about.interface, error, now_ns) {
            self.counters.icmp_errors.add(1);
        }
    }

    fn build(
        &mut self,
        snapshot: &Snapshot,
        about: &About<'_>,
        report: Report,
        now_ns: u64,
    ) -> Option<Vec<u8>> {
        let own = self.source_for(snapshot, about)?;
        match (report, own) {
            (Report::V4(report), IpAddr::V4(own)) => {
                let packet = Ipv4Packet::parse(about.packet).ok()?;
                let facts = self.interfaces.get(&about.interface)?;
                icmp4::may_answer(&packet, about.group_frame, |address| {
                    facts.is_broadcast(address)
                })
                .ok()?;
                self.limiter4
                    .take(report.kind(), now_ns)
                    .then(|| icmp4::build(report, own, &packet))
            }
            (Report::V6(report), IpAddr::V6(own)) => {
                let packet = Ipv6Packet::parse(about.packet).ok()?;
                icmp6::may_answer(&packet, about.group_frame, report).ok()?;
                self.limiter6
                    .take(report.kind(), now_ns)
                    .then(|| icmp6::build(report, own, &packet))
            }
            _ => None,
        }
    }

    /// The address from which to speak to a packet's sender: of the interface on which it came, or else of another in
    /// the same VRF.
    fn source_for(&self, snapshot: &Snapshot, about: &About<'_>) -> Option<IpAddr> {
        let peer = source(about.packet)?;
        let here = self
            .interfaces
            .get(&about.interface)
            .and_then(|facts| facts.source_for(peer));
        here.or_else(|| {
            let in_vrf =
                |id: &InterfaceId| snapshot.interface(*id).is_some_and(|i| i.vrf == about.vrf);
            let others = self.interfaces.iter().filter(|(id, _)| in_vrf(id));
            others
                .filter_map(|(id, facts)| Some((*id, facts.source_for(peer)?)))
                .min()
                .map(|(_, address)| address)
        })
    }
}
