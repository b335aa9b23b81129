//! Names of the things a router has.
//!
//! They are stored in place, so that routes and errors can carry them without an allocation.

use super::reason::reasons;
use arrayvec::ArrayString;
use std::fmt;
use std::str::FromStr;

reasons! {
    /// Why a text is no name.
    pub enum NameError {
        /// It is empty or too long.
        Length {
            /// How many bytes it has.
            length: usize,
            /// Most that it may have.
            longest: usize,
        } = "NAME_LENGTH", Invalid, "a name has 1 to {longest} characters, not {length}";
        /// It has a character that names do not have.
        Character {
            /// The character.
            character: char,
        } = "NAME_CHARACTER", Invalid,
            "a name consists of letters, digits, '.', '_' and '-' and begins with a letter or digit; {character:?} may not stand there";
    }
}

/// A name that keeps the rules, in at most `N` bytes.
fn check<const N: usize>(text: &str) -> Result<ArrayString<N>, NameError> {
    for (place, character) in text.char_indices() {
        let fits = character.is_ascii_alphanumeric()
            || (place > 0 && matches!(character, '.' | '_' | '-'));
        if !fits {
            return Err(NameError::Character { character });
        }
    }
    match ArrayString::from(text) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(NameError::Length {
            length: text.len(),
            longest: N,
        }),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident[$longest:literal]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(ArrayString<$longest>);

        impl $name {
            /// Most bytes that it has.
            pub const LONGEST: usize = $longest;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                check(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
    };
}

name!(
    /// Name of an interface, and of the port and the kernel twin that go with it: at most 15
    /// characters, as Linux takes for a netdev.
    InterfaceName[15]
);
name!(
    /// Name of a VRF, short enough for a Linux netdev.
    VrfName[15]
);
name!(
    /// Name of an owner of routes.
    OwnerName[32]
);

name!(
    /// Name of an endpoint of tunnels.
    EndpointName[32]
);
name!(
    /// Name of a bridge domain.
    DomainName[32]
);

impl Default for EndpointName {
    /// The endpoint of next hops that name none.
    fn default() -> Self {
        let mut name = ArrayString::new();
        name.push_str("default");
        Self(name)
    }
}

impl Default for VrfName {
    /// The VRF that always exists.
    fn default() -> Self {
        let mut name = ArrayString::new();
        name.push_str("default");
        Self(name)
    }
}

impl InterfaceName {
    /// A name that the router makes up: a word of at most five letters and a number.
    #[must_use]
    pub fn numbered(word: &'static str, number: u32) -> Self {
        let mut name = ArrayString::new();
        // Ten digits and five letters fit; more would be cut, never fail.
        let _ = fmt::Write::write_fmt(&mut name, format_args!("{word}{number}"));
        Self(name)
    }
}

impl OwnerName {
    /// Owners that are the router itself; no client may speak for them.
    pub const RESERVED: [&str; 4] = ["connected", "local", "neighbour", "static"];

    /// Whether only the router itself may be this owner.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        Self::RESERVED.contains(&self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_rules_of_linux() {
        for good in ["eth0", "eth0.100", "a", "0", "fifteen-letters"] {
            assert_eq!(good.parse::<InterfaceName>().unwrap().to_string(), good);
        }
        assert_eq!(
            "".parse::<InterfaceName>(),
            Err(NameError::Length {
                length: 0,
                longest: 15
            })
        );
        assert_eq!(
            "sixteen-letters-".parse::<InterfaceName>(),
            Err(NameError::Length {
                length: 16,
                longest: 15
            })
        );
        for (bad, character) in [
            ("a/b", '/'),
            ("a b", ' '),
            ("a%d", '%'),
            ("..", '.'),
            ("-f", '-'),
            ("ä", 'ä'),
            ("a:0", ':'),
        ] {
            assert_eq!(
                bad.parse::<InterfaceName>(),
                Err(NameError::Character { character }),
                "{bad}"
            );
        }
    }

    #[test]
    fn the_routers_own_owners_are_reserved() {
        assert!("static".parse::<OwnerName>().unwrap().is_reserved());
        assert!(!"bgp".parse::<OwnerName>().unwrap().is_reserved());
        assert_eq!(VrfName::default(), "default".parse().unwrap());
    }
}
