//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// A place in a file, both counted from 1; the column counts characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Problem {
    /// The text is no YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// More than one document stands in the file.
    #[error("a second YAML document starts here; the configuration is one document")]
    SecondDocument,
    /// A YAML tag that means nothing here.
    #[error("a YAML tag has no meaning here")]
    Tagged,
    /// A map's key is not a plain word.
    #[error("a key must be a word")]
    Key,
    /// The field does not exist.
    #[error("unknown field{}", suggest(.near.as_deref(), .known))]
    UnknownField {
        /// The known field that looks most like it.
        near: Option<String>,
        /// Every known field.
        known: Vec<String>,
    },
    /// The word is none of those allowed.
    #[error("`{word}` is not known here{}", suggest(.near.as_deref(), .known))]
    UnknownWord {
        /// What was written.
        word: String,
        /// The known word that looks most like it.
        near: Option<String>,
        /// Every known word.
        known: Vec<String>,
    },
    /// A field that must be given is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value of another kind is expected.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What belongs here.
        expected: String,
        /// What was written.
        found: String,
    },
    /// A value breaks the rule of its type.
    #[error("{0}")]
    Value(String),
    /// A name is given to two things.
    #[error("the {what} {name} is already defined in line {first}")]
    Duplicate {
        /// What has the name.
        what: &'static str,
        /// The name.
        name: String,
        /// The line of the first.
        first: usize,
    },
    /// A reference leads nowhere.
    #[error("there is no {what} {name}{}", suggest(.near.as_deref(), &[]))]
    NoSuch {
        /// What is referred to.
        what: &'static str,
        /// The name that was written.
        name: String,
        /// The existing name that looks most like it.
        near: Option<String>,
    },
    /// A rule between fields is broken.
    #[error("{0}")]
    Rule(&'static str),
    /// An address overlaps that of another interface in the same VRF.
    #[error("{address} overlaps {other} of interface {interface} in the same VRF (line {first})")]
    Overlap {
        /// The address.
        address: String,
        /// The other address.
        other: String,
        /// The interface that has the other.
        interface: String,
        /// The line of the other.
        first: usize,
    },
    /// A CPU that this machine does not have, or that the process may not use.
    #[error("CPU {cpu} does not exist or may not be used here (allowed: {allowed})")]
    NoSuchCpu {
        /// The CPU.
        cpu: u16,
        /// Those that may be used.
        allowed: String,
    },
    /// A CPU for workers and for control threads.
    #[error("CPU {cpu} is also a worker's; control threads must stay off it")]
    SharedCpu {
        /// The CPU.
        cpu: u16,
    },
    /// A queue is given to a worker that does not exist.
    #[error("there is no worker {worker}: `cpus.workers` names {count} CPUs, so workers count from 0 to {}", .count.saturating_sub(1))]
    NoSuchWorker {
        /// The worker.
        worker: u16,
        /// How many there are.
        count: usize,
    },
    /// A list is longer than the router takes.
    #[error("{count} {what} are over {max}")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many were given.
        count: usize,
        /// How many fit.
        max: usize,
    },
    /// An interface takes larger packets than its port.
    #[error("{mtu} is over {port}, the MTU of its port")]
    AbovePort {
        /// The interface's MTU.
        mtu: u16,
        /// The port's MTU.
        port: u16,
    },
    /// A next hop goes through an interface of another VRF.
    #[error("{interface} is in VRF {is_in}, the route in {route_in}")]
    OtherVrf {
        /// The interface.
        interface: String,
        /// Its VRF.
        is_in: String,
        /// The route's VRF.
        route_in: String,
    },
    /// An IPv4 next hop for an IPv6 prefix.
    #[error("the IPv6 prefix {prefix} cannot go by the IPv4 next hop {next_hop}")]
    Family {
        /// The route's prefix.
        prefix: String,
        /// The next hop.
        next_hop: String,
    },
}

/// The end of a message that names what may have been meant.
fn suggest(near: Option<&str>, known: &[String]) -> String {
    match (near, known) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, known) => format!("; known are {}", known.join(", ")),
    }
}

/// One mistake in a configuration file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where it stands.
    pub mark: Mark,
    /// The field, such as `ports[1].mtu`; empty for the whole document.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mark: Mark { line, column },
            field,
            problem,
        } = self;
        match field.as_str() {
            "" => write!(f, "{line}:{column}: {problem}"),
            field => write!(f, "{line}:{column}: {field}: {problem}"),
        }
    }
}

/// Everything that is wrong with one configuration, in the order of the file.
///
/// Its text has one line for each mistake: `file:line:column: field: what is wrong`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// The file.
    pub file: PathBuf,
    /// The mistakes; never empty.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.mistakes.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{}:{mistake}", self.file.display())?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// The one of `known` that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(word, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
