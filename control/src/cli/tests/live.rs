//! The command line against the real API, over a real socket, before a played core.

use super::core;
use crate::api::server::{Listeners, serve};
use crate::api::tls::TcpEndpoint;
use crate::cli::error::CliError;
use crate::cli::grammar::{Cli, execute};
use crate::cli::output::Output;
use crate::config::system::Tcp;
use crate::core::handle::channel;
use clap::Parser;
use pcap_file::pcapng::{Block, PcapNgReader};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use std::io::{self, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Output that can be read again.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A router that is all API.
struct Router {
    directory: TempDir,
}

impl Router {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (handle, inbox) = channel();
        std::thread::spawn(move || inbox.requests.iter().for_each(core::answer));
        let unix = UnixListener::bind(directory.path().join("s")).unwrap();
        let listeners = Listeners { unix, tcp: None };
        tokio::spawn(serve(handle, listeners, std::future::pending()));
        Self { directory }
    }

    /// Runs one command; its words are separated by spaces.
    async fn run(&self, line: &str) -> (String, Result<(), CliError>) {
        let socket = self.directory.path().join("s");
        let words = ["ferroute", "--socket", socket.to_str().unwrap()]
            .into_iter()
            .chain(line.split(' '));
        let cli = Cli::try_parse_from(words).unwrap();
        let printed = Printed::default();
        let output = Output::to(cli.output, printed.clone());
        let result = execute(cli, output).await;
        (
            String::from_utf8(printed.0.lock().unwrap().clone()).unwrap(),
            result,
        )
    }

    /// Runs a command that must succeed.
    async fn text(&self, line: &str) -> String {
        let (text, result) = self.run(line).await;
        result.unwrap_or_else(|error| panic!("{line}: {error}"));
        text
    }

    /// Runs a command that must fail, and gives the sentence and the exit code.
    async fn refusal(&self, line: &str) -> (String, u8) {
        let error = self.run(line).await.1.expect_err(line);
        (error.to_string(), error.code())
    }
}

fn golden(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/cli/testdata")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        actual,
        expected,
        "{} differs; UPDATE_GOLDEN=1 writes it anew",
        file.display()
    );
}

/// All that can be shown.
const SHOWN: [&str; 35] = [
    "port show",
    "port show p0",
    "port stats p0",
    "link show",
    "link set p0 up",
    "addr show",
    "addr add 10.0.0.1/24 dev p0",
    "vrf show",
    "route show",
    "route lookup 10.1.2.3 --vrf red",
    "route owners",
    "nexthop show",
    "nexthop get id 9 --fib",
    "nexthop replace id 5 via 10.0.0.2 weight 2 nexthop via 10.0.0.3",
    "endpoint show",
    "endpoint add default address 192.0.2.1",
    "vni show",
    "vni show 100",
    "label show",
    "label add 101 vrf red",
    "tunnel show",
    "domain show",
    "fdb show",
    "segment show",
    "segment show 03:44:38:39:ff:ff:01:00:00:01",
    "neigh show",
    "neigh add 10.0.0.2 lladdr 02:00:00:00:00:01 dev p0",
    "stats interfaces",
    "stats punts",
    "stats memory",
    "drops",
    "workers",
    "workers --stages",
    "system config",
    "system info",
];

#[tokio::test]
async fn tables_for_people() {
    let router = Router::start();
    let mut all = String::new();
    for line in SHOWN {
        let text = router.text(line).await;
        // The process id is the only thing that differs from run to run.
        let text = text.replace(&format!("  {}\n", std::process::id()), "  PID\n");
        all.push_str(&format!("$ ferroute {line}\n{text}\n"));
    }
    golden("tables.txt", &all);
}

#[tokio::test]
async fn json_for_programs_keeps_its_names() {
    let router = Router::start();
    let mut all = String::new();
    for line in SHOWN {
        let text = router.text(&format!("-o json {line}")).await;
        let mut value: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}\n{text}"));
        if let Some(pid) = value.get_mut("pid") {
            *pid = 1.into();
        }
        all.push_str(&format!(
            "$ ferroute -o json {line}\n{}\n",
            serde_json::to_string_pretty(&value).unwrap()
        ));
    }
    golden("json.txt", &all);
}

