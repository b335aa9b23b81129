//! The control plane of ferroute.
