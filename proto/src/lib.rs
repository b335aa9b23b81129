//! The gRPC API ferroute.v1.
