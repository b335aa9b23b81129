//! From a document to typed values, with every mistake on the way and not just the first.
//!
//! serde stops at the first error. So a wrong value is reported, pruned from the document, and the whole
//! is decoded again, until it succeeds. Each round takes at least one value out, so this ends; a
//! configuration is small, so it ends soon.

use super::document::{Document, NodeId, Value};
use super::mistake::{Mistake, Problem, nearest};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;

/// Decodes a whole document. What is wrong goes to `mistakes`; the answer holds the rest, or
/// is the default if the rest makes no whole.
pub(super) fn decode<T: DeserializeOwned + Default>(
    document: &mut Document,
    mistakes: &mut Vec<Mistake>,
) -> T {
    loop {
        let fault = match T::deserialize(Reader {
            document,
            node: Document::ROOT,
        }) {
            Ok(value) => return value,
            Err(fault) => fault,
        };
        let node = fault.node.unwrap_or(Document::ROOT);
        let reported =
            matches!(fault.problem, Problem::Missing(field) if document.is_pruned(node, field));
        if !reported {
            let mark = if fault.at_key {
                document.key_mark(node)
            } else {
                document.mark(node)
            };
            mistakes.push(Mistake {
                mark,
                field: document.field(node),
                problem: fault.problem,
            });
        }
        if node == Document::ROOT {
            return T::default();
        }
        document.prune(node);
    }
}

/// Why decoding stopped, and at which value.
#[derive(Debug)]
struct Fault {
    problem: Problem,
    node: Option<NodeId>,
    at_key: bool,
}

impl Fault {
    fn new(problem: Problem) -> Self {
        Self {
            problem,
            node: None,
            at_key: false,
        }
    }

    /// Says where the fault lies, unless a value further in already said so.
    fn at(mut self, node: NodeId) -> Self {
        self.node.get_or_insert(node);
        self
    }

    /// Says that the fault lies in the key of `node`.
    fn at_key(mut self, node: NodeId) -> Self {
        self.at_key = self.node.is_none();
        self.at(node)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Problem::Value(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Problem::Kind {
            expected: wanted(&expected.to_string()).to_owned(),
            found: in_words(found),
        })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let near = nearest(field, known.iter().copied());
        Self::new(Problem::UnknownField {
            near,
            known: known.iter().map(|&word| word.to_owned()).collect(),
        })
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        let near = nearest(word, known.iter().copied());
        let known = known.iter().map(|&word| word.to_owned()).collect();
        Self::new(Problem::UnknownWord {
            word: word.to_owned(),
            near,
            known,
        })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Problem::Missing(field))
    }
}

/// What serde expects, in the words of YAML.
fn wanted(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a string" => "a text",
        "path string" => "a path",
        other => other,
    }
}

/// What was found, in the words of YAML.
fn in_words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        Unexpected::Float(value) => format!("the number {value}"),
        Unexpected::Str(text) => format!("the text {text:?}"),
        Unexpected::Unit => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// serde's view of one value.
#[derive(Clone, Copy)]
struct Reader<'a> {
    document: &'a Document,
    node: NodeId,
}

impl<'a> Reader<'a> {
    fn value(&self) -> &'a Value {
        self.document.value(self.node)
    }

    /// Nothing at all reads as an empty map or list: `ports:` with every entry commented out.
    fn is_null(&self) -> bool {
        matches!(self.value(), Value::Null)
    }

    fn unexpected(&self) -> Unexpected<'a> {
        match self.value() {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Integer(value) => Unexpected::Signed(*value),
            Value::Float(value) => Unexpected::Float(*value),
            Value::Text(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
            Value::Tagged => Unexpected::Other("a YAML tag"),
        }
    }

    fn entries<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Children {
            document: self.document,
            rest: self.document.children(self.node),
            value: None,
        })
    }

    fn items<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Children {
            document: self.document,
            rest: self.document.children(self.node),
            value: None,
        })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(_) => self.items(visitor),
            Value::Map(_) => self.entries(visitor),
            Value::Tagged => Err(Fault::new(Problem::Tagged)),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor
            .visit_newtype_struct(self)
            .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_null() {
            self.items(visitor)
        } else {
            self.deserialize_any(visitor)
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Null | Value::Map(_) => self.entries(visitor),
            Value::Tagged => Err(Fault::new(Problem::Tagged)),
            // A derived visitor would take a list for a struct.
            _ => Err(Fault::invalid_type(self.unexpected(), &"a map")),
        }
        .map_err(|fault| fault.at(self.node))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value() {
            Value::Text(text) => {
                visitor.visit_enum(IntoDeserializer::<Fault>::into_deserializer(text.as_str()))
            }
            _ => Err(Fault::invalid_type(
                self.unexpected(),
                &format!("one of {}", variants.join(", ")).as_str(),
            )),
        }
        .map_err(|fault| fault.at(self.node))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

/// The elements of a list or the entries of a map, one after the other.
struct Children<'a, I> {
    document: &'a Document,
    rest: I,
    value: Option<NodeId>,
}

impl<'de, I: Iterator<Item = NodeId>> SeqAccess<'de> for Children<'_, I> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader {
            document: self.document,
            node,
        })
        .map(Some)
        .map_err(|fault| fault.at(node))
    }
}

impl<'de, I: Iterator<Item = NodeId>> MapAccess<'de> for Children<'_, I> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(node);
        let key: StrDeserializer<'_, Fault> = self.document.key(node).into_deserializer();
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.at_key(node))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(node) = self.value.take() else {
            return Err(Fault::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader {
            document: self.document,
            node,
        })
        .map_err(|fault| fault.at(node))
    }
}
