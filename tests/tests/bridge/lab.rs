//! Two hosts, a router, and a bridge in the namespace of the router's twins.

use ferroute_tests::router::program;
use ferroute_tests::{Namespace, Process, Router, TwoHosts};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A bridge with its configuration and socket.
pub(crate) struct Bridge {
    process: Process,
    directory: TempDir,
}

impl Bridge {
    /// Starts one in a namespace with these sources; it finds `named` below `/run/netns`.
    pub(crate) fn start(
        namespace: &Namespace,
        router: &Router,
        sources: &str,
        named: &[&Namespace],
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("bridge.yaml");
        std::fs::write(&file, sources).unwrap();
        let path = program("ferroute-bridge");
        let mut command = namespace
            .command_with_names(&path.to_string_lossy(), named)
            .unwrap();
        command.arg("--config").arg(&file).arg("-v");
        command.arg("--router").arg(router.socket());
        command
            .arg("--socket")
            .arg(directory.path().join("bridge.sock"));
        let process = Process::start(&mut command).unwrap();
        let bridge = Self { process, directory };
        bridge.until("a complete source", |status| {
            status["sources"][0]["router"]["connected"] == true
        });
        bridge
    }

    /// What `ferroute bridge status` says; nothing while the bridge does not listen yet.
    pub(crate) fn status(&self) -> Value {
        let mut command = Command::new(program("ferroute"));
        command.args(["-o", "json", "bridge", "status", "--bridge-socket"]);
        let output = command
            .arg(self.directory.path().join("bridge.sock"))
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Waits until its state is so.
    pub(crate) fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        let done = until(|| {
            status = self.status();
            wanted(&status)
        });
        assert!(done, "{what}: {status:#}\n{}", self.process.log());
        status
    }

    /// Kills it without a warning.
    pub(crate) fn kill(mut self) {
        self.process.signal(Signal::SIGKILL);
        self.process.wait(LIMIT).unwrap();
    }
}

/// Waits until something is so; answers whether it came to that.
pub(crate) fn until(mut wanted: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if wanted() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The lab, with the router started.
pub(crate) fn lab() -> (TwoHosts, Router) {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    (lab, router)
}

/// The routes of an owner: prefix, then where it leads, then whether it is stale.
pub(crate) fn routes(router: &Router, owner: &str) -> Vec<Value> {
    let listed = router
        .query(&format!("route show --owner {owner}"))
        .unwrap();
    listed.as_array().unwrap().clone()
}

/// Waits until the router has the route of an owner in a form.
pub(crate) fn until_route(
    router: &Router,
    owner: &str,
    prefix: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let mut seen = Vec::new();
    let done = until(|| {
        seen = routes(router, owner);
        seen.iter()
            .any(|route| route["prefix"] == prefix && wanted(route))
    });
    assert!(done, "{prefix}: {seen:#?}");
    seen.into_iter()
        .find(|route| route["prefix"] == prefix)
        .unwrap()
}
