//! The tables of networks through the API, and of a flood.

use super::tables::{Titled, mpps, row, words};
use crate::host::Life;
use crate::results::Results;

/// Networks through the API.
pub(super) fn networks(results: &Results) -> Titled {
    let mut rows = Vec::new();
    if let Some(networks) = &results.networks {
        let count = networks.networks;
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        rows.extend([
            row(
                &format!("{count} VRFs, bridge domains with a gateway, and VNIs, one call each"),
                format!("{:.3} s", networks.add_s),
            ),
            row("all of them removed", format!("{:.3} s", networks.remove_s)),
            row(
                "memory of each",
                format!("{:.1} KiB", networks.bytes_each / 1_024.0),
            ),
            row("resident, idle", mib(networks.idle_bytes)),
            row("resident, all removed", mib(networks.emptied_bytes)),
        ]);
    }
    Titled {
        title: "Networks through the API",
        header: words(&["", ""]),
        rows,
    }
}

/// How a host fares beside a flood.
pub(super) fn flood(results: &Results) -> Titled {
    let mut rows = Vec::new();
    if let Some(flood) = &results.flood {
        let lives = [&flood.rest, &flood.flooded];
        let mut both = |what: &str, say: &dyn Fn(&Life) -> String| {
            rows.push([vec![what.to_owned()], lives.map(say).to_vec()].concat());
        };
        both("session, kB/s each way", &|life| {
            format!("{:.0}", life.session.bytes_per_s / 1e3)
        });
        both("session, blocks of 4 KiB that came back", &|life| {
            life.session.exchanges.to_string()
        });
        both("session, ms for a block: median (longest)", &|life| {
            let session = &life.session;
            format!("{:.2} ({:.2})", session.median_ms, session.longest_ms)
        });
        both("session, segments sent again", &|life| {
            life.session.retransmitted.to_string()
        });
        both("ARP requests answered", &|life| {
            format!("{} of {}", life.arp.answered, life.arp.asked)
        });
        both("ARP, longest ms", &|life| {
            format!("{:.2}", life.arp.longest_ms)
        });
        rows.push(vec![
            "Mpps of the flood".to_owned(),
            String::new(),
            mpps(&flood.offered),
        ]);
    }
    Titled {
        title: "A host's session with the router and its ARP, at rest and beside a flood at the router's address",
        header: words(&["", "at rest", "flooded"]),
        rows,
    }
}

/// What became of the flood, by class.
pub(super) fn flood_classes(results: &Results) -> Titled {
    let classes = results.flood.iter().flat_map(|flood| &flood.classes);
    let rows = classes.map(|class| {
        vec![
            class.name.clone(),
            format!("{:.1}", class.passed_per_s / 1e3),
            format!("{:.1}", class.policed_per_s / 1e3),
            format!("{:.1}", class.allowed_per_s as f64 / 1e3),
        ]
    });
    Titled {
        title: "Packets for the exception path during the flood, thousands a second",
        header: words(&["class", "passed", "policed", "allowed"]),
        rows: rows.collect(),
    }
}
