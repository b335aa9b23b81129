//! Many routes from a file, streamed: the file is read, sent and acknowledged at the same time.
//!
//! A thread reads the file and puts batches into the stream; how far it may be ahead is bounded, so a file
//! of any length needs little memory. The lines of each batch follow beside the stream, so that a refused
//! route can be traced to its line.

use super::OWNER;
use super::change::open;
use super::line::Line;
use crate::cli::convert::word;
use crate::cli::error::CliError;
use crate::cli::output::Sheet;
use crate::cli::session::Session;
use crate::cli::words::WordError;
use clap::Args;
use ferroute_proto::v1;
use ferroute_proto::v1::inject_request::What;
use ferroute_proto::v1::inject_response::What as Answer;
use ferroute_proto::v1::refused::Item;
use ferroute_proto::v1::route_service_client::RouteServiceClient;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// Routes of one batch. A few thousand serve best.
const BATCH: usize = 4096;
/// Batches that may wait to be sent; what is further on stays in the file.
const AHEAD: usize = 4;

/// Where the routes come from, and whose they are.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct Inject {
    /// A file with one route a line, in the words of `route add`; `del PREFIX` withdraws. `#` begins a comment.
    /// `-` is standard input.
    file: PathBuf,
    /// The VRF of routes that name none.
    #[arg(long)]
    vrf: Option<String>,
    /// Whose routes they are.
    #[arg(long, default_value = OWNER)]
    owner: String,
    /// Distance of routes that name none, 1 to 254.
    #[arg(long, value_name = "N", default_value_t = 1)]
    distance: u32,
    /// Metric of routes that name none.
    #[arg(long, value_name = "N", default_value_t = 0)]
    metric: u32,
    /// Keep the stream open until interrupted. Then the routes become stale and go after the grace time, as those
    /// of a routing daemon; without this they stay until removed.
    #[arg(long)]
    hold: bool,
    /// The generation of routes that this begins or goes on with [default: a new one].
    #[arg(long, value_name = "N", requires = "hold")]
    epoch: Option<u64>,
    /// How long routes stay after the stream ended, in milliseconds.
    #[arg(long, value_name = "MS", requires = "hold")]
    grace_ms: Option<u32>,
    /// Say at the end that this was all: what the owner had before and is not in the file is removed.
    #[arg(long)]
    end_of_rib: bool,
}

/// The number of the request whose acknowledgement says that all is done.
const END: u64 = u64::MAX;

impl Inject {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), CliError> {
        let hold = self.hold;
        let (requests, stream) = mpsc::channel(AHEAD);
        let (lines, mut sent) = mpsc::unbounded_channel();
        let (result, fed) = oneshot::channel();
        // Reading blocks, on a terminal for as long as the user likes, so it must not hold up the runtime's end.
        std::thread::spawn(move || {
            let fed = self.feed(
                |what| {
                    requests
                        .blocking_send(v1::InjectRequest { what: Some(what) })
                        .is_ok()
                },
                &lines,
            );
            // Whoever has the sender decides when the stream ends.
            let _ = result.send(fed.map(|()| requests));
        });

