//! Many networks at once.

use crate::lab::{ALL, frame, host, lab, out_of, ways};
use ferroute_control::core::request::SystemRequest;
use ferroute_control::model::system::SystemView;
use ferroute_dataplane::drops::DropReason;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::bridge::{domain_spec, gateway_spec};
use std::convert::Infallible;
use std::time::Instant;

const NETWORKS: u32 = 500;
/// Publications that a VRF, a bridge domain with its gateway and a VNI may take together. Each waits for all workers.
const PUBLICATIONS: u64 = 11;

fn epoch(bench: &mut Bench) -> u64 {
    let view: Result<SystemView, Infallible> =
        bench.call(|reply| SystemRequest::Info(reply).into());
    let Ok(view) = view;
    view.snapshot_epoch
}

#[test]
fn five_hundred_networks_cost_few_publications_each_and_keep_apart() {
    let mut bench = lab();
    let before = epoch(&mut bench);
    let began = Instant::now();
    for number in 1000..1000 + NETWORKS {
        let (name, vrf, irb) = (
            format!("d{number}"),
            format!("v{number}"),
            format!("i{number}"),
        );
        bench.vrf(&vrf);
        let mut spec = domain_spec(&name, &[]);
        let [.., high, low] = number.to_be_bytes();
        spec.gateway = Some(gateway_spec([2, 0, 0x5e, 0, high, low], &vrf, &irb));
        bench.domain(spec).bridged_vni(number, &name);
    }
    println!("{NETWORKS} networks took {:?}", began.elapsed());
    let published = epoch(&mut bench) - before;
    println!("and {published} publications");
    assert!(
        published <= u64::from(NETWORKS) * PUBLICATIONS,
        "{published}"
    );
    // Each takes its own frames, and gives them to nobody else's members.
    let far = frame(host(8), ALL);
    for number in [1000, 1000 + NETWORKS - 1] {
        assert!(
            bench
                .receive("p1", &out_of("192.0.2.2", number, &far))
                .is_empty()
        );
        let counters = bench.domain_view(&format!("d{number}")).counters;
        assert_eq!((counters.frames.packets, counters.gateway), (1, 1));
    }
    let sent = bench.receive("p1", &out_of("192.0.2.2", 100, &far));
    assert_eq!(ways(&sent, &far), ["p0", "p2", "p3"]);
    bench.receive("p1", &out_of("192.0.2.2", 1000 + NETWORKS, &far));
    assert_eq!(bench.dropped(DropReason::UnknownVni), 1);
}
