//! DPDK for ferroute.

/// A packet buffer.
#[derive(Debug)]
pub struct Mbuf(());
