//! Recordings of real systems below `testdata`, each with a text of what is to come out of it.

use std::fs;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bridge/testdata")
}

/// A recording.
pub(super) fn recording(name: &str) -> Vec<u8> {
    fs::read(directory().join(name)).unwrap()
}

/// Compares what came out of a recording with its text, or writes it as the text if the environment says so.
pub(super) fn compare(name: &str, actual: &str) {
    let file = directory().join(format!("{name}.golden"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, actual).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        actual, expected,
        "{name} differs; UPDATE_GOLDEN=1 writes it anew"
    );
}
