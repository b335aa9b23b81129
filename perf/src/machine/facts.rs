//! What the machine is, to stand beside the figures.

use super::cpus::Cpus;
use super::huge::Pages;
use dpdk_sys::clock::tsc;
use serde::Serialize;
use std::fs;
use std::time::{Duration, Instant};

/// How long the cycle counter is compared with the clock.
const COMPARE: Duration = Duration::from_millis(50);

/// What the machine is.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The processor, as it calls itself.
    pub cpu: String,
    /// Cycles per second of the time stamp counter.
    pub tsc_hz: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The DPDK that router and testpmd share.
    pub dpdk: String,
    /// Who runs where.
    pub cpus: Cpus,
    /// What DPDK's memory lies on.
    pub pages: Pages,
    /// Packets of a burst.
    pub burst: usize,
}

impl Facts {
    /// Looks at the machine.
    #[must_use]
    pub fn gather(cpus: &Cpus, pages: Pages) -> Self {
        Self {
            cpu: model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            tsc_hz: tsc_hz(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            dpdk: dpdk_sys::eal::version(),
            cpus: cpus.clone(),
            pages,
            burst: ferroute_dataplane::ids::BURST,
        }
    }
}

fn model(cpuinfo: &str) -> String {
    let line = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    line.and_then(|line| line.split_once(':'))
        .map_or("unknown", |(_, name)| name.trim())
        .to_owned()
}

pub(crate) fn tsc_hz() -> u64 {
    let (start, from) = (Instant::now(), tsc());
    std::thread::sleep(COMPARE);
    let (elapsed, to) = (start.elapsed(), tsc());
    ((to - from) as f64 / elapsed.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        assert_eq!(
            model("processor\t: 0\nmodel name\t: A CPU @ 2.0GHz\n"),
            "A CPU @ 2.0GHz"
        );
        assert_eq!(model(""), "unknown");
        assert!(tsc_hz() > 100_000_000);
    }
}
