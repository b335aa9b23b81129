//! Codecs against bytes of all kinds.

use super::request::{Listing, dump, feedback};
use super::update::{Encapsulation, Hops, Protocol, Special, Target};
use super::view::{Attributes, Messages};
use super::*;
use crate::bridge::fpm::Counts;
use crate::bridge::fpm::frame::{self, FrameError};
use crate::model::prefix::Prefix;
use proptest::prelude::*;
use rtnetlink::packet_route::RouteNetlinkMessage;
use std::net::IpAddr;

fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(payload);
    bytes
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn only(bytes: &[u8]) -> Result<Decoded, Unreadable> {
    only_counting(bytes, &mut Ignored::default())
}

fn only_counting(bytes: &[u8], ignored: &mut Ignored) -> Result<Decoded, Unreadable> {
    decode(&Messages::new(bytes).next().unwrap().unwrap(), ignored)
}

fn route(attributes: &[Vec<u8>]) -> Result<Update, Unreadable> {
    let mut payload = vec![2, 24, 0, 0, 254, 186, 0, 1, 0, 0, 0, 0];
    payload.extend(attribute(1, &[192, 0, 2, 0]));
    payload.extend(attributes.concat());
    match only(&message(24, &payload))? {
        Decoded::Update(update) => Ok(update),
        other => panic!("{other:?}"),
    }
}

fn hops(update: Update) -> Hops {
    match update {
        Update::Route(RouteUpdate {
            target: Target::Hops(hops),
            ..
        }) => hops,
        other => panic!("{other:?}"),
    }
}

use super::update::RouteUpdate;

#[test]
fn encapsulations_are_read_as_they_are() {
    let gateway = attribute(5, &[10, 0, 0, 1]);
    let cases = [
        (
            1_u16,
            attribute(1, &[0, 0x06, 0x40, 0, 0, 0x0c, 0x81, 0]),
            Encapsulation::Mpls(smallvec::smallvec![100, 200]),
        ),
        (
            100,
            attribute(0, &5000_u32.to_ne_bytes()),
            Encapsulation::Vxlan(5000),
        ),
        (
            2,
            [
                attribute(1, &77_u64.to_be_bytes()),
                attribute(2, &[10, 9, 9, 9]),
            ]
            .concat(),
            Encapsulation::Tunnel {
                id: 77,
                remote: Some(IpAddr::from([10, 9, 9, 9])),
            },
        ),
        (5, attribute(1, &[0; 8]), Encapsulation::Other(5)),
    ];
    for (kind, encap, expected) in cases {
        let found = route(&[
            gateway.clone(),
            attribute(21, &kind.to_ne_bytes()),
            attribute(22, &encap),
        ]);
        assert_eq!(hops(found.unwrap())[0].encapsulation, expected);
    }
}

#[test]
fn what_lies_is_an_error_and_what_is_unknown_is_skipped() {
    // An attribute longer than its message.
    let mut lying = attribute(5, &[10, 0, 0, 1]);
    lying[0] = 200;
    assert!(matches!(route(&[lying]), Err(Unreadable::Length(_))));
    // A gateway of five bytes.
    assert!(matches!(
        route(&[attribute(5, &[1, 2, 3, 4, 5])]),
        Err(Unreadable::Address(_))
    ));
    // A member of several that is longer than all of them.
    assert!(matches!(
        route(&[attribute(9, &[80, 0, 0, 0, 1, 0, 0, 0])]),
        Err(Unreadable::Length(_))
    ));
    // Labels without labels.
    assert!(
        route(&[
            attribute(5, &[10, 0, 0, 1]),
            attribute(21, &[1, 0]),
            attribute(22, &[])
        ])
        .is_err()
    );
    // An attribute of tomorrow.
    let known = route(&[attribute(0x3ff0, &[1, 2, 3]), attribute(5, &[10, 0, 0, 1])]).unwrap();
    assert_eq!(hops(known)[0].gateway, Some(IpAddr::from([10, 0, 0, 1])));
    assert_eq!(only(&message(999, &[])), Ok(Decoded::Unknown));
}

#[test]
fn attributes_that_nobody_knows_are_counted() {
    let object = [
        vec![2, 0, 0, 0, 0, 0, 0, 0],
        attribute(1, &7_u32.to_ne_bytes()),
        attribute(5, &3_u32.to_ne_bytes()),
        attribute(3, &[0, 0]),
        attribute(0x3ff0, &[1]),
    ];
    let member = [attribute(5, &[10, 0, 0, 1]), attribute(0x3ff1, &[])].concat();
    let several = [vec![8 + member.len() as u8, 0, 0, 0, 3, 0, 0, 0], member].concat();
    let route = [
        vec![2, 24, 0, 0, 254, 186, 0, 1, 0, 0, 0, 0],
        attribute(1, &[192, 0, 2, 0]),
        attribute(7, &[10, 0, 0, 9]),
        attribute(9, &several),
        attribute(0x3ff2, &[1, 2, 3]),
    ];
    // What the kernel of tomorrow says of the last one here, and one that the kernel of today says.
    let with = |header_bytes: usize, known: u16| {
        let mut header = vec![0; header_bytes];
        header[4] = 3;
        [header, attribute(known, &[0; 4]), attribute(0x3ff0, &[1])].concat()
    };
    let name = attribute(3, b"p0\0");
    let link = [with(16, 27), name].concat();
    let neighbour = |family: u8, to: Vec<u8>| {
        let mut bytes = with(12, 3);
        bytes[0] = family;
        [bytes, to].concat()
    };
    let mut ignored = Ignored::default();
    for (kind, payload) in [
        (104, object.concat()),
        (24, route.concat()),
        (16, link),
        (20, with(8, 6)),
        (28, neighbour(2, attribute(1, &[10, 0, 0, 1]))),
        (28, neighbour(7, attribute(2, &[2, 0, 0, 0, 0, 1]))),
    ] {
        only_counting(&message(kind, &payload), &mut ignored).unwrap();
    }
    let expected = Ignored {
        routes: 2,
        next_hops: 1,
        links: 1,
        addresses: 1,
        neighbours: 1,
        fdb: 1,
    };
    assert_eq!(ignored, expected);
}

