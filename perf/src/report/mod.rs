//! How results are shown: tables for a terminal, JSON for programs, a page with plots for people.

mod html;
mod overlay;
mod plots;
mod tables;
mod workers;

pub use tables::tables;

use crate::error::PerfError;
use crate::results::Results;
use std::fs;
use std::path::{Path, PathBuf};

/// The results as JSON.
///
/// # Errors
/// They hold no number that JSON has not; so there is none.
pub fn json(results: &Results) -> Result<String, PerfError> {
    serde_json::to_string_pretty(results).map_err(PerfError::system("writing JSON"))
}

/// Writes `results.json` and `report.html` into a directory, which is made; returns the report's path.
///
/// # Errors
/// The files could not be written, or a plot not be drawn.
pub fn write(directory: &Path, results: &Results) -> Result<PathBuf, PerfError> {
    let failed = || PerfError::system(format!("writing into {}", directory.display()));
    fs::create_dir_all(directory).map_err(failed())?;
    fs::write(directory.join("results.json"), json(results)?).map_err(failed())?;
    let page = directory.join("report.html");
    fs::write(&page, html::page(results)?).map_err(failed())?;
    Ok(page)
}
