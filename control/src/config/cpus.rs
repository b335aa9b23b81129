//! Sets of CPUs, as the kernel writes them: `2-5,8`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A set of CPUs by the kernel's numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CpuList(BTreeSet<u16>);

/// Why a text is no set of CPUs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a list of CPUs such as 2-5,8")]
pub struct CpuListError(String);

impl CpuList {
    /// The largest number a CPU can have in a list.
    pub const MAX_CPU: u16 = 4095;

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u16> + '_ {
        self.0.iter().copied()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this CPU is in the set.
    #[must_use]
    pub fn contains(&self, cpu: u16) -> bool {
        self.0.contains(&cpu)
    }

    /// The CPUs of this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self(&self.0 - &other.0)
    }
}

impl FromIterator<u16> for CpuList {
    fn from_iter<I: IntoIterator<Item = u16>>(cpus: I) -> Self {
        Self(cpus.into_iter().collect())
    }
}

impl FromStr for CpuList {
    type Err = CpuListError;

    fn from_str(text: &str) -> Result<Self, CpuListError> {
        let fail = || CpuListError(text.to_owned());
        let cpu = |digits: &str| {
            digits
                .trim()
                .parse::<u16>()
                .ok()
                .filter(|cpu| *cpu <= Self::MAX_CPU)
                .ok_or_else(fail)
        };
        let mut cpus = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (cpu(first)?, cpu(last)?);
            if first > last {
                return Err(fail());
            }
            cpus.extend(first..=last);
        }
        Ok(Self(cpus))
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.iter().peekable();
        let mut comma = "";
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| *next == last + 1) {
                last = next;
            }
            write!(f, "{comma}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            comma = ",";
        }
        Ok(())
    }
}

impl Serialize for CpuList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CpuList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyForm)
    }
}

/// Reads `3`, `"2-5,8"` or `[2, 3, 8]`.
struct AnyForm;

impl<'de> Visitor<'de> for AnyForm {
    type Value = CpuList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of CPUs such as 2-5,8 or [2, 3]")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CpuList, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, cpu: i64) -> Result<CpuList, E> {
        self.visit_str(&cpu.to_string())
    }

    fn visit_u64<E: Error>(self, cpu: u64) -> Result<CpuList, E> {
        self.visit_str(&cpu.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<CpuList, A::Error> {
        let mut cpus = BTreeSet::new();
        while let Some(cpu) = items.next_element::<u16>()? {
            if cpu > CpuList::MAX_CPU {
                return Err(A::Error::custom(CpuListError(cpu.to_string())));
            }
            cpus.insert(cpu);
        }
        Ok(CpuList(cpus))
    }
}

impl JsonSchema for CpuList {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CpuList".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^\\s*[0-9]+(\\s*-\\s*[0-9]+)?(\\s*,\\s*[0-9]+(\\s*-\\s*[0-9]+)?)*\\s*$" },
                { "type": "integer", "minimum": 0, "maximum": Self::MAX_CPU },
                { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": Self::MAX_CPU } },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_ranges_and_refuses_the_rest() {
        assert_eq!(
            "2-5,8"
                .parse::<CpuList>()
                .unwrap()
                .iter()
                .collect::<Vec<_>>(),
            [2, 3, 4, 5, 8]
        );
        for bad in ["", "a", "5-2", "1,,2", "-1", "1-2-3", "4096", "70000"] {
            assert!(bad.parse::<CpuList>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parses_what_it_prints(cpus in proptest::collection::btree_set(0..=CpuList::MAX_CPU, 1..40)) {
            let list = CpuList(cpus);
            prop_assert_eq!(list.to_string().parse::<CpuList>(), Ok(list));
        }
    }
}
