//! DPDK's own forwarding tables: the oracle and the peer that ours is measured against.

use crate::eal::Eal;
use crate::error::Errno;
use crate::raw;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ptr::NonNull;

/// The size of a table and its answer when no route covers an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FibConfig {
    /// Most routes.
    pub max_routes: u32,
    /// Second-level tables, of 256 entries each; each /24 (each further 8 bits, for IPv6) with longer
    /// routes below takes one.
    pub second_level_tables: u32,
    /// The answer without a route.
    pub default: u64,
}

/// Why a call to a table failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FibError {
    /// The name holds a zero byte.
    #[error("FIB name {0:?} contains a zero byte")]
    Name(String),
    /// More routes than a C `int` counts.
    #[error("a FIB for {0} routes is too large")]
    TooLarge(u32),
    /// The slices of addresses and answers differ in length.
    #[error("{addresses} addresses, room for {answers} answers")]
    Lengths {
        /// Addresses.
        addresses: usize,
        /// Places for answers.
        answers: usize,
    },
    /// DPDK refused: no such route, no room, a length over the address's, a next hop of over 31 bits.
    #[error("DPDK's FIB refused: {0}")]
    Refused(Errno),
}

fn check(result: i32) -> Result<(), FibError> {
    Errno::check(result).map(drop).map_err(FibError::Refused)
}

macro_rules! fib {
    (
        $(#[$doc:meta])* $name:ident($raw:ident), $address:ty as $key:ty: $to_key:expr, |$bound:ident| $passed:expr,
        $create:ident $free:ident $add:ident $delete:ident $lookup:ident, $conf:ident . $arm:ident = $kind:ident, $width:ident
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            raw: NonNull<raw::$raw>,
            _eal: Eal,
        }

        // SAFETY: a table is memory of its own, without ties to a thread; changes take `&mut self`.
        unsafe impl Send for $name {}
        // SAFETY: lookups, all that `&self` offers, only read.
        unsafe impl Sync for $name {}

        impl $name {
            /// Makes a table. Its next hops have up to 31 bits. Names are unique in a process.
            ///
            /// # Errors
            ///
            /// See [`FibError`].
            pub fn create(eal: &Eal, name: &str, config: &FibConfig) -> Result<Self, FibError> {
                let c_name = CString::new(name).map_err(|_| FibError::Name(name.to_owned()))?;
                // SAFETY: a plain structure of numbers, valid when zeroed.
                let mut conf = unsafe { MaybeUninit::<raw::$conf>::zeroed().assume_init() };
                conf.type_ = raw::$kind;
                conf.default_nh = config.default;
                conf.max_routes = i32::try_from(config.max_routes).map_err(|_| FibError::TooLarge(config.max_routes))?;
                // SAFETY: writing a variant of a union of plain numbers.
                let arm = unsafe { &mut conf.__bindgen_anon_1.$arm };
                arm.nh_sz = raw::$width;
                arm.num_tbl8 = config.second_level_tables;
                // SAFETY: DPDK is started; name and configuration are copied by the call.
                let table = unsafe { raw::$create(c_name.as_ptr(), ANY_SOCKET, &raw mut conf) };
                NonNull::new(table).map(|raw| Self { raw, _eal: eal.clone() }).ok_or_else(|| FibError::Refused(Errno::last()))
            }

            /// Adds a route, or changes its next hop. Bits behind the length are ignored.
            ///
            /// # Errors
            ///
            /// See [`FibError`].
            pub fn add(&mut self, address: $address, length_bits: u8, next_hop: u64) -> Result<(), FibError> {
                let $bound: $key = $to_key(address);
                // SAFETY: the table exists as long as `self`; the address is read during the call.
                check(unsafe { raw::$add(self.raw.as_ptr(), $passed, length_bits, next_hop) })
            }

            /// Removes a route.
            ///
            /// # Errors
            ///
            /// There is none; see [`FibError`].
            pub fn delete(&mut self, address: $address, length_bits: u8) -> Result<(), FibError> {
                let $bound: $key = $to_key(address);
                // SAFETY: the table exists as long as `self`; the address is read during the call.
                check(unsafe { raw::$delete(self.raw.as_ptr(), $passed, length_bits) })
            }

            /// The next hop of the longest route that covers each address.
            ///
            /// # Errors
            ///
            /// The slices differ in length.
            pub fn lookup_bulk(&self, addresses: &[$key], answers: &mut [u64]) -> Result<(), FibError> {
                let count = i32::try_from(addresses.len()).ok().filter(|_| addresses.len() == answers.len());
                let Some(count) = count else {
                    return Err(FibError::Lengths { addresses: addresses.len(), answers: answers.len() });
                };
                // SAFETY: the table exists as long as `self`. The call reads `count` addresses, which
                // it takes by a mutable pointer without writing, and writes `count` answers.
                check(unsafe { raw::$lookup(self.raw.as_ptr(), addresses.as_ptr().cast_mut().cast(), answers.as_mut_ptr(), count) })
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: this was the table's only handle.
                unsafe { raw::$free(self.raw.as_ptr()) };
            }
        }
    };
}

const ANY_SOCKET: i32 = -1;

fib!(
    /// An IPv4 table (DIR-24-8). Lookups take addresses in the host's byte order.
    Fib4(rte_fib), Ipv4Addr as u32: u32::from, |key| key,
    rte_fib_create rte_fib_free rte_fib_add rte_fib_delete rte_fib_lookup_bulk,
    rte_fib_conf.dir24_8 = RTE_FIB_DIR24_8, RTE_FIB_DIR24_8_4B
);

fib!(
    /// An IPv6 table (a trie of 8 bits a level). Lookups take addresses in the order of the wire.
    // The address is a pointer to bytes until 24.11, to an `rte_ipv6_addr` since: the cast finds out.
    Fib6(rte_fib6), Ipv6Addr as [u8; 16]: |address: Ipv6Addr| address.octets(), |key| key.as_ptr().cast(),
    rte_fib6_create rte_fib6_free rte_fib6_add rte_fib6_delete rte_fib6_lookup_bulk,
    rte_fib6_conf.trie = RTE_FIB6_TRIE, RTE_FIB6_TRIE_4B
);
