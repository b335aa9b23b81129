//! FRR of the distribution.
