//! What can go wrong with a FIB.

use crate::ids::NextHopId;

/// Why an [`Arena`](super::Arena) could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The capacities together exceed what a 32-bit word index reaches (16 GiB).
    #[error(
        "the FIB's capacities add up to {words} words, the most is {}",
        super::arena::WORDS
    )]
    TooLarge {
        /// The sum in 4-byte words.
        words: u64,
    },
    /// The kernel refused the address range.
    #[error("cannot reserve {bytes} bytes of address space for the FIB")]
    Reserve {
        /// How much was asked for.
        bytes: usize,
        /// The kernel's reason.
        source: std::io::Error,
    },
}

/// Why a FIB did not take a route. The table is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FibError {
    /// Every node is in use, or waits for a grace period.
    #[error("the FIB's nodes are used up")]
    NodesFull,
    /// Every root of 2^16 entries is in use, or waits for a grace period.
    #[error("the FIB's mid roots are used up")]
    MidRootsFull,
    /// Every root of 2^24 entries is in use, or waits for a grace period.
    #[error("the FIB's big roots are used up")]
    BigRootsFull,
    /// Every cell is in use, or waits for a grace period.
    #[error("the FIB's cells are used up")]
    CellsFull,
    /// A route needs a next hop from 1 to [`NextHopId::MAX`]; 0 means "no route".
    #[error("next hop {0} does not fit a FIB entry")]
    NextHopOutOfRange(NextHopId),
}
