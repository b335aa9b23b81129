//! Which way a station is.

use super::FdbError;
use crate::ids::{InterfaceId, TunnelId};

const TAG: u32 = 0b11 << 30;
const INTERFACE: u32 = 0b01 << 30;
const TUNNEL: u32 = 0b10 << 30;
const GATEWAY: u32 = 0b11 << 30;

/// Which way a station is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FdbTarget {
    /// Behind a member interface.
    Interface(InterfaceId),
    /// Behind a tunnel.
    Tunnel(TunnelId),
    /// It is the router itself: the domain's gateway.
    Gateway,
}

impl FdbTarget {
    /// The target in 32 bits, never 0.
    ///
    /// # Errors
    /// [`FdbError::Target`] for a number beyond 30 bits.
    pub(super) const fn encode(self) -> Result<u32, FdbError> {
        let (tag, number) = match self {
            Self::Interface(id) => (INTERFACE, id.get()),
            Self::Tunnel(id) => (TUNNEL, id.get()),
            Self::Gateway => (GATEWAY, 0),
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
            GATEWAY => Some(Self::Gateway),
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
        ] {
            assert_eq!(FdbTarget::decode(target.encode().unwrap()), Some(target));
        }
        assert_eq!(FdbTarget::decode(0), None);
        assert_eq!(
            FdbTarget::Tunnel(TunnelId::new(1 << 30)).encode(),
            Err(FdbError::Target(1 << 30))
        );
    }
}
