//! What `make run` starts: the lab of two hosts, routes over the API, pings both ways in both families, and tables
//! of what the router does with them, until Ctrl-C.
//!
//! It exits with 0 only if every flow got answers. Nothing is left behind: the lab is gone with the process.

use clap::Parser;
use ferroute_proto::v1::InterfaceStats;
use ferroute_tests::{Api, LabError, Process, Router, TwoHosts, router::program};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How often the tables are drawn on a terminal.
const DRAW: Duration = Duration::from_secs(1);
/// How often they are printed elsewhere.
const PRINT: Duration = Duration::from_secs(5);
/// How long a ping may take to end.
const END: Duration = Duration::from_secs(5);
/// Goes to the upper left corner and clears the screen (ECMA-48).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// The demo of ferroute: two hosts with the router between them, on one machine, without a network card.
#[derive(Debug, Parser)]
struct Args {
    /// End after this many seconds; without it, at Ctrl-C.
    #[arg(long, env = "DEMO_SECONDS", value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Instead of traffic and tables, open a shell in the first host.
    #[arg(long)]
    shell: bool,
}

/// A ping from one host to the other.
struct Flow {
    name: String,
    ping: Process,
}

impl Flow {
    /// Both directions in both families, between the addresses that only injected routes reach.
    fn start_all(lab: &TwoHosts) -> Result<Vec<Self>, LabError> {
        let mut flows = Vec::new();
        for (arrow, from, to) in [("a → b", &lab.a, &lab.b), ("b → a", &lab.b, &lab.a)] {
            for (family, source, target) in [("IPv4", from.v4, to.v4), ("IPv6", from.v6, to.v6)] {
                let ping = format!("ping -n -i 0.2 -I {} {}", source.behind, target.behind);
                let name = format!(
                    "{arrow}  {family}  {:>13} → {}",
                    source.behind, target.behind
                );
                flows.push(Self {
                    name,
                    ping: from.namespace().spawn(&ping)?,
                });
            }
        }
        Ok(flows)
    }

    fn answers(&self) -> usize {
        self.ping.log().matches(" bytes from ").count()
    }
}

/// The demo while it runs.
struct Demo {
    router: Router,
    api: Api,
    flows: Vec<Flow>,
    started: Instant,
    last: (Instant, HashMap<String, InterfaceStats>),
}

impl Demo {
    fn start(lab: &TwoHosts) -> Result<Self, LabError> {
        let router = lab.start("")?;
        lab.add_routes(&router)?;
        let api = router.api()?;
        let (flows, now) = (Flow::start_all(lab)?, Instant::now());
        Ok(Self {
            router,
            api,
            flows,
            started: now,
            last: (now, HashMap::new()),
        })
    }

    /// The tables of this moment.
    fn tables(&mut self) -> Result<String, LabError> {
        let mut text = format!(
            "ferroute demo, {} s\n\nTraffic: answered pings\n",
            self.started.elapsed().as_secs()
        );
        for flow in &self.flows {
            text += &format!("  {:<46} {:>7}\n", flow.name, flow.answers());
        }
        text += "\nRates: packets and bytes a second\n";
        text += &self.rates()?;
        for (title, words) in [
            ("Interfaces", "link show"),
            ("Routes", "route show"),
            ("Neighbours", "neigh show"),
            ("Drops", "drops"),
        ] {
            text += &format!("\n{title}: ferroute {words}\n{}", self.router.cli(words)?);
        }
        Ok(text)
    }

    /// What each interface moved since the last time, by the second.
    fn rates(&mut self) -> Result<String, LabError> {
        let now = Instant::now();
        let seconds = now.duration_since(self.last.0).as_secs_f64().max(0.001);
        let stats: HashMap<_, _> = self
            .api
            .interfaces()?
            .into_iter()
            .map(|stats| (stats.name.clone(), stats))
            .collect();
        let mut names: Vec<_> = stats.keys().collect();
        names.sort();
        let mut text = format!(
            "  {:<10}{:>10}{:>12}{:>10}{:>12}\n",
            "interface", "rx pps", "rx B/s", "tx pps", "tx B/s"
        );
        for name in names {
            let (new, old) = (counts(stats.get(name)), counts(self.last.1.get(name)));
            text += &format!("  {name:<10}");
            for (place, width) in [10, 12, 10, 12].into_iter().enumerate() {
                // A rate for people: the bits past a double's 53 do not show.
                #[expect(clippy::cast_precision_loss)]
                let rate = new[place].saturating_sub(old[place]) as f64 / seconds;
                text += &format!("{rate:>width$.0}");
            }
            text.push('\n');
        }
        self.last = (now, stats);
        Ok(text)
    }

