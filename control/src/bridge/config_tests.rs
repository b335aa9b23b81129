//! The configuration: what is written is read, and every mistake is found.

use super::config::{Config, Kind};
use super::netlink::update::Protocol;
use std::path::Path;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("b.yaml")).map_err(|invalid| invalid.to_string())
}

#[test]
fn the_documents_example_is_valid() {
    let text = include_str!("../../../docs/bridge.md");
    let examples: Vec<_> = text.split("```yaml\n").skip(1).collect();
    assert!(!examples.is_empty());
    let config = parse(examples[0].split("```").next().unwrap()).unwrap();
    let [bird, zebra] = &config.sources[..] else {
        panic!("{config:?}");
    };
    assert_eq!((bird.kind, zebra.kind), (Kind::Kernel, Kind::Fpm));
    assert_eq!(bird.tables[0].protocols, [Protocol(12)]);
    assert_eq!(bird.tables[1].table.get(), 100);
    assert!(bird.tables[1].protocols.contains(&Protocol(186)));
    assert_eq!(zebra.tables[0].table.get(), 254);
    assert_eq!(parse(""), Ok(Config::default()));

    let evpn = parse(examples[1].split("```").next().unwrap()).unwrap();
    let vnis = evpn.sources.iter().map(|source| source.l2vnis[0].vni.get());
    assert_eq!(vnis.collect::<Vec<_>>(), [110, 120]);
}

#[test]
fn a_protocol_is_a_name_or_a_number() {
    let config =
        parse("sources: [{owner: a, kind: kernel, tables: [{protocols: [bgp, \"77\"]}]}]").unwrap();
    assert_eq!(
        config.sources[0].tables[0].protocols,
        [Protocol(186), Protocol(77)]
    );
    let said = parse("sources: [{owner: a, kind: kernel, tables: [{protocols: [bpg, \"256\"]}]}]")
        .unwrap_err();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn rules_between_fields_are_kept() {
    for (text, wanted) in [
        (
            "sources: [{owner: a, kind: kernel, l2vnis: [{vni: 1, domain: x}]}]",
            "sources[0].l2vnis[0].vni: a VNI needs the settings of `tunnels`",
        ),
        (
            "tunnels: {address: 192.0.2.1}\nsources: [{owner: a, kind: kernel, tables: [{l3vni: 1}], l2vnis: [{vni: 1, domain: x}]}]",
            "sources[0].l2vnis[0].vni: this VNI is served already",
        ),
        (
            "tunnels: {address: 192.0.2.1}\nsources: [{owner: a, kind: kernel, l2vnis: [{vni: 1, domain: x}, {vni: 2, domain: x}]}]",
            "sources[0].l2vnis[1].domain: this bridge domain has a VNI already",
        ),
        (
            "tunnels: {address: 192.0.2.1}\nsources: [{owner: a, kind: kernel, l2vnis: [{vni: 1, domain: x, vrf: red}]}]",
            "sources[0].l2vnis[0].vrf: this source has no table of this VRF",
        ),
        (
            "sources: [{owner: static, kind: kernel}]",
            "sources[0].owner: this owner is the router itself",
        ),
        (
            "sources: [{owner: a, kind: kernel}, {owner: a, kind: kernel, tables: [{table: 7, vrf: red}]}]",
            "sources[1].owner: another source has this owner",
        ),
        (
            "sources: [{owner: a, kind: kernel}, {owner: b, kind: fpm}]",
            "sources[1]: this VRF has a source already",
        ),
        (
            "sources: [{owner: a, kind: kernel, tables: [{vrf: x}, {vrf: y}]}]",
            "this table is served already",
        ),
        (
            "sources: [{owner: a, kind: fpm}, {owner: b, kind: fpm, tables: [{table: 7, vrf: red}]}]",
            "another source listens there",
        ),
        (
            "sources: [{owner: a, kind: kernel, tables: []}]",
            "a source needs a table",
        ),
        (
            "sources: [{owner: a, kind: bgp}]",
            "`bgp` is not known here",
        ),
        ("sources: [{kind: fpm}]", "`owner` is missing"),
    ] {
        let said = parse(text).unwrap_err();
        assert!(
            said.starts_with("b.yaml:1:") && said.contains(wanted),
            "{wanted}\n{said}"
        );
    }
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ferroute-bridge.schema.json");
    let actual = crate::config::schema_of::<Config>().unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        actual == expected,
        "the schema differs; UPDATE_GOLDEN=1 writes it anew"
    );
}
