//! What a router writes into the IPv4 options that ask it to: record route and timestamp (RFC 791
//! section 3.1, RFC 1812 section 4.2.2.11).

use super::ipv4_options::{Ipv4Options, RECORD_ROUTE, TIMESTAMP};
use std::net::Ipv4Addr;
use std::ops::Range;

/// An option that cannot be obeyed; the packet is discarded with a parameter problem.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {pointer} of the IPv4 header, within an option, is wrong")]
pub struct RecordError {
    /// Which byte is wrong, counted from the start of the IPv4 header.
    pub pointer: u8,
}

/// What the router writes.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    /// The address of the interface by which the packet leaves, or to which it was sent.
    pub address: Ipv4Addr,
    /// Milliseconds since midnight, universal time.
    pub time_ms: u32,
}

/// Where the pointer stands in both options, and the overflow and flag of a timestamp.
const POINTER: usize = 2;
const FLAG: usize = 3;

const TIMES_ONLY: u8 = 0;
const ADDRESSES_AND_TIMES: u8 = 1;
const PRESPECIFIED: u8 = 3;

/// Writes `visit` into the options that want it, all of which lie in `options`: the bytes between
/// the fixed header and the payload. `is_own` knows all addresses of the router. The header's
/// checksum is to be computed anew ([`seal`](super::ipv4::Ipv4Header::seal)).
///
/// # Errors
/// The first option that is malformed, or has some room left but too little. What stood before it is
/// written already.
pub fn record(
    options: &mut [u8],
    visit: Visit,
    is_own: impl Fn(Ipv4Addr) -> bool,
) -> Result<(), RecordError> {
    let mut at = 0;
    while let Some(option) = Ipv4Options::new(options.get(at..).unwrap_or_default()).next() {
        let wrong = |offset: usize| RecordError {
            pointer: (20 + at + offset) as u8,
        };
        let (kind, length) = option
            .map(|option| (option.kind, option.bytes.len()))
            .map_err(|_| wrong(0))?;
        let bytes = options.get_mut(at..at + length).unwrap_or_default();
        match kind {
            RECORD_ROUTE => record_route(bytes, visit.address).map_err(wrong)?,
            TIMESTAMP => timestamp(bytes, visit, &is_own).map_err(wrong)?,
            _ => {}
        }
        at += length;
    }
    Ok(())
}

/// Both fail with the offset of the wrong byte in the option.
fn record_route(option: &mut [u8], address: Ipv4Addr) -> Result<(), usize> {
    if let Some(slot) = free_slot(option, 4, 4)? {
        put(option, slot, address.octets());
    }
    Ok(())
}

fn timestamp(
    option: &mut [u8],
    visit: Visit,
    is_own: impl Fn(Ipv4Addr) -> bool,
) -> Result<(), usize> {
    let overflow_flag = *option.get(FLAG).ok_or(1usize)?;
    let (overflow, flag) = (overflow_flag >> 4, overflow_flag & 0xf);
    let entry_bytes = match flag {
        TIMES_ONLY => 4,
        ADDRESSES_AND_TIMES | PRESPECIFIED => 8,
        _ => return Err(FLAG),
    };
    let [a, b, c, d] = visit.address.octets();
    let [e, f, g, h] = visit.time_ms.to_be_bytes();
    match (free_slot(option, 5, entry_bytes)?, flag) {
        (Some(slot), TIMES_ONLY) => put(option, slot, [e, f, g, h]),
        (Some(slot), ADDRESSES_AND_TIMES) => put(option, slot, [a, b, c, d, e, f, g, h]),
        (Some(slot), _) => {
            if let Some(asked) = option
                .get(slot.clone())
                .and_then(|entry| entry.first_chunk())
            {
                let [a, b, c, d]: [u8; 4] = *asked;
                if is_own(Ipv4Addr::new(a, b, c, d)) {
                    put(option, slot, [a, b, c, d, e, f, g, h]);
                }
            }
        }
        (None, PRESPECIFIED) => {}
        // Those that found no room are counted, until the count itself has none.
        (None, _) if overflow == 15 => return Err(FLAG),
        (None, _) => option[FLAG] = (overflow + 1) << 4 | flag,
    }
    Ok(())
}

/// The next free entry of an option whose pointer counts from 1 and starts at `first`; `None` if all
/// are taken.
fn free_slot(
    option: &[u8],
    first: usize,
    entry_bytes: usize,
) -> Result<Option<Range<usize>>, usize> {
    let pointer = usize::from(*option.get(POINTER).ok_or(1usize)?);
    if pointer < first {
        return Err(POINTER);
    }
    let start = pointer - 1;
    if start >= option.len() {
        return Ok(None);
    }
    let slot = start..start + entry_bytes;
    if slot.end > option.len() {
        return Err(POINTER);
    }
    Ok(Some(slot))
}

