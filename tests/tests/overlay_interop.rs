//! Overlays with others at the remote end: the Linux kernel's own VXLAN, and peers that scapy plays.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "overlay_interop/bridged.rs"]
mod bridged;
#[path = "overlay_interop/explained.rs"]
mod explained;
#[path = "overlay_interop/jumbo.rs"]
mod jumbo;
#[path = "overlay_interop/kernel.rs"]
mod kernel;
#[path = "overlay_interop/lab.rs"]
mod lab;
#[path = "overlay_interop/lookup.rs"]
mod lookup;
#[path = "overlay_interop/scapy.rs"]
mod scapy;
