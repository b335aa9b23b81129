//! Labs with real routing daemons, named for the scenarios that they stand for. docs/labs.md describes each.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]
#![allow(clippy::panic, reason = "what cannot go on has failed")]

#[path = "labs/common.rs"]
mod common;
#[path = "labs/evpn_leaves.rs"]
mod evpn_leaves;
#[path = "labs/host_port.rs"]
mod host_port;
#[path = "labs/j_cluster.rs"]
mod j_cluster;
#[path = "labs/k1_services.rs"]
mod k1_services;
#[path = "labs/m_anycast.rs"]
mod m_anycast;
#[path = "labs/multihoming.rs"]
mod multihoming;
#[path = "labs/s11_deaths.rs"]
mod s11_deaths;
#[path = "labs/s14_scale.rs"]
mod s14_scale;
#[path = "labs/s2_l3vni.rs"]
mod s2_l3vni;
#[path = "labs/s4_l2vni.rs"]
mod s4_l2vni;
#[path = "labs/s7_underlay.rs"]
mod s7_underlay;
#[path = "labs/s8_bfd.rs"]
mod s8_bfd;
#[path = "labs/uplinks.rs"]
mod uplinks;