#[tokio::test]
async fn what_is_done_is_said() {
    let router = Router::start();
    for (line, said) in [
        ("port del p0", "port p0 removed\n"),
        ("link del p0.100", "interface p0.100 removed\n"),
        ("vrf del red", "VRF red removed\n"),
        (
            "neigh del 10.0.0.2 dev p0",
            "neighbour 10.0.0.2 on p0 removed\n",
        ),
        ("neigh flush", "3 neighbours removed\n"),
        (
            "route remove-owner bgp",
            "owner bgp and its 900 routes removed\n",
        ),
        ("route add 10.1.0.0/16 via 10.0.0.2", ""),
        (
            "route add 10.1.0.0/16 via 10.0.0.2 dev p0 vrf red --metric 5",
            "",
        ),
        ("route replace 192.0.2.0/24 via 10.0.0.2", ""),
        ("route del 10.1.0.0/16", ""),
        ("-o json neigh flush", ""),
    ] {
        assert_eq!(router.text(line).await, said, "{line}");
    }
}

#[tokio::test]
async fn refusals_are_one_sentence_with_the_reason() {
    let router = Router::start();
    for (line, sentence, code) in [
        ("port show p9", "there is no port p9 [UNKNOWN_PORT]", 1),
        ("vrf add red", "the name red is taken [NAME_TAKEN]", 1),
        (
            "nexthop del id 5",
            "2 routes refer to the next hop set 5 [IN_USE]",
            1,
        ),
        (
            "route add 192.0.2.0/24 via 10.0.0.2",
            "cli already has a route to 192.0.2.0/24 in VRF red; use `route replace` to change it",
            1,
        ),
        (
            "route replace 198.51.100.0/24 via 10.0.0.2",
            "the next hop leads back to this route: VRF red → VRF red [NEXT_HOP_LOOP]",
            1,
        ),
        (
            "route replace 10.0.0.0/8 dev p0 --owner busy",
            "another stream speaks for busy [OWNER_BUSY]",
            1,
        ),
        (
            "route replace 10.0.0.0/8 dev p0 --owner static",
            "open.owner: static is the router itself [OWNER_RESERVED]",
            1,
        ),
        (
            "port add p/0 net_null0",
            "spec.name: a name consists of letters, digits, '.', '_' and '-' and begins with a letter or digit; '/' may not stand there [NAME_CHARACTER]",
            1,
        ),
        (
            "addr add 10.0.0.1 dev p0",
            "`10.0.0.1` is no address with its prefix length: a length of 0 to 32 must follow the address, as in 10.0.0.1/32",
            2,
        ),
    ] {
        assert_eq!(
            router.refusal(line).await,
            (sentence.to_owned(), code),
            "{line}"
        );
    }
}

#[tokio::test]
async fn without_a_router_there_is_another_exit_code() {
    let nobody = Router {
        directory: tempfile::tempdir().unwrap(),
    };
    let (sentence, code) = nobody.refusal("port show").await;
    assert!(
        sentence.contains("No such file or directory") && sentence.contains("is ferrouted running"),
        "{sentence}"
    );
    assert_eq!(code, 3);
}

