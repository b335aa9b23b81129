//! The report: one page with everything in it, so that it can be kept and sent.

use super::plots;
use super::tables::{self, Titled};
use crate::error::PerfError;
use crate::results::Results;
use std::fmt::Write as _;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:.5rem 0 2rem}th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}\
th:first-child,td:first-child{text-align:left}.note{background:#fff4d6;padding:.5rem 1rem}figure{margin:0 0 2rem}svg{max-width:100%;height:auto}";

/// The page.
pub(super) fn page(results: &Results) -> Result<String, PerfError> {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>ferroute: performance</title>\
         <style>{STYLE}</style></head><body><h1>ferroute: performance</h1><p>{}</p>\n",
        escape(&tables::machine(results))
    );
    for note in &results.notes {
        out += &format!("<p class=\"note\">{}</p>\n", escape(note));
    }
    for plot in plots::all(results)? {
        out += &format!("<figure>{plot}</figure>\n");
    }
    for titled in tables::all(results) {
        table(&mut out, &titled);
    }
    out += "</body></html>\n";
    Ok(out)
}

fn table(out: &mut String, titled: &Titled) {
    let row = |out: &mut String, tag: &str, cells: &[String]| {
        out.push_str("<tr>");
        for cell in cells {
            // Writing to a String cannot fail.
            let _ = write!(out, "<{tag}>{}</{tag}>", escape(cell));
        }
        out.push_str("</tr>\n");
    };
    let _ = writeln!(out, "<h2>{}</h2><table>", escape(titled.title));
    row(out, "th", &titled.header);
    for cells in &titled.rows {
        row(out, "td", cells);
    }
    out.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("a<b> & c"), "a&lt;b&gt; &amp; c");
    }
}
