//! A progress bar where a terminal is, lines where none is.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

const STYLE: &str = "{elapsed_precise} [{bar:32}] {pos}/{len} {wide_msg}";

/// Says on standard error how far the measurement is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: bool,
}

impl Progress {
    /// A bar over this many steps.
    #[must_use]
    pub fn new(steps: u64) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal {
            ProgressBar::new(steps)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        Self {
            bar,
            lines: !terminal,
        }
    }

    /// One that says nothing.
    #[must_use]
    pub fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            lines: false,
        }
    }

    /// One step is done.
    pub fn step(&self) {
        self.steps(1);
    }

    /// Several steps are done, or will not be.
    pub fn steps(&self, count: u64) {
        self.bar.inc(count);
    }

    /// Says what is being done.
    pub fn say(&self, what: &str) {
        if self.lines {
            eprintln!("{what}");
        }
        self.bar.set_message(what.to_owned());
    }

    /// Says something that stays to be read.
    pub fn note(&self, what: &str) {
        if self.lines {
            eprintln!("{what}");
        }
        self.bar.println(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
