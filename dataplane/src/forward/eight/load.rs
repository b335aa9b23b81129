//! Putting eight packets at a time into a transmit buffer, with AVX2.

use dpdk_sys::Mbuf;

use super::WIDTH;
use super::avx2::usual_bytes;
use crate::forward::batch::{Batch, Facts, eight_from};
use crate::forward::egress::exchange_link_header;
use crate::forward::tx::TxPort;
use crate::wire::Header;
use crate::wire::ethernet::EthernetHeader;

impl Batch {
    /// See [`Batch::load_eights`].
    #[target_feature(enable = "avx2")]
    pub(super) fn load_eights_with_avx2<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest_bytes: u16,
        link: [u8; EthernetHeader::LEN],
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        for eight in slots.as_chunks().0 {
            let Some((packets, facts)) = self.row(eight) else {
                break;
            };
            let Some(row_bytes) = usual_bytes(facts, longest_bytes) else {
                break;
            };
            let aged = exchange_link_headers::<FAMILY>(packets, link);
            if aged == WIDTH && tx.push_eight(packets) {
                sent += WIDTH;
                bytes += row_bytes;
                continue;
            }
            for (packet, facts) in packets[..aged].iter_mut().zip(facts) {
                if let Some(mbuf) = packet.take() {
                    tx.push(mbuf);
                    sent += 1;
                    bytes += u64::from(facts.ip_bytes);
                }
            }
            break;
        }
        (sent, bytes)
    }

    /// The packets at eight slots and their facts, if the slots are one behind the other.
    #[inline(always)]
    fn row(
        &mut self,
        slots: &[u8; WIDTH],
    ) -> Option<(&mut [Option<Mbuf>; WIDTH], &[Facts; WIDTH])> {
        if *slots != eight_from(slots[0]) {
            return None;
        }
        let first = usize::from(slots[0]);
        let packets = self.packets.get_mut(first..)?.first_chunk_mut()?;
        let facts = self.facts.get(first..)?.first_chunk()?;
        Some((packets, facts))
    }
}

/// Rewrites packets as long as it may be done, and answers how many that were.
#[inline(always)]
fn exchange_link_headers<const FAMILY: u8>(
    packets: &mut [Option<Mbuf>; WIDTH],
    link: [u8; EthernetHeader::LEN],
) -> usize {
    for (done, packet) in packets.iter_mut().enumerate() {
        let Some(mbuf) = packet else {
            return done;
        };
        if !exchange_link_header::<FAMILY>(mbuf, link) {
            return done;
        }
    }
    WIDTH
}
