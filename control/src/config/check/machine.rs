//! Rules about the machine: CPUs, workers, files.

use super::{Checker, at};
use crate::config::cpus::CpuList;
use crate::config::document::Step;
use crate::config::mistake::Problem;
use ferroute_dataplane::ids::MAX_WORKERS;
use std::path::Path;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What the address of a Unix socket has room for (unix(7)).
const SOCKET_PATH_BYTES: usize = 107;

pub(super) fn check(checker: &mut Checker<'_>, allowed: &CpuList) {
    let config = checker.config;
    if let Some(workers) = &config.cpus.workers {
        cpus_exist(checker, at!["cpus", "workers"], workers, allowed);
        if workers.is_empty() {
            checker.report(
                at!["cpus", "workers"],
                Problem::Rule("at least one CPU must be given to workers"),
            );
        }
        if workers.len() > MAX_WORKERS {
            checker.report(
                at!["cpus", "workers"],
                Problem::TooMany {
                    what: "workers",
                    count: workers.len(),
                    max: MAX_WORKERS,
                },
            );
        }
    }
    if let Some(control) = &config.cpus.control {
        cpus_exist(checker, at!["cpus", "control"], control, allowed);
        if control.is_empty() {
            checker.report(
                at!["cpus", "control"],
                Problem::Rule("at least one CPU must be left to control threads"),
            );
        }
        for cpu in config
            .cpus
            .workers
            .iter()
            .flat_map(CpuList::iter)
            .filter(|cpu| control.contains(*cpu))
        {
            checker.report(at!["cpus", "control"], Problem::SharedCpu { cpu });
        }
    }
    let count = config.cpus.workers.as_ref().map_or(1, CpuList::len);
    for (place, port) in config.ports.iter().enumerate() {
        for (item, worker) in port
            .workers
            .iter()
            .enumerate()
            .filter(|(_, worker)| usize::from(worker.get()) >= count)
        {
            checker.report(
                at!["ports", place, "workers", item],
                Problem::NoSuchWorker {
                    worker: worker.get(),
                    count,
                },
            );
        }
    }
    absolute(checker, at!["socket", "path"], &config.socket.path);
    if let Some(tcp) = &config.tcp {
        absolute(checker, at!["tcp", "certificate"], &tcp.certificate);
        absolute(checker, at!["tcp", "key"], &tcp.key);
        absolute(checker, at!["tcp", "client_ca"], &tcp.client_ca);
    }
    if config.socket.path.as_os_str().len() > SOCKET_PATH_BYTES {
        let message = "a socket's path has at most 107 bytes";
        checker.report(at!["socket", "path"], Problem::Rule(message));
    }
    if !is_log_filter(&config.log.level) {
        let message = "not a log filter such as info or info,ferroute_control::rib=debug";
        checker.report(at!["log", "level"], Problem::Rule(message));
    }
    let prefix = &config.eal.file_prefix;
    if prefix.is_empty()
        || prefix.len() > 64
        || prefix
            .bytes()
            .any(|byte| byte == b'/' || !byte.is_ascii_graphic())
    {
        let message = "a file prefix has 1 to 64 printable characters other than a slash";
        checker.report(at!["eal", "file_prefix"], Problem::Rule(message));
    }
}

/// Whether this is a log filter. One that names a module without a level, which a misspelt level looks like, is none.
fn is_log_filter(text: &str) -> bool {
    // An empty level reads as one.
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    let said = |part: &str| part.contains('=') || is_level(part);
    text.split(',').all(said) && text.parse::<EnvFilter>().is_ok()
}

fn cpus_exist(checker: &mut Checker<'_>, path: &[Step<'_>], cpus: &CpuList, allowed: &CpuList) {
    for cpu in cpus.without(allowed).iter() {
        checker.report(
            path,
            Problem::NoSuchCpu {
                cpu,
                allowed: allowed.to_string(),
            },
        );
    }
}

/// A daemon has no directory of its own from which a relative path would make sense.
fn absolute(checker: &mut Checker<'_>, path: &[Step<'_>], file: &Path) {
    if !file.is_absolute() {
        checker.report(path, Problem::Rule("the path must be absolute"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_filter_has_a_level_everywhere() {
        for good in [
            "info",
            "off",
            "DEBUG",
            "info,ferroute_control::rib=debug",
            "warn,dpdk=info",
        ] {
            assert!(is_log_filter(good), "{good}");
        }
        for bad in ["loud", "", "inf", "info,ferroute_control::rib", "info,=,"] {
            assert!(!is_log_filter(bad), "{bad}");
        }
    }

    #[test]
    fn a_socket_path_has_an_end() {
        let parse = |length: usize| {
            let text = format!("socket: {{ path: /{} }}", "s".repeat(length - 1));
            crate::config::Config::parse(&text, Path::new("f.yaml"), &"0".parse().unwrap())
        };
        assert!(parse(107).is_ok());
        let mistakes = parse(108).unwrap_err().to_string();
        assert!(
            mistakes.contains("socket.path: a socket's path"),
            "{mistakes}"
        );
    }
}
