//! Words without dashes, as `ip` has them: keywords, each followed by its value.

use std::fmt::Display;
use std::str::FromStr;

/// Why the words of a command make no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WordError {
    /// A word is followed by nothing.
    #[error("`{0}` must be followed by a value")]
    NoValue(&'static str),
    /// Something that must be said is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A word is not known in this place.
    #[error("`{word}` is not known here; known are {known}")]
    Unknown {
        /// The word.
        word: String,
        /// What could stand there.
        known: &'static str,
    },
    /// A value is not of its kind.
    #[error("`{value}` is no {what}: {reason}")]
    Value {
        /// The value.
        value: String,
        /// What it should be.
        what: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// What can be said once is said again.
    #[error("`{0}` is said twice")]
    Twice(&'static str),
    /// Two things that exclude each other.
    #[error("{0}")]
    Conflict(&'static str),
}

/// The words of one command, from first to last.
#[derive(Clone, Debug)]
pub(super) struct Words<'a, I: Iterator<Item = &'a str>> {
    rest: std::iter::Peekable<I>,
}

/// The words of a command line.
pub(super) fn words<'a>(of: &'a [String]) -> Words<'a, impl Iterator<Item = &'a str> + use<'a>> {
    Words::new(of.iter().map(String::as_str))
}

impl<'a, I: Iterator<Item = &'a str>> Words<'a, I> {
    /// The words that `words` gives.
    pub(super) fn new(words: I) -> Self {
        Self {
            rest: words.peekable(),
        }
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.rest.next_if(|next| *next == word).is_some()
    }

    /// The next word, which must be there.
    pub(super) fn required(&mut self, what: &'static str) -> Result<&'a str, WordError> {
        self.next().ok_or(WordError::Missing(what))
    }

    /// The text after a keyword.
    pub(super) fn text(&mut self, keyword: &'static str) -> Result<String, WordError> {
        self.next()
            .map(str::to_owned)
            .ok_or(WordError::NoValue(keyword))
    }

    /// The value after a keyword.
    pub(super) fn value<T: FromStr<Err: Display>>(
        &mut self,
        keyword: &'static str,
        what: &'static str,
    ) -> Result<T, WordError> {
        parse(self.next().ok_or(WordError::NoValue(keyword))?, what)
    }
}

/// Reads what options say, in words as `ip` has them: `dev p0` for `--dev p0`. What an option said already may not be said again.
pub(super) fn options(
    of: &[String],
    known: &'static str,
    options: &mut [(&'static str, &mut Option<String>)],
) -> Result<(), WordError> {
    let mut words = words(of);
    while let Some(word) = words.next() {
        let option = options.iter_mut().find(|(keyword, _)| *keyword == word);
        let (keyword, value) = option.ok_or_else(|| unknown(word, known))?;
        if value.is_some() {
            return Err(WordError::Twice(keyword));
        }
        **value = Some(words.text(keyword)?);
    }
    Ok(())
}

/// Reads a value of some kind.
pub(super) fn parse<T: FromStr<Err: Display>>(
    text: &str,
    what: &'static str,
) -> Result<T, WordError> {
    text.parse().map_err(|reason: T::Err| WordError::Value {
        value: text.to_owned(),
        what,
        reason: reason.to_string(),
    })
}

/// A word that could not stand where it does.
pub(super) fn unknown(word: &str, known: &'static str) -> WordError {
    WordError::Unknown {
        word: word.to_owned(),
        known,
    }
}
