//! A domain `blue` of p0, p2 and p3 with VNI 100, and the fabric on p1 with remote ends 192.0.2.2 and 192.0.2.3 behind
//! its gateway. Frames in the domain are judged byte by byte.

use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use ferroute_control::model::bridge::{DomainSpec, RemotePlace, RemoteStation};
use ferroute_tests::bench::bridge::{domain_spec, remote_end};
use ferroute_tests::bench::frames::{MacBytes, V4, assert_sound, framed};
use ferroute_tests::bench::{Bench, Sent};

pub(crate) const P1: MacBytes = [2, 0, 0, 0, 0, 0x11];
pub(crate) const FABRIC: MacBytes = [2, 0, 0, 0, 0, 0xa2];
pub(crate) const GATEWAY: MacBytes = [2, 0, 0x5e, 0, 1, 1];
pub(crate) const ALL: MacBytes = [0xff; 6];
pub(crate) const GROUP: MacBytes = [1, 0, 0x5e, 1, 2, 3];

/// The station behind a member, or somewhere else.
pub(crate) const fn host(number: u8) -> MacBytes {
    [2, 0, 0, 0, 1, number]
}

pub(crate) fn blue() -> DomainSpec {
    domain_spec("blue", &["p0", "p2", "p3"])
}

/// The bench without the domain.
pub(crate) fn ground(bench: &mut Bench) {
    bench.vrf("red");
    for (number, port) in ["p0", "p2", "p3"].iter().enumerate() {
        bench
            .add_port(port, [2, 0, 0, 0, 0, number as u8], Default::default())
            .unwrap();
    }
    bench
        .port("p1", P1, &["10.0.1.1/24"])
        .loopback("lo0", "", &["192.0.2.1/32"])
        .neighbour("p1", "10.0.1.2", FABRIC)
        .route("192.0.2.0/24", "via 10.0.1.2")
        .endpoint(&["192.0.2.1"]);
}

pub(crate) fn lab() -> Bench {
    let mut bench = Bench::new();
    ground(&mut bench);
    bench.domain(blue()).bridged_vni(100, "blue");
    bench
}

/// A frame of one station to another that no router has anything to do with.
pub(crate) fn frame(from: MacBytes, to: MacBytes) -> Vec<u8> {
    framed(from, to, None, EtherType(0x88b5), &[0x5a; 50])
}

/// The ports by which a frame left, in order; on p1 inside VXLAN, with the remote end's last octet and the VNI.
#[track_caller]
pub(crate) fn ways(sent: &[Sent], frame: &[u8]) -> Vec<String> {
    let mut ways: Vec<_> = sent.iter().map(|sent| way(sent, frame)).collect();
    ways.sort();
    ways
}

#[track_caller]
fn way(sent: &Sent, frame: &[u8]) -> String {
    if sent.port != "p1" {
        assert_eq!(sent.frame, frame, "the frame as it was");
        return sent.port.clone();
    }
    let (remote, vni, inner) = inside(sent);
    assert_eq!(inner, frame, "the frame as it was");
    format!("{remote} {vni}")
}

/// The last octet of the remote end, the VNI and the inner frame of what left into the fabric.
#[track_caller]
pub(crate) fn inside(sent: &Sent) -> (u8, u32, Vec<u8>) {
    assert_eq!((sent.port.as_str(), &sent.frame[..6]), ("p1", &FABRIC[..]));
    assert_sound(&sent.frame);
    let sliced = SlicedPacket::from_ethernet(&sent.frame).unwrap();
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) =
        (&sliced.net, &sliced.transport)
    else {
        panic!("{sent:02x?}");
    };
    assert_eq!(udp.destination_port(), 4789);
    let payload = udp.payload();
    assert_eq!((payload[0], payload[7]), (8, 0), "RFC 7348 section 5");
    let vni = u32::from_be_bytes([0, payload[4], payload[5], payload[6]]);
    let [.., last] = ip.header().destination();
    (last, vni, payload[8..].to_vec())
}

/// A frame as a remote end sends it.
pub(crate) fn out_of(remote: &str, vni: u32, frame: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = vni.to_be_bytes();
    let payload = [&[8, 0, 0, 0, a, b, c, 0][..], frame].concat();
    V4::udp_ports(remote, "192.0.2.1", 50_000, 4789, &payload)
        .link(FABRIC, P1)
        .frame()
}

pub(crate) fn behind(remote: &str, sequence: u32) -> RemoteStation {
    RemoteStation {
        place: RemotePlace::End(remote_end(remote, None)),
        sequence,
        sticky: false,
    }
}