#[test]
fn frames_that_lie_end_the_connection_after_what_was_good() {
    let good = frame::frame(&dump(Listing::Links, 1));
    let read = |bytes: &[u8]| {
        let (mut updates, mut counts) = (Vec::new(), Counts::default());
        (frame::read(bytes, &mut updates, &mut counts), counts.frames)
    };
    assert_eq!(read(&good), (Ok(good.len()), 1));
    assert_eq!(read(&good[..3]), (Ok(0), 0));
    assert_eq!(
        read(&[good.clone(), vec![1, 1, 0]].concat()),
        (Ok(good.len()), 1)
    );
    assert_eq!(
        read(&[good.clone(), vec![1, 1, 0, 3]].concat()),
        (Err(FrameError::Length(3)), 1)
    );
    assert_eq!(
        read(&[good.clone(), vec![2, 1, 0, 8]].concat()),
        (Err(FrameError::Version(2)), 1)
    );
    let short = [1, 1, 0, 20, 8, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(matches!(read(&short), (Err(FrameError::Message(_)), 1)));
    // A frame of another encoding (protobuf) is skipped and counted.
    let (mut updates, mut counts) = (Vec::new(), Counts::default());
    assert_eq!(
        frame::read(&[1, 2, 0, 6, 9, 9], &mut updates, &mut counts),
        Ok(6)
    );
    assert_eq!((updates.len(), counts.unknown), (0, 1));
}

#[test]
fn a_library_reads_our_words_as_they_are_meant() {
    use netlink_packet_route::route::{RouteAttribute, RouteFlags, RouteProtocol};
    use rtnetlink::packet_core::NetlinkMessage;
    use rtnetlink::packet_core::NetlinkPayload::InnerMessage;
    let prefix = Prefix::from_octets(&[198, 51, 100, 0], 24).unwrap();
    let bytes = feedback(
        prefix,
        100_000,
        Protocol(186),
        Some(Special::Blackhole),
        true,
    );
    let read: NetlinkMessage<RouteNetlinkMessage> = NetlinkMessage::deserialize(&bytes).unwrap();
    let InnerMessage(RouteNetlinkMessage::NewRoute(route)) = read.payload else {
        panic!("{read:?}");
    };
    assert_eq!(route.header.destination_prefix_length, 24);
    assert_eq!(route.header.protocol, RouteProtocol::Bgp);
    assert!(route.header.flags.contains(RouteFlags::RtOffload));
    assert!(route.attributes.contains(&RouteAttribute::Table(100_000)));
    for listing in [
        Listing::Links,
        Listing::Neighbours,
        Listing::Ipv4Routes,
        Listing::Ipv6Routes,
    ] {
        let bytes = dump(listing, 7);
        let read: NetlinkMessage<RouteNetlinkMessage> =
            NetlinkMessage::deserialize(&bytes).unwrap();
        assert_eq!(read.header.sequence_number, 7);
    }
}

proptest! {
    /// Whatever the bytes, reading ends and nothing panics; what is read lies within them.
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in prop::sample::select(vec![16_u16, 17, 24, 25, 28, 29, 104, 105])) {
        prop_assert!(Attributes::new(&bytes).count() <= bytes.len() / 4 + 1);
        prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16 + 1);
        let _ = only(&message(kind, &bytes));
        let mut updates = Vec::new();
        if let Ok(done) = frame::read(&bytes, &mut updates, &mut Counts::default()) {
            prop_assert!(done <= bytes.len());
        }
    }

    /// A stream is read to the same end however it is cut.
    #[test]
    fn a_stream_may_be_cut_anywhere(cuts in prop::collection::vec(1..200_usize, 1..40)) {
        let stream = include_bytes!("../testdata/01_basic.bin");
        let (mut whole, mut counts) = (Vec::new(), Counts::default());
        frame::read(stream, &mut whole, &mut counts).unwrap();
        let (mut parts, mut cut_counts, mut waiting, mut at) = (Vec::new(), Counts::default(), Vec::new(), 0);
        for cut in cuts.into_iter().chain([stream.len()]) {
            let end = (at + cut).min(stream.len());
            waiting.extend(&stream[at..end]);
            at = end;
            let done = frame::read(&waiting, &mut parts, &mut cut_counts).unwrap();
            waiting.drain(..done);
        }
        prop_assert_eq!(waiting.len(), 0);
        prop_assert_eq!(parts, whole);
        prop_assert_eq!(cut_counts, counts);
    }

    /// One wrong byte in a recording costs at most that connection.
    #[test]
    fn a_wrong_byte_harms_nobody(at in 0..4264_usize, with in any::<u8>()) {
        let mut stream = include_bytes!("../testdata/01_basic.bin").to_vec();
        stream[at] = with;
        let mut updates = Vec::new();
        let _ = frame::read(&stream, &mut updates, &mut Counts::default());
    }
}
