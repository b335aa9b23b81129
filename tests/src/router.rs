//! The programs under test: the daemon `ferrouted` as a process of its own, and the command line `ferroute` beside it.

use crate::api::Api;
use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{Process, output, show};
use crate::wait::{Seen, until};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use tempfile::TempDir;

/// How long a router may take to be ready; what it may have to wait for on a machine without a free CPU is the kernel.
const START: Duration = Duration::from_secs(90);
/// How long it may take to stop.
const STOP: Duration = Duration::from_secs(15);

/// The path of a program of this project.
///
/// Nextest's set-up script builds the programs and says where they are; without it they are looked for beside the
/// running one, where `cargo build` leaves them.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let beside = || {
        let mut directory = std::env::current_exe().unwrap_or_default();
        directory.pop();
        if directory.ends_with("deps") {
            directory.pop();
        }
        directory
    };
    std::env::var_os("FERROUTE_PROGRAMS")
        .map_or_else(beside, PathBuf::from)
        .join(name)
}

/// What the daemon does that its maker waits for.
enum Sign {
    Ready,
    Ended,
}

/// A daemon with a directory of its own for its configuration and socket. Dropping it kills it; in a test that failed, its
/// log is printed then.
#[derive(Debug)]
pub struct Router {
    process: Process,
    directory: TempDir,
    namespace: Namespace,
    named: Vec<Namespace>,
}

impl Router {
    /// Starts one in a namespace and waits until it says that it is ready. It finds the `named` namespaces below
    /// `/run/netns`. To `config` are added the parts that keep it apart from others on the machine: no huge pages, a small
    /// pool unless it names one, a file prefix of its own.
    ///
    /// # Errors
    /// [`LabError::Failed`] when it ended, [`LabError::Timeout`] when it did not get ready in time, each with its log.
    pub fn start(
        namespace: &Namespace,
        config: &str,
        named: &[&Namespace],
    ) -> Result<Self, LabError> {
        let directory = tempfile::tempdir().map_err(LabError::system("making a directory"))?;
        configure(&directory, &isolate(config))?;
        let process = launch(namespace, &directory, named)?;
        Ok(Self {
            process,
            directory,
            namespace: namespace.clone(),
            named: named.iter().map(|&namespace| namespace.clone()).collect(),
        })
    }

    /// Kills it without a warning.
    ///
    /// # Errors
    /// [`LabError::Timeout`].
    pub fn kill(&mut self) -> Result<(), LabError> {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(STOP).map(drop)
    }

    /// Stops it as a service manager does, to start it again.
    ///
    /// # Errors
    /// As for [`Router::stop`].
    pub fn halt(&mut self) -> Result<(), LabError> {
        let status = self.process.terminate(STOP)?;
        if status.success() {
            Ok(())
        } else {
            Err(self.process.failed(status))
        }
    }

    /// Starts it again, with the same configuration, and waits until it is ready.
    ///
    /// # Errors
    /// As for [`Router::start`].
    pub fn restart(&mut self) -> Result<(), LabError> {
        let named: Vec<_> = self.named.iter().collect();
        self.process = launch(&self.namespace, &self.directory, &named)?;
        Ok(())
    }

    /// Gives it another configuration for its next start, with the same parts that keep it apart.
    ///
    /// # Errors
    /// [`LabError::System`].
    pub fn reconfigure(&self, config: &str) -> Result<(), LabError> {
        configure(&self.directory, &isolate(config))
    }

    /// Has the daemon remove what its last run left.
    ///
    /// # Errors
    /// As for [`output`], for instance because it runs.
    pub fn forget(&self) -> Result<String, LabError> {
        let named: Vec<_> = self.named.iter().collect();
        let mut command = command(&self.namespace, &self.directory, &named)?;
        output(command.arg("--forget"))
    }

