mod reference;

use super::*;
use std::fs;

/// Eight CPUs, so that tests do not depend on the machine.
fn eight() -> CpuList {
    (0..8).collect()
}

fn parse(text: &str) -> Result<Config, Invalid> {
    Config::parse(text, Path::new("f.yaml"), &eight())
}

/// Compares with a file of the tree, or writes it when `UPDATE_GOLDEN` is set.
fn golden(file: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(file, actual).unwrap();
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(
        actual,
        expected,
        "{} differs; UPDATE_GOLDEN=1 writes it anew",
        file.display()
    );
}

#[test]
fn mistakes_are_reported_all_at_once_with_their_places() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata");
    let mut cases = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let invalid =
            Config::parse(&text, Path::new(file.file_name().unwrap()), &eight()).unwrap_err();
        golden(&file.with_extension("errors"), &format!("{invalid}\n"));
        cases += 1;
    }
    assert!(cases >= 7);
}

#[test]
fn an_empty_file_is_the_default() {
    for text in ["", "# nothing\n", "---\n", "ports:\nsocket:\nroutes: ~\n"] {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
}

#[test]
fn what_is_written_is_read() {
    let config = parse(include_str!("../../../../docs/examples/ferrouted.yaml")).unwrap();
    assert_eq!(config.ports[0].name.as_str(), "p0");
    assert_eq!(parse(&config.to_yaml().unwrap()), Ok(config));
}

#[test]
fn the_example_is_valid_on_a_machine_of_one_cpu() {
    let example = include_str!("../../../../docs/examples/ferrouted.yaml");
    let one = std::iter::once(0).collect();
    assert!(Config::parse(example, Path::new("f.yaml"), &one).is_ok());
}

#[test]
fn defaults_survive_being_written() {
    let default = Config::default();
    assert_eq!(parse(&default.to_yaml().unwrap()), Ok(default));
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ferrouted.schema.json");
    golden(&file, &schema().unwrap());
}

#[test]
fn interfaces_say_what_they_are() {
    use crate::model::interface::{InterfaceKind, VirtualKind};
    let config = parse(
        "ports: [{name: p0, device: net_tap0}, {name: p0.5, device: net_tap1}]\n\
         interfaces: [{name: p0}, {name: p0.5}, {name: p0.5.6}, {name: v, port: p0, vlan: 9}, {name: lo, loopback: true}]",
    )
    .unwrap();
    let is_port = |name: &_| config.ports.iter().any(|port| port.name == *name);
    let kinds: Vec<_> = config
        .interfaces
        .iter()
        .map(|interface| interface.kind(is_port).unwrap())
        .collect();
    let vlan = |parent: &str, vlan_id: u32| {
        let (parent, vlan_id) = (parent.parse().unwrap(), vlan_id.try_into().unwrap());
        InterfaceKind::Virtual(VirtualKind::Vlan { parent, vlan_id })
    };
    let loopback = InterfaceKind::Virtual(VirtualKind::Loopback);
    assert_eq!(
        kinds,
        [
            InterfaceKind::Port,
            InterfaceKind::Port,
            vlan("p0.5", 6),
            vlan("p0", 9),
            loopback
        ]
    );
}

#[test]
fn every_punt_class_has_its_own_rate_of_the_same_name() {
    use ferroute_dataplane::punt::PuntClass;
    for (place, class) in PuntClass::ALL.into_iter().enumerate() {
        let per_second = 17 + place;
        let config = parse(&format!(
            "punt: {{{}: {{per_second: {per_second}, burst: 3}}}}",
            class.name()
        ))
        .unwrap();
        assert_eq!(
            config.punt.rate(class).per_second.get() as usize,
            per_second
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::load(Path::new("/nonexistent/ferrouted.yaml"), &eight()).unwrap_err();
    assert!(
        error.to_string().contains("/nonexistent/ferrouted.yaml"),
        "{error}"
    );
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the text, there is an answer, and mistakes are in the order of the text.
        #[test]
        fn any_text_gets_an_answer(text in "([a-z_]{1,9}: ?|- |\\[|\\]|\\{|\\}|, |\n|  |[0-9./:]{1,12}|\"|&a|\\*a|ports:|name: p|~){0,60}") {
            if let Err(invalid) = parse(&text) {
                prop_assert!(!invalid.mistakes.is_empty());
                prop_assert!(invalid.mistakes.is_sorted_by_key(|mistake| mistake.mark));
            }
        }

        /// A mistake in one field is found wherever other mistakes stand.
        #[test]
        fn mistakes_do_not_hide_each_other(wrong in proptest::collection::btree_set(0..8usize, 1..8)) {
            let lines = [
                ("socket: {mode: \"0600\"}", "socket: {mode: \"0999\"}"),
                ("log: {level: warn}", "log: {level: [warn]}"),
                ("eal: {huge_pages: off}", "eal: {huge_page: off}"),
                ("cpus: {workers: 2-3}", "cpus: {workers: 3-2}"),
                ("vrfs: [{name: red}]", "vrfs: [{name: red, id: 5}]"),
                ("ports: [{name: p, device: d}]", "ports: [{name: p}]"),
                ("routes: [{prefix: 10.0.0.0/8, type: blackhole}]", "routes: [{prefix: 10.0.0.1/8, type: blackhole}]"),
                ("metrics: {listen: \"[::]:1\"}", "metrics: {listen: 1}"),
            ];
            let text: Vec<_> = lines.iter().enumerate().map(|(i, (good, bad))| if wrong.contains(&i) { *bad } else { *good }).collect();
            let invalid = parse(&text.join("\n")).unwrap_err();
            let found: Vec<_> = invalid.mistakes.iter().map(|mistake| mistake.mark.line - 1).collect();
            prop_assert_eq!(found, wrong.into_iter().collect::<Vec<_>>());
        }
    }
}
