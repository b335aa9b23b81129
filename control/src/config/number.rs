//! Numbers that keep within their bounds. Some are types of the [model](crate::model); here is how they
//! are written in a file.

use crate::model::number::{Distance, Mtu, VlanId, Weight};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Why a number is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BoundError {
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

/// Checks a number against both bounds.
fn within(value: i64, min: u32, max: u32) -> Result<u32, BoundError> {
    match u32::try_from(value) {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ if value < i64::from(min) => Err(BoundError::Under { value, min }),
        _ => Err(BoundError::Over { value, max }),
    }
}

/// How a type with `MIN`, `MAX`, `get` and `TryFrom<u32>` is written in a file.
macro_rules! written {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.get().serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = deserializer.deserialize_i64(Whole)?;
                let number = within(value, Self::MIN.get().into(), Self::MAX.get().into()).map_err(D::Error::custom)?;
                number.try_into().map_err(D::Error::custom)
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
                json_schema!({ "type": "integer", "minimum": Self::MIN.get(), "maximum": Self::MAX.get() })
            }
        }
    )*};
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

/// A number that only the configuration knows.
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

        impl TryFrom<u32> for $name {
            type Error = BoundError;

            fn try_from(value: u32) -> Result<Self, BoundError> {
                let (min, max): (u32, u32) = ($min, $max);
                within(value.into(), min, max)?;
                let over = BoundError::Over { value: value.into(), max };
                <$repr>::try_from(value).map(Self).map_err(|_| over)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        written!($name);
    };
}

written!(Mtu, VlanId, Weight, Distance);

number!(
    /// How many queues of one direction a port has.
    QueueCount(u16) 1..=64
);
number!(
    /// A VXLAN network identifier (RFC 7348 section 5).
    VniNumber(u32) 0..=16_777_215
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
    /// A kernel routing table.
    KernelTable(u32) 1..=u32::MAX
);
number!(
    /// A time in seconds, a day at most.
    Seconds(u32) 0..=86400
);

number!(
    /// A time in milliseconds, an hour at most.
    Milliseconds(u32) 1..=3_600_000
);
number!(
    /// A time in microseconds, ten milliseconds at most.
    Microseconds(u32) 1..=10_000
);
number!(
    /// How many requests are sent before one gives up.
    Requests(u8) 1..=20
);
number!(
    /// How many packets wait for one neighbour.
    HeldPackets(u16) 1..=1024
);
number!(
    /// An amount of memory in KiB, a GiB at most.
    Kibibytes(u32) 64..=1_048_576
);
number!(
    /// How many neighbours an interface has.
    NeighbourCount(u32) 16..=1_048_576
);
number!(
    /// How many routes there are.
    RouteCount(u32) 64..=67_108_864
);
number!(
    /// How many sets of next hops there are; none has a number of more than 24 bits.
    SetCount(u32) 64..=16_777_216
);
number!(
    /// How many stations bridge domains have.
    StationCount(u32) 1..=4_194_304
);
number!(
    /// How long a station stays that sends nothing, in seconds.
    AgeingSeconds(u16) 10..=32_000
);
number!(
    /// How often a station moves.
    MoveCount(u32) 1..=1_000_000
);
number!(
    /// How many nodes of 1 KiB the forwarding tables have.
    NodeCount(u32) 4096..=4_194_304
);

number!(
    /// A UDP port.
    UdpPort(u16) 1..=65535
);
number!(
    /// A TTL that a packet can be sent with.
    Ttl(u8) 1..=255
);
number!(
    /// A label that the router can give out (RFC 3032 section 2.1).
    GivenLabel(u32) 16..=1_048_575
);
number!(
    /// A label that can be pushed.
    PushedLabel(u32) 0..=1_048_575
);

/// A number known at compile time.
macro_rules! fixed {
    ($($name:ident($repr:ty)),* $(,)?) => {$(
        impl $name {
            pub(crate) const fn fixed(number: $repr) -> Self {
                Self(number)
            }
        }
    )*};
}

fixed!(
    Seconds(u32),
    Milliseconds(u32),
    Microseconds(u32),
    Requests(u8),
    StationCount(u32),
    AgeingSeconds(u16),
    MoveCount(u32),
    HeldPackets(u16),
    Kibibytes(u32),
    NeighbourCount(u32),
    RouteCount(u32),
    UdpPort(u16),
    Ttl(u8),
);

impl Buffers {
    /// The default count.
    pub const DEFAULT: Self = Self(65_535);
}

impl DataRoom {
    /// Room for a frame of 2 KiB behind the headroom.
    pub const DEFAULT: Self = Self(2176);
}

impl KernelTable {
    /// What the kernel calls `main`.
    pub const MAIN: Self = Self(254);
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
    pub(crate) const fn fixed(per_second: u32, burst: u32) -> Self {
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
            within(67, 68, 65535),
            Err(BoundError::Under { value: 67, min: 68 })
        );
        assert_eq!(
            within(65536, 68, 65535),
            Err(BoundError::Over {
                value: 65536,
                max: 65535
            })
        );
        assert_eq!(
            within(1 << 32, 1, u32::MAX),
            Err(BoundError::Over {
                value: 1 << 32,
                max: u32::MAX
            })
        );
        assert_eq!(
            within(-1, 0, 9),
            Err(BoundError::Under { value: -1, min: 0 })
        );
        assert_eq!(within(9, 0, 9), Ok(9));
        assert_eq!(
            QueueCount::try_from(65),
            Err(BoundError::Over { value: 65, max: 64 })
        );
        assert!((Buffers::MIN..=Buffers::MAX).contains(&Buffers::DEFAULT));
        assert!((DataRoom::MIN..=DataRoom::MAX).contains(&DataRoom::DEFAULT));
        assert!((Seconds::MIN..=Seconds::MAX).contains(&Seconds::GRACE));
    }
}
