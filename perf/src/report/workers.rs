//! The table of one worker and two.

use super::tables::{Row, Titled, grouped, mpps, words};
use crate::cases::beside::Beside;
use crate::cases::workers::Scaling;
use crate::results::Results;

/// What a second worker brings.
pub(super) fn workers(results: &Results) -> Titled {
    Titled {
        title: "One worker and two, each with a source of its own: IPv4 over 10 k routes",
        header: words(&["", "testpmd", "ferroute", "ratio"]),
        rows: results.workers.iter().flat_map(rows).collect(),
    }
}

fn rows(scaling: &Scaling) -> Vec<Vec<String>> {
    let factor = &scaling.factor;
    let factors = [factor.testpmd, factor.router, factor.ratio];
    let factors = factors.map(|factor| format!("{factor:.3}"));
    let rates = [("one worker", &scaling.one), ("two workers", &scaling.two)];
    let rates = rates
        .into_iter()
        .flat_map(|(name, figures)| rates_of(name, figures));
    rates
        .chain([[words(&["two as a multiple of one"]), factors.to_vec()].concat()])
        .collect()
}

/// What both reach with a number of workers.
fn rates_of(name: &str, figures: &Beside) -> [Vec<String>; 3] {
    let (testpmd, router) = (&figures.testpmd, &figures.router);
    [
        vec![
            format!("{name}, Mpps"),
            mpps(testpmd),
            mpps(router),
            format!("{:.3}", figures.ratio),
        ],
        vec![
            format!("{name}, cycles for each packet"),
            format!("{:.1}", testpmd.cycles),
            format!("{:.1}", router.cycles),
            String::new(),
        ],
        vec![
            format!("{name}, packets lost"),
            String::new(),
            figures.lost.to_string(),
            String::new(),
        ],
    ]
}

/// The rows among others that stand beside testpmd.
pub(super) fn beside(results: &Results) -> impl Iterator<Item = Row<'_>> {
    results.workers.iter().flat_map(|scaling| {
        let row = |workers: &str, figures| {
            let load = [
                format!("{}, {workers}", scaling.load.name()),
                grouped(scaling.load.routes),
                grouped(scaling.flows),
                scaling.load.next_hops.to_string(),
            ];
            (load, figures)
        };
        [
            row("one worker", &scaling.one),
            row("two workers", &scaling.two),
        ]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::workers::tests::scaling;

    #[test]
    fn the_last_row_says_what_the_second_worker_brings() {
        let rows = rows(&scaling());
        assert!(rows.iter().all(|row| row.len() == 4));
        assert_eq!(rows[0], ["one worker, Mpps", "50.00", "25.00", "0.500"]);
        assert_eq!(rows[3], ["two workers, Mpps", "100.00", "40.00", "0.400"]);
        let last = ["two as a multiple of one", "2.000", "1.600", "0.800"];
        assert_eq!(rows[6], last);
    }
}
