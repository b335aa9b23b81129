//! Stations of a bridge domain, and what they send to each other.

use super::frames::{Ends, Frame, frame};
use etherparse::err::packet::BuildWriteError;
use std::net::Ipv4Addr;

/// Stations of the domain, half of them behind either member.
pub const STATIONS: u16 = 1_000;
/// Distinct frames: pairs of stations.
pub const PAIRS: u16 = 1_024;

/// Odd, so that each station speaks to several of the other side.
const STRIDE: u16 = 7;
const HALF: u16 = STATIONS / 2;

/// The stations that send.
pub fn senders() -> impl Iterator<Item = [u8; 6]> {
    (0..HALF).map(|number| station(2 * number))
}

/// The stations that receive.
pub fn receivers() -> impl Iterator<Item = [u8; 6]> {
    (0..HALF).map(|number| station(2 * number + 1))
}

const fn station(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [2, 0, 0, 3, high, low]
}

/// The frame of a pair, from one side to the other.
///
/// # Errors
/// The library that builds it refuses; for these packets it does not.
pub fn between(pair: u16) -> Result<Frame, BuildWriteError> {
    let (sender, round) = (pair % HALF, pair / HALF);
    let ends = Ends {
        source: station(2 * sender),
        destination: station(2 * ((sender * STRIDE + round) % HALF) + 1),
    };
    frame(ends, pair, Ipv4Addr::new(10, 3, 0, 1).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_station_of_a_side_speaks_to_one_of_the_other() {
        let frames: Vec<Frame> = (0..PAIRS).map(|pair| between(pair).unwrap()).collect();
        let macs = |range: std::ops::Range<usize>| -> HashSet<Vec<u8>> {
            frames
                .iter()
                .map(|frame| frame[range.clone()].to_vec())
                .collect()
        };
        let all = |macs: &mut dyn Iterator<Item = [u8; 6]>| -> HashSet<Vec<u8>> {
            macs.map(Vec::from).collect()
        };
        assert_eq!(macs(6..12), all(&mut senders()));
        assert_eq!(macs(0..6), all(&mut receivers()));
        assert_eq!(macs(0..12).len(), usize::from(PAIRS));
    }
}
