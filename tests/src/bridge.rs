//! The bridge beside a routing suite: what daemons write into the kernels of a node goes to its router.

use crate::error::LabError;
use crate::node::Node;
use crate::process::{Process, output};
use crate::router::{Router, program};
use crate::wait::{Seen, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How long a bridge may take to have told the router everything.
const START: Duration = Duration::from_secs(20);

/// A `ferroute-bridge` that follows the kernels of a node, each for its VRF. Dropping it kills it; in a test that failed, its log is
/// printed then.
#[derive(Debug)]
pub struct Bridge {
    process: Process,
    directory: TempDir,
    node: Node,
    router: PathBuf,
}

impl Bridge {
    /// Starts one in the kernel namespace of a node and waits until each of its sources is connected to the router.
    ///
    /// # Errors
    /// As for [`Process::start`]; [`LabError::Timeout`] with its log.
    pub fn start(router: &Router, node: &Node) -> Result<Self, LabError> {
        let directory = tempfile::tempdir().map_err(LabError::system("making a directory"))?;
        std::fs::write(directory.path().join("bridge.yaml"), node.bridge_config())
            .map_err(LabError::system("configuring the bridge"))?;
        let (node, router) = (node.clone(), router.socket());
        let process = spawn(&node, &directory, &router)?;
        let bridge = Self {
            process,
            directory,
            node,
            router,
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
        self.process.wait(START).map(drop)
    }

    /// Starts it again after it was killed.
    ///
    /// # Errors
    /// As for [`Bridge::start`].
    pub fn restart(&mut self) -> Result<(), LabError> {
        self.process = spawn(&self.node, &self.directory, &self.router)?;
        self.wait_connected()
    }

    fn wait_connected(&self) -> Result<(), LabError> {
        let look = || {
            let status = match self.status() {
                Ok(status) => status,
                Err(error) => return Ok(Seen::NotYet(format!("{error}\n{}", self.process.log()))),
            };
            let sources = status["sources"].as_array().map_or(&[][..], Vec::as_slice);
            let all = sources.len() == 1 + self.node.vrf_namespaces().len()
                && sources
                    .iter()
                    .all(|source| source["router"]["connected"] == true);
            Ok(Seen::when(all, || {
                format!("{status:#}\n{}", self.process.log())
            }))
        };
        until("the bridge's connection to the router", START, look).map(drop)
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
            eprintln!("log of ferroute-bridge:\n{}", self.process.log());
        }
    }
}

fn spawn(node: &Node, directory: &TempDir, router: &PathBuf) -> Result<Process, LabError> {
    let program = program("ferroute-bridge");
    let mut command = node
        .kernel()
        .command_with_names(&program.to_string_lossy(), &node.vrf_namespaces())?;
    command
        .arg("--config")
        .arg(directory.path().join("bridge.yaml"))
        .arg("--router")
        .arg(router)
        .arg("--socket")
        .arg(directory.path().join("bridge.sock"));
    Process::start(&mut command)
}
