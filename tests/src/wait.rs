//! Waiting for a state that nobody announces.

use crate::error::LabError;
use std::time::{Duration, Instant};

/// How often a state is looked at. Daemons tell nobody when a session comes up or a route goes in, so the lab asks.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something to see, and answers it and how long that took.
///
/// # Errors
/// [`LabError::Timeout`] with what was last seen when the limit passes first; what `look` says.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Seen<T>, LabError>,
) -> Result<(T, Duration), LabError> {
    let start = Instant::now();
    loop {
        let seen = look()?;
        let elapsed = start.elapsed();
        match seen {
            Seen::Yes(value) => return Ok((value, elapsed)),
            Seen::NotYet(state) if elapsed >= limit => {
                return Err(LabError::Timeout {
                    what: what.to_owned(),
                    limit,
                    context: format!("; last seen:\n{state}"),
                });
            }
            Seen::NotYet(_) => std::thread::sleep(LOOK),
        }
    }
}

/// What a look found.
#[derive(Clone, Debug)]
pub enum Seen<T> {
    /// What was awaited.
    Yes(T),
    /// Something else, in words for the reader of a failed test.
    NotYet(String),
}

impl Seen<()> {
    /// Seen if the condition holds; `state` describes what there is otherwise.
    pub fn when(condition: bool, state: impl FnOnce() -> String) -> Self {
        if condition {
            Self::Yes(())
        } else {
            Self::NotYet(state())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_until_there_is_something_and_says_what_there_was_when_there_is_not() {
        let mut looks = 0;
        let (found, _) = until("the third look", Duration::from_secs(5), || {
            looks += 1;
            Ok(if looks == 3 {
                Seen::Yes(looks)
            } else {
                Seen::NotYet(String::new())
            })
        })
        .unwrap();
        assert_eq!(found, 3);
        let error = until("nothing", Duration::ZERO, || {
            Ok(Seen::when(false, || "an empty table".to_owned()))
        })
        .unwrap_err();
        assert!(error.to_string().contains("an empty table"), "{error}");
    }
}
