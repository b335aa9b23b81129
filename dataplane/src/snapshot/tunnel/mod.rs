//! Encapsulations: what is put in front of a packet on its way into a tunnel.
//!
//! The control plane describes a tunnel by a [`TunnelSpec`] and composes the [`Tunnel`] that workers
//! read: the outer header's bytes ready to be copied, so that only lengths, checksums, the entropy
//! source port and what follows the inner packet are patched.

mod spec;
mod template;

pub use spec::{
    DontFragment, EcnMode, Encapsulation, Ends, Mode, TunnelPolicy, TunnelSpec, UdpChecksum,
};
pub(crate) use template::FRONT_BYTES;
pub use template::{Outer, TUNNEL_HEADER_MAX, Tunnel, TunnelKind};
