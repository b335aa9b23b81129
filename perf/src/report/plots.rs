//! The plots of the report, as SVG.

use crate::cases::forward::Forwarding;
use crate::cases::latency::{Latency, Row, SHARES};
use crate::cases::updates::Updates;
use crate::error::PerfError;
use crate::results::Results;
use crate::traffic::Family;
use plotters::prelude::*;

const SIZE: (u32, u32) = (860, 380);
const FONT: &str = "sans-serif";
/// As many as the router has stages, and one for the rest.
const COLOURS: [RGBColor; 9] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xd6, 0x5f, 0x0e),
    RGBColor(0x2c, 0x8f, 0x3c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0xb8, 0x9b, 0x1d),
    RGBColor(0x17, 0x9f, 0xb0),
    RGBColor(0xc9, 0x4f, 0x8e),
    RGBColor(0x6b, 0x4a, 0x3a),
    RGBColor(0x77, 0x77, 0x77),
];

/// A line with its name; the coordinates are those of the plot.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// All plots that the results give.
pub(super) fn all(results: &Results) -> Result<Vec<String>, PerfError> {
    let mut plots = Vec::new();
    if !results.forwarding.is_empty() {
        plots.push(rates(&results.forwarding)?);
        plots.push(stages(&results.forwarding)?);
    }
    if let Some(updates) = &results.updates {
        plots.push(pace(updates)?);
        plots.push(latency(updates)?);
    }
    if let Some(stay) = &results.latency {
        plots.push(under_load(stay)?);
    }
    if !results.fib.is_empty() {
        plots.push(lookups(results)?);
    }
    Ok(plots)
}

fn failed(error: impl std::fmt::Display) -> PerfError {
    PerfError::Plot(error.to_string())
}

fn highest(lines: &[Line]) -> f64 {
    let values = lines
        .iter()
        .flat_map(|line| line.points.iter().map(|(_, y)| *y));
    values.fold(0.0, f64::max).max(f64::MIN_POSITIVE)
}

/// Rate over table size, by family and program.
fn rates(rows: &[Forwarding]) -> Result<String, PerfError> {
    let mut lines = Vec::new();
    for family in [Family::V4, Family::V6] {
        let line = |program: &str, rate: fn(&Forwarding) -> f64| Line {
            name: format!("{program} {}", family.name()),
            points: rows
                .iter()
                .filter(|row| row.load.family == family && row.load.is_plain())
                .map(|row| (row.load.routes as f64, rate(row)))
                .collect(),
        };
        lines.push(line("testpmd io", |row| row.figures.testpmd.mega_per_s));
        lines.push(line("ferroute", |row| row.figures.router.mega_per_s));
    }
    over_routes("Rate over table size", "Mpps", &lines)
}

/// Time of a lookup over table size, by family and table.
fn lookups(results: &Results) -> Result<String, PerfError> {
    let mut lines = Vec::new();
    for family in [Family::V4, Family::V6] {
        let rows = || results.fib.iter().filter(move |row| row.family == family);
        let name = |table: &str| format!("{table} {}", family.name());
        lines.push(Line {
            name: name("ferroute"),
            points: rows()
                .map(|row| (row.routes as f64, row.ferroute.lookup_ns))
                .collect(),
        });
        lines.push(Line {
            name: name("rte_fib"),
            points: rows()
                .map(|row| (row.routes as f64, row.rte_fib.lookup_ns))
                .collect(),
        });
    }
    over_routes("Lookup in bursts of 64 over table size", "ns", &lines)
}

