//! Putting eight packets at a time into a transmit buffer, with AVX2.

use dpdk_sys::Mbuf;

use super::WIDTH;
use super::avx2::usual_bytes;
use crate::forward::batch::{Batch, Facts, eight_from};
use crate::forward::egress::{PlainLink, exchange_link_header};
use crate::forward::tx::TxPort;
use crate::ids::BURST;

impl Batch {
    /// As [`Batch::load_eights`], as long as each eight lie at slots one behind the other.
    #[target_feature(enable = "avx2")]
    pub(super) fn load_rows_with_avx2<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest_bytes: u16,
        link: PlainLink,
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        for eight in slots.as_chunks().0 {
            let Some((packets, facts)) = self.row(eight) else {
                break;
            };
            let Some(row_bytes) = usual_bytes(facts, longest_bytes) else {
                break;
            };
            if !(exchange_link_headers::<FAMILY>(packets, facts, link) && tx.push_eight(packets)) {
                break;
            }
            sent += WIDTH;
            bytes += row_bytes;
        }
        (sent, bytes)
    }

    /// As [`Batch::load_eights`], wherever their slots are. (As a part of the other it would cost that registers.)
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    pub(super) fn load_scattered_with_avx2<const FAMILY: u8>(
        &mut self,
        slots: &[u8],
        tx: &mut TxPort,
        longest_bytes: u16,
        link: PlainLink,
    ) -> (usize, u64) {
        let (mut sent, mut bytes) = (0, 0);
        for eight in slots.as_chunks::<WIDTH>().0 {
            let mut facts = [Facts::default(); WIDTH];
            for (facts, slot) in facts.iter_mut().zip(eight) {
                *facts = self.facts[place(*slot)];
            }
            let Some(row_bytes) = usual_bytes(&facts, longest_bytes) else {
                break;
            };
            let mut packets = [const { None }; WIDTH];
            for (packet, slot) in packets.iter_mut().zip(eight) {
                *packet = self.packets[place(*slot)].take();
            }
            if !(exchange_link_headers::<FAMILY>(&mut packets, &facts, link)
                && tx.push_eight(&mut packets))
            {
                for (slot, packet) in eight.iter().zip(packets) {
                    self.packets[place(*slot)] = packet;
                }
                break;
            }
            // All were moved, which the drop would look after.
            std::mem::forget(packets);
            sent += WIDTH;
            bytes += row_bytes;
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

/// A slot as an index: there are no others.
#[inline(always)]
fn place(slot: u8) -> usize {
    usize::from(slot) % BURST
}

/// Rewrites packets. False if one is missing or too short: what was done to others before is done to them once more when they are
/// sent alone, and changes nothing.
#[inline(always)]
fn exchange_link_headers<const FAMILY: u8>(
    packets: &mut [Option<Mbuf>; WIDTH],
    facts: &[Facts; WIDTH],
    link: PlainLink,
) -> bool {
    let Some(packets) = Mbuf::all_mut(packets) else {
        return false;
    };
    let mut each = packets.iter_mut().zip(facts);
    each.all(|(mbuf, facts)| exchange_link_header::<FAMILY>(mbuf.data_mut(), facts.aged, link))
}
