//! The services against a core that the test plays, over a real socket.

mod calls;
mod inject;
mod lab;
mod listing;
mod segments;
mod standard;
mod tls;
