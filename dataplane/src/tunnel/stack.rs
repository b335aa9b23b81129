//! What a label stack says (RFC 3031 section 3, RFC 3032, RFC 3443, RFC 4182, RFC 6790, RFC 7274).
//!
//! Labels are looked up from the top. One that leads to a VRF is popped; what is below it is read in
//! the same way, down to the bottom. One that leads to a next hop ends the reading. Explicit nulls
//! and entropy labels are popped wherever they stand and say nothing of the way.

use super::encap::remix;
use crate::drops::DropReason;
use crate::ids::{InterfaceId, NextHopId};
use crate::snapshot::label::{LabelEntry, LabelTable, Payload};
use crate::snapshot::tunnel::Mode;
use crate::wire::Header;
use crate::wire::mpls::{Label, StackEntry};

/// Most entries that are popped of one packet.
pub const MAX_POPPED: usize = 16;

/// Why a stack leads nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StackError {
    /// The packet ends before the stack's bottom, or the bottom comes before it may.
    #[error("the label stack is cut off")]
    Truncated,
    /// It has more than [`MAX_POPPED`] entries to pop.
    #[error("the label stack is too deep")]
    TooDeep,
    /// A TTL ran out.
    #[error("the TTL of label {0} ran out")]
    TtlExpired(Label),
    /// The label has a meaning that is nothing for a data packet.
    #[error("the special label {0} is not taken")]
    Special(Label),
    /// The router did not give it out.
    #[error("label {0} is not known")]
    Unknown(Label),
}

impl From<StackError> for DropReason {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Truncated | StackError::TooDeep => Self::LabelStackInvalid,
            StackError::TtlExpired(_) => Self::LabelTtlExpired,
            StackError::Special(_) => Self::SpecialLabel,
            StackError::Unknown(_) => Self::UnknownLabel,
        }
    }
}

/// Where a packet with labels goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// All labels are popped: an IP packet that came by this interface.
    Vrf(InterfaceId),
    /// To this next hop.
    NextHop {
        /// The next hop.
        next_hop: NextHopId,
        /// Whether labels are left below the one that led here.
        more: bool,
        /// Where what is below starts when an entropy label under the one that led here is popped too,
        /// as it must be where the path of labels ends.
        after_entropy: Option<usize>,
    },
    /// The router itself is to look at it: router alert, or a generic associated channel.
    Router,
}

/// What was read of a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Where the packet goes.
    pub way: Way,
    /// What is below the bottom.
    pub payload: Payload,
    /// Where what is left starts, in bytes from the start of the stack.
    pub offset: usize,
    /// The TTL of the last label popped, or the least of those whose TTLs are carried over.
    pub ttl: u8,
    /// Whether it is carried over into what is below.
    pub ttl_mode: Mode,
    /// The traffic class of the last label popped.
    pub traffic_class: u8,
    /// The outermost label that the router gave out.
    pub counted: Option<Label>,
}

/// Reads the stack at the front of `packet`. A packet that has nothing but explicit nulls comes by the
/// interface `own`.
///
/// # Errors
/// See [`StackError`].
pub fn read(packet: &[u8], table: &LabelTable, own: InterfaceId) -> Result<Reading, StackError> {
    let mut reading = Reading {
        way: Way::Vrf(own),
        payload: Payload::Both,
        offset: 0,
        ttl: u8::MAX,
        ttl_mode: Mode::Pipe,
        traffic_class: 0,
        counted: None,
    };
    // Whether something said what is below the bottom.
    let mut known = false;
    while reading.offset < MAX_POPPED * StackEntry::LEN {
        let entry = entry_at(packet, reading.offset)?;
        let label = entry.label();
        if label == Label::ENTROPY_INDICATOR {
            let (after, bottom) = after_entropy(packet, reading.offset)?;
            reading.offset = after;
            match (bottom, known) {
                (true, true) => return Ok(reading),
                (true, false) => return Err(StackError::Special(label)),
                (false, _) => continue,
            }
        }
        reading.offset += StackEntry::LEN;
        reading.ttl = match reading.ttl_mode {
            Mode::Pipe => entry.ttl(),
            Mode::Uniform => entry.ttl().min(reading.ttl.saturating_sub(1)),
        };
        reading.traffic_class = entry.traffic_class();
        if reading.ttl <= 1 {
            return Err(StackError::TtlExpired(label));
        }
        match label {
            Label::IPV4_EXPLICIT_NULL => reading.payload = Payload::Ipv4,
            Label::IPV6_EXPLICIT_NULL => reading.payload = Payload::Ipv6,
            Label::ROUTER_ALERT | Label::GENERIC_ALERT => {
                reading.way = Way::Router;
                return Ok(reading);
            }
            _ if label.is_special() => return Err(StackError::Special(label)),
            _ => match table.get(label).ok_or(StackError::Unknown(label))? {
                LabelEntry::Vrf {
                    interface,
                    payload,
                    ttl_mode,
                } => {
                    reading.way = Way::Vrf(interface);
                    (reading.payload, reading.ttl_mode) = (payload, ttl_mode);
                    reading.counted.get_or_insert(label);
                }
                LabelEntry::NextHop {
                    next_hop,
                    payload,
                    ttl_mode,
                } => {
                    let more = !entry.is_bottom();
                    reading.way = Way::NextHop {
                        next_hop,
                        more,
                        after_entropy: if more {
                            entropy_to_bottom(packet, reading.offset)?
                        } else {
                            None
                        },
                    };
                    (reading.payload, reading.ttl_mode) = (payload, ttl_mode);
                    reading.counted.get_or_insert(label);
                    return Ok(reading);
                }
            },
        }
        known = true;
        if entry.is_bottom() {
            return Ok(reading);
        }
    }
    Err(StackError::TooDeep)
}