    /// The file with what it leaves for its next start.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.socket().with_extension("state")
    }

    /// Says these words, which make something new, and waits until that and everything before it is written. The last word or the name
    /// after `--owner` is its name.
    ///
    /// # Errors
    /// As for [`Router::cli`]; [`LabError::Timeout`].
    pub fn wait_saved(&self, words: &str) -> Result<(), LabError> {
        self.cli(words)?;
        let name = words.rsplit(' ').next().unwrap_or_default().as_bytes();
        let look = || {
            let file = std::fs::read(self.state()).unwrap_or_default();
            let is_there = file.windows(name.len()).any(|window| window == name);
            Ok(Seen::when(is_there, || self.process.log()))
        };
        until("the state to be written", START, look).map(drop)
    }

    /// Starts one that is expected to end by itself, apart from others like [`Router::start`]: how it ended, and what it
    /// printed.
    ///
    /// # Errors
    /// [`LabError::Timeout`] when it runs on.
    pub fn run_to_end(
        namespace: &Namespace,
        config: &str,
    ) -> Result<(ExitStatus, String), LabError> {
        let directory = tempfile::tempdir().map_err(LabError::system("making a directory"))?;
        configure(&directory, &isolate(config))?;
        let mut process = Process::start(&mut command(namespace, &directory, &[])?)?;
        let status = process.wait(START)?;
        Ok((status, process.log()))
    }

    /// The socket of its API.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(self.directory.path())
    }

    /// A connection to its API.
    ///
    /// # Errors
    /// As for [`Api::connect`].
    pub fn api(&self) -> Result<Api, LabError> {
        Api::connect(&self.socket())
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Runs the command line with these words, split at white space: `route add 10.1.0.0/16 via 10.0.0.2`.
    ///
    /// # Errors
    /// As for [`output`].
    pub fn cli(&self, words: &str) -> Result<String, LabError> {
        output(&mut self.cli_command(words))
    }

    /// The same with `-o json`.
    ///
    /// # Errors
    /// As for [`output`], and [`LabError::NotJson`].
    pub fn query(&self, words: &str) -> Result<Value, LabError> {
        let mut command = self.cli_command(words);
        let printed = output(command.args(["-o", "json"]))?;
        serde_json::from_str(&printed).map_err(|source| LabError::NotJson {
            command: show(&command),
            source,
            output: printed,
        })
    }

    fn cli_command(&self, words: &str) -> Command {
        let mut command = Command::new(program("ferroute"));
        command
            .arg("--socket")
            .arg(self.socket())
            .args(words.split_whitespace());
        command
    }

    /// Stops it as a service manager does, and answers its log.
    ///
    /// # Errors
    /// [`LabError::Failed`] when its status is not 0, [`LabError::Timeout`] when it runs on.
    pub fn stop(mut self) -> Result<String, LabError> {
        self.halt()?;
        Ok(self.process.log())
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("ferrouted{}", self.process.stand());
        }
    }
}

/// Starts a router and waits until it is ready.
fn launch(
    namespace: &Namespace,
    directory: &TempDir,
    named: &[&Namespace],
) -> Result<Process, LabError> {
    let notify = directory.path().join("notify");
    // That of an earlier one would be in the way.
    let _ = std::fs::remove_file(&notify);
    let ready =
        UnixDatagram::bind(&notify).map_err(LabError::system("making a socket for readiness"))?;
    let mut command = command(namespace, directory, named)?;
    let mut process = Process::start(command.env("NOTIFY_SOCKET", &notify))?;
    let (sender, signs) = channel();
    process.watch(sender.clone(), Sign::Ended);
    std::thread::spawn(move || wait_ready(&ready, &sender));
    match signs.recv_timeout(START) {
        Ok(Sign::Ready) => Ok(process),
        Ok(Sign::Ended) => {
            let status = process.wait(STOP)?;
            Err(process.failed(status))
        }
        Err(_) => {
            let context = process.stand();
            Err(LabError::Timeout {
                what: "readiness of ferrouted".to_owned(),
                limit: START,
                context,
            })
        }
    }
}

fn configure(directory: &TempDir, config: &str) -> Result<(), LabError> {
    std::fs::write(config_in(directory.path()), config)
        .map_err(LabError::system("writing a configuration"))
}

fn command(
    namespace: &Namespace,
    directory: &TempDir,
    named: &[&Namespace],
) -> Result<Command, LabError> {
    let mut command =
        namespace.command_with_names(&program("ferrouted").to_string_lossy(), named)?;
    command.arg("--config").arg(config_in(directory.path()));
    command.arg("--socket").arg(socket_in(directory.path()));
    command.env_remove("NOTIFY_SOCKET");
    Ok(command)
}

fn config_in(directory: &Path) -> PathBuf {
    directory.join("ferroute.yaml")
}

fn socket_in(directory: &Path) -> PathBuf {
    directory.join("ferroute.sock")
}

/// The configuration and after it, so that its lines keep their numbers, what shares nothing with other routers.
fn isolate(config: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (pid, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = match config.contains("\nmempool:") {
        true => "",
        false => "mempool: { buffers: 8191 }\n",
    };
    format!("{config}\neal: {{ file_prefix: ferroute-lab-{pid}-{count}, huge_pages: off }}\n{pool}")
}

/// Waits for the line READY=1 of the service manager's protocol. It ends without a word when the daemon never says it: the
/// maker has stopped listening by then.
fn wait_ready(socket: &UnixDatagram, sender: &Sender<Sign>) {
    if socket.set_read_timeout(Some(START)).is_err() {
        return;
    }
    let mut message = [0; 4096];
    while let Ok(length) = socket.recv(&mut message) {
        if message[..length]
            .split(|byte| *byte == b'\n')
            .any(|line| line == b"READY=1")
        {
            let _ = sender.send(Sign::Ready);
            return;
        }
    }
}
