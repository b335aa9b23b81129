//! What the FDB is asked for.

use crate::ids::BridgeId;
use crate::mac::Mac;

/// A station of a bridge domain, in 64 bits: the domain's number above the address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct FdbKey(u64);

impl FdbKey {
    /// The station `mac` of `bridge`.
    #[inline]
    #[must_use]
    pub const fn new(bridge: BridgeId, mac: Mac) -> Self {
        let [a, b, c, d, e, f] = mac.octets();
        let [x, y] = bridge.get().to_be_bytes();
        Self(u64::from_be_bytes([x, y, a, b, c, d, e, f]))
    }

    /// The bridge domain.
    #[must_use]
    pub const fn bridge(self) -> BridgeId {
        BridgeId::new((self.0 >> 48) as u16)
    }

    /// The station's address.
    #[must_use]
    pub const fn mac(self) -> Mac {
        let [_, _, a, b, c, d, e, f] = self.0.to_be_bytes();
        Mac::new([a, b, c, d, e, f])
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// A number in which each half is spread evenly, whatever the keys are like.
    #[inline(always)]
    pub(super) const fn hash(self, seed: u64) -> u64 {
        // The folded halves of a 128-bit product depend on all bits of the key, its lower 32 bits and its upper ones alike;
        // the constant is fractional bits of the square root of 2.
        let product = (self.0 ^ seed) as u128 * 0x6a09_e667_f3bc_c909;
        (product as u64) ^ ((product >> 64) as u64)
    }
}
