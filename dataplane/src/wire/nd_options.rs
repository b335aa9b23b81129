//! Options of neighbour discovery messages (RFC 4861 section 4.6).

use crate::mac::Mac;

/// Source link-layer address.
pub const SOURCE_LINK_ADDRESS: u8 = 1;
/// Target link-layer address.
pub const TARGET_LINK_ADDRESS: u8 = 2;
/// Prefix information.
pub const PREFIX_INFORMATION: u8 = 3;
/// Redirected header.
pub const REDIRECTED_HEADER: u8 = 4;
/// MTU of the link.
pub const MTU: u8 = 5;

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NdOption<'a> {
    /// The type.
    pub kind: u8,
    /// What follows type and length.
    pub body: &'a [u8],
}

impl NdOption<'_> {
    /// The option that says that a station has `mac`, for [`SOURCE_LINK_ADDRESS`] and
    /// [`TARGET_LINK_ADDRESS`].
    #[must_use]
    pub const fn link_address(kind: u8, mac: Mac) -> [u8; 8] {
        let [a, b, c, d, e, f] = mac.octets();
        [kind, 1, a, b, c, d, e, f]
    }

    /// The Ethernet address in a link-layer address option; `None` for other options, and for
    /// addresses of other links.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        match self.kind {
            SOURCE_LINK_ADDRESS | TARGET_LINK_ADDRESS => self.body.try_into().ok().map(Mac::new),
            _ => None,
        }
    }
}

/// An option's length is 0 or past the message (RFC 4861 sections 6.1, 7.1, 8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a neighbour discovery option has a wrong length")]
pub struct OptionLengthError;

/// The options of a message one after the other. Their lengths were proven when it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NdOptions<'a> {
    rest: &'a [u8],
}

impl<'a> NdOptions<'a> {
    /// The options in `bytes`, which fill the rest of the message.
    ///
    /// # Errors
    /// An option whose length is 0 or past the end.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OptionLengthError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            (_, rest) = take(rest).ok_or(OptionLengthError)?;
        }
        Ok(Self { rest: bytes })
    }

    /// The first option of this type.
    #[must_use]
    pub fn find(mut self, kind: u8) -> Option<NdOption<'a>> {
        Iterator::find(&mut self, |option| option.kind == kind)
    }

    /// The Ethernet address in the first option of this type.
    #[must_use]
    pub fn mac(self, kind: u8) -> Option<Mac> {
        self.find(kind)?.mac()
    }
}

impl<'a> Iterator for NdOptions<'a> {
    type Item = NdOption<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (option, rest) = take(self.rest)?;
        self.rest = rest;
        Some(option)
    }
}

/// The option at the front of `bytes` and what follows it.
fn take(bytes: &[u8]) -> Option<(NdOption<'_>, &[u8])> {
    let (&kind, &length) = (bytes.first()?, bytes.get(1)?);
    let (option, rest) = bytes.split_at_checked(usize::from(length) * 8)?;
    Some((
        NdOption {
            kind,
            body: option.get(2..)?,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn options_come_in_order() {
        let mac = Mac::new([2, 0, 0, 0, 0, 9]);
        let bytes = [
            &NdOption::link_address(SOURCE_LINK_ADDRESS, mac)[..],
            &[5, 1, 0, 0, 0, 0, 5, 220],
            &[200, 2],
            &[7; 14],
        ]
        .concat();
        let options = NdOptions::parse(&bytes).unwrap();
        assert_eq!(
            options.map(|o| (o.kind, o.body.len())).collect::<Vec<_>>(),
            [(1, 6), (5, 6), (200, 14)]
        );
        assert_eq!(options.mac(SOURCE_LINK_ADDRESS), Some(mac));
        assert_eq!(options.mac(TARGET_LINK_ADDRESS), None);
        assert_eq!(options.find(MTU).unwrap().mac(), None);
    }

    #[test]
    fn n_07_wrong_lengths_are_refused() {
        for bad in [
            &[1][..],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            &[1, 1, 0, 0, 0, 0, 0],
            &[1, 2, 0, 0, 0, 0, 0, 0],
            &[1, 1, 0, 0, 0, 0, 0, 0, 9],
        ] {
            assert_eq!(NdOptions::parse(bad), Err(OptionLengthError), "{bad:?}");
        }
        assert_eq!(NdOptions::parse(&[]).unwrap().count(), 0);
    }

    proptest! {
        #[test]
        fn options_cover_the_bytes_that_pass(bytes in proptest::collection::vec(0u8..4, 0..80)) {
            if let Ok(options) = NdOptions::parse(&bytes) {
                prop_assert_eq!(options.map(|o| o.body.len() + 2).sum::<usize>(), bytes.len());
            }
        }
    }
}