fn put<const N: usize>(option: &mut [u8], slot: Range<usize>, entry: [u8; N]) {
    let next = slot.end as u8 + 1;
    if let Some(bytes) = option.get_mut(slot).and_then(|s| s.first_chunk_mut()) {
        *bytes = entry;
        option[POINTER] = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const VISIT: Visit = Visit {
        address: OWN,
        time_ms: 0x0102_0304,
    };

    fn recorded(options: &[u8]) -> Result<Vec<u8>, RecordError> {
        let mut options = options.to_vec();
        record(&mut options, VISIT, |address| address == OWN)?;
        Ok(options)
    }

    fn wrong(pointer: u8) -> Result<Vec<u8>, RecordError> {
        Err(RecordError { pointer })
    }

    #[test]
    fn v4_08_record_route() {
        let once = recorded(&[1, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(once, Ok(vec![1, 7, 11, 8, 10, 0, 0, 1, 0, 0, 0, 0]));
        let twice = recorded(&once.unwrap());
        let full = vec![1, 7, 11, 12, 10, 0, 0, 1, 10, 0, 0, 1];
        assert_eq!(twice.as_ref(), Ok(&full));
        assert_eq!(recorded(&full), Ok(full), "what is full is left alone");
        assert_eq!(
            recorded(&[7, 7, 3, 0, 0, 0, 0, 0]),
            wrong(22),
            "the pointer is under 4"
        );
        assert_eq!(
            recorded(&[7, 7, 5, 0, 0, 0, 0, 0]),
            wrong(22),
            "room for three bytes"
        );
        assert_eq!(recorded(&[1, 7, 2, 0]), wrong(22), "no pointer");
        assert_eq!(
            recorded(&[1, 1, 7, 9]),
            wrong(22),
            "the length is past the header"
        );
    }

    #[test]
    fn v4_08_timestamp() {
        let times = recorded(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(times, Ok(vec![68, 12, 9, 0, 1, 2, 3, 4, 0, 0, 0, 0]));
        let both = recorded(&[68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(both, Ok(vec![68, 12, 13, 1, 10, 0, 0, 1, 1, 2, 3, 4]));
        let ours = recorded(&[68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(ours, Ok(vec![68, 12, 13, 3, 10, 0, 0, 1, 1, 2, 3, 4]));
        for untouched in [
            vec![68, 12, 5, 3, 10, 0, 0, 2, 0, 0, 0, 0],
            vec![68, 12, 13, 3, 10, 0, 0, 1, 0, 0, 0, 0],
        ] {
            assert_eq!(recorded(&untouched), Ok(untouched));
        }
        assert_eq!(
            recorded(&[68, 8, 9, 0xe0, 9, 9, 9, 9]),
            Ok(vec![68, 8, 9, 0xf0, 9, 9, 9, 9])
        );
        assert_eq!(
            recorded(&[68, 8, 9, 0xf0, 9, 9, 9, 9]),
            wrong(23),
            "the count is full"
        );
        assert_eq!(
            recorded(&[68, 8, 5, 2, 0, 0, 0, 0]),
            wrong(23),
            "an unknown flag"
        );
        assert_eq!(
            recorded(&[68, 8, 4, 0, 0, 0, 0, 0]),
            wrong(22),
            "the pointer is under 5"
        );
        assert_eq!(
            recorded(&[68, 8, 5, 1, 0, 0, 0, 0]),
            wrong(22),
            "room for half an entry"
        );
        assert_eq!(recorded(&[68, 3, 5, 0]), wrong(21), "no flag");
    }

    #[test]
    fn v4_08_other_options_are_left_alone() {
        let options = [148, 4, 0, 0, 130, 4, 1, 2, 0, 7, 7, 4];
        assert_eq!(recorded(&options), Ok(options.to_vec()));
        assert_eq!(recorded(&[]), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn r_01_any_bytes_are_safe(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..13, Just(7), Just(68)], 0..41)) {
            match recorded(&bytes) {
                // Options stay where they are, however they are filled.
                Ok(after) => {
                    let kinds = |b: &[u8]| Ipv4Options::new(b).map(|o| o.map(|o| (o.kind, o.bytes.len()))).collect::<Vec<_>>();
                    prop_assert_eq!(kinds(&after), kinds(&bytes));
                }
                Err(RecordError { pointer }) => prop_assert!((20..20 + bytes.len()).contains(&usize::from(pointer))),
            }
        }
    }
}
