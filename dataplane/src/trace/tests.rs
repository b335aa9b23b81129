//! Rings against a queue, filters against etherparse.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use dpdk_sys::Mbuf;
use etherparse::PacketBuilder;
use ipnet::IpNet;
use proptest::prelude::*;

use super::*;
use crate::counters::MAX_INTERFACES;
use crate::drops::DropReason;
use crate::ids::InterfaceId;

proptest! {
    #[test]
    fn a_ring_is_a_bounded_queue_that_counts_what_it_loses(
        places in 1_usize..8,
        steps in proptest::collection::vec((any::<bool>(), 0_usize..5), 0..200),
    ) {
        let ring = Ring::new(places, || 0_u32);
        let (mut model, mut lost, mut next) = (VecDeque::new(), 0, 0);
        for (puts, count) in steps {
            if puts {
                for _ in 0..count {
                    next += 1;
                    ring.put(|record| *record = next);
                    if model.len() < places {
                        model.push_back(next);
                    } else {
                        lost += 1;
                    }
                }
            } else {
                let mut drained = Vec::new();
                prop_assert_eq!(ring.drain(count, |record| drained.push(*record)), drained.len());
                let expected: Vec<u32> = (0..count).map_while(|_| model.pop_front()).collect();
                prop_assert_eq!(drained, expected);
            }
            prop_assert_eq!(ring.lost(), lost);
        }
    }

    #[test]
    fn a_prefix_fits_the_addresses_that_etherparse_wrote(
        from in any::<[u8; 4]>(), to in any::<[u8; 4]>(), wide in any::<[[u8; 16]; 2]>(),
        length in 0_u8..=32, six in any::<bool>(), tag in any::<bool>(), near in any::<bool>(),
    ) {
        let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
        let mut frame = Vec::new();
        let ends: [IpAddr; 2] = if six {
            link.ipv6(wide[0], wide[1], 9).udp(1, 2).write(&mut frame, &[]).unwrap();
            wide.map(IpAddr::from)
        } else {
            link.ipv4(from, to, 9).udp(1, 2).write(&mut frame, &[]).unwrap();
            [from, to].map(IpAddr::from)
        };
        if tag {
            frame.splice(12..12, [0x81, 0, 0, 7]);
        }
        let center = if near { ends[1] } else { IpAddr::from([10, 0, 0, 1]) };
        let prefix = IpNet::new(center, length).unwrap().trunc();
        let filter = Filter { prefix: Some(prefix), ..Filter::default() };
        let expected = ends.iter().any(|end| prefix.contains(end));
        prop_assert_eq!(filter.fits(InterfaceId::new(1), &frame), expected);
        // Whatever is cut off has no addresses, and harms nobody.
        for cut in 0..frame.len() {
            let _ = filter.fits(InterfaceId::new(1), &frame[..cut]);
        }
    }

    #[test]
    fn a_set_of_interfaces_holds_what_it_was_last_told(
        before in proptest::collection::vec(0..MAX_INTERFACES as u32, 0..20),
        after in proptest::collection::vec(0..MAX_INTERFACES as u32, 0..20),
        beyond in MAX_INTERFACES as u32..,
    ) {
        let ids = |numbers: &[u32]| numbers.iter().copied().map(InterfaceId::new).collect::<Vec<_>>();
        let set = InterfaceSet::new(ids(&before));
        set.replace(ids(&after));
        for id in ids(&before).into_iter().chain(ids(&after)) {
            prop_assert_eq!(set.contains(id), after.contains(&id.get()));
        }
        prop_assert!(!set.contains(InterfaceId::new(beyond)));
    }
}

fn frames(ring: &Ring<Frame>) -> Vec<Frame> {
    let mut frames = Vec::new();
    ring.drain(usize::MAX, |frame| frames.push(frame.clone()));
    frames
}

#[test]
fn a_tap_copies_as_much_as_there_is_room_for_of_one_in_so_many() {
    let ring = Arc::new(Ring::new(64, || Frame::with_room(20)));
    let filter = Filter {
        interfaces: Some(Arc::new(InterfaceSet::new([InterfaceId::new(7)]))),
        sample: NonZeroU32::new(3).unwrap(),
        ..Filter::default()
    };
    let points = [Point::Receive, Point::Drop].into_iter().collect();
    let tap = Tap::new(Arc::clone(&ring), filter, points);
    for number in 0..9 {
        let mut mbuf = Mbuf::from_heap(&[number; 16]);
        // What is in several segments is copied across them.
        mbuf.chain(Mbuf::from_heap(&[number; 16])).unwrap();
        tap.offer(Point::Receive, InterfaceId::new(7), None, &mbuf);
        tap.offer(Point::Receive, InterfaceId::new(8), None, &mbuf);
        tap.offer(Point::Transmit, InterfaceId::new(7), None, &mbuf);
    }
    let seen = frames(&ring);
    let bytes: Vec<_> = seen.iter().map(|frame| frame.bytes().to_vec()).collect();
    assert_eq!(bytes, [0, 3, 6].map(|number| [number; 20].to_vec()));
    assert!(seen.iter().all(|frame| frame.frame_bytes == 32));
    assert_eq!(ring.lost(), 0);
}

#[test]
fn a_tap_can_want_one_reason() {
    let ring = Arc::new(Ring::new(8, || Frame::with_room(64)));
    let filter = Filter {
        reason: Some(DropReason::TtlExpired.name()),
        ..Filter::default()
    };
    let points = [Point::Receive, Point::Drop].into_iter().collect();
    let tap = Tap::new(Arc::clone(&ring), filter, points);
    let mbuf = Mbuf::from_heap(&[1; 14]);
    tap.offer(Point::Receive, InterfaceId::new(1), None, &mbuf);
    for reason in [DropReason::NoRoute, DropReason::TtlExpired] {
        tap.offer(Point::Drop, InterfaceId::new(1), Some(reason.name()), &mbuf);
    }
    let reasons: Vec<_> = frames(&ring).iter().map(|frame| frame.reason).collect();
    assert_eq!(reasons, [Some("ttl_expired")]);
}
