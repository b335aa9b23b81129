//! The bridge as a program, between real kernels or routing daemons and a real router.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

#[path = "bridge/frr.rs"]
mod frr;
#[path = "bridge/kernel.rs"]
mod kernel;
#[path = "bridge/lab.rs"]
mod lab;
#[path = "bridge/overrun.rs"]
mod overrun;
#[path = "bridge/owners.rs"]
mod owners;
#[path = "bridge/restart.rs"]
mod restart;
#[path = "bridge/scale.rs"]
mod scale;
#[path = "bridge/silence.rs"]
mod silence;
#[path = "bridge/vrfs.rs"]
mod vrfs;
#[path = "bridge/zebra.rs"]
mod zebra;
