//! A router that cannot start says why in one sentence and ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on has failed"
)]

use ferroute_tests::router::program;
use ferroute_tests::{Namespace, Process, Router, TwoHosts};
use std::time::Duration;

/// How long a daemon that cannot start may take to find out.
const LIMIT: Duration = Duration::from_secs(20);

/// What the program itself says at its end; DPDK's and the log's lines stand before it.
fn complaint(log: &str) -> &str {
    assert!(!log.contains("panicked"), "{log}");
    let begin = log.find("ferrouted: ").expect(log);
    let said = &log[begin..];
    assert!(
        said.lines().skip(1).all(|line| line.starts_with("  ")),
        "{log}"
    );
    said
}

#[test]
fn a_port_that_is_not_there_is_named() {
    let namespace = Namespace::new("empty").unwrap();
    let config = "ports: [{ name: p0, device: \"net_af_packet0,iface=nowhere\" }]\n";
    let (status, log) = Router::run_to_end(&namespace, config).unwrap();
    assert!(!status.success());
    let said = complaint(&log);
    assert!(
        said.contains("ports[0]") && said.contains("nowhere"),
        "{said}"
    );
}

#[test]
fn a_second_router_on_the_same_socket_is_refused_and_the_first_goes_on() {
    let lab = TwoHosts::build().unwrap();
    let first = lab.start("").unwrap();
    let mut command = lab.wires.command(&program("ferrouted").to_string_lossy());
    let mut second = Process::start(command.arg("--socket").arg(first.socket())).unwrap();
    assert!(!second.wait(LIMIT).unwrap().success());
    let log = second.log();
    let said = complaint(&log);
    assert!(said.contains(&*first.socket().to_string_lossy()), "{said}");
    first.cli("interface show").unwrap();
    lab.a
        .namespace()
        .run(&format!("ping -n -c 1 -W 5 {}", lab.a.v4.router))
        .unwrap();
    first.stop().unwrap();
}

#[test]
fn a_missing_privilege_is_named() {
    let lab = TwoHosts::build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("ferroute.yaml");
    std::fs::write(
        &config,
        format!(
            "eal: {{ huge_pages: off }}\nmempool: {{ buffers: 8191 }}\n{}",
            lab.config()
        ),
    )
    .unwrap();
    let mut command = lab
        .wires
        .command_with_names("setpriv", &[&lab.node])
        .unwrap();
    command.args(["--bounding-set=-net_raw,-net_admin", "--inh-caps=-all"]);
    command
        .arg(program("ferrouted"))
        .arg("--config")
        .arg(&config)
        .arg("--socket")
        .arg(directory.path().join("socket"));
    let mut process = Process::start(&mut command).unwrap();
    assert!(!process.wait(LIMIT).unwrap().success());
    let log = process.log();
    let said = complaint(&log);
    assert!(
        said.contains("iface=w0") && said.contains("not permitted"),
        "{said}"
    );
}

#[test]
fn mistakes_of_a_configuration_are_all_told_with_their_lines() {
    let namespace = Namespace::new("empty").unwrap();
    let config = "ports:\n  - { name: p0, device: net_null0, mtu: 3 }\nroutes:\n  - { prefix: 10.0.0.1/8 }\n";
    let (status, log) = Router::run_to_end(&namespace, config).unwrap();
    assert!(!status.success());
    for place in ["ferroute.yaml:2:", "ferroute.yaml:4:"] {
        assert!(log.contains(place), "{log}");
    }
}

#[test]
fn the_buffers_of_the_defaults_fit_on_ordinary_pages() {
    let namespace = Namespace::new("empty").unwrap();
    let defaults = "ports: []\nmempool: { buffers: 65535 }\n";
    let router = Router::start(&namespace, defaults, &[]).unwrap();
    router.stop().unwrap();
}

/// What the documentation shows is not only well formed: a router starts with it. Its devices are others, and what names CPUs or
/// files of another machine is left out.
#[test]
fn the_examples_of_the_documentation_start() {
    let page = include_str!("../../docs/configuration.md");
    let blocks = page.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|block| block.split("```").next());
    let examples: Vec<_> = blocks
        .filter(|block| !block.contains("cpus:") && !block.contains("certificate:"))
        .collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let namespace = Namespace::new("empty").unwrap();
        let red = Namespace::new("red").unwrap();
        let mut config = example
            .replace("netns: red", &format!("netns: {}", red.name()))
            .replace("mtu: 9000", "mtu: 1500");
        for number in 0.. {
            let Some(at) = config.find("0000:3b:00.") else {
                break;
            };
            let silent = format!("\"net_null{number},no-rx=1\"");
            config.replace_range(at..at + "0000:3b:00.0".len(), &silent);
        }
        let router = Router::start(&namespace, &config, &[&red]);
        router.expect(example).stop().unwrap();
    }
}

#[test]
fn without_ports_it_starts_and_stops() {
    let router = Router::start(&Namespace::new("empty").unwrap(), "", &[]).unwrap();
    router.cli("interface show").unwrap();
    router.stop().unwrap();
}
