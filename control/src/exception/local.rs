//! Packets to the router's own addresses: echo is answered here, all else is the twin's.

use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::snapshot::Snapshot;
use ferroute_dataplane::wire::Protocol;
use ferroute_dataplane::wire::ipv4::Ipv4Packet;
use ferroute_dataplane::wire::ipv6::Ipv6Packet;

use super::errors::{About, Report};
use super::output::{Output, Told};
use super::path::{ExceptionPath, Taken};
use super::path_mtu::reported;
use crate::slowpath::echo;
use crate::slowpath::icmp6::Icmp6Report;

/// What a packet to the router comes to.
enum Answer {
    /// These packets.
    Send(Vec<Vec<u8>>),
    /// It is for the kernel.
    Twin,
    /// An error, and the end.
    Report(Report, DropReason),
}

impl ExceptionPath {
    /// Answers a packet to the router, or gives it to the twin.
    pub(super) fn local(&mut self, snapshot: &Snapshot, taken: Taken, now_ns: u64) {
        match self.answer(snapshot, &taken) {
            Ok(Answer::Twin) => {
                if let Some(report) = reported(taken.vrf, taken.packet()) {
                    self.outputs.push(Output::Tell(Told::PathMtu(report)));
                }
                self.give_to_twin(taken);
            }
            Ok(Answer::Send(_)) if !self.echo.take(now_ns) => {
                self.dropped(DropReason::IcmpRateLimited)
            }
            Ok(Answer::Send(replies)) => {
                for reply in replies {
                    self.originate(snapshot, taken.vrf, taken.interface, reply, now_ns);
                }
                self.counters.consumed.add(1);
            }
            Ok(Answer::Report(report, reason)) => {
                self.report(snapshot, &About::taken(&taken), report, now_ns);
                self.dropped(reason);
            }
            Err(reason) => self.dropped(reason),
        }
    }

    fn answer(&mut self, snapshot: &Snapshot, taken: &Taken) -> Result<Answer, DropReason> {
        let mtu = snapshot
            .interface(taken.interface)
            .map_or(0, |i| usize::from(i.mtu_bytes));
        let identification = &mut self.identification;
        let mut fresh = || {
            *identification = identification.wrapping_add(1);
            *identification
        };
        let packet = taken.packet();
        let replies = if packet.first().is_some_and(|b| b >> 4 == 6) {
            let packet = Ipv6Packet::parse(packet)?;
            let upper = packet.upper()?;
            if let Some(routing) = upper.routing {
                let report = Report::V6(Icmp6Report::of_routing(routing));
                return Ok(Answer::Report(report, DropReason::Ipv6ExtensionHeaders));
            }
            if upper.protocol != Protocol::ICMPV6 {
                return Ok(Answer::Twin);
            }
            echo::answer_ipv6(&packet, packet.header().destination(), mtu, fresh)?
        } else {
            let packet = Ipv4Packet::parse(packet)?;
            echo::answer_ipv4(&packet, taken.group_frame, mtu, || fresh() as u16)?
        };
        Ok(replies.map_or(Answer::Twin, Answer::Send))
    }
}
