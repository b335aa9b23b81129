//! Routes of a kernel into the router, over its API: whenever the kernel tells of a change, all that routing daemons put
//! there is given anew, and what is no longer there goes.
//!
//! This serves labs with few routes; it answers each change with a whole table.

use crate::error::LabError;
use crate::netns::Namespace;
use crate::router::{Router, program};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// Writers of routes that are no routing daemons.
const NO_DAEMONS: [&str; 3] = ["kernel", "boot", "ra"];

/// Follows one namespace until it is dropped; what it gave the router stays.
#[derive(Debug)]
pub struct Follower {
    monitor: Child,
    thread: Option<JoinHandle<()>>,
}

/// Where routes come from and go to.
#[derive(Debug)]
struct Way {
    namespace: Namespace,
    socket: PathBuf,
    vrf: String,
}

impl Follower {
    /// Begins to follow a namespace for a VRF of the router (`default`, or its name).
    ///
    /// # Errors
    /// [`LabError::Start`]; what `ferroute` says of the first table.
    pub fn start(router: &Router, namespace: &Namespace, vrf: &str) -> Result<Self, LabError> {
        let way = Way {
            namespace: namespace.clone(),
            socket: router.socket(),
            vrf: vrf.to_owned(),
        };
        let mut command = namespace.command("ip");
        command.args(["monitor", "route", "nexthop"]);
        let monitor = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut monitor = monitor.map_err(|source| LabError::Start {
            command: "ip monitor".to_owned(),
            source,
        })?;
        let told = monitor.stdout.take();
        way.carry()?;
        let thread = told.map(|mut told| {
            std::thread::spawn(move || {
                let mut buffer = [0; 65536];
                while let Ok(1..) = told.read(&mut buffer) {
                    if let Err(error) = way.carry() {
                        eprintln!("carrying routes into the router: {error}");
                    }
                }
            })
        });
        Ok(Self { monitor, thread })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // The thread ends with the monitor's output.
        let _ = self.monitor.kill();
        let _ = self.monitor.wait();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Way {
    /// Gives the router the whole table of both families.
    fn carry(&self) -> Result<(), LabError> {
        let mut text = String::new();
        for family in ["-4", "-6"] {
            let line = format!("ip -j {family} route show table main");
            let printed = self.namespace.run(&line)?;
            let routes: Vec<Value> =
                serde_json::from_str(&printed).map_err(|source| LabError::NotJson {
                    command: line,
                    source,
                    output: printed,
                })?;
            for route in &routes {
                write_route(route, family == "-6", &mut text);
            }
        }
        let mut command = Command::new(program("ferroute"));
        command.arg("--socket").arg(&self.socket);
        command.args(["route", "inject", "-", "--owner", "kernel", "--end-of-rib"]);
        command.args(["--distance", "20", "--vrf", &self.vrf]);
        let failed = |source| LabError::Start {
            command: "ferroute route inject".to_owned(),
            source,
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).map_err(failed)?;
        }
        let ended = child.wait_with_output().map_err(failed)?;
        if ended.status.success() {
            return Ok(());
        }
        let printed = [ended.stdout, ended.stderr].concat();
        Err(LabError::Failed {
            command: format!("ferroute route inject of\n{text}"),
            status: ended.status,
            output: String::from_utf8_lossy(&printed).into_owned(),
        })
    }
}

/// Writes a route as `ip -j` shows it in the words of `ferroute route add`.
fn write_route(route: &Value, v6: bool, text: &mut String) {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    if word(&route["protocol"]).is_none_or(|protocol| NO_DAEMONS.contains(&protocol.as_str())) {
        return;
    }
    let prefix = match (route["dst"].as_str().unwrap_or_default(), v6) {
        ("default", false) => "0.0.0.0/0",
        ("default", true) => "::/0",
        (prefix, _) => prefix,
    };
    let mut line = match route["type"].as_str() {
        None | Some("unicast") => prefix.to_owned(),
        Some(kind) => format!("{kind} {prefix}"),
    };
    let hops = route["nexthops"]
        .as_array()
        .map_or_else(|| std::slice::from_ref(route), Vec::as_slice);
    for hop in hops {
        let gateway = word(&hop["gateway"]).or_else(|| word(&hop["via"]["host"]));
        let (device, weight) = (word(&hop["dev"]), hop["weight"].as_u64());
        line.push_str(" nexthop");
        for (name, value) in [
            ("via", gateway),
            ("dev", device.filter(|_| route["type"].is_null())),
            ("weight", weight.map(|weight| weight.to_string())),
        ] {
            if let Some(value) = value {
                // Writing to a String cannot fail.
                let _ = write!(line, " {name} {value}");
            }
        }
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_ip_shows_is_said_in_ferroutes_words() {
        for (route, said) in [
            (
                json!({"dst": "default", "gateway": "10.0.0.1", "dev": "p0", "protocol": "bgp"}),
                "0.0.0.0/0 nexthop via 10.0.0.1 dev p0\n",
            ),
            (
                json!({"dst": "10.1.0.0/16", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "p0", "protocol": "bgp"}),
                "10.1.0.0/16 nexthop via fe80::1 dev p0\n",
            ),
            (
                json!({"dst": "10.1.0.0/16", "protocol": "bgp", "nexthops": [
                {"gateway": "10.0.0.1", "dev": "p0", "weight": 1}, {"gateway": "10.0.1.1", "dev": "p1", "weight": 2}]}),
                "10.1.0.0/16 nexthop via 10.0.0.1 dev p0 weight 1 nexthop via 10.0.1.1 dev p1 weight 2\n",
            ),
            (
                json!({"type": "blackhole", "dst": "10.9.0.0/16", "dev": "lo", "protocol": "196"}),
                "blackhole 10.9.0.0/16 nexthop\n",
            ),
            (
                json!({"dst": "10.0.0.0/24", "dev": "p0", "protocol": "kernel"}),
                "",
            ),
        ] {
            let mut text = String::new();
            write_route(&route, false, &mut text);
            assert_eq!(text, said);
        }
    }
}
