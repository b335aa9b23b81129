//! Stations of EVPN: MAC/IP routes (type 2) and flood lists (type 3) between the kernel, which daemons read and write, and the
//! router's bridge domains.
//!
//! ```text
//!  daemons ─▶ entries of vni110 with a remote end ──────▶ remote stations, flood list ┐
//!          ─▶ neighbours of br110 ──────────────────────▶ permanent neighbours        ├ domain and its gateway
//!          ◀─ entries of br110 at the port st110 ◀─────── learned stations            │ in the router
//!          ◀─ neighbours of br110, marked as ours ◀────── neighbours of the gateway   ┘
//! ```
//!
//! [`segment`] knows what both sides have of one VNI and says what each is still to be told, in the [`words`], [`segments`] which netdevs are whose,
//! [`groups`] the hosts that are attached to several remote ends; none does I/O. [`task`] waits for both sides and tells them, over [`router`] and [`kernel`].
//!
//! Both sides may say of a station that it is with them; who said so last is right. The daemons' word is new when it names
//! another remote end than the router has of the station: it is then said with the next mobility sequence. When the router
//! has that remote end and the station is at a member all the same, a frame of it came in since, and the kernel is told.

mod groups;
mod kernel;
mod report;
mod router;
mod segment;
mod segments;
mod task;
mod words;

pub(in crate::bridge) use task::{Stations, Word};

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
