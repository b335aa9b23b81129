//! The lab library of ferroute.
