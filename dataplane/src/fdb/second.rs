//! Coarse time, for the ageing of entries.

/// The longest time that two [`Second`]s tell apart, in seconds.
pub const SECONDS_MAX: u16 = u16::MAX / 2;

/// A second of the workers' clock, by its lower 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Second(u16);

impl Second {
    /// The second with this number, counted modulo 2^16.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number modulo 2^16.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The second in which `ticks` of a clock of `hz` ticks a second falls.
    #[inline]
    #[must_use]
    pub const fn of(ticks: u64, hz: u64) -> Self {
        match ticks.checked_div(hz) {
            Some(seconds) => Self(seconds as u16),
            None => Self(0),
        }
    }

    /// Seconds from `earlier` to this one, at most [`SECONDS_MAX`]; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u16 {
        let seconds = self.0.wrapping_sub(earlier.0);
        if seconds > SECONDS_MAX { 0 } else { seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_survives_the_wrap_and_is_never_negative() {
        assert_eq!(Second::new(5).since(Second::new(u16::MAX - 4)), 10);
        assert_eq!(Second::new(5).since(Second::new(6)), 0);
        assert_eq!(
            Second::of(70_000 * 9 + 8, 9).get(),
            (70_000 % 65_536) as u16
        );
        assert_eq!(Second::of(1, 0), Second::new(0));
    }
}
