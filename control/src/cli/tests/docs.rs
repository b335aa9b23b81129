//! What the documents tell people to type is understood, and what they point to is there.

use crate::cli::grammar::Cli;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::fs;
use std::path::{Path, PathBuf};

/// README.md and the documents, with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let in_docs = fs::read_dir(root.join("docs")).unwrap();
    let in_docs = in_docs.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = in_docs
        .chain([root.join("README.md")])
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

/// The command lines of `ferroute` in a document, and whether each is a whole one: lines of its blocks for the shell are,
/// what stands between backticks may name a verb alone.
fn commands(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    // The language of the block that a line is in.
    let mut block = None;
    for line in text.lines() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            block = match block {
                Some(_) => None,
                None => Some(language),
            };
            continue;
        }
        match block {
            Some("sh") => found.push((line.trim_start().to_owned(), true)),
            Some(_) => {}
            None => {
                let named = line.split('`').skip(1).step_by(2);
                found.extend(named.map(|named| (named.to_owned(), false)));
            }
        }
    }
    // Behind these the command is over.
    let ends = [" #", " | ", " > ", " && ", "; "];
    found.retain(|(line, _)| line.starts_with("ferroute "));
    for (line, _) in &mut found {
        for end in ends {
            line.truncate(line.find(end).unwrap_or(line.len()));
        }
    }
    found
}

#[test]
fn documented_commands_are_understood() {
    let mut seen = 0;
    for (path, text) in documents() {
        for (line, is_whole) in commands(&text) {
            if line.contains('…') {
                continue;
            }
            let Err(error) = Cli::try_parse_from(line.split_whitespace()) else {
                seen += 1;
                continue;
            };
            if error.kind() == ErrorKind::DisplayHelp {
                continue;
            }
            let lacks_words = matches!(
                error.kind(),
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | ErrorKind::MissingRequiredArgument
            );
            assert!(
                !is_whole && lacks_words,
                "{}: {line}\n{error}",
                path.display()
            );
        }
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn every_noun_is_documented() {
    let said: Vec<_> = documents()
        .iter()
        .flat_map(|(_, text)| commands(text))
        .filter_map(|(line, _)| Some(line.split_whitespace().nth(1)?.to_owned()))
        .collect();
    let nouns = Cli::command();
    let nouns = nouns.get_subcommands().map(|noun| noun.get_name());
    let silent: Vec<_> = nouns
        .filter(|noun| !said.iter().any(|s| s == noun))
        .collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn links_lead_somewhere() {
    let mut seen = 0;
    for (path, text) in documents() {
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let there = path
                .parent()
                .is_some_and(|folder| folder.join(file).exists());
            assert!(there, "{}: {target} leads nowhere", path.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}