        let stopped = CliError::Protocol("the stream ended before everything was acknowledged");
        let mut answers = RouteServiceClient::new(session.channel.clone())
            .inject(ReceiverStream::new(stream))
            .await?
            .into_inner();
        let mut summary = Summary::default();
        let mut batch = Sent::default();
        let mut done = false;
        while !done && let Some(answer) = answers.message().await? {
            match answer.what {
                Some(Answer::Refused(refused)) => {
                    while batch.id != refused.id
                        && let Some(next) = sent.recv().await
                    {
                        batch = next;
                    }
                    summary.refusals.push(RefusalRow::new(&refused, &batch));
                }
                Some(Answer::Ack(ack)) => {
                    summary.applied += u64::from(ack.applied);
                    summary.refused += u64::from(ack.refused);
                    summary.swept += ack.swept;
                    done = ack.id == END;
                }
                Some(Answer::Opened(_)) | None => {}
            }
        }
        let requests = fed.await.unwrap_or(Err(stopped))?;
        if !done {
            return Err(CliError::Protocol(
                "the stream ended before everything was acknowledged",
            ));
        }
        session.output.item(&summary)?;
        if hold {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted.map_err(CliError::Threads)?,
                ended = answers.message() => {
                    ended?;
                    return Err(CliError::Protocol("the router ended the stream"));
                }
            }
        }
        drop(requests);
        match summary.refused {
            0 => Ok(()),
            refused => Err(CliError::SomeRefused {
                refused,
                total: refused + summary.applied,
            }),
        }
    }

    /// Sends the whole file; stops early when nobody listens any more.
    fn feed(
        &self,
        send: impl Fn(What) -> bool,
        lines: &mpsc::UnboundedSender<Sent>,
    ) -> Result<(), CliError> {
        let failed = |source| CliError::Read {
            file: self.file.clone(),
            source,
        };
        let reader: Box<dyn BufRead> = match self.file.as_os_str() == "-" {
            true => Box::new(io::stdin().lock()),
            false => Box::new(BufReader::new(File::open(&self.file).map_err(failed)?)),
        };
        let opening = v1::OpenOwner {
            distance: self.distance,
            metric: self.metric,
            epoch: self.epoch.unwrap_or_default(),
            grace_ms: self.grace_ms,
            persistent: !self.hold,
            ..open(self.owner.clone())
        };
        let mut listening = send(What::Open(opening));
        let mut batch = Batch::new(1);
        for (number, line) in (1..).zip(reader.lines()) {
            let line = line.map_err(failed)?;
            let words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let default_vrf = self.vrf.as_deref().unwrap_or_default();
            batch
                .add(number, words, default_vrf)
                .map_err(|problem| CliError::Line {
                    file: self.file.clone(),
                    line: number,
                    problem,
                })?;
            if batch.message.routes.len() == BATCH {
                let next = Batch::new(batch.message.id + 1);
                listening = std::mem::replace(&mut batch, next).send(&send, lines);
            }
            if !listening {
                return Ok(());
            }
        }
        batch.send(&send, lines);
        match self.end_of_rib {
            true => send(What::EndOfRib(v1::EndOfRib { id: END })),
            false => send(What::Batch(v1::RouteBatch {
                id: END,
                ..v1::RouteBatch::default()
            })),
        };
        Ok(())
    }
}

/// A batch that is being filled.
struct Batch {
    message: v1::RouteBatch,
    lines: Vec<u64>,
}

impl Batch {
    fn new(id: u64) -> Self {
        Self {
            message: v1::RouteBatch {
                id,
                ..v1::RouteBatch::default()
            },
            lines: Vec::new(),
        }
    }

    /// Adds the route of one line, if the line has one.
    fn add<'a>(
        &mut self,
        number: u64,
        words: impl Iterator<Item = &'a str>,
        default_vrf: &str,
    ) -> Result<(), WordError> {
        let mut words = words.peekable();
        if words.peek().is_none() {
            return Ok(());
        }
        let withdraw = words.next_if(|word| *word == "del").is_some();
        let mut line = Line::read(words)?;
        let vrf = line.vrf.take().unwrap_or_else(|| default_vrf.to_owned());
        let vrfs = &mut self.message.vrfs;
        let place = vrfs
            .iter()
            .position(|known| *known == vrf)
            .unwrap_or_else(|| {
                vrfs.push(vrf);
                vrfs.len() - 1
            });
        // A batch has far fewer VRFs than a u32 counts.
        self.message
            .routes
            .push(line.message(u32::try_from(place).unwrap_or(u32::MAX), withdraw));
        self.lines.push(number);
        Ok(())
    }

    fn send(self, send: impl Fn(What) -> bool, lines: &mpsc::UnboundedSender<Sent>) -> bool {
        if self.message.routes.is_empty() {
            return true;
        }
        // The lines go first: a refusal may be back before the other would be sent.
        lines
            .send(Sent {
                id: self.message.id,
                lines: self.lines,
            })
            .is_ok()
            && send(What::Batch(self.message))
    }
}

/// The lines of a batch that was sent.
#[derive(Debug, Default)]
struct Sent {
    id: u64,
    lines: Vec<u64>,
}

/// What became of the file.
#[derive(Clone, Debug, Default, Serialize)]
struct Summary {
    applied: u64,
    refused: u64,
    swept: u64,
    refusals: Vec<RefusalRow>,
}

/// A refused route.
#[derive(Clone, Debug, Serialize)]
struct RefusalRow {
    line: Option<u64>,
    reason: String,
    message: String,
}

