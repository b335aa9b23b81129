//! The text format of Prometheus (version 0.0.4).

use std::fmt::{Display, Write};

/// What a number means to a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// It only grows; its name ends in `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// A text that is being written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Writes all samples of one metric.
    pub(crate) fn metric<'a, L: AsRef<[(&'a str, &'a str)]>, V: Display>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (L, V)>,
    ) {
        debug_assert_eq!(kind == Kind::Counter, name.ends_with("_total"), "{name}");
        let text = &mut self.text;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
        for (labels, value) in samples {
            text.push_str(name);
            let mut opening = '{';
            for (label, of) in labels.as_ref() {
                let _ = write!(text, "{opening}{label}=\"");
                escape(text, of);
                text.push('"');
                opening = ',';
            }
            let closing = if opening == ',' { "}" } else { "" };
            let _ = writeln!(text, "{closing} {value}");
        }
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Appends a label's value in the form that the format asks for.
fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// A metric's name, its help, and where its value is.
pub(crate) type Column<V, T> = (&'static str, &'static str, fn(&V) -> T);

/// Writes several metrics of the same things. `rows` are the things with their labels.
pub(crate) fn columns<'a, V, T: Display, L: AsRef<[(&'a str, &'a str)]>>(
    to: &mut Exposition,
    kind: Kind,
    columns: &[Column<V, T>],
    rows: &[(L, &V)],
) {
    for (name, help, value) in columns {
        to.metric(
            name,
            kind,
            help,
            rows.iter().map(|(labels, view)| (labels, value(view))),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_may_be_absent() {
        let mut exposition = Exposition::default();
        exposition.metric(
            "a_total",
            Kind::Counter,
            "A.",
            [([("x", "q\"b\\n\n"), ("y", "2")], 7_u64)],
        );
        exposition.metric("b_ratio", Kind::Gauge, "B.", [([], 0.5)]);
        assert_eq!(
            exposition.finish(),
            "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"q\\\"b\\\\n\\n\",y=\"2\"} 7\n\
             # HELP b_ratio B.\n# TYPE b_ratio gauge\nb_ratio 0.5\n"
        );
    }
}
