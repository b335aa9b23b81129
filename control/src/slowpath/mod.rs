//! What the router itself does with packets that leave the fast path: ICMP errors, echo, ARP,
//! neighbour discovery, fragmentation.
//!
//! Everything here is a function or a state machine without I/O: packets and the time go in,
//! packets come out. Time is `now_ns`, a monotonic clock in nanoseconds. IP packets come out
//! without an Ethernet header; ARP and neighbour discovery, which know their neighbour, say to
//! which Ethernet address theirs go.

pub mod arp;
pub mod echo;
pub mod fragment;
pub mod icmp4;
pub mod icmp6;
pub mod nd;
pub mod ratelimit;

#[cfg(test)]
mod testing;
