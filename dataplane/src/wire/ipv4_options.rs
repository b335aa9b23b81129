//! IPv4 options (RFC 791 section 3.1): taking them apart, and what a router does with them.

/// End of the list; what follows is padding.
pub const END: u8 = 0;
/// No operation.
pub const NO_OPERATION: u8 = 1;
/// Record route.
pub const RECORD_ROUTE: u8 = 7;
/// Internet timestamp.
pub const TIMESTAMP: u8 = 68;
/// Loose source and record route.
pub const LOOSE_SOURCE_ROUTE: u8 = 131;
/// Strict source and record route.
pub const STRICT_SOURCE_ROUTE: u8 = 137;
/// Router alert (RFC 2113).
pub const ROUTER_ALERT: u8 = 148;

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Option<'a> {
    /// The first byte: copied flag, class and number.
    pub kind: u8,
    /// The whole option: kind, length and data, or the kind alone.
    pub bytes: &'a [u8],
}

impl Ipv4Option<'_> {
    /// Whether it goes into every fragment, not only the first.
    #[must_use]
    pub const fn is_copied(&self) -> bool {
        self.kind & 0x80 != 0
    }
}

/// An option's length is missing, under 2 or past the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an IPv4 option has a wrong length")]
pub struct MalformedOption;

/// The options of a header one after the other, up to the end of the list. After a malformed option
/// nothing more comes.
#[derive(Clone, Debug)]
pub struct Ipv4Options<'a> {
    rest: &'a [u8],
}

impl<'a> Ipv4Options<'a> {
    /// The options in `bytes`, which lie between the fixed header and the payload.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, MalformedOption>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let (kind, length) = match *rest {
            [] | [END, ..] => return None,
            [NO_OPERATION, ..] => (NO_OPERATION, 1),
            [kind, length @ 2..=u8::MAX, ..] => (kind, usize::from(length)),
            _ => return Some(Err(MalformedOption)),
        };
        let Some((bytes, rest)) = rest.split_at_checked(length) else {
            return Some(Err(MalformedOption));
        };
        self.rest = rest;
        Some(Ok(Ipv4Option { kind, bytes }))
    }
}

/// What a router does with a packet for its options.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum OptionsClass {
    /// There are none.
    None,
    /// Forward them untouched: padding and options that only end hosts or others know.
    Ignorable,
    /// A router takes part: record route, timestamp (RFC 1812 section 5.2.4), router alert.
    RouterLooks,
    /// The sender chooses the way; dropped by default (RFC 7126 sections 4.3 and 4.4).
    SourceRoute,
    /// An option's length is wrong.
    Malformed,
}

/// What a router does with a packet that has `options`: the gravest of what each option asks.
#[must_use]
pub fn classify(options: &[u8]) -> OptionsClass {
    if options.is_empty() {
        return OptionsClass::None;
    }
    Ipv4Options::new(options)
        .map(|option| match option {
            Err(MalformedOption) => OptionsClass::Malformed,
            Ok(option) => match option.kind {
                LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE => OptionsClass::SourceRoute,
                RECORD_ROUTE | TIMESTAMP | ROUTER_ALERT => OptionsClass::RouterLooks,
                _ => OptionsClass::Ignorable,
            },
        })
        .fold(OptionsClass::Ignorable, OptionsClass::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn v4_08_classes() {
        use OptionsClass as C;
        for (bytes, expected) in [
            (&[][..], C::None),
            (&[0, 0, 0, 0], C::Ignorable),
            (&[1, 1, 1, 0], C::Ignorable),
            (&[130, 4, 0, 0], C::Ignorable),
            (&[136, 4, 0, 7], C::Ignorable),
            (&[7, 7, 4, 0, 0, 0, 0, 0], C::RouterLooks),
            (&[68, 4, 5, 0], C::RouterLooks),
            (&[1, 148, 4, 0, 0, 0, 0, 0], C::RouterLooks),
            (&[148, 4, 0, 0, 131, 3, 4, 0], C::SourceRoute),
            (&[137, 3, 4, 0], C::SourceRoute),
            (&[0, 131, 3, 4], C::Ignorable), // behind the end of the list
            (&[131, 3, 4, 7, 1, 0, 0, 0], C::Malformed),
            (&[131, 3, 4, 7, 9, 0, 0, 0], C::Malformed),
            (&[1, 1, 1, 7], C::Malformed),
            (&[1, 1, 7, 3], C::Malformed),
        ] {
            assert_eq!(classify(bytes), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn the_iterator_ends_and_covers_its_input_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..41)) {
            let mut at = 0;
            for option in Ipv4Options::new(&bytes).flatten() {
                prop_assert_eq!(option.bytes, &bytes[at..at + option.bytes.len()]);
                prop_assert_eq!(option.kind, option.bytes[0]);
                at += option.bytes.len();
            }
            prop_assert_eq!(classify(&bytes) == OptionsClass::Malformed, Ipv4Options::new(&bytes).any(|o| o.is_err()));
        }
    }
}
