//! What is forwarded: tables of routes, flows over them, and captures of these flows.

pub mod capture;
pub mod frames;
pub mod overlay;
pub mod table;

pub use frames::{Ends, Frame};
pub use overlay::{Encap, Overlay};
pub use table::{Family, Table};
