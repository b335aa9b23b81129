//! Results as tables. The page shows the same ones.

use super::{overlay, workers};
use crate::cases::beside::{Beside, StageCost};
use crate::cases::fib::Figures;
use crate::results::Results;
use crate::sample::Rate;
use comfy_table::{CellAlignment, Table, presets};

/// A table with a title above it.
pub(super) struct Titled {
    pub(super) title: &'static str,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// All tables, and the notes, for a terminal.
#[must_use]
pub fn tables(results: &Results) -> String {
    let mut out = format!("{}\n", machine(results));
    for titled in all(results) {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_BORDERS_ONLY)
            .set_header(titled.header)
            .add_rows(titled.rows);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        out += &format!("\n{}\n{table}\n", titled.title);
    }
    for note in &results.notes {
        out += &format!("\nNote: {note}\n");
    }
    out
}

/// The machine and the method in a line.
pub(super) fn machine(results: &Results) -> String {
    let (machine, method) = (&results.machine, &results.method);
    format!(
        "{}, TSC {:.2} GHz, Linux {}, {}, burst {}, {} pages, worker on CPU {}; {} samples of {} s, median",
        machine.cpu,
        machine.tsc_hz as f64 / 1e9,
        machine.kernel,
        machine.dpdk,
        machine.burst,
        match machine.pages {
            crate::machine::huge::Pages::Huge => "huge",
            crate::machine::huge::Pages::Ordinary => "ordinary",
        },
        machine.cpus.worker,
        method.samples,
        method.sample_s
    )
}

/// The tables that have rows.
pub(super) fn all(results: &Results) -> Vec<Titled> {
    let tables = [
        forwarding(results),
        l3fwd(results),
        workers::workers(results),
        stages(results),
        updates(results),
        overlay::networks(results),
        disturbed(results),
        fib(results),
        fib_adversarial(results),
        latency(results),
        overlay::flood(results),
        overlay::flood_classes(results),
    ];
    tables
        .into_iter()
        .filter(|table| !table.rows.is_empty())
        .collect()
}

pub(super) fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub(super) fn row(what: &str, value: String) -> Vec<String> {
    vec![what.to_owned(), value]
}

pub(super) fn mpps(rate: &Rate) -> String {
    format!(
        "{:.2}{}",
        rate.mega_per_s,
        if rate.disturbed() { " *" } else { "" }
    )
}

/// A count with its thousands grouped.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A row beside testpmd: what it is, how many routes or stations, flows and next hops, and the figures.
pub(super) type Row<'a> = ([String; 4], &'a Beside);

fn beside(results: &Results) -> impl Iterator<Item = Row<'_>> {
    let forwarding = results.forwarding.iter().map(|row| {
        let load = [
            row.load.name(),
            grouped(row.load.routes),
            grouped(row.flows),
            row.load.next_hops.to_string(),
        ];
        (load, &row.figures)
    });
    let bridging = results.bridging.iter().map(|row| {
        let load = [
            "bridging".to_owned(),
            grouped(row.stations),
            grouped(row.flows),
            String::new(),
        ];
        (load, &row.figures)
    });
    forwarding.chain(bridging)
}

fn forwarding(results: &Results) -> Titled {
    let rows = beside(results).map(|(load, figures)| {
        let rates = [
            mpps(&figures.testpmd),
            format!("{:.1}", figures.testpmd.cycles),
            mpps(&figures.router),
            format!("{:.1}", figures.router.cycles),
            format!("{:.3}", figures.ratio),
            format!("{:.1}", figures.packets_per_burst),
            figures.lost.to_string(),
        ];
        load.into_iter().chain(rates).collect()
    });
    Titled {
        title: "Forwarding, one worker, 60-byte frames",
        header: words(&[
            "",
            "routes or stations",
            "flows",
            "hops",
            "testpmd Mpps",
            "cycles",
            "ferroute Mpps",
            "cycles",
            "ratio",
            "burst",
            "lost",
        ]),
        rows: rows.collect(),
    }
}

fn l3fwd(results: &Results) -> Titled {
    let rows = results.forwarding.iter().filter_map(|row| {
        let (l3fwd, router) = (row.l3fwd.as_ref()?, &row.figures.router);
        Some(vec![
            row.load.name(),
            grouped(row.load.routes),
            mpps(l3fwd),
            format!("{:.1}", l3fwd.cycles),
            mpps(router),
            format!("{:.1}", router.cycles),
            format!("{:.3}", router.mega_per_s / l3fwd.mega_per_s),
        ])
    });
    Titled {
        title: "The same beside DPDK's l3fwd, which looks up in rte_fib and checks nothing",
        header: words(&[
            "",
            "routes",
            "l3fwd Mpps",
            "cycles",
            "ferroute Mpps",
            "cycles",
            "ratio",
        ]),
        rows: rows.collect(),
    }
}

fn stages(results: &Results) -> Titled {
    let beside = || beside(results).chain(workers::beside(results));
    let names = beside().find(|(_, figures)| !figures.stages.is_empty());
    let names = names.into_iter().flat_map(|(_, figures)| &figures.stages);
    let names = names.map(|stage| stage.name.clone());
    let rows = beside().map(|([name, entries, _, hops], figures)| {
        let stages = figures.stages.iter();
        let cycles = stages.clone().map(|stage| format!("{:.1}", stage.cycles));
        let sum: f64 = stages.map(|stage| stage.cycles).sum();
        let rest = [
            format!("{:.1}", figures.router.cycles - sum),
            format!("{:.1}", figures.router.cycles),
        ];
        [name, entries, hops]
            .into_iter()
            .chain(cycles)
            .chain(rest)
            .collect()
    });
    Titled {
        title: "Cycles for each packet by the router's stages",
        header: words(&["", "routes or stations", "hops"])
            .into_iter()
            .chain(names)
            .chain(words(&["rest", "all"]))
            .collect(),
        rows: rows.collect(),
    }
}

