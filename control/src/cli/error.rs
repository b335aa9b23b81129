//! Why a command did not work, in one sentence, and with which exit code.

use super::output::Format;
use super::words::WordError;
use serde_json::json;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Why a command did not work.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The router refused.
    #[error("{}", sentence(.0))]
    Refused(Box<Status>),
    /// The router refused the item.
    #[error("{message} [{reason}]")]
    ItemRefused {
        /// The stable word of the reason.
        reason: String,
        /// The same for people.
        message: String,
    },
    /// The router refused some items of many; each was reported.
    #[error("{refused} of {total} were refused")]
    SomeRefused {
        /// How many were refused.
        refused: u64,
        /// How many were sent.
        total: u64,
    },
    /// The router answered something that the API does not provide for.
    #[error("the router broke the protocol: {0}")]
    Protocol(&'static str),
    /// The router cannot be reached.
    #[error(
        "cannot reach the router at {server}: {}; is ferrouted running, and may you use its socket?",
        innermost(source)
    )]
    Unreachable {
        /// Where it was sought.
        server: String,
        /// Why it was not found.
        source: tonic::transport::Error,
    },
    /// The connection ended before the answer did.
    #[error("the connection to the router was lost: {}", innermost(.0))]
    Lost(Box<Status>),
    /// The bridge cannot be reached.
    #[error(
        "cannot reach the bridge at {server}: {}; is ferroute-bridge running, and may you use its socket?",
        innermost(source)
    )]
    BridgeUnreachable {
        /// Where it was sought.
        server: String,
        /// Why it was not found.
        source: tonic::transport::Error,
    },
    /// A file for TLS was not named.
    #[error("--server needs mutual TLS: give {0} too")]
    NoTlsFile(&'static str),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The words of a command make no sense.
    #[error("{0}")]
    Words(#[from] WordError),
    /// A line of a file makes no sense.
    #[error("{}:{line}: {problem}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        problem: WordError,
    },
    /// The route is there already.
    #[error(
        "{owner} already has a route to {prefix} in VRF {vrf}; use `route replace` to change it"
    )]
    RouteExists {
        /// Whose route.
        owner: String,
        /// Its prefix.
        prefix: String,
        /// Its VRF.
        vrf: String,
    },
    /// Results cannot be printed.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// A result has no JSON form.
    #[error("cannot write the output: {0}")]
    Json(#[from] serde_json::Error),
    /// The process may not start what it needs.
    #[error("cannot start: {0}")]
    Threads(io::Error),
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        // What the router says itself has no cause on this side.
        match status.source() {
            Some(_) => Self::Lost(Box::new(status)),
            None => Self::Refused(Box::new(status)),
        }
    }
}

impl CliError {
    /// Prints the sentence, in the wanted form, and gives the exit code.
    pub(super) fn report(&self, format: Format) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        match format {
            Format::Table => eprintln!("ferroute: {self}"),
            Format::Json => eprintln!("{}", self.json()),
        }
        ExitCode::from(self.code())
    }

    /// Whether only the reader of the output went away, as `head` does.
    fn is_closed_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(error) => Some(error.kind()),
            Self::Json(error) => error.io_error_kind(),
            _ => None,
        };
        kind == Some(io::ErrorKind::BrokenPipe)
    }

    /// The exit code.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Refused(status) if status.code() == Code::Unavailable => 3,
            Self::Unreachable { .. } | Self::Lost(_) | Self::BridgeUnreachable { .. } => 3,
            Self::Words(_) | Self::Line { .. } | Self::NoTlsFile(_) | Self::Read { .. } => 2,
            _ => 1,
        }
    }

    /// For programs: the sentence, and the reason with its particulars where the router gave them.
    fn json(&self) -> serde_json::Value {
        let mut error = json!({ "message": self.to_string() });
        if let Self::ItemRefused { reason, .. } = self {
            error["reason"] = json!(reason);
        }
        if let Self::Refused(status) = self {
            let details = status.get_error_details();
            if let Some(info) = details.error_info() {
                error["reason"] = json!(info.reason);
                error["metadata"] = json!(info.metadata);
            }
            if let Some(request) = details.bad_request() {
                let fields = request.field_violations.iter();
                error["fields"] = fields.map(|violation| json!({ "field": violation.field, "description": violation.description })).collect();
            }
        }
        json!({ "error": error })
    }
}

/// A refusal in one sentence: what is wrong, in which field, and the reason's name.
fn sentence(status: &Status) -> String {
    let details = status.get_error_details();
    let mut text = if status.message().is_empty() {
        status.code().description().to_owned()
    } else {
        status.message().to_owned()
    };
    for violation in details
        .bad_request()
        .into_iter()
        .flat_map(|request| &request.field_violations)
    {
        // A message that names the field and says what is wrong with it needs no addition.
        if text.contains(&violation.field) {
            continue;
        }
        let description = if text.contains(&violation.description) {
            String::new()
        } else {
            format!(": {}", violation.description)
        };
        text.push_str(&format!(" (field {}{description})", violation.field));
    }
    if let Some(info) = details.error_info() {
        text.push_str(&format!(" [{}]", info.reason));
    }
    text
}

/// The cause behind all causes, which is the only one of a transport's errors that says anything.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_names_field_and_reason() {
        let mut details = ErrorDetails::with_error_info(
            "HOST_BITS",
            "ferroute.v1",
            [("prefix".to_owned(), "10.1.2.3/16".to_owned())],
        );
        details.add_bad_request_violation("prefix.address", "bits are set past the length");
        let status = Status::with_error_details(
            Code::InvalidArgument,
            "10.1.2.3/16 has host bits set",
            details,
        );
        let error = CliError::from(status);
        assert_eq!(
            error.to_string(),
            "10.1.2.3/16 has host bits set (field prefix.address: bits are set past the length) [HOST_BITS]"
        );
        assert_eq!(error.code(), 1);
        assert_eq!(
            error.json(),
            json!({ "error": {
                "message": error.to_string(),
                "reason": "HOST_BITS",
                "metadata": { "prefix": "10.1.2.3/16" },
                "fields": [{ "field": "prefix.address", "description": "bits are set past the length" }],
            }})
        );
    }

    #[test]
    fn a_bare_status_still_makes_a_sentence() {
        let status = Status::new(Code::Unimplemented, "");
        assert_eq!(
            CliError::from(status).to_string(),
            Code::Unimplemented.description()
        );
        assert_eq!(CliError::from(Status::unavailable("gone")).code(), 3);
    }

    #[test]
    fn a_lost_connection_is_told_as_such() {
        let cause = io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer");
        let error = CliError::from(Status::from_error(Box::new(cause)));
        assert_eq!(
            error.to_string(),
            "the connection to the router was lost: reset by peer"
        );
        assert_eq!(error.code(), 3);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert!(CliError::Output(io::ErrorKind::BrokenPipe.into()).is_closed_pipe());
        assert!(!CliError::Output(io::ErrorKind::StorageFull.into()).is_closed_pipe());
    }
}
