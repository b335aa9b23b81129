//! DPDK as bindgen sees it: no safety, no documentation of its own, and only what this crate uses.
//!
//! Nothing outside `dpdk-sys` should need it; it is public so that a driver's odd call can be made
//! without waiting for a safe wrapper.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals
)]
#![allow(
    unsafe_op_in_unsafe_fn,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]

include!(concat!(env!("OUT_DIR"), "/raw.rs"));

/// The packet buffer, by the layout that `shim.c` proves.
pub type rte_mbuf = shim_mbuf;

macro_rules! pointed_to {
    ($($name:ident)+) => { $(
        #[derive(Debug)]
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )+ };
}

pointed_to!(rte_mempool rte_device rte_bus rte_class _IO_FILE);
pub type FILE = _IO_FILE;
