//! Explicit congestion notification through tunnels (RFC 3168, RFC 6040).

/// The ECN field: the lower two bits of the traffic class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Ecn {
    /// The transport cannot bear marks.
    NotEct = 0,
    /// It can; the second code point for it.
    Ect1 = 1,
    /// It can.
    Ect0 = 2,
    /// Congestion was met.
    Ce = 3,
}

/// The bits of the ECN field in a traffic class.
pub const ECN_BITS: u8 = 3;

/// An outer header says that congestion was met, and the inner packet cannot bear the mark: it must
/// be dropped (RFC 6040 section 4.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("congestion was met by a packet that cannot be marked")]
pub struct CannotMark;

impl Ecn {
    /// The field of a traffic class.
    #[inline(always)]
    #[must_use]
    pub const fn of(traffic_class: u8) -> Self {
        match traffic_class & ECN_BITS {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The field of a packet that leaves a tunnel, from its own and the outer header's (RFC 6040
    /// figure 4).
    ///
    /// # Errors
    /// [`CannotMark`].
    #[inline]
    pub const fn decapsulated(inner: Self, outer: Self) -> Result<Self, CannotMark> {
        match (inner, outer) {
            (Self::NotEct, Self::Ce) => Err(CannotMark),
            (Self::NotEct | Self::Ect1 | Self::Ce, Self::NotEct | Self::Ect0 | Self::Ect1)
            | (Self::Ect0, Self::NotEct | Self::Ect0) => Ok(inner),
            (Self::Ect0, Self::Ect1) => Ok(Self::Ect1),
            (_, Self::Ce) => Ok(Self::Ce),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_03_all_sixteen_cells_of_decapsulation() {
        use Ecn::{Ce, Ect0, Ect1, NotEct};
        let outer = [NotEct, Ect0, Ect1, Ce];
        let table = [
            (NotEct, [Some(NotEct), Some(NotEct), Some(NotEct), None]),
            (Ect0, [Some(Ect0), Some(Ect0), Some(Ect1), Some(Ce)]),
            (Ect1, [Some(Ect1), Some(Ect1), Some(Ect1), Some(Ce)]),
            (Ce, [Some(Ce); 4]),
        ];
        for (inner, row) in table {
            let found = outer.map(|outer| Ecn::decapsulated(inner, outer).ok());
            assert_eq!(found, row, "{inner:?}");
        }
    }

    #[test]
    fn is_the_lower_two_bits() {
        for class in 0..=u8::MAX {
            assert_eq!(Ecn::of(class) as u8, class & 3);
        }
    }
}
