//! A YAML document as a tree that remembers where each value stands.
//!
//! The tree is an arena. A value that turned out to be wrong is *pruned*: [`super::decode`] then reads
//! the document again as if the value were not there, and so finds the next mistake.

use super::mistake::{Mark, Mistake, Problem};
use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use std::fmt::Write as _;

/// A node's place in its document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NodeId(usize);

/// What a node holds.
#[derive(Debug)]
pub(super) enum Value {
    /// Nothing: `~`, `null` or no text at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A sequence.
    List(Vec<NodeId>),
    /// A mapping; each child knows its key.
    Map(Vec<NodeId>),
    /// A value with a YAML tag, which means nothing here.
    Tagged,
}

#[derive(Debug)]
struct Node {
    mark: Mark,
    parent: Option<NodeId>,
    key: Option<(String, Mark)>,
    value: Value,
    pruned: bool,
}

/// One step from a value to a value in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// The value of this key.
    Field(&'a str),
    /// The element in this place of the decoded list: pruned elements are not counted.
    Item(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(field: &'a str) -> Self {
        Self::Field(field)
    }
}

impl From<usize> for Step<'_> {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

/// A parsed YAML document.
#[derive(Debug)]
pub(crate) struct Document {
    nodes: Vec<Node>,
}

impl Document {
    /// The whole document.
    pub(super) const ROOT: NodeId = NodeId(0);

    /// Parses `text`. An empty text is a document that holds nothing.
    ///
    /// Mistakes found on the way (keys that are no words, tags) go to `mistakes`; a text that is no YAML
    /// at all gives an empty document and one mistake.
    pub(super) fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> Self {
        let mut document = Self { nodes: Vec::new() };
        let whole = |mark, problem| Mistake {
            mark,
            field: String::new(),
            problem,
        };
        match MarkedYaml::load_from_str(text) {
            Ok(documents) => {
                let mut documents = documents.into_iter();
                if let Some(first) = documents.next() {
                    document.add(first, None, None, mistakes);
                }
                if let Some(second) = documents.next() {
                    mistakes.push(whole(mark(second.span.start), Problem::SecondDocument));
                }
            }
            Err(error) => mistakes.push(whole(
                mark(*error.marker()),
                Problem::Syntax(error.info().to_owned()),
            )),
        }
        if document.nodes.is_empty() {
            document.nodes.push(Node {
                mark: Mark { line: 1, column: 1 },
                parent: None,
                key: None,
                value: Value::Null,
                pruned: false,
            });
        }
        document
    }

    /// Appends a value, and all that is in it, as a child of `parent`.
    fn add(
        &mut self,
        yaml: MarkedYaml<'_>,
        parent: Option<NodeId>,
        key: Option<(String, Mark)>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let id = NodeId(self.nodes.len());
        let (value, children, entries) = match yaml.data {
            YamlData::Value(Scalar::Boolean(value)) => (Value::Bool(value), None, None),
            YamlData::Value(Scalar::Integer(value)) => (Value::Integer(value), None, None),
            YamlData::Value(Scalar::FloatingPoint(value)) => {
                (Value::Float(value.into_inner()), None, None)
            }
            YamlData::Value(Scalar::String(value)) => (Value::Text(value.into_owned()), None, None),
            YamlData::Sequence(items) => (Value::List(Vec::new()), Some(items), None),
            YamlData::Mapping(entries) => (Value::Map(Vec::new()), None, Some(entries)),
            YamlData::Tagged(..) => (Value::Tagged, None, None),
            // An empty document is a bad value to the parser; the others do not come out of a whole parse.
            YamlData::Value(Scalar::Null)
            | YamlData::BadValue
            | YamlData::Representation(..)
            | YamlData::Alias(_) => (Value::Null, None, None),
        };
        self.nodes.push(Node {
            mark: mark(yaml.span.start),
            parent,
            key,
            value,
            pruned: false,
        });
        if let Some(parent) = parent
            && let Value::List(siblings) | Value::Map(siblings) = &mut self.nodes[parent.0].value
        {
            siblings.push(id);
        }
        for item in children.into_iter().flatten() {
            self.add(item, Some(id), None, mistakes);
        }
        for (key, value) in entries.into_iter().flatten() {
            let at = mark(key.span.start);
            match word(&key.data) {
                Some(word) => self.add(value, Some(id), Some((word, at)), mistakes),
                None => mistakes.push(Mistake {
                    mark: at,
                    field: self.field(id),
                    problem: Problem::Key,
                }),
            }
        }
    }

    /// What a node holds.
    pub(super) fn value(&self, id: NodeId) -> &Value {
        &self.nodes[id.0].value
    }

    /// The key of a map's child; empty for others.
    pub(super) fn key(&self, id: NodeId) -> &str {
        self.nodes[id.0].key.as_ref().map_or("", |(word, _)| word)
    }

    /// Where a node's value stands.
    pub(super) fn mark(&self, id: NodeId) -> Mark {
        self.nodes[id.0].mark
    }

    /// Where a node's key stands, or its value if it has none.
    pub(super) fn key_mark(&self, id: NodeId) -> Mark {
        self.nodes[id.0]
            .key
            .as_ref()
            .map_or(self.nodes[id.0].mark, |(_, mark)| *mark)
    }

    /// The elements of a list or map that are not pruned.
    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.all_children(id)
            .iter()
            .copied()
            .filter(|child| !self.nodes[child.0].pruned)
    }

    fn all_children(&self, id: NodeId) -> &[NodeId] {
        match &self.nodes[id.0].value {
            Value::List(children) | Value::Map(children) => children,
            _ => &[],
        }
    }

    /// Takes a value out of what is decoded.
    pub(super) fn prune(&mut self, id: NodeId) {
        self.nodes[id.0].pruned = true;
    }

    /// Whether the child with this key was pruned: its mistake is reported already.
    pub(super) fn is_pruned(&self, map: NodeId, key: &str) -> bool {
        self.all_children(map)
            .iter()
            .any(|child| self.key(*child) == key && self.nodes[child.0].pruned)
    }

    /// Whether all elements of the list under a field of the root were decoded. If not, a name that
    /// seems to be missing may well be in an element that was left out.
    pub(super) fn is_whole(&self, field: &str) -> bool {
        self.all_children(Self::ROOT)
            .iter()
            .filter(|child| self.key(**child) == field)
            .all(|list| {
                !self.nodes[list.0].pruned
                    && self
                        .all_children(*list)
                        .iter()
                        .all(|item| !self.nodes[item.0].pruned)
            })
    }

    /// The node at the end of `path`, or the last that exists on the way there.
    pub(super) fn find(&self, path: &[Step<'_>]) -> NodeId {
        let mut at = Self::ROOT;
        for step in path {
            let next = match *step {
                Step::Field(name) => self.children(at).find(|child| self.key(*child) == name),
                Step::Item(place) => self.children(at).nth(place),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// The mistake that something is wrong with the value at the end of `path`.
    pub(crate) fn mistake(&self, path: &[Step<'_>], problem: Problem) -> Mistake {
        let node = self.find(path);
        Mistake {
            mark: self.mark(node),
            field: self.field(node),
            problem,
        }
    }

    /// The way to a node in words: `ports[1].mtu`. Places count as in the file, pruned elements included.
    pub(super) fn field(&self, id: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = id;
        while let Some(parent) = self.nodes[at.0].parent {
            steps.push((parent, at));
            at = parent;
        }
        let mut field = String::new();
        for (parent, child) in steps.into_iter().rev() {
            if self.nodes[child.0].key.is_some() {
                if !field.is_empty() {
                    field.push('.');
                }
                field.push_str(self.key(child));
            } else {
                let place = self
                    .all_children(parent)
                    .iter()
                    .position(|sibling| *sibling == child)
                    .unwrap_or_default();
                // Writing to a String cannot fail.
                let _ = write!(field, "[{place}]");
            }
        }
        field
    }
}

fn mark(marker: Marker) -> Mark {
    Mark {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// A map's key as text, if it is a scalar that reads as a word.
fn word<'a>(key: &YamlData<'a, MarkedYaml<'a>>) -> Option<String> {
    match key {
        YamlData::Value(Scalar::String(word)) => Some(word.clone().into_owned()),
        YamlData::Value(Scalar::Integer(number)) => Some(number.to_string()),
        YamlData::Value(Scalar::Boolean(value)) => Some(value.to_string()),
        _ => None,
    }
}