fn entry_at(packet: &[u8], offset: usize) -> Result<StackEntry, StackError> {
    packet
        .get(offset..)
        .and_then(StackEntry::split)
        .map(|(entry, _)| *entry)
        .ok_or(StackError::Truncated)
}

/// Where the entry behind an entropy label starts, and whether the entropy label was the bottom.
fn after_entropy(packet: &[u8], indicator: usize) -> Result<(usize, bool), StackError> {
    if entry_at(packet, indicator)?.is_bottom() {
        return Err(StackError::Truncated);
    }
    let entropy = entry_at(packet, indicator + StackEntry::LEN)?;
    Ok((indicator + 2 * StackEntry::LEN, entropy.is_bottom()))
}

/// Where the payload starts, if an entropy label is all that is left of the stack.
fn entropy_to_bottom(packet: &[u8], offset: usize) -> Result<Option<usize>, StackError> {
    if entry_at(packet, offset)?.label() != Label::ENTROPY_INDICATOR {
        return Ok(None);
    }
    let (after, bottom) = after_entropy(packet, offset)?;
    Ok(bottom.then_some(after))
}

/// The hash of what labels alone tell of a flow: the entropy label where there is one (RFC 6790 section
/// 4.3), else all labels down to the bottom. What is below is not looked at, as nothing says what it is
/// (RFC 4928).
#[must_use]
pub fn hash(packet: &[u8]) -> u32 {
    let (mut hash, mut is_entropy, mut rest) = (0, false, packet);
    for _ in 0..MAX_POPPED {
        let Some((entry, below)) = StackEntry::split(rest) else {
            break;
        };
        let label = entry.label();
        if is_entropy {
            return remix(label.get());
        }
        is_entropy = label == Label::ENTROPY_INDICATOR;
        if !label.is_special() {
            hash = remix(hash ^ label.get());
        }
        if entry.is_bottom() {
            break;
        }
        rest = below;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn r_01_l_09_any_stack_is_read_within_its_bytes(
            entries in prop::collection::vec((0..20u32, any::<bool>(), 0..4u8), 0..24), cut in 0..4usize,
        ) {
            let mut table = LabelTable::default();
            for number in 16..18 {
                table.set(Label::new(number).unwrap(), Some(LabelEntry::Vrf {
                    interface: InterfaceId::new(number),
                    payload: Payload::Both,
                    ttl_mode: Mode::Uniform,
                }));
            }
            table.set(Label::new(18).unwrap(), Some(LabelEntry::NextHop {
                next_hop: NextHopId::new(9),
                payload: Payload::Ipv4,
                ttl_mode: Mode::Pipe,
            }));
            let mut packet: Vec<u8> = entries
                .iter()
                .flat_map(|(label, bottom, ttl)| {
                    StackEntry::new(Label::new(*label).unwrap(), 0, *bottom, *ttl).bytes().to_vec()
                })
                .collect();
            packet.truncate(packet.len().saturating_sub(cut));
            prop_assert_eq!(hash(&packet), hash(&packet.clone()));
            let Ok(reading) = read(&packet, &table, InterfaceId::new(1)) else {
                return Ok(());
            };
            prop_assert!(reading.offset <= packet.len() && reading.offset % 4 == 0);
            prop_assert!(reading.way == Way::Router || reading.ttl > 1);
            let last = (reading.offset / 4).checked_sub(1).map(|place| entries[place]);
            let ended = matches!(last, Some((_, true, _)));
            match reading.way {
                Way::Vrf(_) => prop_assert!(ended, "read to the bottom"),
                Way::NextHop { more, .. } => prop_assert_eq!(more, !ended),
                Way::Router => {}
            }
        }
    }
}
