//! Jumbo frames, and datagrams in fragments, through tunnels and out of them.
//!
//! The router's ports are libpcap's on the hosts' cables: packet sockets have the kernel put IPv4 fragments together, and TAPs take
//! no long frames. Frames that span several packet buffers are in the conformance tests: no virtual device makes them.

use crate::lab::{FAR, Linux, Outer, config, start};
use ferroute_tests::{Capture, Recording, Router, TwoHosts};

struct Pcaps {
    lab: TwoHosts,
    router: Router,
    linux: Linux,
    /// The largest packet inside the tunnel, in bytes.
    inner_mtu: u16,
}

fn with_pcap(outer: Outer, mtu: u16) -> Pcaps {
    let mut lab = TwoHosts::build().unwrap();
    lab.a.set_mtu(mtu).unwrap();
    lab.b.set_mtu(mtu).unwrap();
    let mut text = config(&lab);
    for (number, host) in lab.hosts().into_iter().enumerate() {
        let port = format!("device: \"{}\"", host.device());
        let wire = host.wire.name();
        let pcap =
            format!("device: \"net_pcap{number},rx_iface_in={wire},tx_iface={wire}\", mtu: {mtu}");
        text = text.replace(&port, &pcap);
    }
    // The driver wants a frame in one buffer.
    text += "mempool: { buffers: 4095, data_room_bytes: 9600 }\n";
    let router = start(&lab, &text);
    let inner_mtu = mtu - outer.of([50, 70]);
    let linux = Linux::attach(&lab, &router, outer, false, inner_mtu);
    Pcaps {
        lab,
        router,
        linux,
        inner_mtu,
    }
}

impl Pcaps {
    /// Pings both ways in both families with so many bytes of data, and answers what was seen at the leaf and at the host.
    fn ping(&self, data: impl Fn(u16) -> Vec<u16>, words: &str) -> [Recording; 2] {
        let Self { lab, linux, .. } = self;
        let captures = [&lab.b.eth0, &lab.a.eth0].map(|end| Capture::start(end).unwrap());
        let families = [(lab.a.v4.host, FAR[0], 28), (lab.a.v6.host, FAR[1], 48)];
        for (host, far, header) in families {
            for (from, to) in [(lab.a.namespace(), far), (&linux.tenant, host)] {
                for size in data(header) {
                    from.pings(2, &format!("{words} -s {size} {to}")).unwrap();
                }
            }
        }
        captures.map(|capture| {
            let recording = capture.stop().unwrap();
            assert_eq!(recording.faults().unwrap(), [""; 0]);
            recording
        })
    }
}

fn large_frames_pass(outer: Outer) {
    let pcap = with_pcap(outer, 9000);
    let whole = pcap.inner_mtu;
    let [fabric, access] = pcap.ping(|header| vec![2000, 4100, whole - header], "-M do");
    let longest = |recording: &Recording| {
        let lengths = recording.frames.iter().map(|frame| frame.bytes.len());
        lengths.max().unwrap()
    };
    assert_eq!(longest(&fabric), 9014);
    assert_eq!(longest(&access), usize::from(whole) + 14);
    for far in FAR {
        let host = pcap.lab.a.namespace();
        let printed = host.run(&format!("tracepath -n -m 4 {far}")).unwrap();
        assert!(printed.contains(&format!("pmtu {whole}")), "{printed}");
    }
    pcap.router.stop().unwrap();
}

#[test]
fn p_07_jumbo_frames_pass_through_vxlan_over_ipv4() {
    large_frames_pass(Outer::V4);
}

#[test]
fn p_07_jumbo_frames_pass_through_vxlan_over_ipv6() {
    large_frames_pass(Outer::V6);
}

/// Datagrams in fragments arrive whole, and all fragments of one take the same way: with one entropy port.
fn fragments_pass(outer: Outer) {
    let pcap = with_pcap(outer, 1500);
    // IPv6 is cut by its sender alone, which has to learn how first.
    for far in FAR {
        pcap.lab
            .a
            .namespace()
            .run(&format!("tracepath -n -m 4 {far}"))
            .unwrap();
    }
    let [fabric, _] = pcap.ping(|_| vec![3000, 8000], "-M dont");
    let ours = |field: &str, far: &str| format!("vxlan and {field} == {far}");
    for filter in [ours("ip.dst", FAR[0]), ours("ipv6.dst", FAR[1])] {
        let seen = fabric.dissect(&filter, &["udp.srcport"]).unwrap();
        // Requests and answers: two of each size, of three fragments at least.
        assert!(seen.len() >= 24, "{filter}: {}", seen.len());
        if filter.contains("ip.dst") {
            assert!(seen.iter().all(|port| *port == seen[0]), "{seen:?}");
        }
    }
    pcap.router.stop().unwrap();
}

#[test]
fn p_07_datagrams_in_fragments_pass_over_ipv4() {
    fragments_pass(Outer::V4);
}

#[test]
fn p_07_datagrams_in_fragments_pass_over_ipv6() {
    fragments_pass(Outer::V6);
}
