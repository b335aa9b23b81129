//! One VNI between the two sides, step by step.

use super::groups::Numbering;
use super::segment::Segment;
use super::words::{End, Key, Known, Netdevs, Place, Station, ToKernel, ToRouter, Told, Whose};
use crate::bridge::netlink::update::{
    Behind, FdbEntry, FdbKey, FdbUpdate, Neighbour, NeighbourState,
};
use ferroute_dataplane::mac::Mac;
use std::net::IpAddr;

pub(super) const VXLAN: u32 = 6;
pub(super) const PORT: u32 = 7;
pub(super) const NETDEVS: Netdevs = Netdevs {
    vxlan: Some(VXLAN),
    bridge: Some(5),
    port: Some(PORT),
};

pub(super) fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last])
}

pub(super) fn end(last: u8) -> IpAddr {
    [100, 64, 0, last].into()
}

pub(super) const fn place(end: IpAddr) -> Place {
    let end = End::Remote(end);
    Place { end, sticky: false }
}

/// The kernel's word on an entry.
pub(super) fn entry(
    interface: u32,
    mac: [u8; 6],
    remote: Option<IpAddr>,
    there: bool,
) -> FdbUpdate {
    entry_behind(
        interface,
        mac,
        remote.map_or(Behind::Port, Behind::Remote),
        there,
    )
}

fn entry_behind(interface: u32, mac: [u8; 6], behind: Behind, there: bool) -> FdbUpdate {
    let entry = FdbEntry {
        vni: None,
        told: true,
        sticky: false,
    };
    FdbUpdate {
        key: FdbKey {
            interface,
            mac,
            vlan: 0,
            behind,
        },
        entry: there.then_some(entry),
    }
}

pub(super) const fn told(end: IpAddr, sequence: u32) -> Option<Told> {
    let place = place(end);
    Some(Told { place, sequence })
}

pub(super) const fn station(whose: Whose, sequence: u32, remote: Option<Told>) -> Station {
    Station {
        whose,
        sequence,
        remote,
    }
}

/// A VNI of which both sides have said everything: nothing.
fn segment() -> Segment {
    let mut segment = Segment::default();
    segment.netdevs(NETDEVS);
    segment.forget_router(true);
    segment.look_at_all();
    assert_eq!(said(&mut segment), (vec![], vec![]));
    segment
}

/// What is to be said now; both sides take it.
fn said(segment: &mut Segment) -> (Vec<ToRouter>, Vec<ToKernel>) {
    let (mut to_router, mut to_kernel) = (Vec::new(), Vec::new());
    loop {
        let keys = segment.take_dirty(2);
        if keys.is_empty() {
            return (to_router, to_kernel);
        }
        for key in keys {
            let (router, kernel) = segment.words(key);
            to_router.extend(router.inspect(|word| segment.told_router(*word)));
            to_kernel.extend(kernel.inspect(|word| segment.told_kernel(*word)));
        }
    }
}

fn router(words: &[ToRouter]) -> (Vec<ToRouter>, Vec<ToKernel>) {
    (words.to_vec(), vec![])
}

fn kernel(words: &[ToKernel]) -> (Vec<ToRouter>, Vec<ToKernel>) {
    (vec![], words.to_vec())
}

#[test]
fn flood_lists_follow_the_entries_without_an_address() {
    let mut segment = segment();
    for last in [1, 2] {
        segment.fdb(&entry(VXLAN, [0; 6], Some(end(last)), true));
    }
    let both = [1, 2].map(|last| ToRouter::Flood(end(last), true));
    assert_eq!(said(&mut segment), router(&both));
    segment.fdb(&entry(VXLAN, [0; 6], Some(end(1)), false));
    segment.fdb(&entry(VXLAN, [0; 6], Some(end(2)), true));
    let gone = [ToRouter::Flood(end(1), false)];
    assert_eq!(said(&mut segment), router(&gone), "the other is as it was");
}

