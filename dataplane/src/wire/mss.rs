//! The maximum segment size that a TCP connection is opened with (RFC 9293 section 3.7.1), lowered on the way, so
//! that the segments of both ends fit a link that neither knows.

use super::Header;
use super::checksum;
use super::ethernet::EtherType;
use super::extension::Upper;
use super::ipv4::Ipv4Header;
use super::ipv6::Ipv6Header;
use super::protocol::Protocol;
use super::tcp::{TcpFlags, TcpHeader};

/// The kinds of TCP options that say where the others are: the end, a filler, and what is looked for.
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;
/// The length of that option, its kind and length included.
const MSS_LEN: u8 = 4;
/// Where a TCP header has its checksum.
const CHECKSUM: std::ops::Range<usize> = 16..18;

/// Lowers the MSS that a packet opens a connection with (SYN, or SYN and ACK) so that the connection's packets are at
/// most `mtu_bytes` long, headers included; the checksum follows. Whatever else it is stays as it is: no TCP, no
/// first fragment, no such option or one that is cut off, an MSS that is low enough. Whether it was lowered.
pub fn clamp(ethertype: EtherType, packet: &mut [u8], mtu_bytes: u16) -> bool {
    let (tcp, headers) = match ethertype {
        EtherType::IPV4 => (tcp_of_ipv4(packet), Ipv4Header::LEN),
        EtherType::IPV6 => (tcp_of_ipv6(packet), Ipv6Header::LEN),
        _ => return false,
    };
    let most = mtu_bytes.saturating_sub((headers + TcpHeader::LEN) as u16);
    tcp.and_then(|start| packet.get_mut(start..))
        .is_some_and(|segment| clamp_segment(segment, most))
}

/// Where the TCP header starts.
fn tcp_of_ipv4(packet: &[u8]) -> Option<usize> {
    let (ip, _) = Ipv4Header::split(packet)?;
    let first = ip.protocol() == Protocol::TCP && ip.fragment_offset() == 0;
    first.then(|| ip.header_length())
}

fn tcp_of_ipv6(packet: &[u8]) -> Option<usize> {
    let (ip, payload) = Ipv6Header::split(packet)?;
    let upper = Upper::find(ip.next_header(), payload).ok()?;
    let first = upper.protocol == Protocol::TCP && !upper.is_later_fragment();
    first.then(|| packet.len() - upper.bytes.len())
}

fn clamp_segment(segment: &mut [u8], most: u16) -> bool {
    let Some((header, _)) = TcpHeader::split(segment) else {
        return false;
    };
    if !header.flags().contains(TcpFlags::SYN) {
        return false;
    }
    let end = header.header_length();
    let Some(at) = segment.get(..end).and_then(mss_in) else {
        return false;
    };
    let old = u16::from_be_bytes([segment[at], segment[at + 1]]);
    if old <= most {
        return false;
    }
    segment[at..at + 2].copy_from_slice(&most.to_be_bytes());
    let sum = u16::from_be_bytes([segment[CHECKSUM.start], segment[CHECKSUM.start + 1]]);
    // At an odd place each byte counts in the other half of its word (RFC 1071 section 2).
    let sum = if at.is_multiple_of(2) {
        checksum::update(sum, old, most)
    } else {
        checksum::update(sum, old.swap_bytes(), most.swap_bytes())
    };
    segment[CHECKSUM].copy_from_slice(&sum.to_be_bytes());
    true
}

