//! `RTM_NEWADDR` and `RTM_DELADDR`: addresses, which are the router's own business.

use super::Unreadable;
use super::view::{Attributes, Message};

/// Bytes of `ifaddrmsg`.
const HEADER: usize = 8;
/// The last attribute of addresses that is known (`IFA_PROTO`).
const LAST_KNOWN: u16 = 11;

/// Counts the attributes that nobody knows; what is known says nothing about forwarding.
pub(super) fn count(message: &Message<'_>, ignored: &mut u64) -> Result<(), Unreadable> {
    for attribute in Attributes::after(message.payload, HEADER) {
        *ignored += u64::from(attribute?.0 > LAST_KNOWN);
    }
    Ok(())
}
