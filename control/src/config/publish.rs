//! What others get to see of the configuration: its JSON Schema, and itself as YAML.

use super::Config;
use saphyr::{Scalar, Yaml, YamlEmitter};
use schemars::JsonSchema;
use serde_json::Value;

/// The JSON Schema of the configuration file, as text.
///
/// # Errors
/// None that can occur: a schema is plain JSON.
pub fn schema() -> Result<String, serde_json::Error> {
    schema_of::<Config>()
}

/// The JSON Schema of any program's configuration file, as text.
///
/// # Errors
/// None that can occur: a schema is plain JSON.
pub fn schema_of<T: JsonSchema>() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(T))?;
    text.push('\n');
    Ok(text)
}

/// Why a configuration cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A path or name in it is not UTF-8.
    #[error("the configuration cannot be written as text: {0}")]
    Json(#[from] serde_json::Error),
    /// The text could not be formatted.
    #[error("the configuration cannot be written as YAML: {0}")]
    Yaml(#[from] saphyr::EmitError),
}

impl Config {
    /// The configuration as YAML with all defaults filled in; [`Config::parse`] reads it back.
    ///
    /// # Errors
    /// A path in it is not UTF-8.
    pub fn to_yaml(&self) -> Result<String, WriteError> {
        let tree = serde_json::to_value(self)?;
        let mut text = String::new();
        YamlEmitter::new(&mut text).dump(&yaml(&tree))?;
        text.push('\n');
        Ok(text)
    }
}

/// The same tree in the YAML library's terms.
fn yaml(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(value) => Yaml::Value(Scalar::Boolean(*value)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Yaml::Value(Scalar::Integer(integer)),
            None => Yaml::Value(Scalar::FloatingPoint(
                number.as_f64().unwrap_or_default().into(),
            )),
        },
        Value::String(text) => Yaml::Value(Scalar::String(text.as_str().into())),
        Value::Array(items) => Yaml::Sequence(items.iter().map(yaml).collect()),
        Value::Object(entries) => Yaml::Mapping(
            entries
                .iter()
                .map(|(key, value)| {
                    (
                        Yaml::Value(Scalar::String(key.as_str().into())),
                        yaml(value),
                    )
                })
                .collect(),
        ),
    }
}
