//! Numbers that keep within their bounds.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Why a number is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RangeError {
    /// It is too small.
    #[error("{value} is under {min}")]
    Under {
        /// The number.
        value: i64,
        /// The smallest allowed.
        min: u32,
    },
    /// It is too large.
    #[error("{value} is over {max}")]
    Over {
        /// The number.
        value: i64,
        /// The largest allowed.
        max: u32,
    },
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($repr:ty) $min:literal ..= $max:expr) => {
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

        impl TryFrom<i64> for $name {
            type Error = RangeError;

            fn try_from(value: i64) -> Result<Self, RangeError> {
                let (min, max): (u32, u32) = ($min, $max);
                if value < i64::from(min) {
                    return Err(RangeError::Under { value, min });
                }
                let over = RangeError::Over { value, max };
                if value > i64::from(max) {
                    return Err(over);
                }
                <$repr>::try_from(value).map(Self).map_err(|_| over)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_i64(Whole)?.try_into().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let (min, max): ($repr, $repr) = ($min, $max);
                json_schema!({ "type": "integer", "minimum": min, "maximum": max })
            }
        }
    };
}

/// Reads any integer, so that one out of bounds is refused with its value.
struct Whole;

impl Visitor<'_> for Whole {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        Ok(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

number!(
    /// A maximum transmission unit in bytes: the largest IP packet a link takes (RFC 791 asks for at least 68).
    Mtu(u16) 68..=65535
);
number!(
    /// A VLAN identifier (IEEE 802.1Q).
    VlanId(u16) 1..=4094
);
number!(
    /// How many queues of one direction a port has.
    QueueCount(u16) 1..=64
);
number!(
    /// How many descriptors one queue of a port has.
    Descriptors(u16) 32..=32768
);
number!(
    /// A forwarding worker, counted from 0.
    WorkerNumber(u16) 0..=63
);
number!(
    /// How many packet buffers a pool has.
    Buffers(u32) 1024..=16_777_215
);
number!(
    /// The bytes of one packet buffer, 128 of them headroom.
    DataRoom(u16) 1664..=16384
);
number!(
    /// An amount of memory in MiB.
    Mebibytes(u32) 64..=16_777_216
);
number!(
    /// Events per second.
    PerSecond(u32) 1..=100_000_000
);
number!(
    /// How many events may come at once.
    Burst(u32) 1..=1_000_000
);
number!(
    /// The share of one next hop among those of its route.
    Weight(u16) 1..=65535
);
number!(
    /// How far a route's source is trusted; the smaller wins.
    Distance(u8) 1..=254
);
number!(
    /// A kernel routing table.
    KernelTable(u32) 1..=u32::MAX
);
number!(
    /// A time in seconds, a day at most.
    Seconds(u32) 0..=86400
);

impl Buffers {
    /// The default count.
    pub const DEFAULT: Self = Self(65_535);
}

impl DataRoom {
    /// Room for a frame of 2 KiB behind the headroom.
    pub const DEFAULT: Self = Self(2176);
}

impl Mtu {
    /// The MTU of Ethernet (RFC 894).
    pub const ETHERNET: Self = Self(1500);
    /// The least that a link with IPv6 must take (RFC 8200 section 5).
    pub const IPV6_MIN: Self = Self(1280);
}

impl Weight {
    /// The weight of a next hop that states none.
    pub const DEFAULT: Self = Self(1);
}

impl Distance {
    /// The distance of a static route that states none.
    pub const STATIC: Self = Self(1);
}

impl Seconds {
    /// How long a vanished owner's routes are kept.
    pub const GRACE: Self = Self(120);
}

/// A token bucket: how many a second, and how many at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many a second in the long run.
    pub per_second: PerSecond,
    /// How many at once after a quiet time.
    pub burst: Burst,
}

impl Rate {
    /// A rate known at compile time.
    pub(super) const fn fixed(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: PerSecond(per_second),
            burst: Burst(burst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_defaults_keep_them() {
        assert_eq!(
            Mtu::try_from(67),
            Err(RangeError::Under { value: 67, min: 68 })
        );
        assert_eq!(
            Mtu::try_from(65536),
            Err(RangeError::Over {
                value: 65536,
                max: 65535
            })
        );
        assert_eq!(
            KernelTable::try_from(1 << 32),
            Err(RangeError::Over {
                value: 1 << 32,
                max: u32::MAX
            })
        );
        assert_eq!(
            Seconds::try_from(-1),
            Err(RangeError::Under { value: -1, min: 0 })
        );
        assert_eq!(Mtu::try_from(1500), Ok(Mtu::ETHERNET));
        assert!((Mtu::MIN..=Mtu::MAX).contains(&Mtu::IPV6_MIN));
        assert!((Buffers::MIN..=Buffers::MAX).contains(&Buffers::DEFAULT));
        assert!((DataRoom::MIN..=DataRoom::MAX).contains(&DataRoom::DEFAULT));
        assert!((Seconds::MIN..=Seconds::MAX).contains(&Seconds::GRACE));
        assert!((Weight::MIN..=Weight::MAX).contains(&Weight::DEFAULT));
        assert!((Distance::MIN..=Distance::MAX).contains(&Distance::STATIC));
    }
}
