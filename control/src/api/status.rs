//! Errors as `google.rpc.Status` with details that a program can read.

use crate::core::handle::CallError;
use crate::model::reason::{Class, Reason};
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// The domain of every `ErrorInfo`.
pub(super) const DOMAIN: &str = "ferroute.v1";

/// The status for an error.
pub(super) fn status(error: &impl Reason) -> Status {
    build(error, None)
}

/// The status of a call that the router cannot answer because it stops.
pub(super) fn stopping() -> Status {
    let details = ErrorDetails::with_error_info("STOPPING", DOMAIN, HashMap::new());
    Status::with_error_details(Code::Unavailable, "the router is stopping", details)
}

/// Says which field of a message an error is about.
pub(super) trait Field<T> {
    /// The same result, with a status that names the field.
    fn field(self, path: &str) -> Result<T, Status>;
}

impl<T, E: Reason> Field<T> for Result<T, E> {
    fn field(self, path: &str) -> Result<T, Status> {
        self.map_err(|error| build(&error, Some(path)))
    }
}

impl<E: Reason> From<CallError<E>> for Status {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::Stopped => stopping(),
            CallError::Refused(error) => status(&error),
        }
    }
}

fn build(error: &impl Reason, field: Option<&str>) -> Status {
    let metadata: HashMap<String, String> = error
        .metadata()
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut details = ErrorDetails::with_error_info(error.reason(), DOMAIN, metadata);
    let mut message = error.to_string();
    if let Some(field) = field {
        details.add_bad_request_violation(field, message.as_str());
        message = format!("{field}: {message}");
    }
    Status::with_error_details(code(error.class()), message, details)
}

const fn code(class: Class) -> Code {
    match class {
        Class::Invalid => Code::InvalidArgument,
        Class::NotFound => Code::NotFound,
        Class::AlreadyExists => Code::AlreadyExists,
        Class::Precondition => Code::FailedPrecondition,
        Class::Exhausted => Code::ResourceExhausted,
        Class::Unavailable => Code::Unavailable,
        Class::Internal => Code::Internal,
    }
}