fn updates(results: &Results) -> Titled {
    let mut rows = Vec::new();
    if let Some(updates) = &results.updates {
        let (memory, single) = (&updates.memory, &updates.single);
        let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let pace = |seconds: f64| {
            format!(
                "{seconds:.3} s ({:.0} k/s)",
                updates.routes as f64 / seconds / 1e3
            )
        };
        let table = grouped(updates.routes);
        rows.extend([
            row(
                &format!("{table} IPv4 routes in, first byte to visible"),
                pace(updates.insert_s),
            ),
            row("all of them withdrawn", pace(updates.withdraw_s)),
            row("one route, median", format!("{:.0} µs", single.at(0.5))),
            row("one route, 99 %", format!("{:.0} µs", single.at(0.99))),
            row("resident, idle", mib(memory.idle_bytes)),
            row(&format!("resident, {table} routes"), mib(memory.full_bytes)),
            row("resident, all withdrawn", mib(memory.emptied_bytes)),
            row(
                "bytes for each route, RIB and FIB",
                format!("{:.1}", memory.bytes_per_route),
            ),
            row(
                "of this in the FIB",
                format!("{:.1}", memory.fib_bytes as f64 / updates.routes as f64),
            ),
        ]);
    }
    Titled {
        title: "Routes through the API, and memory",
        header: words(&["", "IPv4"]),
        rows,
    }
}

fn disturbed(results: &Results) -> Titled {
    let mut rows = Vec::new();
    if let Some(churn) = &results.churn {
        rows.extend([
            row("rate at rest", format!("{} Mpps", mpps(&churn.quiet))),
            row(
                &format!(
                    "rate with {:.1} k route changes a second",
                    churn.changes_per_s / 1e3
                ),
                format!("{} Mpps", mpps(&churn.churned)),
            ),
            row("dip", format!("{:.2} %", 100.0 * churn.dip)),
            row("cycles at rest", by_stage(&churn.quiet_stages)),
            row("cycles meanwhile", by_stage(&churn.churned_stages)),
            row("packets lost meanwhile", churn.lost.to_string()),
        ]);
    }
    if let Some(failover) = &results.failover {
        let routes = grouped(failover.routes);
        let times = |median: f64, longest: f64| format!("{median:.3} ms (longest {longest:.3})");
        rows.extend([
            row(
                &format!("a next hop of {routes} prefixes fails: answer after"),
                times(failover.answer_ms, failover.answer_max_ms),
            ),
            row(
                "all moved after",
                times(failover.moved_ms, failover.moved_max_ms),
            ),
            row("packets lost", failover.lost.to_string()),
        ]);
    }
    Titled {
        title: "Changes while forwarding",
        header: words(&["", ""]),
        rows,
    }
}

fn by_stage(stages: &[StageCost]) -> String {
    let stages = stages
        .iter()
        .map(|stage| format!("{} {:.1}", stage.name, stage.cycles));
    stages.collect::<Vec<_>>().join(", ")
}

fn fib(results: &Results) -> Titled {
    let cells = |figures: &Figures| {
        [
            format!("{:.2}", figures.lookup_ns),
            format!("{:.0}", 1e3 / figures.lookup_ns),
            format!("{:.0}", figures.adds_k_per_s),
            format!("{:.0}", figures.removes_k_per_s),
            format!("{:.1}", figures.bytes_per_route),
        ]
    };
    let rows = results.fib.iter().map(|row| {
        let load = [row.family.name().to_owned(), grouped(row.routes)];
        load.into_iter()
            .chain(cells(&row.ferroute))
            .chain(cells(&row.rte_fib))
            .collect()
    });
    Titled {
        title: "The FIB alone (lookups in bursts of 64 over 16 k flows), and DPDK's rte_fib beside it",
        header: words(&[
            "", "routes", "ns", "M/s", "adds k/s", "dels k/s", "B/route", "rte ns", "M/s",
            "adds k/s", "dels k/s", "B/route",
        ]),
        rows: rows.collect(),
    }
}

fn fib_adversarial(results: &Results) -> Titled {
    let rows = results.fib_adversarial.iter().map(|row| {
        let figures = &row.figures;
        vec![
            row.name.to_owned(),
            grouped(row.routes),
            format!("{:.2}", figures.lookup_ns),
            format!("{:.0}", figures.adds_k_per_s),
            format!("{:.0}", figures.removes_k_per_s),
            format!("{:.1}", figures.bytes_per_route),
        ]
    });
    Titled {
        title: "The FIB under hard input",
        header: words(&["", "routes", "ns", "adds k/s", "dels k/s", "B/route"]),
        rows: rows.collect(),
    }
}

fn latency(results: &Results) -> Titled {
    let rows = results.latency.iter().flat_map(|latency| &latency.rows);
    let rows = rows.map(|row| {
        let load = [
            super::plots::load_name(row),
            format!("{:.2}", row.mega_per_s),
        ];
        let times = row.times_us.iter().map(|us| format!("{us:.2}"));
        let rest = [format!("{:.2} %", 100.0 * row.waited), row.lost.to_string()];
        load.into_iter().chain(times).chain(rest).collect()
    });
    Titled {
        title: "Microseconds that packets stay in the router (without card and driver), by load",
        header: words(&[
            "load",
            "Mpps",
            "50 %",
            "90 %",
            "99 %",
            "99.9 %",
            "100 %",
            "disturbed",
            "lost",
        ]),
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_000_000].map(grouped),
            ["0", "999", "1 000", "1 000 000"]
        );
    }
}
