//! Numbers with bounds.

use super::reason::reasons;
use std::fmt;

reasons! {
    /// Why a number is refused.
    pub enum RangeError {
        /// It is out of its bounds.
        OutOfRange {
            /// The number.
            value: u64,
            /// The smallest allowed.
            min: u64,
            /// The largest allowed.
            max: u64,
        } = "OUT_OF_RANGE", Invalid, "{value} is not between {min} and {max}";
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($repr:ty) = $min:literal..=$max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name($repr);

        impl $name {
            /// The smallest.
            pub const MIN: Self = Self($min);
            /// The largest.
            pub const MAX: Self = Self($max);

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl TryFrom<u32> for $name {
            type Error = RangeError;

            fn try_from(value: u32) -> Result<Self, RangeError> {
                match <$repr>::try_from(value) {
                    Ok(number) if ($min..=$max).contains(&number) => Ok(Self(number)),
                    _ => Err(RangeError::OutOfRange { value: value.into(), min: $min, max: $max.into() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Largest IP packet that a link takes, in bytes; at least what every IPv4 link must
    /// take (RFC 791 section 3.2).
    Mtu(u16) = 68..=u16::MAX
);
number!(
    /// VLAN identifier of IEEE 802.1Q; 0 and 4095 are no VLANs.
    VlanId(u16) = 1..=4094_u16
);
number!(
    /// How far a route's owner is trusted: the lowest wins. The router's own connected routes
    /// have 0, and 255 means "never" in other routers, so clients have what lies between.
    Distance(u8) = 1..=254_u8
);
number!(
    /// Share of a group's traffic relative to the other members.
    Weight(u16) = 1..=u16::MAX
);
number!(
    /// An owner's number for one of its next hop sets.
    NextHopSetId(u32) = 1..=u32::MAX
);

impl Mtu {
    /// What an Ethernet link takes (RFC 894).
    pub const ETHERNET: Self = Self(1500);
}

impl Distance {
    /// What a client's routes have when it does not say: that of external BGP in most routers.
    pub const CLIENT: Self = Self(20);
}

/// Preference among routes of the same distance: the lowest wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Metric(pub u32);

/// One generation of an owner's routes; a greater one is younger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A setting that the router may choose itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Choice<T> {
    /// The router chooses.
    #[default]
    Auto,
    /// This and nothing else.
    Exactly(T),
}

impl<T> Choice<T> {
    /// The given setting, if there is one.
    pub fn exactly(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Exactly(value) => Some(value),
        }
    }

    /// The given setting, or what the router chooses.
    pub fn unwrap_or_else(self, choose: impl FnOnce() -> T) -> T {
        match self {
            Self::Auto => choose(),
            Self::Exactly(value) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bounds() {
        assert_eq!(VlanId::try_from(4094), Ok(VlanId::MAX));
        assert_eq!(
            VlanId::try_from(4095),
            Err(RangeError::OutOfRange {
                value: 4095,
                min: 1,
                max: 4094
            })
        );
        assert_eq!(
            Distance::try_from(0),
            Err(RangeError::OutOfRange {
                value: 0,
                min: 1,
                max: 254
            })
        );
        assert_eq!(
            Mtu::try_from(70_000),
            Err(RangeError::OutOfRange {
                value: 70_000,
                min: 68,
                max: 65_535
            })
        );
        assert_eq!(NextHopSetId::try_from(u32::MAX), Ok(NextHopSetId::MAX));
    }
}
