//! The log: to standard error, in a form that systemd's journal understands when it listens.

use super::error::StartError;
use crate::config::system::Log;
use std::fmt;
use std::io::IsTerminal;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Full, Writer};
use tracing_subscriber::registry::LookupSpan;

/// Starts the log of this process. `verbose` counts the `-v` on the command line, which outdo the configuration.
///
/// # Errors
/// The filter cannot be read, or the process has a log already.
pub fn start(log: &Log, verbose: u8) -> Result<(), StartError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(log, verbose)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // systemd sets this for services whose standard error goes to the journal.
    let started = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.event_format(Journal::default()).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| StartError::Log(error.to_string()))
}

fn filter(log: &Log, verbose: u8) -> Result<EnvFilter, StartError> {
    let directives = match verbose {
        0 => log.level.as_str(),
        1 => "info,ferroute_control=debug,ferroute_dataplane=debug,dpdk_sys=debug",
        _ => "info,ferroute_control=trace,ferroute_dataplane=trace,dpdk_sys=trace",
    };
    EnvFilter::try_new(directives)
        .map_err(|error| StartError::Log(format!("{directives:?} is no filter: {error}")))
}

/// Lines for the journal: the priority in front (sd-daemon(3)), no time and no colour, which it has itself.
struct Journal(Format<Full, ()>);

impl Default for Journal {
    fn default() -> Self {
        Self(
            Format::default()
                .without_time()
                .with_ansi(false)
                .with_level(false),
        )
    }
}

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

/// The priority of syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Journal::default())
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(port = "p0", "no carrier");
            tracing::info!("ready");
        });
        let lines = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        let target = module_path!();
        assert_eq!(
            lines,
            format!("<4>{target}: no carrier port=\"p0\"\n<6>{target}: ready\n")
        );
    }

    #[test]
    fn verbosity_outdoes_the_configuration() {
        let log = Log {
            level: "warn".to_owned(),
        };
        assert_eq!(filter(&log, 0).unwrap().to_string(), "warn");
        assert!(
            filter(&log, 1)
                .unwrap()
                .to_string()
                .contains("ferroute_control=debug")
        );
        assert!(
            filter(&log, 2)
                .unwrap()
                .to_string()
                .contains("ferroute_control=trace")
        );
    }
}
