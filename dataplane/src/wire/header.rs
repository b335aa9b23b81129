//! Overlays: a struct laid over the bytes of a header.

use bytemuck::Pod;

/// A header whose struct is its layout on the wire.
///
/// Implementors are `repr(C)` and made of `u8` and arrays of `u8` only, so that they fit at any
/// address; another alignment does not compile.
pub trait Header: Pod {
    /// The length of the header in bytes, without what may vary behind it (options, tags).
    const LEN: usize = size_of::<Self>();

    /// The header at the front of `bytes` and what follows it; `None` if `bytes` is too short.
    #[inline(always)]
    #[must_use]
    fn split(bytes: &[u8]) -> Option<(&Self, &[u8])> {
        const { assert!(align_of::<Self>() == 1) };
        let (head, rest) = bytes.split_at_checked(Self::LEN)?;
        Some((bytemuck::try_from_bytes(head).ok()?, rest))
    }

    /// As [`split`](Self::split), to change the header in place.
    #[inline(always)]
    #[must_use]
    fn split_mut(bytes: &mut [u8]) -> Option<(&mut Self, &mut [u8])> {
        const { assert!(align_of::<Self>() == 1) };
        let (head, rest) = bytes.split_at_mut_checked(Self::LEN)?;
        Some((bytemuck::try_from_bytes_mut(head).ok()?, rest))
    }

    /// The bytes of the header as they go on the wire.
    #[inline(always)]
    #[must_use]
    fn bytes(&self) -> &[u8] {
        bytemuck::bytes_of(self)
    }
}
