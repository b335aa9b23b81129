//! Packets as bytes.
//!
//! A header is an overlay ([`Header`]): a `repr(C)` struct of byte arrays with the layout of the
//! RFC's picture, read and written in place, so that parsing copies nothing and no accessor can
//! panic. Above the overlays stand checked views ([`ipv4::Ipv4Packet`], [`nd::NdMessage`] and so
//! on) with one constructor each, whose error names the condition that a worker counts. A header
//! that is to be sent is built as a value and its bytes are copied out: what is emitted and what
//! is parsed is the same struct.
//!
//! Nothing here allocates, keeps state or is `unsafe`.

pub mod address;
pub(crate) mod aged;
pub mod arp;
pub mod checksum;
pub mod ecn;
pub mod ethernet;
pub mod extension;
pub mod flow;
pub mod gue;
pub mod header;
pub mod icmp;
pub mod icmp4;
pub mod icmp6;
pub mod ipv4;
pub mod ipv4_options;
pub mod ipv4_record;
pub mod ipv6;
pub mod mpls;
pub mod mss;
pub mod nd;
pub mod nd_options;
pub mod protocol;
pub mod tcp;
pub mod udp;
pub mod vxlan;

#[cfg(test)]
mod proptests;

pub use header::Header;
pub use protocol::Protocol;
