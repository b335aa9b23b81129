//! Many networks at once.

use crate::lab::{ALL, frame, host, lab, out_of, ways};
use crate::segment::on;
use ferroute_control::core::request::SystemRequest;
use ferroute_control::model::bridge::FdbChange;
use ferroute_control::model::system::SystemView;
use ferroute_dataplane::drops::DropReason;
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::bridge::{domain_spec, gateway_spec};
use ferroute_tests::bench::segment::segment_spec;
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

#[test]
fn b_08_a_router_that_leaves_a_segment_costs_the_same_for_one_station_and_for_ten_thousand() {
    const STATIONS: u16 = 10_000;
    let station = |number: u16| {
        let [a, b] = number.to_be_bytes();
        [2, 0, 0, 9, a, b]
    };
    let mut prices = Vec::new();
    for stations in [1, STATIONS] {
        let mut bench = lab();
        bench.segment(segment_spec(1, &[], &["192.0.2.2", "192.0.2.3"]));
        let put = |number| FdbChange::PutRemote {
            domain: "blue".parse().unwrap(),
            mac: Mac::new(station(number)),
            remote: on(1, 0),
        };
        let refused = bench.fdb((0..stations).map(put).collect());
        assert!(refused.is_empty(), "{refused:?}");
        let (before, began) = (epoch(&mut bench), Instant::now());
        bench
            .change_segment(segment_spec(1, &[], &["192.0.2.3"]))
            .unwrap();
        println!("{stations} stations moved in {:?}", began.elapsed());
        prices.push(epoch(&mut bench) - before);
        for number in [0, stations - 1] {
            let to = frame(host(2), station(number));
            assert_eq!(ways(&bench.receive("p2", &to), &to), ["3 100"]);
        }
    }
    println!("{prices:?} epochs");
    // The core's own clockwork may add some.
    assert!(prices.iter().all(|price| *price < 20), "{prices:?}");
}
