//! Twins in network namespaces that each test makes for itself (as root).

mod control;
mod frames;

use super::*;
use ferroute_dataplane::ids::InterfaceId;
use ferroute_dataplane::mac::Mac;
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// How long a removal may take that nobody waits for, on a machine that does much else.
const GONE_WITHIN: Duration = Duration::from_secs(30);

type Job = Box<dyn FnOnce() + Send>;

/// A thread in a network namespace of its own. The namespace goes with it.
struct Place {
    path: PathBuf,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Place {
    fn new() -> Self {
        let (jobs, received) = channel::<Job>();
        let (report, path) = channel();
        let thread = spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("these tests make network namespaces: run them as root");
            let task = nix::unistd::gettid();
            report
                .send(format!("/proc/self/task/{task}/ns/net").into())
                .unwrap();
            received.into_iter().for_each(|job| job());
        });
        let path = path.recv().expect("a namespace");
        Self {
            path,
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// Runs something in the namespace.
    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        let (reply, result) = channel();
        let job = Box::new(move || reply.send(job()).unwrap());
        self.jobs.as_ref().unwrap().send(job).unwrap();
        result.recv().expect("the job failed")
    }

    /// Runs `ip` in the namespace, which must succeed.
    fn ip(&self, arguments: &str) -> String {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        self.run(move || {
            let output = Command::new("ip")
                .args(&arguments)
                .output()
                .expect("iproute2");
            assert!(
                output.status.success(),
                "ip {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// What `ip -j` says of a netdev; nothing if there is none.
    fn show(&self, what: &str, name: &str) -> Option<Value> {
        let all: Vec<Value> =
            serde_json::from_str(&self.ip(&format!("-j -d {what} show"))).unwrap();
        all.into_iter().find(|link| link["ifname"] == name)
    }

    /// Waits until there is no such netdev.
    fn wait_until_gone(&self, name: &str) {
        let start = Instant::now();
        while self.show("link", name).is_some() {
            assert!(start.elapsed() < GONE_WITHIN, "{name} is still there");
        }
    }

    /// The addresses of a netdev in the order of the kernel, as text.
    fn addresses(&self, name: &str) -> Vec<String> {
        let link = self.show("address", name).expect("the netdev");
        let infos = link["addr_info"].as_array().unwrap();
        let text =
            |info: &Value| format!("{}/{}", info["local"].as_str().unwrap(), info["prefixlen"]);
        infos.iter().map(text).collect()
    }

    fn sysctl(&self, path: String) -> String {
        self.run(move || std::fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap())
            .trim()
            .to_owned()
    }

    fn spec(&self, name: &str) -> TwinSpec {
        TwinSpec {
            id: InterfaceId::new(1),
            name: name.parse().unwrap(),
            netns: Some(self.path.clone()),
            mac: Mac::new([2, 0, 0, 0, 1, 1]),
            mtu: 1400,
            up: true,
            link: true,
            addresses: ["10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"]
                .map(|text| text.parse().unwrap())
                .to_vec(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}