#[test]
fn a_station_moves_here_and_back() {
    let mut segment = segment();
    let there = |is| entry(VXLAN, mac(1).octets(), Some(end(1)), is);
    segment.fdb(&there(true));
    let put = |sequence| ToRouter::Remote(mac(1), place(end(1)), sequence);
    assert_eq!(said(&mut segment), router(&[put(0)]));

    // A frame of it came in: it is here now, which zebra is to hear.
    let here = station(Whose::Member, 1, told(end(1), 0));
    segment.router_event(mac(1), Some(here));
    let local = |is| ToKernel::Station(mac(1), is);
    assert_eq!(said(&mut segment), kernel(&[local(true)]));
    // It did, and takes the remote end away.
    segment.fdb(&entry(PORT, mac(1).octets(), None, true));
    segment.fdb(&there(false));
    assert_eq!(said(&mut segment), router(&[ToRouter::Forget(mac(1))]));

    // The other leaf says it with a higher sequence: zebra moves the entry, and never says that the old one is gone.
    segment.fdb(&there(true));
    segment.fdb(&entry(VXLAN, mac(1).octets(), None, true));
    assert_eq!(said(&mut segment), router(&[put(2)]));
    let gone = station(Whose::Remote, 2, told(end(1), 2));
    segment.router_event(mac(1), Some(gone));
    assert_eq!(said(&mut segment), (vec![], vec![]));
}

#[test]
fn back_and_forth_in_one_breath_ends_with_the_daemons_last_word() {
    let mut segment = segment();
    segment.fdb(&entry(VXLAN, mac(1).octets(), Some(end(1)), true));
    said(&mut segment);
    let here = station(Whose::Member, 1, told(end(1), 0));
    segment.router_event(mac(1), Some(here));
    said(&mut segment);
    for there in [false, true] {
        segment.fdb(&entry(VXLAN, mac(1).octets(), Some(end(1)), there));
    }
    segment.fdb(&entry(VXLAN, mac(1).octets(), None, true));
    let put = ToRouter::Remote(mac(1), place(end(1)), 2);
    assert_eq!(said(&mut segment), router(&[put]));
}

#[test]
fn a_station_that_ages_is_taken_from_the_kernel() {
    let mut segment = segment();
    let here = station(Whose::Member, 0, None);
    segment.router_event(mac(1), Some(here));
    let local = |is| ToKernel::Station(mac(1), is);
    assert_eq!(said(&mut segment), kernel(&[local(true)]));
    segment.router_event(mac(1), None);
    assert_eq!(said(&mut segment), kernel(&[local(false)]));
}

#[test]
fn addresses_go_both_ways_and_ours_do_not_come_back() {
    let mut segment = segment();
    let (ours, theirs): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let known = |state, last| {
        Some(Neighbour {
            mac: Some(mac(last)),
            state,
        })
    };
    segment.neighbour(theirs, known(NeighbourState::Told, 2));
    let told = ToRouter::Neighbour(theirs, Some(mac(2)));
    assert_eq!(said(&mut segment), router(&[told]));

    let permanent = false;
    let answered = Known {
        mac: mac(1),
        permanent,
    };
    segment.router_neighbour(ours, Some(answered));
    assert_eq!(said(&mut segment), (vec![], vec![]), "it may be anywhere");
    let here = station(Whose::Member, 0, None);
    segment.router_event(mac(1), Some(here));
    let address = |mac| ToKernel::Neighbour(ours, mac);
    let words = [ToKernel::Station(mac(1), true), address(Some(mac(1)))];
    assert_eq!(said(&mut segment), kernel(&words));
    segment.neighbour(ours, known(NeighbourState::Ours, 1));
    assert_eq!(said(&mut segment), (vec![], vec![]));

    segment.router_neighbour(ours, None);
    assert_eq!(said(&mut segment), kernel(&[address(None)]));
    segment.neighbour(theirs, None);
    let gone = ToRouter::Neighbour(theirs, None);
    assert_eq!(said(&mut segment), router(&[gone]));
}

#[test]
fn an_anycast_gateway_is_nobodys_station() {
    let mut segment = segment();
    let gateway = station(Whose::Gateway, 0, None);
    segment.router_station(mac(1), Some(gateway));
    segment.fdb(&entry(VXLAN, mac(1).octets(), Some(end(1)), true));
    assert_eq!(said(&mut segment), (vec![], vec![]));
}

