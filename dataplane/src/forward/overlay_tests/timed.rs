//! Stages are measured by the packets that went through them.

use super::*;
use crate::counters::Stage;
use crate::forward::timed::TIMED;
use crate::trace::Watch;

/// Packets that each stage did in measured bursts while so many bursts of these frames came.
fn measured(bench: &mut Bench, port: PortId, frames: &[Vec<u8>]) -> Vec<(&'static str, u64)> {
    let before = packets(bench);
    for _ in 0..TIMED {
        bench.receive(port, frames);
    }
    let after = packets(bench);
    let grown = Stage::ALL.iter().zip(before.iter().zip(after));
    let grown = grown.map(|(stage, (before, after))| (stage.name(), after - before));
    grown.filter(|(_, packets)| *packets > 0).collect()
}

fn packets(bench: &Bench) -> [u64; Stage::COUNT] {
    let counters = bench.forwarder.counters();
    for (cycles, packets) in counters.stage_cycles.iter().zip(&counters.stage_packets) {
        assert_eq!(cycles.get() > 0, packets.get() > 0);
    }
    std::array::from_fn(|stage| counters.stage_packets[stage].get())
}

#[test]
fn one_burst_in_some_is_measured_in_the_stages_that_it_went_through() {
    let mut bench = Bench::new();
    let out = [host_packet(4, 7, 100), host_packet(6, 8, 100)];
    assert_eq!(
        measured(&mut bench, TENANT_PORT, &out),
        [
            ("input", 2),
            ("lookup", 2),
            ("rewrite", 2),
            ("encap", 2),
            ("transmit", 2)
        ]
    );
    let inner = vxlan(VNI, ROUTER, 0x0800, &remote_packet(4, 64));
    let back = vec![from_remote(4, 4789, &inner); 3];
    // The outer packets are looked up, and what was in them.
    assert_eq!(
        measured(&mut bench, FABRIC_PORT, &back),
        [
            ("input", 3),
            ("lookup", 6),
            ("rewrite", 6),
            ("decap", 3),
            ("transmit", 3)
        ]
    );
}

#[test]
fn what_is_shown_is_not_measured() {
    let mut bench = Bench::new();
    bench.forwarder.set_watch(Some(Box::new(Watch::default())));
    let out = [host_packet(4, 7, 100)];
    assert_eq!(measured(&mut bench, TENANT_PORT, &out), []);
    bench.forwarder.set_watch(None);
    assert_eq!(measured(&mut bench, TENANT_PORT, &out).len(), 5);
}
