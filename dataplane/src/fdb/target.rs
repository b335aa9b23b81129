//! Which way a station is.

use super::FdbError;
use crate::ids::{InterfaceId, SegmentPathId, TunnelId};

const TAG: u32 = 0b11 << 30;
const INTERFACE: u32 = 0b01 << 30;
const TUNNEL: u32 = 0b10 << 30;
/// With number 0 the gateway, with any other a segment.
const OTHER: u32 = 0b11 << 30;

/// Which way a station is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FdbTarget {
    /// Behind a member interface.
    Interface(InterfaceId),
    /// Behind a tunnel.
    Tunnel(TunnelId),
    /// It is the router itself: the domain's gateway.
    Gateway,
    /// Behind an Ethernet segment, whose number is not 0.
    Segment(SegmentPathId),
}

impl FdbTarget {
    /// The target in 32 bits, never 0.
    ///
    /// # Errors
    /// [`FdbError::Target`] for a number beyond 30 bits, and for the segment 0.
    pub(super) const fn encode(self) -> Result<u32, FdbError> {
        let (tag, number) = match self {
            Self::Interface(id) => (INTERFACE, id.get()),
            Self::Tunnel(id) => (TUNNEL, id.get()),
            Self::Gateway => (OTHER, 0),
            Self::Segment(id) if id.get() == 0 => return Err(FdbError::Target(0)),
            Self::Segment(id) => (OTHER, id.get()),
        };
        if number & TAG != 0 {
            return Err(FdbError::Target(number));
        }
        Ok(tag | number)
    }

    /// The target of these bits; `None` for 0, which is that of a free place.
    #[inline]
    pub(super) const fn decode(bits: u32) -> Option<Self> {
        match bits & TAG {
            INTERFACE => Some(Self::Interface(InterfaceId::new(bits & !TAG))),
            TUNNEL => Some(Self::Tunnel(TunnelId::new(bits & !TAG))),
            OTHER if bits == OTHER => Some(Self::Gateway),
            OTHER => Some(Self::Segment(SegmentPathId::new(bits & !TAG))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_survive_their_encoding_and_large_numbers_are_refused() {
        for target in [
            FdbTarget::Interface(InterfaceId::new(1)),
            FdbTarget::Tunnel(TunnelId::new((1 << 30) - 1)),
            FdbTarget::Gateway,
            FdbTarget::Segment(SegmentPathId::new(1)),
            FdbTarget::Segment(SegmentPathId::new((1 << 30) - 1)),
        ] {
            assert_eq!(FdbTarget::decode(target.encode().unwrap()), Some(target));
        }
        assert_eq!(FdbTarget::decode(0), None);
        assert_eq!(
            FdbTarget::Tunnel(TunnelId::new(1 << 30)).encode(),
            Err(FdbError::Target(1 << 30))
        );
        let none = FdbTarget::Segment(SegmentPathId::new(0));
        assert_eq!(none.encode(), Err(FdbError::Target(0)));
    }
}