/// A file of routes, and the directory that it lives in.
fn routes(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("routes");
    std::fs::write(&file, text).unwrap();
    (directory, file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_injected_and_refusals_find_their_lines() {
    let router = Router::start();
    let lines: String = (0..10_000)
        .map(|i| format!("10.{}.{}.0/24 via 10.0.0.2\n", i / 256, i % 256))
        .collect();
    let (_directory, file) = routes(&format!(
        "# header\n{lines}198.51.100.0/24 dev p0\ndel 10.0.0.0/24 vrf red\n10.0.0.1/8 dev p0\n"
    ));
    let line = format!(
        "-o json route inject {} --owner bulk --end-of-rib",
        file.display()
    );
    let (text, result) = router.run(&line).await;
    assert_eq!(result.unwrap_err().to_string(), "2 of 10003 were refused");
    let summary: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&summary["applied"], &summary["refused"], &summary["swept"]),
        (&10_001.into(), &2.into(), &12.into())
    );
    let refusals: Vec<_> = summary["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["reason"].as_str().unwrap()))
        .collect();
    let mut sorted = refusals.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [(10_002, "NEXT_HOP_LOOP"), (10_004, "HOST_BITS")],
        "{refusals:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_a_file_stops_it_at_its_line() {
    let router = Router::start();
    let (_directory, file) = routes("10.0.0.0/8 via 10.0.0.2\n10.0.0.0/8 via nowhere\n");
    let (sentence, code) = router
        .refusal(&format!("route inject {}", file.display()))
        .await;
    assert!(
        sentence.ends_with("routes:2: `nowhere` is no address: invalid IP address syntax"),
        "{sentence}"
    );
    assert_eq!(code, 2);
    let (sentence, code) = router.refusal("route inject /nonexistent").await;
    assert!(
        sentence.starts_with("cannot read /nonexistent: "),
        "{sentence}"
    );
    assert_eq!(code, 2);
    let refused = router
        .refusal(&format!("route inject {} --owner busy", file.display()))
        .await;
    assert_eq!(
        refused,
        ("another stream speaks for busy [OWNER_BUSY]".to_owned(), 1)
    );
}

#[tokio::test]
async fn a_router_is_reached_by_tcp_with_certificates_of_both_sides() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    // One certificate serves both sides.
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let (ca, cert, key) = (
        write("ca", authority.pem()),
        write("cert", certificate.pem()),
        write("key", key.serialize_pem()),
    );

    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into();
    let tcp = Tcp {
        listen,
        certificate: cert.clone(),
        key: key.clone(),
        client_ca: ca.clone(),
    };
    let tcp = TcpEndpoint::bind(&tcp).unwrap();
    let port = tcp.address().unwrap().port();
    let unix = UnixListener::bind(directory.path().join("s")).unwrap();
    let (handle, inbox) = channel();
    std::thread::spawn(move || inbox.requests.iter().for_each(core::answer));
    tokio::spawn(serve(
        handle,
        Listeners {
            unix,
            tcp: Some(tcp),
        },
        std::future::pending(),
    ));

    let router = Router {
        directory: tempfile::tempdir().unwrap(),
    };
    let server = format!(
        "--server localhost:{port} --ca {} --cert {}",
        ca.display(),
        cert.display()
    );
    let shown = router
        .text(&format!("{server} --key {} route owners", key.display()))
        .await;
    assert!(shown.contains("bgp"), "{shown}");
    let refusal = router.refusal(&format!("{server} route owners")).await;
    assert_eq!(
        refusal,
        ("--server needs mutual TLS: give --key too".to_owned(), 2)
    );
    let (_, code) = router
        .refusal(&format!("{server} --key {} route owners", cert.display()))
        .await;
    assert_eq!(code, 3);
}

/// Times differ from run to run.
fn timeless(text: &str) -> String {
    let line = |line: &str| match line.split_once(" worker ") {
        Some((time, rest)) if time.ends_with('Z') => format!("TIME worker {rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn packets_are_shown_to_people_and_programs() {
    let router = Router::start();
    let file = router.directory.path().join("f.pcapng");
    let mut all = String::new();
    for line in ["trace -n 3", "capture -w FILE -n 4"] {
        let words = line.replace("FILE", file.to_str().unwrap());
        let text = timeless(&router.text(&words).await);
        all.push_str(&format!("$ ferroute {line}\n{text}\n"));
        let text = router.text(&format!("-o json {words}")).await;
        all.push_str(&format!("$ ferroute -o json {line}\n"));
        for item in text.lines() {
            let mut value: Value = serde_json::from_str(item).unwrap();
            if let Some(time) = value.get_mut("time_unix_ns") {
                assert!(time.as_u64().is_some_and(|time| time > 0));
                *time = 0.into();
            }
            all.push_str(&format!(
                "{}\n",
                serde_json::to_string_pretty(&value).unwrap()
            ));
        }
    }
    golden("packets.txt", &all);
    let bytes = std::fs::read(&file).unwrap();
    let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
    let mut said = Vec::new();
    while let Some(block) = reader.next_block() {
        if let Block::EnhancedPacket(packet) = block.unwrap() {
            assert_eq!((packet.original_len, packet.data.len()), (60, 60));
            said.push(format!("{:?}", packet.options));
        }
    }
    assert_eq!(said.len(), 4);
    for (options, comment) in said.iter().zip([
        "received, worker 2",
        "sent, worker 2",
        "punted: ttl_expired, worker 2",
        "dropped: no_route, worker 2",
    ]) {
        assert!(options.contains(comment), "{options} {comment}");
    }
    assert!(said[0].contains("DropCount(1)"), "{}", said[0]);
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_in_a_sentence() {
    let router = Router::start();
    for (line, sentence) in [
        ("trace --reason weather", "[UNKNOWN_REASON]"),
        ("trace --prefix 10.0.0.1/8", "[HOST_BITS]"),
        ("capture -w /nonexistent/f", "cannot write /nonexistent/f: "),
        (
            "capture -w /dev/full -n 4",
            "cannot write /dev/full: No space left on device",
        ),
    ] {
        let (text, code) = router.refusal(line).await;
        assert!(text.contains(sentence), "{line}: {text}");
        assert_eq!(code, 1, "{line}: {text}");
    }
}
