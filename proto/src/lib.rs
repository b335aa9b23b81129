//! The gRPC API of ferroute.
//!
//! [`v1`] is generated from `proto/ferroute/v1/*.proto`, where the API is documented. This crate
//! holds no logic.

/// `ferroute.v1`: messages, clients and servers.
#[allow(missing_docs, unreachable_pub, rustdoc::all)]
#[allow(
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::large_enum_variant
)]
pub mod v1 {
    tonic::include_proto!("ferroute.v1");

    /// The descriptors of all files, for the reflection service.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("ferroute.v1");
}
