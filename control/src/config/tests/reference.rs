//! Holds `docs/configuration.md` to the types: its reference is generated, its examples are read.

use super::*;
use serde_json::{Map, Value};

const BEGIN: &str = "<!-- The reference is generated from the types: UPDATE_GOLDEN=1 with the test `the_reference_is_that_of_the_types`. -->\n";

fn document() -> (std::path::PathBuf, String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = fs::read_to_string(&file).unwrap();
    (file, text)
}

#[test]
fn the_reference_is_that_of_the_types() {
    let (file, text) = document();
    let (before, _) = text.split_once(BEGIN).expect("the reference's first line");
    let schema = serde_json::from_str(&schema().unwrap()).unwrap();
    golden(&file, &format!("{before}{BEGIN}{}", reference(&schema)));
}

#[test]
fn the_examples_are_valid() {
    let (_, text) = document();
    let examples: Vec<_> = text
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 4);
    for example in examples {
        assert!(
            parse(example).is_ok(),
            "{}\n{example}",
            parse(example).unwrap_err()
        );
    }
}

/// The tables of all sections.
fn reference(root: &Value) -> String {
    let mut text = String::new();
    let properties = root["properties"].as_object().unwrap();
    for (name, property) in properties {
        let (schema, suffix) = match &property["items"] {
            Value::Null => (resolve(root, property), ""),
            items => (resolve(root, items), "[]"),
        };
        text.push_str(&format!(
            "\n### {name}{suffix}\n\n{}\n",
            first_of(&property["description"], &schema["description"])
        ));
        if let Some(fields) = schema["properties"].as_object() {
            text.push_str("\n| field | value | default | |\n|---|---|---|---|\n");
            let required: Vec<_> = schema["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            rows(root, "", fields, &required, &mut text);
        }
    }
    text
}

/// The rows of one table; the fields of lists within are named `via[].weight`.
fn rows(
    root: &Value,
    prefix: &str,
    fields: &Map<String, Value>,
    required: &[&str],
    text: &mut String,
) {
    for (name, field) in fields {
        let default = match &field["default"] {
            _ if required.contains(&name.as_str()) => "required".to_owned(),
            Value::Null => String::new(),
            Value::Object(_) => "see below".to_owned(),
            default => format!("`{}`", default.to_string().replace('"', "")),
        };
        let default = match resolve(root, field)["properties"].as_object() {
            Some(inner) if field["default"].is_object() => {
                let values = inner
                    .keys()
                    .map(|key| format!("{key} {}", field["default"][key]));
                values.collect::<Vec<_>>().join(", ")
            }
            _ => default,
        };
        let meaning = first_of(&field["description"], &Value::Null).replace('\n', " ");
        text.push_str(&format!(
            "| `{prefix}{name}` | {} | {default} | {meaning} |\n",
            kind(root, field)
        ));
        let items = resolve(root, &field["items"]);
        if let Some(inner) = items["properties"].as_object() {
            rows(root, &format!("{prefix}{name}[]."), inner, &[], text);
        }
        // A map that may be absent; one that has a default is summed up in its row, and rates are all alike.
        let map = resolve(root, field)["properties"].as_object();
        if let Some(inner) = map.filter(|map| !map.contains_key("per_second"))
            && field["default"].is_null()
        {
            rows(root, &format!("{prefix}{name}."), inner, &[], text);
        }
    }
}

/// What a field takes, in words.
fn kind(root: &Value, field: &Value) -> String {
    let schema = resolve(root, field);
    if let Some(words) = schema["oneOf"].as_array() {
        return words
            .iter()
            .filter_map(|word| word["const"].as_str())
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if schema["anyOf"].is_array() {
        return "CPUs".to_owned();
    }
    let of = match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    };
    match of {
        "integer" => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(min), Some(max)) => format!("{min} to {max}"),
            _ => "number".to_owned(),
        },
        "boolean" => "true, false".to_owned(),
        "array" => format!("list of {}", kind(root, &schema["items"])),
        "object" => "map".to_owned(),
        _ => match schema["examples"].as_array() {
            Some(examples) => examples
                .iter()
                .filter_map(Value::as_str)
                .map(|example| format!("`{example}`"))
                .collect::<Vec<_>>()
                .join(", "),
            None => "text".to_owned(),
        },
    }
}

/// Follows a reference, also one that may be absent.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let target = alternatives
        .chain([schema])
        .find_map(|schema| schema["$ref"].as_str());
    match target {
        Some(target) => root.pointer(target.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn first_of<'a>(one: &'a Value, other: &'a Value) -> &'a str {
    one.as_str().or(other.as_str()).unwrap_or_default()
}
