//! DPDK's tables behind one face, so that they are measured like ours.

use dpdk_sys::Eal;
use dpdk_sys::fib::{Fib4, Fib6, FibConfig, FibError};
use ferroute_dataplane::ids::BURST;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A family's table in DPDK.
pub(super) trait RteFib: Sized {
    /// An address as our FIB has it.
    type Key: Copy;
    /// An address as a bulk lookup takes it.
    type Address: Copy;
    /// Bits that the first level decides.
    const FIRST_LEVEL_BITS: u8 = 24;

    fn create(eal: &Eal, name: &str, config: &FibConfig) -> Result<Self, FibError>;
    fn add(&mut self, network: Self::Key, length: u8, next_hop: u64) -> Result<(), FibError>;
    fn delete(&mut self, network: Self::Key, length: u8) -> Result<(), FibError>;
    fn lookup(&self, addresses: &[Self::Address], answers: &mut [u64]) -> Result<(), FibError>;
    fn address(key: Self::Key) -> Self::Address;
    fn bits(key: Self::Key) -> u128;
}

impl RteFib for Fib4 {
    type Key = u32;
    type Address = u32;

    fn create(eal: &Eal, name: &str, config: &FibConfig) -> Result<Self, FibError> {
        Self::create(eal, name, config)
    }
    fn add(&mut self, network: u32, length: u8, next_hop: u64) -> Result<(), FibError> {
        self.add(Ipv4Addr::from_bits(network), length, next_hop)
    }
    fn delete(&mut self, network: u32, length: u8) -> Result<(), FibError> {
        self.delete(Ipv4Addr::from_bits(network), length)
    }
    fn lookup(&self, addresses: &[u32], answers: &mut [u64]) -> Result<(), FibError> {
        self.lookup_bulk(addresses, answers)
    }
    fn address(key: u32) -> u32 {
        key
    }
    fn bits(key: u32) -> u128 {
        u128::from(key) << 96
    }
}

impl RteFib for Fib6 {
    type Key = u128;
    type Address = [u8; 16];

    fn create(eal: &Eal, name: &str, config: &FibConfig) -> Result<Self, FibError> {
        Self::create(eal, name, config)
    }
    fn add(&mut self, network: u128, length: u8, next_hop: u64) -> Result<(), FibError> {
        self.add(Ipv6Addr::from_bits(network), length, next_hop)
    }
    fn delete(&mut self, network: u128, length: u8) -> Result<(), FibError> {
        self.delete(Ipv6Addr::from_bits(network), length)
    }
    fn lookup(&self, addresses: &[[u8; 16]], answers: &mut [u64]) -> Result<(), FibError> {
        self.lookup_bulk(addresses, answers)
    }
    fn address(key: u128) -> [u8; 16] {
        key.to_be_bytes()
    }
    fn bits(key: u128) -> u128 {
        key
    }
}

/// Second-level tables that DPDK wants to have for these prefixes: it reserves for each as if it shared none.
pub(super) fn reserved<F: RteFib>(prefixes: impl Iterator<Item = (F::Key, u8)>) -> u32 {
    let levels = prefixes
        .map(|(_, length)| u32::from(length.saturating_sub(F::FIRST_LEVEL_BITS)).div_ceil(8));
    // Reserving must stay below what there is.
    levels.sum::<u32>() + 16
}

/// Second-level tables that these prefixes take: one for each place where a table of 256 must tell them apart.
pub(super) fn used<F: RteFib>(prefixes: impl Iterator<Item = (F::Key, u8)>) -> u32 {
    let mut places = HashSet::new();
    for (network, length) in prefixes {
        let levels = (F::FIRST_LEVEL_BITS..length).step_by(8);
        places.extend(levels.map(|level| (level, F::bits(network) >> (128 - u32::from(level)))));
    }
    places.len() as u32
}

/// What the tables take: 4 bytes for each entry, 2^24 of them in the first level, 256 in each further one. The tree of
/// routes that DPDK keeps beside them is not in it.
pub(super) const fn bytes(used: u32) -> u64 {
    4 * ((1 << 24) + 256 * used as u64)
}

/// Looks all addresses up in bursts; the caller's answers keep the compiler from leaving anything out.
pub(super) fn lookup_all<F: RteFib>(
    fib: &F,
    addresses: &[F::Address],
    answers: &mut [u64; BURST],
) -> Result<(), FibError> {
    for burst in addresses.chunks(BURST) {
        fib.lookup(burst, &mut answers[..burst.len()])?;
        std::hint::black_box(&mut *answers);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_counted_once_for_each_place() {
        let host = |text: &str, length| (text.parse::<Ipv4Addr>().unwrap().to_bits(), length);
        let prefixes = [
            host("192.0.2.1", 32),
            host("192.0.2.2", 32),
            host("192.0.3.0", 25),
            host("10.0.0.0", 24),
        ];
        assert_eq!(used::<Fib4>(prefixes.into_iter()), 2);
        assert_eq!(reserved::<Fib4>(prefixes.into_iter()), 3 + 16);
        let prefixes = [
            ("2001:db8::", 48),
            ("2001:db8:1::", 48),
            ("2001:db8::1", 128),
        ];
        let prefixes =
            prefixes.map(|(text, length)| (text.parse::<Ipv6Addr>().unwrap().to_bits(), length));
        // 24 and 32 are shared; 40 and each further level up to 120 belong to the host, one more to the second /48.
        assert_eq!(used::<Fib6>(prefixes.into_iter()), 13);
    }
}
