//! FRR in a namespace: its daemons one by one, so that a lab can kill one, and what they know.

mod config;
mod vty;

pub use config::{Bfd, Bgp, Evpn, Families, FrrConfig, Neighbour, Peer, Remote};

use crate::daemon::root::{Release, Root};
use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{Process, output};
use crate::wait::{Seen, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// How long a daemon may take to open its socket, on a machine that many labs share.
const START: Duration = Duration::from_secs(60);
/// How long a session or a route may take.
const CONVERGE: Duration = Duration::from_secs(30);

/// The daemons of FRR that labs use, in the order in which they start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Daemon {
    /// Keeps the configuration of the others (since FRR 9).
    Mgmtd,
    /// The routing table and the way to the kernel.
    Zebra,
    /// Static routes.
    Staticd,
    /// BFD.
    Bfdd,
    /// BGP.
    Bgpd,
}

impl Daemon {
    /// The name of its program and its sockets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mgmtd => "mgmtd",
            Self::Zebra => "zebra",
            Self::Staticd => "staticd",
            Self::Bfdd => "bfdd",
            Self::Bgpd => "bgpd",
        }
    }

    /// What it is told at its start besides what all are told. Zebra's kernel messages may be many, and what an
    /// earlier one left in the kernel stays until the protocols had time to say it again. Its module for the
    /// Forwarding Plane Manager does nothing until it is configured.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Zebra => &["-s", "90000000", "-K", "30", "-M", "dplane_fpm_nl"],
            _ => &[],
        }
    }
}

/// An FRR. Dropping it kills its daemons; in a test that failed, their logs are printed then.
#[derive(Debug)]
pub struct Frr {
    root: Root,
    release: Release,
    daemons: BTreeMap<Daemon, Process>,
    vrfs: bool,
    offload: bool,
}

impl Frr {
    /// Starts one in a namespace, in which `vrfs` are VRFs, and waits until it took its configuration.
    ///
    /// # Errors
    /// As for [`Root::new`]; [`LabError::Failed`] with what FRR says of the configuration; [`LabError::Timeout`].
    pub fn start(
        namespace: &Namespace,
        release: Release,
        config: &FrrConfig,
        vrfs: &[&Namespace],
    ) -> Result<Self, LabError> {
        let root = Root::new(namespace, release, vrfs)?;
        for (name, text) in [
            ("frr.conf", config.to_string()),
            ("vtysh.conf", String::new()),
        ] {
            fs::write(root.frr_file(name), text).map_err(LabError::system("configuring FRR"))?;
        }
        let mut frr = Self {
            root,
            release,
            daemons: BTreeMap::new(),
            vrfs: !vrfs.is_empty(),
            offload: config.offload,
        };
        use Daemon::{Bfdd, Bgpd, Mgmtd, Staticd, Zebra};
        // The others look for these two once, and then only every few seconds.
        for first in [Mgmtd, Zebra] {
            frr.spawn(first)?;
            frr.wait_ready(first)?;
        }
        for daemon in [Staticd, Bfdd, Bgpd] {
            frr.spawn(daemon)?;
        }
        for daemon in [Staticd, Bfdd, Bgpd] {
            frr.wait_ready(daemon)?;
        }
        frr.configure(None)?;
        Ok(frr)
    }

    /// FRR 8 has no such daemon.
    fn has(&self, daemon: Daemon) -> bool {
        daemon != Daemon::Mgmtd || self.release != Release::Debian12
    }

    fn spawn(&mut self, daemon: Daemon) -> Result<(), LabError> {
        if !self.has(daemon) {
            return Ok(());
        }
        let program = format!("/usr/lib/frr/{}", daemon.name());
        let mut command = self.root.command(&program)?;
        command
            .args(["-u", "frr", "-g", "frr", "--log", "stdout"])
            .args(daemon.arguments());
        if daemon == Daemon::Zebra && self.vrfs {
            command.arg("-n");
        }
        if daemon == Daemon::Zebra && self.offload {
            command.arg("--asic-offload=notify_on_offload");
        }
        // What an earlier one left there would look like readiness.
        let _ = fs::remove_file(self.socket(daemon));
        self.daemons.insert(daemon, Process::start(&mut command)?);
        Ok(())
    }

    fn socket(&self, daemon: Daemon) -> std::path::PathBuf {
        self.root.run_file(&format!("frr/{}.vty", daemon.name()))
    }

    fn wait_ready(&self, daemon: Daemon) -> Result<(), LabError> {
        if !self.has(daemon) {
            return Ok(());
        }
        let what = format!("readiness of {}", daemon.name());
        let look = || match vty::ask(&self.socket(daemon), "show version") {
            Ok(_) => Ok(Seen::Yes(())),
            Err(error) => Ok(Seen::NotYet(format!("{error}\n{}", self.log(daemon)))),
        };
        until(&what, START, look).map(drop)
    }

    /// Has `vtysh` tell one daemon, or all, what stands in the file.
    fn configure(&self, daemon: Option<Daemon>) -> Result<(), LabError> {
        let mut command = self.root.command("vtysh")?;
        command.arg("-b");
        if let Some(daemon) = daemon {
            command.args(["-d", daemon.name()]);
        }
        output(&mut command).map(drop)
    }

