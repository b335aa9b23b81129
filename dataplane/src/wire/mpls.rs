//! MPLS label stacks (RFC 3032, RFC 5462) and where UDP carries them (RFC 7510).

use super::Header;
use arrayvec::ArrayVec;
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// The UDP port of MPLS in UDP (RFC 7510 section 3).
pub const MPLS_UDP_PORT: u16 = 6635;
/// Most labels that one next hop pushes.
pub const MAX_PUSHED: usize = 4;

/// A label: 20 bits. 0 to 15 have a meaning of their own (RFC 3032 section 2.1, RFC 7274).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Label(u32);

/// Why a number is no label.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a label: they run from 0 to 1048575")]
pub struct LabelError(
    /// The number that was given.
    pub u32,
);

impl Label {
    /// What follows is IPv4 (RFC 3032 section 2.1, RFC 4182).
    pub const IPV4_EXPLICIT_NULL: Self = Self(0);
    /// The router is to look at the packet (RFC 3032 section 2.1).
    pub const ROUTER_ALERT: Self = Self(1);
    /// What follows is IPv6 (RFC 3032 section 2.1, RFC 4182).
    pub const IPV6_EXPLICIT_NULL: Self = Self(2);
    /// "Push nothing"; said between routers, never on the wire (RFC 3032 section 2.1).
    pub const IMPLICIT_NULL: Self = Self(3);
    /// The label below holds entropy (RFC 6790).
    pub const ENTROPY_INDICATOR: Self = Self(7);
    /// A generic associated channel header follows (RFC 5586).
    pub const GENERIC_ALERT: Self = Self(13);
    /// The first label that has no meaning of its own.
    pub const FIRST_UNRESERVED: Self = Self(16);
    /// How many labels there are.
    pub const COUNT: usize = 1 << 20;

    /// The label with this number.
    ///
    /// # Errors
    /// What does not fit 20 bits.
    pub const fn new(number: u32) -> Result<Self, LabelError> {
        if number < 1 << 20 {
            Ok(Self(number))
        } else {
            Err(LabelError(number))
        }
    }

    /// The number itself.
    #[inline(always)]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number as an index into a table of [`COUNT`](Self::COUNT) places.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether the label has a meaning of its own, so that no router may give it another.
    #[inline(always)]
    #[must_use]
    pub const fn is_special(self) -> bool {
        self.0 < Self::FIRST_UNRESERVED.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of a label stack: 20 bits of label, 3 of traffic class, the bottom bit, 8 of TTL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct StackEntry([u8; 4]);

impl Header for StackEntry {}

impl StackEntry {
    /// An entry; of `traffic_class` the lower three bits count.
    #[inline(always)]
    #[must_use]
    pub const fn new(label: Label, traffic_class: u8, bottom: bool, ttl: u8) -> Self {
        let word =
            label.0 << 12 | (traffic_class as u32 & 7) << 9 | (bottom as u32) << 8 | ttl as u32;
        Self(word.to_be_bytes())
    }

    #[inline(always)]
    const fn word(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    /// The label.
    #[inline(always)]
    #[must_use]
    pub const fn label(self) -> Label {
        Label(self.word() >> 12)
    }

    /// The traffic class, 0 to 7 (RFC 5462).
    #[inline(always)]
    #[must_use]
    pub const fn traffic_class(self) -> u8 {
        self.0[2] >> 1 & 7
    }

    /// Whether it is the last of its stack.
    #[inline(always)]
    #[must_use]
    pub const fn is_bottom(self) -> bool {
        self.0[2] & 1 != 0
    }

    /// The time to live.
    #[inline(always)]
    #[must_use]
    pub const fn ttl(self) -> u8 {
        self.0[3]
    }
}

/// What a next hop pushes: one to [`MAX_PUSHED`] labels, the outermost first. None of them is
/// [`Label::IMPLICIT_NULL`], which never stands on the wire, or [`Label::ENTROPY_INDICATOR`], which the
/// tunnel's policy adds.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LabelStack(ArrayVec<Label, MAX_PUSHED>);

/// Why labels are no stack to push.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LabelStackError {
    /// There is none.
    #[error("a label stack holds at least one label")]
    Empty,
    /// There are more than [`MAX_PUSHED`].
    #[error("{0} labels: at most {MAX_PUSHED} can be pushed")]
    TooDeep(usize),
    /// It may not be pushed.
    #[error("label {0} may not be pushed")]
    NotPushed(Label),
}

impl LabelStack {
    /// The stack of these labels, the outermost first.
    ///
    /// # Errors
    /// None, too many, or one that may not be pushed.
    pub fn new(labels: &[Label]) -> Result<Self, LabelStackError> {
        if labels.is_empty() {
            return Err(LabelStackError::Empty);
        }
        let refused = [Label::IMPLICIT_NULL, Label::ENTROPY_INDICATOR];
        if let Some(label) = labels.iter().find(|label| refused.contains(label)) {
            return Err(LabelStackError::NotPushed(*label));
        }
        ArrayVec::try_from(labels)
            .map(Self)
            .map_err(|_| LabelStackError::TooDeep(labels.len()))
    }

    /// The labels, the outermost first; never empty.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn label(number: u32) -> Label {
        Label::new(number).unwrap()
    }

    #[test]
    fn stacks_are_checked() {
        let stack = |numbers: &[u32]| {
            let labels: Vec<_> = numbers.iter().copied().map(label).collect();
            LabelStack::new(&labels)
        };
        assert_eq!(stack(&[]), Err(LabelStackError::Empty));
        assert_eq!(stack(&[16, 3]), Err(LabelStackError::NotPushed(label(3))));
        assert_eq!(stack(&[7, 16]), Err(LabelStackError::NotPushed(label(7))));
        assert_eq!(stack(&[16; 5]), Err(LabelStackError::TooDeep(5)));
        assert_eq!(stack(&[0, 16]).unwrap().labels(), [label(0), label(16)]);
        assert_eq!(Label::new(1 << 20), Err(LabelError(1 << 20)));
    }

    proptest! {
        #[test]
        fn l_01_entries_have_20_3_1_and_8_bits(
            number in 0..1u32 << 20, class in 0..8u8, bottom: bool, ttl: u8,
        ) {
            let entry = StackEntry::new(label(number), class, bottom, ttl);
            let word = number * 4096 + u32::from(class) * 512 + u32::from(bottom) * 256 + u32::from(ttl);
            prop_assert_eq!(entry.bytes(), word.to_be_bytes());
            prop_assert_eq!(
                (entry.label(), entry.traffic_class(), entry.is_bottom(), entry.ttl()),
                (label(number), class, bottom, ttl)
            );
        }
    }
}
