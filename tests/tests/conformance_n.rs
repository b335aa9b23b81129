//! ARP and neighbour discovery (RFC 826, 1122, 5227, 4861, 4862), row by row of the list of conformance, through the
//! whole router.
//!
//! Who is learned, asked and forgotten is seen by what leaves: a packet to a known neighbour goes to its Ethernet
//! address, one to an unknown neighbour makes the router ask.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "conformance_n/arp.rs"]
mod arp;
#[path = "conformance_n/discovery.rs"]
mod discovery;
#[path = "conformance_n/frames.rs"]
mod frames;
#[path = "conformance_v6/lab.rs"]
mod lab;
#[path = "conformance_v6/frames.rs"]
mod packets;
#[path = "conformance_n/resolution.rs"]
mod resolution;

/// A host on port b that the router does not know yet.
const X_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x77];
const X4: &str = "10.0.2.77";
const X6: &str = "2001:db8:2::77";
/// Its next card.
const X_NEW_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x78];
/// Host a's address in IPv4, and the router's on both links.
const A4: &str = "10.0.1.2";
const R0_4: &str = "10.0.1.1";
const R1_4: &str = "10.0.2.1";