    /// Ends the traffic, then the router; whether every flow was answered.
    fn end(mut self) -> Result<bool, LabError> {
        let mut all = true;
        for flow in &mut self.flows {
            flow.ping.signal(Signal::SIGINT);
            flow.ping.wait(END)?;
            let answered = flow.answers() > 0;
            all &= answered;
            println!(
                "{:<46} {}",
                flow.name,
                if answered { "crossed" } else { "did not cross" }
            );
        }
        self.router.stop()?;
        Ok(all)
    }
}

/// Packets and bytes received, then sent.
fn counts(stats: Option<&InterfaceStats>) -> [u64; 4] {
    let counters = stats.and_then(|stats| stats.counters);
    let traffic = |traffic: Option<ferroute_proto::v1::Traffic>| {
        traffic.map_or((0, 0), |t| (t.packets, t.bytes))
    };
    let (rx, tx) = counters.map_or(((0, 0), (0, 0)), |counters| {
        (traffic(counters.rx), traffic(counters.tx))
    });
    [rx.0, rx.1, tx.0, tx.1]
}

/// Signals that end the demo, from now on read from a descriptor instead of killing the process.
fn signals() -> Result<SignalFd, LabError> {
    let mut set = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        set.add(signal);
    }
    let failed = |errno: nix::Error| LabError::System {
        what: "taking signals".to_owned(),
        source: errno.into(),
    };
    set.thread_block().map_err(failed)?;
    SignalFd::new(&set).map_err(failed)
}

/// Waits; true when a signal came before the time was up.
fn interrupted(signals: &SignalFd, time: Duration) -> bool {
    let mut polled = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    matches!(poll(&mut polled, timeout), Ok(1..))
}

fn show_traffic(
    lab: &TwoHosts,
    seconds: Option<u64>,
    signals: &SignalFd,
) -> Result<bool, LabError> {
    let mut demo = Demo::start(lab)?;
    let terminal = io::stdout().is_terminal();
    let (clear, period) = if terminal { (CLEAR, DRAW) } else { ("", PRINT) };
    let deadline = seconds.map(|seconds| demo.started + Duration::from_secs(seconds));
    loop {
        let left = deadline.map_or(period, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if interrupted(signals, period.min(left)) {
            break;
        }
        println!("{clear}{}", demo.tables()?);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
    }
    demo.end()
}

fn open_shell(lab: &TwoHosts) -> Result<bool, LabError> {
    let router = lab.start("")?;
    lab.add_routes(&router)?;
    println!(
        "This shell is host a. Host b is {} and {}.",
        lab.b.v4.behind, lab.b.v6.behind
    );
    println!("`ferroute` speaks to the router between them; `exit` ends the lab.");
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".to_owned());
    let mut path = program("");
    path.as_mut_os_string().push(":");
    path.as_mut_os_string()
        .push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = lab.a.namespace().command(&shell);
    command
        .env("PATH", path)
        .env("FERROUTE_SOCKET", router.socket());
    let started = command.status();
    started.map_err(|source| LabError::Start {
        command: shell,
        source,
    })?;
    router.stop()?;
    Ok(true)
}

fn run(args: &Args) -> Result<bool, LabError> {
    // A shell has its own way with signals.
    let signals = if args.shell { None } else { Some(signals()?) };
    let lab = TwoHosts::build()?;
    match signals {
        Some(signals) => show_traffic(&lab, args.seconds, &signals),
        None => open_shell(&lab),
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("ferroute-demo: not every flow was answered");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("ferroute-demo: {error}");
            ExitCode::FAILURE
        }
    }
}
