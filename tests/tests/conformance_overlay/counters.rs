//! Counters begin with the thing that has the number, whoever had it before.

use super::lab::{FAR, from_host, lab, stack, to_host, tunneled};
use ferroute_tests::bench::Bench;

const MPLS_UDP: u16 = 6635;
const VIA: &str = "via 192.0.2.2 vxlan 100/02:00:00:00:02:02";

fn label_packets(bench: &mut Bench, label: u32) -> u64 {
    use ferroute_control::core::request::OverlayRequest;
    use ferroute_dataplane::wire::mpls::Label;
    let label = Label::new(label).unwrap();
    let view = bench.call(|reply| OverlayRequest::GetLabel(label, reply).into());
    view.unwrap().traffic.packets
}

#[test]
fn a_label_that_is_given_out_again_has_counted_nothing() {
    let mut bench = lab();
    let payload = [&stack(&[1000])[..], &to_host(63).packet()].concat();
    let frame = tunneled("192.0.2.2", MPLS_UDP, &payload);
    bench.label(1000, "vrf red");
    bench.receive("p1", &frame);
    bench.label(1000, "via 10.0.0.9 dev p0");
    bench.receive("p1", &frame);
    assert_eq!(label_packets(&mut bench, 1000), 2, "it was only changed");
    bench.delete_label(1000).unwrap();
    bench.label(1000, "vrf red");
    assert_eq!(label_packets(&mut bench, 1000), 0);
    bench.receive("p1", &frame);
    assert_eq!(label_packets(&mut bench, 1000), 1);
}

#[test]
fn a_tunnel_with_anothers_number_has_counted_nothing() {
    let mut bench = lab();
    bench.route_in("red", "203.0.113.0/24", VIA);
    bench.receive("p0", &from_host(FAR).frame());
    let before = bench.tunnels().remove(0);
    assert_eq!(before.traffic.packets, 1);
    let ends = ["192.0.2.3", "192.0.2.2"];
    let again = (0..100).map(|n| ends[n % 2]).find(|end| {
        bench.route_in("red", "203.0.113.0/24", "blackhole");
        bench.settle();
        let via = format!("via {end} vxlan 200/02:00:00:00:02:02");
        bench.route_in("red", "203.0.113.0/24", &via);
        bench.tunnels()[0].id == before.id
    });
    assert!(again.is_some(), "numbers are used again");
    assert_eq!(bench.tunnels()[0].traffic, Default::default());
    bench.receive("p0", &from_host(FAR).frame());
    assert_eq!(bench.tunnels()[0].traffic.packets, 1);
}