/// Lines over the number of routes, which goes up by powers of ten.
fn over_routes(title: &str, unit: &str, lines: &[Line]) -> Result<String, PerfError> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(title, (FONT, 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(56)
            .build_cartesian_2d((0.8..2e6_f64).log_scale(), 0.0..highest(lines) * 1.25)
            .map_err(failed)?;
        let routes = |routes: &f64| super::tables::grouped(*routes as usize);
        let mut mesh = chart.configure_mesh();
        mesh.x_desc("routes")
            .y_desc(unit)
            .x_label_formatter(&routes)
            .light_line_style(WHITE);
        mesh.draw().map_err(failed)?;
        for (line, colour) in lines
            .iter()
            .zip(COLOURS)
            .filter(|(line, _)| !line.points.is_empty())
        {
            chart
                .draw_series(
                    LineSeries::new(line.points.iter().copied(), colour.stroke_width(2))
                        .point_size(4),
                )
                .map_err(failed)?
                .label(&line.name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled())
                });
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// One bar in pieces: its name, and the length and name of each piece.
struct Bar {
    name: String,
    pieces: Vec<(f64, String)>,
}

/// Cycles by stage, a bar for each load.
fn stages(rows: &[Forwarding]) -> Result<String, PerfError> {
    let bars = rows.iter().map(|row| {
        let figures = &row.figures;
        let known: f64 = figures.stages.iter().map(|stage| stage.cycles).sum();
        let stages = figures
            .stages
            .iter()
            .map(|stage| (stage.cycles, stage.name.clone()));
        let rest = ((figures.router.cycles - known).max(0.0), "rest".to_owned());
        let routes = super::tables::grouped(row.load.routes);
        let hops = if row.load.next_hops == 1 {
            ""
        } else {
            ", hops"
        };
        Bar {
            name: format!("{} {routes}{hops}", row.load.name()),
            pieces: stages.chain([rest]).collect(),
        }
    });
    horizontal(
        "Cycles for each packet, by stage",
        "cycles",
        &bars.collect::<Vec<_>>(),
    )
}

/// How long a table takes in and out.
fn pace(updates: &Updates) -> Result<String, PerfError> {
    let bar = |name: &str, seconds: f64| Bar {
        name: name.to_owned(),
        pieces: vec![(updates.routes as f64 / seconds / 1e3, String::new())],
    };
    let bars = [
        bar("injected", updates.insert_s),
        bar("withdrawn", updates.withdraw_s),
    ];
    let title = format!(
        "Update rate over the API, {} IPv4 routes",
        super::tables::grouped(updates.routes)
    );
    horizontal(&title, "thousand routes a second", &bars)
}

/// Horizontal bars, the first at the top.
fn horizontal(title: &str, unit: &str, bars: &[Bar]) -> Result<String, PerfError> {
    let longest = bars
        .iter()
        .map(|bar| bar.pieces.iter().map(|(length, _)| length).sum::<f64>());
    let longest = longest.fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = String::new();
    {
        let height = 120 + 34 * bars.len() as u32;
        let root = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(title, (FONT, 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(250)
            .build_cartesian_2d(0.0..longest * 1.2, (0..bars.len() as i32).into_segmented())
            .map_err(failed)?;
        let place = |number: usize| (bars.len() - 1 - number) as i32;
        let names = |segment: &SegmentValue<i32>| match segment {
            SegmentValue::Exact(at) | SegmentValue::CenterOf(at) => {
                let number = usize::try_from(place(0) - at).unwrap_or(usize::MAX);
                bars.get(number)
                    .map_or_else(String::new, |bar| bar.name.clone())
            }
            SegmentValue::Last => String::new(),
        };
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(unit)
            .y_label_formatter(&names)
            .y_labels(bars.len() + 1)
            .disable_y_mesh()
            .light_line_style(WHITE);
        mesh.draw().map_err(failed)?;
        let kinds = bars
            .iter()
            .map(|bar| bar.pieces.len())
            .max()
            .unwrap_or_default();
        for (kind, colour) in (0..kinds).zip(COLOURS) {
            let boxes = bars.iter().enumerate().filter_map(|(number, bar)| {
                let from: f64 = bar.pieces[..kind.min(bar.pieces.len())]
                    .iter()
                    .map(|(length, _)| length)
                    .sum();
                let (length, _) = bar.pieces.get(kind)?;
                let (low, high) = (place(number), place(number) + 1);
                let mut shape = Rectangle::new(
                    [
                        (from, SegmentValue::Exact(low)),
                        (from + length, SegmentValue::Exact(high)),
                    ],
                    colour.mix(0.85).filled(),
                );
                shape.set_margin(5, 5, 0, 0);
                Some(shape)
            });
            let series = chart
                .draw_series(boxes.collect::<Vec<_>>())
                .map_err(failed)?;
            let name = bars
                .first()
                .and_then(|bar| bar.pieces.get(kind))
                .map(|(_, name)| name.as_str());
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                series.label(name).legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.mix(0.85).filled())
                });
            }
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// Latencies of single routes by their share.
fn latency(updates: &Updates) -> Result<String, PerfError> {
    let values = &updates.single.quantiles_us;
    let highest = values.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let lowest = values
        .iter()
        .map(|(_, value)| *value)
        .fold(highest, f64::min)
        .max(0.1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .caption(
                "Latency of a single route, first byte to visible",
                (FONT, 18),
            )
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..102.0, (lowest * 0.8..highest * 1.3).log_scale())
            .map_err(failed)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc("% of the routes are visible within")
            .y_desc("µs")
            .light_line_style(WHITE);
        mesh.draw().map_err(failed)?;
        let points = values.iter().map(|(share, value)| (100.0 * share, *value));
        chart
            .draw_series(LineSeries::new(points, COLOURS[0].stroke_width(2)).point_size(4))
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

/// A load in words.
pub(super) fn load_name(row: &Row) -> String {
    let share = 100.0 * row.share;
    if row.clump == 1 {
        format!("{share:.0} %")
    } else {
        format!("{share:.0} %, {} at once", row.clump)
    }
}

/// How long packets stay in the router, by load and share.
fn under_load(latency: &Latency) -> Result<String, PerfError> {
    let times = || {
        latency
            .rows
            .iter()
            .flat_map(|row| row.times_us.iter().copied())
    };
    let highest = times().fold(1.0, f64::max);
    let lowest = times().fold(highest, f64::min).max(0.01);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let last = SHARES.len() as f64 - 1.0;
        let mut chart = ChartBuilder::on(&root)
            .caption(
                "Time in the router under load, receive to transmit",
                (FONT, 18),
            )
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(-0.2..last + 1.4, (lowest * 0.7..highest * 1.6).log_scale())
            .map_err(failed)?;
        let share = |at: &f64| {
            let share = SHARES
                .get(at.round() as usize)
                .filter(|_| at.fract().abs() < 1e-6);
            share.map_or_else(String::new, |share| format!("{} %", 100.0 * share))
        };
        let mut mesh = chart.configure_mesh();
        mesh.x_desc("of the packets stay at most")
            .y_desc("µs")
            .x_label_formatter(&share)
            .light_line_style(WHITE);
        mesh.draw().map_err(failed)?;
        for (row, colour) in latency.rows.iter().zip(COLOURS) {
            let points = (0..).map(f64::from).zip(row.times_us.iter().copied());
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(4))
                .map_err(failed)?
                .label(load_name(row))
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 14, y + 4)], colour.filled())
                });
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()
            .map_err(failed)?;
        root.present().map_err(failed)?;
    }
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::beside::{Beside, StageCost};
    use crate::cases::forward::Load;
    use crate::sample::Rate;
    use ferroute_dataplane::counters::Stage;

    fn row(family: Family, routes: usize, mpps: f64) -> Forwarding {
        let rate = |mpps: f64| Rate {
            mega_per_s: mpps,
            cycles: 2_300.0 / mpps,
            samples: vec![mpps],
            waited: 0.0,
            thrown_away: 0,
        };
        Forwarding {
            load: Load {
                family,
                routes,
                next_hops: 1,
                uplinks: 1,
                overlay: None,
            },
            flows: 64,
            figures: Beside {
                testpmd: rate(2.0 * mpps),
                router: rate(mpps),
                ratio: 0.5,
                stages: Stage::ALL
                    .map(|stage| StageCost {
                        name: stage.name().to_owned(),
                        cycles: 20.0,
                    })
                    .to_vec(),
                packets_per_burst: 64.0,
                lost: 0,
            },
            l3fwd: None,
        }
    }

    #[test]
    fn time_in_the_router_is_drawn_for_each_load() {
        let row = |share: f64, clump| Row {
            mega_per_s: 4.0,
            share,
            clump,
            times_us: vec![0.2, 0.9, 4.0, 20.0, 800.0],
            waited: 0.0,
            lost: 0,
        };
        let plot = under_load(&Latency {
            routes: 1,
            capacity_mega_per_s: 8.0,
            rows: vec![row(0.5, 1), row(0.8, 1_024)],
        });
        let plot = plot.unwrap();
        assert!(
            plot.contains("50 %") && plot.contains("80 %, 1024 at once"),
            "{plot}"
        );
    }

    #[test]
    fn plots_are_drawn_and_name_what_they_show() {
        let rows = [
            row(Family::V4, 1, 30.0),
            row(Family::V4, 1_000_000, 20.0),
            row(Family::V6, 1, 25.0),
        ];
        let rates = rates(&rows).unwrap();
        assert!(
            rates.starts_with("<svg")
                && rates.contains("testpmd io IPv4")
                && rates.contains("ferroute IPv6")
        );
        let stages = stages(&rows).unwrap();
        let names = Stage::ALL.map(Stage::name);
        for name in names.into_iter().chain(["rest", "IPv4 1 000 000"]) {
            assert!(stages.contains(name), "{name}: {stages}");
        }
    }
}
