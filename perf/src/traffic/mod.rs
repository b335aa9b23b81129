//! What is forwarded: tables of routes, flows over them, stations, floods, and captures of them.

pub mod capture;
pub mod flood;
pub mod frames;
pub mod overlay;
pub mod stations;
pub mod table;

pub use frames::{Ends, Frame};
pub use overlay::{Encap, Overlay};
pub use table::{Family, Table};
