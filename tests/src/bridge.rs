//! The bridge beside a routing suite: what daemons say goes to the router.

use crate::api::Api;
use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{Process, output};
use crate::relay::Relay;
use crate::router::{Router, program};
use crate::wait::{Seen, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How long a bridge may take to start, to end, or to see something.
const LIMIT: Duration = Duration::from_secs(45);
/// How long it may take to end. For each port of a bridge that goes, the kernel waits until all CPUs have seen it; where more
/// threads want to run than there are CPUs, that takes tens of milliseconds.
const STOP: Duration = Duration::from_secs(180);

/// A `ferroute-bridge`. Dropping it kills it; in a test that failed, its log is printed then.
#[derive(Debug)]
pub struct Bridge {
    process: Process,
    directory: TempDir,
    namespace: Namespace,
    named: Vec<Namespace>,
    /// Its way to the router, unless that is direct.
    relay: Option<Relay>,
}

impl Bridge {
    /// Starts one in a namespace with this configuration (YAML), and waits until each of them is connected to the router. It finds the
    /// `named` namespaces below `/run/netns`.
    ///
    /// # Errors
    /// As for [`Process::start`]; [`LabError::Timeout`] with its log.
    pub fn start(
        namespace: &Namespace,
        router: &Router,
        config: &str,
        named: &[&Namespace],
    ) -> Result<Self, LabError> {
        let way = |here: &Path| Relay::start(here, &router.socket()).map(Some);
        Self::start_by(namespace, config, named, way)
    }

    /// The same with a connection that cannot be cut: nothing stands between the two that costs time.
    ///
    /// # Errors
    /// As for [`Bridge::start`].
    pub fn start_direct(
        namespace: &Namespace,
        router: &Router,
        config: &str,
    ) -> Result<Self, LabError> {
        let way = |here: &Path| {
            std::os::unix::fs::symlink(router.socket(), here)
                .map_err(LabError::system("naming the router's socket"))?;
            Ok(None)
        };
        Self::start_by(namespace, config, &[], way)
    }

    fn start_by(
        namespace: &Namespace,
        config: &str,
        named: &[&Namespace],
        way: impl FnOnce(&Path) -> Result<Option<Relay>, LabError>,
    ) -> Result<Self, LabError> {
        let directory = tempfile::tempdir().map_err(LabError::system("making a directory"))?;
        std::fs::write(directory.path().join("bridge.yaml"), config)
            .map_err(LabError::system("configuring the bridge"))?;
        let relay = way(&directory.path().join("router.sock"))?;
        let named: Vec<_> = named.iter().map(|&namespace| namespace.clone()).collect();
        let process = spawn(namespace, &named, &directory)?;
        let bridge = Self {
            process,
            directory,
            namespace: namespace.clone(),
            named,
            relay,
        };
        bridge.wait_connected()?;
        Ok(bridge)
    }

    /// Kills it without a warning.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn kill(&mut self) -> Result<(), LabError> {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(LIMIT).map(drop)
    }

    /// Stops it as a service manager does: it takes away what it made in the kernel.
    ///
    /// # Errors
    /// [`LabError::Failed`] when it ended otherwise, [`LabError::Timeout`].
    pub fn stop(mut self) -> Result<(), LabError> {
        let status = self.process.terminate(STOP)?;
        if status.success() {
            Ok(())
        } else {
            Err(self.process.failed(status))
        }
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// As for [`Bridge::start`].
    pub fn restart(&mut self) -> Result<(), LabError> {
        self.process = spawn(&self.namespace, &self.named, &self.directory)?;
        self.wait_connected()
    }

    /// Stops its time: the kernel and zebras speak to a program that does not listen.
    pub fn pause(&self) {
        self.process.signal(Signal::SIGSTOP);
    }

    /// Lets its time go on.
    pub fn resume(&self) {
        self.process.signal(Signal::SIGCONT);
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Cuts its connection to the router.
    pub fn cut(&self) {
        if let Some(relay) = &self.relay {
            relay.cut();
        }
    }

    fn wait_connected(&self) -> Result<(), LabError> {
        self.until("the bridge's connection to the router", |status| {
            let sources = status["sources"].as_array().map_or(&[][..], Vec::as_slice);
            let mut each = sources.iter();
            !sources.is_empty() && each.all(|source| source["router"]["connected"] == true)
        })
        .map(drop)
    }

    /// Waits until its state is so, and answers it.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the state and its log.
    pub fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value, LabError> {
        let look = || {
            Ok(match self.status() {
                Ok(status) if wanted(&status) => Seen::Yes(status),
                Ok(status) => Seen::NotYet(format!("{status:#}\n{}", self.process.log())),
                // It does not listen yet.
                Err(error) => Seen::NotYet(format!("{error}\n{}", self.process.log())),
            })
        };
        until(what, LIMIT, look).map(|(status, _)| status)
    }

    /// A connection to its API.
    ///
    /// # Errors
    /// As for [`Api::connect`].
    pub fn api(&self) -> Result<Api, LabError> {
        Api::connect(&self.directory.path().join("bridge.sock"))
    }

    /// What `ferroute bridge status` says.
    ///
    /// # Errors
    /// As for [`output`], and [`LabError::NotJson`].
    pub fn status(&self) -> Result<Value, LabError> {
        let mut command = Command::new(program("ferroute"));
        command.args(["-o", "json", "bridge", "status", "--bridge-socket"]);
        let printed = output(command.arg(self.directory.path().join("bridge.sock")))?;
        serde_json::from_str(&printed).map_err(|source| LabError::NotJson {
            command: "ferroute bridge status".to_owned(),
            source,
            output: printed,
        })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let status = self.status().map(|status| format!("{status:#}"));
            let status = status.unwrap_or_else(|error| error.to_string());
            eprintln!(
                "ferroute-bridge: {status}\nits log:\n{}",
                self.process.log()
            );
        }
    }
}

fn spawn(
    namespace: &Namespace,
    named: &[Namespace],
    directory: &TempDir,
) -> Result<Process, LabError> {
    let program = program("ferroute-bridge");
    let named: Vec<_> = named.iter().collect();
    let mut command = namespace.command_with_names(&program.to_string_lossy(), &named)?;
    let file = |name: &str| directory.path().join(name);
    command.arg("-v").arg("--config").arg(file("bridge.yaml"));
    command.arg("--router").arg(file("router.sock"));
    command.arg("--socket").arg(file("bridge.sock"));
    Process::start(&mut command)
}
