//! `ferroute capture`: frames into a pcapng file, or to whoever reads the standard output.

use super::error::CliError;
use super::output::Sheet;
use super::packet::Which;
use super::session::Session;
use super::words::WordError;
use clap::{Args, ValueEnum};
use ferroute_proto::v1;
use ferroute_proto::v1::trace_service_client::TraceServiceClient;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, PcapError};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

/// Stamps are in nanoseconds: ten to the minus this.
const RESOLUTION: u8 = 9;
/// The direction in a packet's flags.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

/// Which frames, and where to.
#[derive(Clone, Debug, Args)]
pub(super) struct Capture {
    #[command(flatten)]
    which: Which,
    /// The file to write, `-` for the standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    write: PathBuf,
    /// Where, separated by commas [default: everywhere].
    #[arg(long, value_enum, value_delimiter = ',')]
    at: Vec<At>,
    /// Most bytes of each frame [default: 9216].
    #[arg(short, long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(14..=65535))]
    snap: Option<u32>,
    /// End after so many frames.
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End before so many bytes of frames are exceeded.
    #[arg(long, value_name = "N")]
    bytes: Option<u64>,
    /// End after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
}

/// A point of the packet path.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum At {
    /// As read from a receive queue.
    Receive,
    /// As given to a transmit queue.
    Transmit,
    /// As handed to the exception path.
    Punt,
    /// As dropped.
    Drop,
}

impl From<At> for v1::CapturePoint {
    fn from(at: At) -> Self {
        match at {
            At::Receive => Self::Receive,
            At::Transmit => Self::Transmit,
            At::Punt => Self::Punt,
            At::Drop => Self::Drop,
        }
    }
}

impl Capture {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let to_output = self.write == Path::new("-");
        if to_output && io::stdout().is_terminal() {
            return Err(WordError::Missing(
                "a file (`-w FILE`), or a program that reads the output,",
            )
            .into());
        }
        let snap_bytes = self.snap.unwrap_or_default();
        let request = v1::CaptureRequest {
            filter: Some(self.which.message()?),
            points: self
                .at
                .into_iter()
                .map(|at| v1::CapturePoint::from(at).into())
                .collect(),
            snap_bytes,
            max_frames: self.count.unwrap_or_default(),
            max_bytes: self.bytes.unwrap_or_default(),
            max_ns: self
                .seconds
                .unwrap_or_default()
                .saturating_mul(1_000_000_000),
        };
        let mut answers = TraceServiceClient::new(session.channel.clone())
            .capture(request)
            .await?
            .into_inner();
        let out: Box<dyn Write> = if to_output {
            Box::new(io::stdout().lock())
        } else {
            Box::new(File::create(&self.write).map_err(|source| not_written(&self.write, source))?)
        };
        let fail = |error| match to_output {
            true => CliError::Output(error),
            false => not_written(&self.write, error),
        };
        let mut file = Pcapng::start(out, snap_bytes).map_err(fail)?;
        session.output.aside("capturing, until Ctrl-C");
        let mut captured = Captured::default();
        // Listens all the time: one that came while an answer was dealt with is not missed.
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        loop {
            let answer = tokio::select! {
                biased;
                _ = &mut interrupted => None,
                answer = answers.message() => answer?,
            };
            let Some(answer) = answer else { break };
            let more_lost = answer.lost_frames.saturating_sub(captured.lost_frames);
            captured.frames += answer.frames.len() as u64;
            captured.lost_frames = answer.lost_frames;
            file.add(answer.frames, more_lost).map_err(fail)?;
        }
        if to_output {
            session.output.aside(captured.text().trim_end());
            return Ok(());
        }
        session.output.sheet(&captured)
    }
}

/// What there was in all.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Captured {
    frames: u64,
    lost_frames: u64,
}

impl Sheet for Captured {
    fn text(&self) -> String {
        format!(
            "{} frames captured, {} lost\n",
            self.frames, self.lost_frames
        )
    }
}

fn not_written(file: &Path, source: io::Error) -> CliError {
    CliError::Write {
        file: file.to_owned(),
        source,
    }
}

/// A pcapng file in the making: an interface block for each interface when it is met first.
struct Pcapng<W: Write> {
    writer: PcapNgWriter<BufWriter<W>>,
    interfaces: HashMap<String, u32>,
    snap_bytes: u32,
}

impl<W: Write> Pcapng<W> {
    fn start(out: W, snap_bytes: u32) -> io::Result<Self> {
        let writer = PcapNgWriter::new(BufWriter::new(out)).map_err(as_io)?;
        let mut file = Self {
            writer,
            interfaces: HashMap::new(),
            snap_bytes,
        };
        file.writer.get_mut().flush()?;
        Ok(file)
    }

    /// Adds frames, before the first of which `lost` others were lost. They are in the file when this
    /// returns.
    fn add(&mut self, frames: Vec<v1::CapturedFrame>, mut lost: u64) -> io::Result<()> {
        for frame in frames {
            let interface_id = self.interface(&frame.interface)?;
            let mut options = vec![EnhancedPacketOption::Comment(Cow::Owned(comment(&frame)))];
            match frame.point() {
                v1::CapturePoint::Receive => options.push(EnhancedPacketOption::Flags(INBOUND)),
                v1::CapturePoint::Transmit => options.push(EnhancedPacketOption::Flags(OUTBOUND)),
                _ => {}
            }
            if lost > 0 {
                options.push(EnhancedPacketOption::DropCount(std::mem::take(&mut lost)));
            }
            let block = EnhancedPacketBlock {
                interface_id,
                timestamp: Duration::from_nanos(frame.time_unix_ns),
                original_len: frame.frame_bytes,
                data: Cow::Borrowed(&frame.bytes),
                options,
            };
            self.writer.write_pcapng_block(block).map_err(as_io)?;
        }
        self.writer.get_mut().flush()
    }

    fn interface(&mut self, name: &str) -> io::Result<u32> {
        if let Some(id) = self.interfaces.get(name) {
            return Ok(*id);
        }
        let shown = if name.is_empty() { "none" } else { name };
        let block = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: self.snap_bytes,
            options: vec![
                InterfaceDescriptionOption::IfName(Cow::Owned(shown.to_owned())),
                InterfaceDescriptionOption::IfTsResol(RESOLUTION),
            ],
        };
        self.writer.write_pcapng_block(block).map_err(as_io)?;
        let id = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(name.to_owned(), id);
        Ok(id)
    }
}

/// Where and why, for Wireshark's `frame.comment`.
fn comment(frame: &v1::CapturedFrame) -> String {
    let point = match frame.point() {
        v1::CapturePoint::Receive => "received",
        v1::CapturePoint::Transmit => "sent",
        v1::CapturePoint::Punt => "punted",
        v1::CapturePoint::Drop => "dropped",
        v1::CapturePoint::Unspecified => "captured",
    };
    let worker = frame.worker;
    if frame.reason.is_empty() {
        format!("{point}, worker {worker}")
    } else {
        format!("{point}: {}, worker {worker}", frame.reason)
    }
}

fn as_io(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}
