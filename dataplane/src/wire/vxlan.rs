//! VXLAN (RFC 7348 section 5).

use super::Header;
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// The UDP port of VXLAN (RFC 7348 section 5).
pub const VXLAN_PORT: u16 = 4789;

/// The flag that says that the VNI is valid; all other bits are reserved.
const VNI_VALID: u8 = 0x08;

/// A VXLAN network identifier: 24 bits. RFC 7348 reserves no value, so 0 and 0xffffff are VNIs too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Vni(u32);

/// Why a number is no VNI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is not a VNI: they run from 0 to 16777215")]
pub struct VniError(
    /// The number that was given.
    pub u32,
);

impl Vni {
    /// The VNI with this number.
    ///
    /// # Errors
    /// What does not fit 24 bits.
    pub const fn new(number: u32) -> Result<Self, VniError> {
        if number < 1 << 24 {
            Ok(Self(number))
        } else {
            Err(VniError(number))
        }
    }

    /// The number itself.
    #[inline(always)]
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 8 bytes between UDP and the inner frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct VxlanHeader {
    flags: u8,
    reserved: [u8; 3],
    vni: [u8; 3],
    reserved_too: u8,
}

impl Header for VxlanHeader {}

impl VxlanHeader {
    /// The header of a frame in this network.
    #[inline]
    #[must_use]
    pub const fn new(vni: Vni) -> Self {
        let [_, a, b, c] = vni.0.to_be_bytes();
        Self {
            flags: VNI_VALID,
            reserved: [0; 3],
            vni: [a, b, c],
            reserved_too: 0,
        }
    }

    /// The VNI, if the header says that it has one; reserved bits are ignored (RFC 7348 section 5).
    #[inline(always)]
    #[must_use]
    pub const fn vni(&self) -> Option<Vni> {
        if self.flags & VNI_VALID == 0 {
            return None;
        }
        let [a, b, c] = self.vni;
        Some(Vni(u32::from_be_bytes([0, a, b, c])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_01_flags_are_08_and_reserved_bits_zero_on_sending_and_ignored_on_receipt() {
        let header = VxlanHeader::new(Vni::new(0x12_3456).unwrap());
        assert_eq!(header.bytes(), [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
        let (noisy, rest) = VxlanHeader::split(&[0xff, 1, 2, 3, 0xff, 0xff, 0xff, 9, 7]).unwrap();
        assert_eq!((noisy.vni(), rest), (Vni::new(0xff_ffff).ok(), &[7][..]));
        let (invalid, _) = VxlanHeader::split(&[0xf7, 0, 0, 0, 0, 0, 1, 0]).unwrap();
        assert_eq!(invalid.vni(), None);
    }

    #[test]
    fn vnis_are_checked() {
        assert_eq!(Vni::new(1 << 24), Err(VniError(1 << 24)));
        assert_eq!(Vni::new(0xff_ffff).unwrap().get(), 0xff_ffff);
    }
}
