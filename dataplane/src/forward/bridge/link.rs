//! The link header of a frame on its way through a bridge domain.

use dpdk_sys::Mbuf;
use dpdk_sys::mbuf::NoRoom;

use crate::punt::PuntClass;
use crate::wire::Header;
use crate::wire::arp::{ArpOperation, ArpPacket};
use crate::wire::ethernet::{EtherType, MIN_FRAME_BYTES, VlanTag};

const ADDRESSES: usize = 12;
/// The bits of a tag that are not the VLAN: priority and drop eligibility.
const PRIORITY: u16 = 0xf000;

/// Gives a frame the tag of `vlan`, or none: takes off the tag that it has when it is `tagged`, and
/// keeps the priority from one tag to the next.
///
/// # Errors
/// There is no room for a tag; the frame is as it was.
#[inline]
pub(super) fn retag(mbuf: &mut Mbuf, tagged: bool, vlan: Option<u16>) -> Result<(), NoRoom> {
    match (tagged, vlan) {
        (false, None) => {}
        (true, Some(vlan)) => {
            if let Some(tci) = mbuf
                .data_mut()
                .get_mut(ADDRESSES + 2..ADDRESSES + VlanTag::LEN)
            {
                let priority = u16::from_be_bytes([tci[0], tci[1]]) & PRIORITY;
                tci.copy_from_slice(&(priority | vlan).to_be_bytes());
            }
        }
        (true, None) => {
            if mbuf.data().len() >= ADDRESSES + VlanTag::LEN {
                mbuf.data_mut().copy_within(..ADDRESSES, VlanTag::LEN);
                // The line above found it long enough.
                let _ = mbuf.trim_front(VlanTag::LEN);
            }
        }
        (false, Some(vlan)) => {
            let priority = mbuf.vlan_stripped().unwrap_or_default() & PRIORITY;
            mbuf.prepend(VlanTag::LEN)?;
            let data = mbuf.data_mut();
            data.copy_within(VlanTag::LEN..VlanTag::LEN + ADDRESSES, 0);
            if let Some(tag) = data.get_mut(ADDRESSES..ADDRESSES + VlanTag::LEN) {
                tag[..2].copy_from_slice(&EtherType::VLAN.get().to_be_bytes());
                tag[2..].copy_from_slice(&(priority | vlan).to_be_bytes());
            }
        }
    }
    Ok(())
}

/// Fills a runt up with zeros to the least length of a frame (IEEE 802.3 section 4.2.3.3).
///
/// # Errors
/// There is no room behind it.
#[inline]
pub(super) fn pad(mbuf: &mut Mbuf) -> Result<(), NoRoom> {
    let missing = MIN_FRAME_BYTES.saturating_sub(mbuf.len());
    if missing > 0 {
        mbuf.append(missing)?.fill(0);
    }
    Ok(())
}

/// The class of a frame that asks for a neighbour's Ethernet address: an ARP request, or a neighbour
/// solicitation to a group.
pub(super) fn asks_for_neighbour(mbuf: &Mbuf, l3_offset: usize) -> Option<PuntClass> {
    const IPV6_LEN: usize = 40;
    const ICMPV6: u8 = 58;
    const SOLICITATION: u8 = 135;
    let data = mbuf.data();
    let kind = data.get(l3_offset.checked_sub(2)?..l3_offset)?;
    let packet = data.get(l3_offset..)?;
    match EtherType::new(u16::from_be_bytes([kind[0], kind[1]])) {
        EtherType::ARP => {
            let arp = ArpPacket::parse(packet).ok()?;
            (arp.operation() == ArpOperation::Request).then_some(PuntClass::Arp)
        }
        EtherType::IPV6 => (packet.get(6) == Some(&ICMPV6)
            && packet.get(IPV6_LEN) == Some(&SOLICITATION))
        .then_some(PuntClass::NeighbourDiscovery),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45, 0];

    fn tagged(tci: u16) -> Vec<u8> {
        let [a, b] = tci.to_be_bytes();
        [&PLAIN[..12], &[0x81, 0, a, b], &PLAIN[12..]].concat()
    }

    #[test]
    fn a_tag_is_pushed_popped_and_exchanged_with_its_priority() {
        let after = |frame: &[u8], has_tag, vlan| {
            let mut mbuf = Mbuf::from_heap(frame);
            retag(&mut mbuf, has_tag, vlan).unwrap();
            mbuf.data().to_vec()
        };
        assert_eq!(after(&PLAIN, false, None), PLAIN);
        assert_eq!(after(&PLAIN, false, Some(7)), tagged(7));
        assert_eq!(after(&tagged(0xa007), true, Some(9)), tagged(0xa009));
        assert_eq!(after(&tagged(0xa007), true, None), PLAIN);
        let mut stripped = Mbuf::from_heap(&PLAIN);
        stripped.set_vlan_stripped(Some(0xa005));
        retag(&mut stripped, false, Some(9)).unwrap();
        assert_eq!(stripped.data(), tagged(0xa009));
        let mut tight = Mbuf::heap_with_headroom(3, &PLAIN);
        assert!(retag(&mut tight, false, Some(9)).is_err());
        assert_eq!(tight.data(), PLAIN);
    }

    #[test]
    fn x_14_a_runt_is_filled_with_zeros_to_60_bytes() {
        let mut mbuf = Mbuf::from_heap(&PLAIN);
        pad(&mut mbuf).unwrap();
        assert_eq!(mbuf.len(), 60);
        assert_eq!(mbuf.data()[..16], PLAIN);
        assert!(mbuf.data()[16..].iter().all(|b| *b == 0));
        let mut long = Mbuf::from_heap(&[7; 61]);
        pad(&mut long).unwrap();
        assert_eq!(long.data(), [7; 61]);
    }
}