    /// Kills a daemon as the kernel does when memory is short, and waits until it is gone.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn kill(&mut self, daemon: Daemon) -> Result<(), LabError> {
        if let Some(mut process) = self.daemons.remove(&daemon) {
            process.signal(Signal::SIGKILL);
            process.wait(START)?;
        }
        Ok(())
    }

    /// Starts a daemon that was killed, and waits until it took its configuration.
    ///
    /// # Errors
    /// As for [`Frr::start`].
    pub fn restart(&mut self, daemon: Daemon) -> Result<(), LabError> {
        self.spawn(daemon)?;
        self.wait_ready(daemon)?;
        self.configure(Some(daemon))
    }

    /// The process of a daemon, if it runs.
    #[must_use]
    pub fn process(&self, daemon: Daemon) -> Option<&Process> {
        self.daemons.get(&daemon)
    }

    /// What a daemon has logged.
    #[must_use]
    pub fn log(&self, daemon: Daemon) -> String {
        self.daemons
            .get(&daemon)
            .map(Process::log)
            .unwrap_or_default()
    }

    /// What a person types for FRR's shell.
    #[must_use]
    pub fn way_in(&self) -> String {
        self.daemons
            .get(&Daemon::Zebra)
            .map(|zebra| self.root.way_in(zebra.pid(), "vtysh"))
            .unwrap_or_default()
    }

    /// Says a command to a daemon and answers what it printed.
    ///
    /// # Errors
    /// [`LabError::Refused`] when it does not know the command, [`LabError::System`] when nobody listens.
    pub fn say(&self, daemon: Daemon, command: &str) -> Result<String, LabError> {
        let name = daemon.name();
        let (accepted, printed) = vty::ask(&self.socket(daemon), command)
            .map_err(LabError::system(format!("saying {command:?} to {name}")))?;
        if accepted == 0 {
            return Ok(printed);
        }
        Err(LabError::Refused {
            daemon: name,
            what: command.to_owned(),
            output: printed,
        })
    }

    /// What a `show … json` answers.
    ///
    /// # Errors
    /// [`LabError::Refused`] when the daemon does not know the command, [`LabError::System`] when nobody listens.
    pub fn show(&self, daemon: Daemon, command: &str) -> Result<Value, LabError> {
        let name = daemon.name();
        // The status is no help: some daemons warn that what they show is empty.
        let (_, printed) = vty::ask(&self.socket(daemon), command)
            .map_err(LabError::system(format!("saying {command:?} to {name}")))?;
        serde_json::from_str(&printed).map_err(|_| LabError::Refused {
            daemon: name,
            what: command.to_owned(),
            output: printed,
        })
    }

    /// The BGP session with a neighbour, named by its address or interface, as bgpd tells of it.
    ///
    /// # Errors
    /// As for [`Frr::show`].
    pub fn session(&self, vrf: Option<&str>, peer: &str) -> Result<Value, LabError> {
        let vrf = vrf.map_or(String::new(), |vrf| format!("vrf {vrf} "));
        let command = format!("show bgp {vrf}neighbors {peer} json");
        let mut shown = self.show(Daemon::Bgpd, &command)?;
        Ok(shown.get_mut(peer).map(Value::take).unwrap_or_default())
    }

    /// Waits until the session with a neighbour is established; answers how long that took.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_established(&self, vrf: Option<&str>, peer: &str) -> Result<Duration, LabError> {
        self.wait_state(vrf, peer, true)
    }

    /// Waits until it no longer is.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_lost(&self, vrf: Option<&str>, peer: &str) -> Result<Duration, LabError> {
        self.wait_state(vrf, peer, false)
    }

    fn wait_state(&self, vrf: Option<&str>, peer: &str, up: bool) -> Result<Duration, LabError> {
        let what = if up { "established" } else { "lost" };
        let look = || {
            let session = self.session(vrf, peer)?;
            let is_up = session["bgpState"] == "Established";
            Ok(Seen::when(is_up == up, || {
                format!("{session:#}\n{}", self.log(Daemon::Bgpd))
            }))
        };
        let what = format!("the BGP session with {peer} {what}");
        Ok(until(&what, CONVERGE, look)?.1)
    }

    /// The selected route to a prefix in zebra's table, if there is one.
    ///
    /// # Errors
    /// As for [`Frr::show`].
    pub fn route(&self, vrf: Option<&str>, prefix: &str) -> Result<Option<Value>, LabError> {
        let family = if prefix.contains(':') { "ipv6" } else { "ip" };
        let vrf = vrf.map_or(String::new(), |vrf| format!("vrf {vrf} "));
        let command = format!("show {family} route {vrf}{prefix} json");
        let shown = self.show(Daemon::Zebra, &command)?;
        let routes = shown.get(prefix).and_then(Value::as_array);
        let selected = |route: &&Value| route["selected"] == true && route["installed"] == true;
        Ok(routes
            .and_then(|routes| routes.iter().find(selected))
            .cloned())
    }

    /// Waits until a route to the prefix has this many active next hops, and answers it.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn wait_route(
        &self,
        vrf: Option<&str>,
        prefix: &str,
        paths: usize,
    ) -> Result<Value, LabError> {
        let what = format!("a route to {prefix} with {paths} next hops");
        let look = || {
            let route = self.route(vrf, prefix)?;
            let hops = route
                .as_ref()
                .and_then(|route| route["nexthops"].as_array());
            let active = hops.map_or(0, |hops| {
                hops.iter().filter(|hop| hop["fib"] == true).count()
            });
            Ok(match route {
                Some(route) if active == paths => Seen::Yes(route),
                other => Seen::NotYet(format!("{other:#?}")),
            })
        };
        Ok(until(&what, CONVERGE, look)?.0)
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (daemon, process) in &self.daemons {
                // Zebra and mgmtd repeat themselves by the thousand while the other starts.
                let log = process.log();
                let last: Vec<_> = log.lines().rev().take(60).collect();
                let name = self.root.namespace().name();
                eprintln!("last of the log of {} in {name}:", daemon.name());
                for line in last.into_iter().rev() {
                    eprintln!("  {line}");
                }
            }
        }
    }
}