/// Where in a TCP header, options included, the value of the MSS option starts.
fn mss_in(header: &[u8]) -> Option<usize> {
    let mut at = TcpHeader::LEN;
    loop {
        match *header.get(at..)? {
            [NO_OPERATION, ..] => at += 1,
            [MAXIMUM_SEGMENT_SIZE, MSS_LEN, _, _, ..] => return Some(at + 2),
            [kind, length, ..] if ![END, MAXIMUM_SEGMENT_SIZE].contains(&kind) && length >= 2 => {
                at += usize::from(length);
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};
    use proptest::prelude::*;

    const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];

    /// An IP packet of a connection that is being opened, with these options as they are.
    fn packet(v6: bool, flags: u8, options: &[u8]) -> Vec<u8> {
        let ip = if v6 {
            PacketBuilder::ipv6([0x20; 16], [0x21; 16], 64)
        } else {
            PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        };
        let mut tcp = ip.tcp(40_000, 179, 7, 1000).options_raw(options).unwrap();
        if flags & 0x02 != 0 {
            tcp = tcp.syn();
        }
        if flags & 0x10 != 0 {
            tcp = tcp.ack(9);
        }
        let mut bytes = Vec::new();
        tcp.write(&mut bytes, b"data").unwrap();
        bytes
    }

    fn kind(v6: bool) -> EtherType {
        if v6 { EtherType::IPV6 } else { EtherType::IPV4 }
    }

    /// The MSS as etherparse reads it, from a packet whose checksum it finds right.
    #[track_caller]
    fn mss(packet: &[u8]) -> Option<u16> {
        let sliced = SlicedPacket::from_ip(packet).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
            panic!("{packet:02x?}");
        };
        let sum = match sliced.net.as_ref().unwrap() {
            etherparse::NetSlice::Ipv4(ip) => tcp
                .calc_checksum_ipv4(ip.header().source(), ip.header().destination())
                .unwrap(),
            etherparse::NetSlice::Ipv6(ip) => tcp
                .calc_checksum_ipv6(ip.header().source(), ip.header().destination())
                .unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(sum, tcp.checksum());
        tcp.options_iterator().find_map(|option| match option {
            Ok(etherparse::TcpOptionElement::MaximumSegmentSize(mss)) => Some(mss),
            _ => None,
        })
    }

    #[test]
    fn p_06_the_mss_of_syn_and_syn_ack_is_lowered_and_never_raised() {
        for (v6, headers) in [(false, 40), (true, 60)] {
            for flags in [0x02, 0x12] {
                for before in [
                    &[][..],
                    &[1],
                    &[3, 3, 7],
                    &[1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8],
                ] {
                    let mut opens = packet(v6, flags, &[before, &MSS].concat());
                    assert!(clamp(kind(v6), &mut opens, 1400));
                    assert_eq!(mss(&opens), Some(1400 - headers), "{before:?}");
                    let lowered = opens.clone();
                    assert!(!clamp(kind(v6), &mut opens, 1500));
                    assert_eq!(opens, lowered);
                }
            }
        }
    }

    #[test]
    fn p_06_everything_else_stays_as_it_is() {
        for v6 in [false, true] {
            for (flags, options) in [
                (0x10, &MSS[..]),
                (0x02, &[]),
                (0x02, &[1, 1, 1, 1]),
                (0x02, &[0, 2, 4, 5]),
                (0x02, &[2, 3, 5, 0]),
                (0x02, &[3, 0, 2, 4]),
                (0x02, &[3, 1, 2, 4]),
                (0x02, &[1, 2, 4, 5]),
                (0x02, &[3, 40, 5, 0xb4]),
            ] {
                let before = packet(v6, flags, options);
                let mut after = before.clone();
                assert!(!clamp(kind(v6), &mut after, 576), "{flags:x} {options:?}");
                assert_eq!(after, before);
            }
        }
        let mut fragment = packet(false, 0x02, &MSS);
        fragment[7] = 1;
        assert!(!clamp(EtherType::IPV4, &mut fragment, 576));
        let mut udp = packet(false, 0x02, &MSS);
        udp[9] = 17;
        assert!(!clamp(EtherType::IPV4, &mut udp, 576));
    }

    #[test]
    fn p_06_a_packet_that_is_cut_off_anywhere_is_safe() {
        for v6 in [false, true] {
            let whole = packet(v6, 0x02, &[&[1][..], &MSS].concat());
            for cut in 0..whole.len() {
                let mut short = whole[..cut].to_vec();
                if !clamp(kind(v6), &mut short, 576) {
                    assert_eq!(short, whole[..cut]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_options_are_safe_and_the_checksum_stays_right(
            v6: bool, options in prop::collection::vec(any::<u8>(), 0..10), mtu in 68_u16..,
        ) {
            let options: Vec<_> = options.iter().copied().chain([0; 4]).take(options.len().div_ceil(4) * 4).collect();
            let mut opens = packet(v6, 0x02, &options);
            let before = opens.clone();
            if clamp(kind(v6), &mut opens, mtu) {
                mss(&opens);
                prop_assert_eq!(before.iter().zip(&opens).filter(|(a, b)| a != b).count() <= 4, true);
            } else {
                prop_assert_eq!(before, opens);
            }
        }
    }
}
