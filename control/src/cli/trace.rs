//! `ferroute trace`: every decision about sampled packets.

mod step;

use super::convert::hex;
use super::error::CliError;
use super::output::Sheet;
use super::packet::{Which, summary};
use super::session::Session;
use clap::Args;
use ferroute_proto::v1;
use ferroute_proto::v1::trace_service_client::TraceServiceClient;
use serde::Serialize;
use std::fmt::Write as _;
use std::pin::pin;
use step::StepRow;

/// Which packets, and how many.
#[derive(Clone, Debug, Args)]
pub(super) struct Trace {
    #[command(flatten)]
    which: Which,
    /// End after so many packets [default: when interrupted].
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

impl Trace {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let request = v1::TraceRequest {
            filter: Some(self.which.message()?),
            max_packets: self.count.unwrap_or_default(),
        };
        let mut answers = TraceServiceClient::new(session.channel.clone())
            .trace(request)
            .await?
            .into_inner();
        session.output.aside("tracing, until Ctrl-C");
        let mut lost = 0;
        // Listens all the time: one that came while an answer was dealt with is not missed.
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            let answer = tokio::select! {
                biased;
                _ = &mut interrupted => None,
                answer = answers.message() => answer?,
            };
            let Some(answer) = answer else { break };
            for packet in answer.packets {
                session.output.item(&PacketRow::from(packet))?;
            }
            if answer.lost_packets > lost {
                let more = answer.lost_packets - lost;
                session.output.item(&Lost { lost_packets: more })?;
                lost = answer.lost_packets;
            }
        }
        Ok(())
    }
}

/// Packets that were not shown.
#[derive(Clone, Debug, Serialize)]
struct Lost {
    lost_packets: u64,
}

impl Sheet for Lost {
    fn text(&self) -> String {
        format!(
            "{} packets not shown: more came than were read (`--sample` and the filters choose fewer)\n",
            self.lost_packets
        )
    }
}

/// The way of a packet.
#[derive(Clone, Debug, Serialize)]
struct PacketRow {
    time_unix_ns: u64,
    worker: u32,
    frame_bytes: u32,
    /// The headers in a line.
    summary: String,
    /// The first bytes, in hexadecimal digits.
    head: String,
    steps: Vec<StepRow>,
    /// The headers of what was sent; empty when nothing was.
    sent_summary: String,
    sent_head: String,
}

impl From<v1::TracedPacket> for PacketRow {
    fn from(packet: v1::TracedPacket) -> Self {
        let sent = Some(&packet.sent_head).filter(|head| !head.is_empty());
        Self {
            time_unix_ns: packet.time_unix_ns,
            worker: packet.worker,
            frame_bytes: packet.frame_bytes,
            summary: summary(&packet.head),
            head: hex(&packet.head),
            steps: packet.steps.into_iter().map(Into::into).collect(),
            sent_summary: sent.map(|head| summary(head)).unwrap_or_default(),
            sent_head: hex(&packet.sent_head),
        }
    }
}

impl Sheet for PacketRow {
    fn text(&self) -> String {
        let (seconds, nanos) = (
            self.time_unix_ns / 1_000_000_000,
            self.time_unix_ns % 1_000_000_000,
        );
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        let mut text = format!(
            "{hours:02}:{minutes:02}:{:02}.{nanos:09}Z worker {}: {} bytes, {}\n",
            seconds % 60,
            self.worker,
            self.frame_bytes,
            self.summary
        );
        for step in &self.steps {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {step}");
        }
        if !self.sent_summary.is_empty() {
            let _ = writeln!(text, "  as {}", self.sent_summary);
        }
        text
    }
}