impl RefusalRow {
    fn new(refused: &v1::Refused, batch: &Sent) -> Self {
        let place = match refused.item {
            Some(Item::Route(place)) if batch.id == refused.id => usize::try_from(place).ok(),
            _ => None,
        };
        Self {
            line: place.and_then(|place| batch.lines.get(place).copied()),
            reason: word(refused.reason().as_str_name(), "REFUSAL_REASON_").to_ascii_uppercase(),
            message: refused.message.clone(),
        }
    }
}

impl Sheet for Summary {
    fn text(&self) -> String {
        let mut text = String::new();
        for RefusalRow {
            line,
            reason,
            message,
        } in &self.refusals
        {
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            text.push_str(&format!("{place}{message} [{reason}]\n"));
        }
        text.push_str(&format!(
            "{} applied, {} refused, {} swept\n",
            self.applied, self.refused, self.swept
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// What a file makes the command send.
    fn feed(text: &str, end_of_rib: bool) -> (Result<(), CliError>, Vec<What>, Vec<Sent>) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("routes");
        std::fs::write(&file, text).unwrap();
        let inject = Inject {
            file,
            vrf: Some("red".to_owned()),
            owner: "bulk".to_owned(),
            distance: 20,
            metric: 0,
            hold: false,
            epoch: None,
            grace_ms: None,
            end_of_rib,
        };
        let requests = RefCell::new(Vec::new());
        let (lines, mut sent) = mpsc::unbounded_channel();
        let result = inject.feed(
            |what| {
                requests.borrow_mut().push(what);
                true
            },
            &lines,
        );
        drop(lines);
        let mut notes = Vec::new();
        while let Ok(note) = sent.try_recv() {
            notes.push(note);
        }
        (result, requests.into_inner(), notes)
    }

    #[test]
    fn lines_become_batches_and_keep_their_numbers() {
        let (result, requests, notes) = feed(
            "# routes\n10.0.0.0/8 via 10.0.0.2\n\ndel 10.1.0.0/16 vrf blue # gone\n10.2.0.0/16 dev p0\n",
            true,
        );
        result.unwrap();
        let [What::Open(open), What::Batch(batch), What::EndOfRib(end)] = requests.as_slice()
        else {
            panic!("{requests:?}")
        };
        assert!(open.persistent && open.owner == "bulk" && open.distance == 20);
        assert_eq!(batch.vrfs, ["red", "blue"]);
        assert_eq!(
            batch
                .routes
                .iter()
                .map(|route| (route.vrf, route.withdraw))
                .collect::<Vec<_>>(),
            [(0, false), (1, true), (0, false)]
        );
        assert_eq!(end.id, END);
        assert_eq!(notes[0].lines, [2, 4, 5]);
    }

    #[test]
    fn long_files_go_in_several_batches() {
        let text: String = (0..BATCH + 1)
            .map(|i| format!("10.{}.{}.0/24 dev p0\n", i / 256, i % 256))
            .collect();
        let (result, requests, _) = feed(&text, false);
        result.unwrap();
        let sizes: Vec<_> = requests
            .iter()
            .filter_map(|what| {
                if let What::Batch(batch) = what {
                    Some((batch.id, batch.routes.len()))
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(sizes, [(1, BATCH), (2, 1), (END, 0)]);
    }

    #[test]
    fn a_mistake_names_its_line() {
        let (result, ..) = feed("10.0.0.0/8 dev p0\n10.0.0.0/8 proto bgp\n", false);
        assert!(
            result
                .unwrap_err()
                .to_string()
                .contains("routes:2: `proto` is not known")
        );
    }

    #[test]
    fn refusals_find_their_lines() {
        let refused = v1::Refused {
            id: 3,
            item: Some(Item::Route(1)),
            reason: v1::RefusalReason::HostBits.into(),
            message: "host bits".to_owned(),
        };
        let row = RefusalRow::new(
            &refused,
            &Sent {
                id: 3,
                lines: vec![7, 9],
            },
        );
        let summary = Summary {
            applied: 1,
            refused: 1,
            swept: 0,
            refusals: vec![row],
        };
        assert_eq!(
            summary.text(),
            "line 9: host bits [HOST_BITS]\n1 applied, 1 refused, 0 swept\n"
        );
    }
}