#[test]
fn after_a_restart_what_is_there_is_said_as_it_is_and_once() {
    let mut segment = segment();
    for last in [1, 2, 3] {
        segment.fdb(&entry(VXLAN, mac(last).octets(), Some(end(1)), true));
    }
    // What an earlier bridge wrote of a station that is gone.
    segment.fdb(&entry(PORT, mac(9).octets(), None, true));
    segment.forget_router(false);
    // One is as it is to be, one moved here since it was said, one is new, one was withdrawn.
    let same = station(Whose::Remote, 4, told(end(1), 4));
    segment.router_station(mac(1), Some(same));
    let here = station(Whose::Member, 5, told(end(1), 4));
    segment.router_station(mac(2), Some(here));
    let withdrawn = station(Whose::Remote, 0, told(end(2), 0));
    segment.router_station(mac(4), Some(withdrawn));
    segment.router_flood(end(7));
    segment.look_at_all();
    let to_router = vec![
        ToRouter::Flood(end(7), false),
        // As they are, so that they do not go with the end of what the bridge says.
        ToRouter::Remote(mac(1), place(end(1)), 4),
        ToRouter::Remote(mac(2), place(end(1)), 4),
        ToRouter::Remote(mac(3), place(end(1)), 0),
        ToRouter::Forget(mac(4)),
    ];
    let to_kernel = vec![
        ToKernel::Station(mac(2), true),
        ToKernel::Station(mac(9), false),
    ];
    assert_eq!(said(&mut segment), (to_router, to_kernel));
    segment.look_at_all();
    assert_eq!(said(&mut segment), (vec![], vec![]));
    segment.begin_session();
    segment.look_at_all();
    let again = [1, 2, 3]
        .map(|last| ToRouter::Remote(mac(last), place(end(1)), if last == 3 { 0 } else { 4 }));
    assert_eq!(said(&mut segment), router(&again));
}

#[test]
fn what_is_refused_is_shown_and_tried_again() {
    let mut segment = segment();
    segment.fdb(&entry(VXLAN, [0; 6], Some(end(1)), true));
    let keys = segment.take_dirty(9);
    assert_eq!(keys, [Key::End(end(1))]);
    segment.refused(keys[0], "no".to_owned());
    assert_eq!(segment.counts().refused, 1);
    assert_eq!(said(&mut segment), (vec![], vec![]));
    segment.retry();
    let flood = ToRouter::Flood(end(1), true);
    assert_eq!(said(&mut segment), router(&[flood]));
    assert_eq!((segment.counts().ends, segment.counts().refused), (1, 0));
}

#[test]
fn a_station_behind_a_group_is_behind_its_segment_until_the_group_goes() {
    let mut segment = segment();
    let at = |group| Behind::Group(group);
    let behind = |group| Place {
        end: End::Segment(Numbering::default().segment(group)),
        sticky: false,
    };
    for last in [1, 2] {
        segment.fdb(&entry_behind(VXLAN, mac(last).octets(), at(10), true));
    }
    segment.fdb(&entry_behind(VXLAN, mac(3).octets(), at(11), true));
    let put = |last, group| ToRouter::Remote(mac(last), behind(group), 0);
    let words = [put(1, 10), put(2, 10), put(3, 11)];
    assert_eq!(said(&mut segment), router(&words));

    // One moves to a single end; the kernel says only where it is now.
    segment.fdb(&entry(VXLAN, mac(2).octets(), Some(end(1)), true));
    segment.fdb(&entry_behind(VXLAN, mac(2).octets(), at(10), false));
    let moved = ToRouter::Remote(mac(2), place(end(1)), 0);
    assert_eq!(said(&mut segment), router(&[moved]));

    segment.group_gone(10);
    assert_eq!(said(&mut segment), router(&[ToRouter::Forget(mac(1))]));
    segment.fdb(&entry_behind(VXLAN, mac(3).octets(), at(11), false));
    assert_eq!(said(&mut segment), router(&[ToRouter::Forget(mac(3))]));
}

#[test]
fn another_vxlan_device_begins_anew() {
    let mut segment = segment();
    segment.fdb(&entry(VXLAN, [0; 6], Some(end(1)), true));
    segment.fdb(&entry(VXLAN, mac(1).octets(), Some(end(1)), true));
    said(&mut segment);
    let vxlan = Some(VXLAN + 10);
    segment.netdevs(Netdevs { vxlan, ..NETDEVS });
    let gone = [ToRouter::Flood(end(1), false), ToRouter::Forget(mac(1))];
    assert_eq!(said(&mut segment), router(&gone));
}
