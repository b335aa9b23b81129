//! Packets with labels, on a port and in UDP.

use super::*;
use crate::punt::PuntReason;

fn out(family: u8, ttl: u8) -> Vec<u8> {
    at_host(family, &remote_packet(family, ttl))
}

#[test]
fn l_05_l_12_labels_lead_to_a_vrf_or_a_next_hop() {
    for family in [4, 6] {
        for number in [VRF_LABEL, HOST_LABEL] {
            let mut bench = Bench::new();
            let packet = remote_packet(family, 64);
            let frame = mpls_frame(&[entry(number, 0, true, 255)], &packet);
            assert_eq!(bench.fabric_sends(frame), out(family, 63));
            let in_udp = [&entry(number, 0, true, 2)[..], &packet].concat();
            for outer in [4, 6] {
                let frame = from_remote(outer, 6635, &in_udp);
                assert_eq!(bench.fabric_sends(frame), out(family, 63));
            }
            let counters = bench.forwarder.counters();
            assert_eq!(counters.label(label(number)).packets.get(), 3);
        }
    }
}

#[test]
fn l_04_uniform_labels_bound_the_ttl_and_never_raise_it() {
    let mut bench = Bench::new();
    bench.give_out(VRF_LABEL, vrf_entry(Payload::Both, Mode::Uniform));
    for family in [4, 6] {
        for (label_ttl, ip_ttl, expected) in [(9, 64, 8), (200, 64, 63), (64, 64, 63)] {
            let stack = [entry(VRF_LABEL, 0, true, label_ttl)];
            let frame = mpls_frame(&stack, &remote_packet(family, ip_ttl));
            let sent = bench.fabric_sends(frame);
            let ttl = sent[14 + if family == 4 { 8 } else { 7 }];
            assert_eq!(ttl, expected);
            if family == 4 {
                let (ip, _) = etherparse::Ipv4Header::from_slice(&sent[14..]).unwrap();
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            }
        }
    }
}

#[test]
fn l_02_l_04_l_05_a_label_whose_ttl_runs_out_ends_whatever_it_leads_to() {
    for mode in [Mode::Pipe, Mode::Uniform] {
        let mut bench = Bench::new();
        let mpls = Encapsulation::Mpls {
            labels: labels(&[500]),
        };
        bench.tunnel(mpls, TunnelPolicy::default());
        bench.give_out(VRF_LABEL, vrf_entry(Payload::Both, mode));
        for (number, hop) in [(HOST_LABEL, TO_HOST), (SWAP_LABEL, TO_TUNNEL)] {
            let entry = LabelEntry::NextHop {
                next_hop: NextHopId::new(hop),
                payload: Payload::Both,
                ttl_mode: mode,
            };
            bench.give_out(number, entry);
        }
        for (family, null) in [(4, 0), (6, 2)] {
            let packet = remote_packet(family, 64);
            for number in [VRF_LABEL, HOST_LABEL, SWAP_LABEL, null] {
                for ttl in [0, 1] {
                    let alone = vec![entry(number, 0, true, ttl)];
                    let below = vec![entry(17, 0, false, 9), entry(number, 0, true, ttl)];
                    let above = vec![entry(number, 0, false, ttl), entry(17, 0, true, 9)];
                    for stack in [alone, below, above] {
                        let frame = mpls_frame(&stack, &packet);
                        bench.refuses(&frame, DropReason::LabelTtlExpired);
                        let in_udp = [&stack.concat()[..], &packet].concat();
                        for outer in [4, 6] {
                            let frame = from_remote(outer, 6635, &in_udp);
                            bench.refuses(&frame, DropReason::LabelTtlExpired);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn l_04_uniform_labels_carry_the_least_ttl_of_the_stack() {
    let mut bench = Bench::new();
    for number in [17, VRF_LABEL] {
        bench.give_out(number, vrf_entry(Payload::Both, Mode::Uniform));
    }
    let stack = |upper, lower| [entry(17, 0, false, upper), entry(VRF_LABEL, 0, true, lower)];
    for family in [4, 6] {
        let packet = remote_packet(family, 64);
        // The upper label's, less one; the lower label's own; both less than the packet's.
        for (upper, lower, expected) in [(9, 64, 7), (64, 9, 8), (3, 255, 1), (255, 2, 1)] {
            let sent = bench.fabric_sends(mpls_frame(&stack(upper, lower), &packet));
            assert_eq!(sent, out(family, expected), "{upper} over {lower}");
        }
        bench.refuses(
            &mpls_frame(&stack(2, 255), &packet),
            DropReason::LabelTtlExpired,
        );
    }
}

#[test]
fn l_05_in_pipe_mode_the_packets_own_ttl_ends_in_the_tenants_vrf() {
    let mut bench = Bench::new();
    for family in [4, 6] {
        for ttl in [0, 1] {
            let stack = [entry(VRF_LABEL, 0, true, 255)];
            let frame = mpls_frame(&stack, &remote_packet(family, ttl));
            assert!(bench.receive(FABRIC_PORT, &[frame]).is_empty());
            let punt = bench.punts.pop().unwrap();
            assert_eq!(punt.reason, PuntReason::TtlExpired);
            assert_eq!(
                (punt.vrf, punt.interface),
                (VrfId::new(1), LABEL_INTERFACE),
                "whom the error is told by"
            );
        }
    }
}

#[test]
fn l_02_l_10_swap_takes_one_from_the_ttl_and_keeps_the_class() {
    let mut bench = Bench::new();
    bench.tunnel(
        Encapsulation::Mpls {
            labels: labels(&[500]),
        },
        TunnelPolicy::default(),
    );
    let swap = LabelEntry::NextHop {
        next_hop: NextHopId::new(TO_TUNNEL),
        payload: Payload::Both,
        ttl_mode: Mode::Pipe,
    };
    bench.give_out(SWAP_LABEL, swap);
    let packet = remote_packet(4, 64);
    let frame = mpls_frame(&[entry(SWAP_LABEL, 5, true, 10)], &packet);
    let sent = bench.fabric_sends(frame);
    assert_eq!(
        sent[..14],
        [&FABRIC[..], &ROUTER.octets(), &[0x88, 0x47]].concat()
    );
    assert_eq!(sent[14..], [&entry(500, 5, true, 9)[..], &packet].concat());
    // Below it the rest of the stack stays as it is.
    let stack = [entry(SWAP_LABEL, 1, false, 3), entry(77, 2, true, 40)];
    let sent = bench.fabric_sends(mpls_frame(&stack, &packet));
    let expected = [entry(500, 1, false, 2), entry(77, 2, true, 40)].concat();
    assert_eq!(sent[14..], [&expected[..], &packet].concat());
    bench.refuses(
        &mpls_frame(&[entry(SWAP_LABEL, 0, true, 1)], &packet),
        DropReason::LabelTtlExpired,
    );
    bench.refuses(
        &mpls_frame(&[entry(SWAP_LABEL, 0, true, 0)], &packet),
        DropReason::LabelTtlExpired,
    );
}

#[test]
fn l_02_a_label_popped_above_others_is_sent_with_the_rest_of_its_stack() {
    let mut bench = Bench::new();
    let packet = remote_packet(4, 64);
    let stack = [entry(HOST_LABEL, 0, false, 9), entry(77, 3, true, 40)];
    let sent = bench.fabric_sends(mpls_frame(&stack, &packet));
    assert_eq!(
        sent[..14],
        [&HOST[..], &ROUTER.octets(), &[0x88, 0x47]].concat()
    );
    assert_eq!(sent[14..], [&entry(77, 3, true, 40)[..], &packet].concat());
}

#[test]
fn l_06_b_11_unknown_labels_are_dropped() {
    let mut bench = Bench::new();
    for number in [16, 99, 0xf_ffff] {
        let frame = mpls_frame(&[entry(number, 0, true, 9)], &remote_packet(4, 64));
        bench.refuses(&frame, DropReason::UnknownLabel);
    }
}

#[test]
fn l_07_explicit_nulls_are_popped_anywhere_and_say_the_family() {
    let mut bench = Bench::new();
    for (null, family, other) in [(0, 4, 6), (2, 6, 4)] {
        let packet = remote_packet(family, 64);
        let below = [entry(VRF_LABEL, 0, false, 9), entry(null, 0, true, 9)];
        assert_eq!(
            bench.fabric_sends(mpls_frame(&below, &packet)),
            out(family, 63)
        );
        let above = [entry(null, 0, false, 9), entry(VRF_LABEL, 0, true, 9)];
        assert_eq!(
            bench.fabric_sends(mpls_frame(&above, &packet)),
            out(family, 63)
        );
        let wrong = mpls_frame(&below, &remote_packet(other, 64));
        bench.refuses(&wrong, DropReason::LabelPayload);
    }
    // Alone, in the VRF of the port.
    let prefix = "10.2.0.0/16".parse().unwrap();
    bench.fabric.0.set(prefix, NextHopId::new(TO_HOST)).unwrap();
    let frame = mpls_frame(&[entry(0, 0, true, 9)], &remote_packet(4, 64));
    assert_eq!(bench.fabric_sends(frame), out(4, 63));
}

#[test]
fn l_07_l_08_special_labels() {
    let mut bench = Bench::new();
    for number in [3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15] {
        let stack = [entry(number, 0, false, 9), entry(VRF_LABEL, 0, true, 9)];
        bench.refuses(
            &mpls_frame(&stack, &remote_packet(4, 64)),
            DropReason::SpecialLabel,
        );
    }
    for number in [1, 13] {
        let stack = [entry(number, 0, false, 9), entry(VRF_LABEL, 0, true, 9)];
        assert!(
            bench
                .receive(FABRIC_PORT, &[mpls_frame(&stack, &[0; 40])])
                .is_empty()
        );
        assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::NonIp);
    }
}

#[test]
fn e_01_entropy_labels_are_taken_off_at_the_end() {
    for number in [VRF_LABEL, HOST_LABEL] {
        let mut bench = Bench::new();
        let stack = [
            entry(number, 0, false, 9),
            entry(7, 0, false, 9),
            entry(4711, 0, true, 0),
        ];
        let frame = mpls_frame(&stack, &remote_packet(6, 64));
        assert_eq!(bench.fabric_sends(frame), out(6, 63));
        let cut = mpls_frame(&stack[..2], &[]);
        bench.refuses(&cut, DropReason::LabelStackInvalid);
        let early = [entry(number, 0, false, 9), entry(7, 0, true, 9)];
        bench.refuses(&mpls_frame(&early, &[0; 40]), DropReason::LabelStackInvalid);
    }
}

#[test]
fn e_02_the_hash_of_a_stack_is_that_of_its_entropy_label() {
    let hash = |stack: &[[u8; 4]]| crate::tunnel::stack::hash(&stack.concat());
    let stack = |top, entropy| {
        hash(&[
            entry(top, 0, false, 9),
            entry(7, 0, false, 9),
            entry(entropy, 0, true, 0),
        ])
    };
    assert_eq!(stack(100, 5000), stack(200, 5000));
    let found: std::collections::BTreeSet<_> = (0..64).map(|n| stack(100, 5000 + n)).collect();
    assert_eq!(found.len(), 64);
    let plain = |bottom| hash(&[entry(100, 0, false, 9), entry(bottom, 0, true, 8)]);
    assert_ne!(plain(101), plain(102));
    assert_eq!(
        hash(&[entry(9, 0, true, 1)]),
        hash(&[entry(9, 5, true, 7)]),
        "l_11: no nibble"
    );
}

#[test]
fn l_09_deep_stacks_are_popped_and_endless_ones_dropped() {
    let mut bench = Bench::new();
    let deep = |count: usize, bottom: bool| {
        let mut stack = vec![entry(17, 0, false, 9); count - 1];
        stack.push(entry(VRF_LABEL, 0, bottom, 9));
        stack
    };
    let packet = remote_packet(4, 64);
    for count in [1, 4, 16] {
        assert_eq!(
            bench.fabric_sends(mpls_frame(&deep(count, true), &packet)),
            out(4, 63)
        );
    }
    bench.refuses(
        &mpls_frame(&deep(17, true), &packet),
        DropReason::LabelStackInvalid,
    );
    bench.refuses(
        &mpls_frame(&deep(300, false), &[]),
        DropReason::LabelStackInvalid,
    );
    for count in [1, 2, 4] {
        bench.refuses(
            &mpls_frame(&deep(count, false), &[]),
            DropReason::LabelStackInvalid,
        );
    }
    bench.refuses(&mpls_frame(&[], &[]), DropReason::LabelStackInvalid);
}

#[test]
fn l_11_the_payload_is_what_the_label_says() {
    let mut bench = Bench::new();
    bench.give_out(VRF_LABEL, vrf_entry(Payload::Ipv6, Mode::Pipe));
    let stack = [entry(VRF_LABEL, 0, true, 9)];
    bench.refuses(
        &mpls_frame(&stack, &remote_packet(4, 64)),
        DropReason::LabelPayload,
    );
    bench.refuses(&mpls_frame(&stack, &[]), DropReason::LabelPayload);
    assert_eq!(
        bench.fabric_sends(mpls_frame(&stack, &remote_packet(6, 64))),
        out(6, 63)
    );
}

#[test]
fn labels_are_taken_only_on_interfaces_that_are_told_to() {
    let mut bench = Bench::new();
    let frame = mpls_frame(&[entry(VRF_LABEL, 0, true, 9)], &remote_packet(4, 64));
    assert!(
        bench
            .receive(TENANT_PORT, std::slice::from_ref(&frame))
            .is_empty()
    );
    assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::NonIp);
    let in_udp = [&entry(VRF_LABEL, 0, true, 9)[..], &remote_packet(4, 64)].concat();
    bench.endpoint(|e| e.mpls = false);
    assert!(
        bench
            .receive(FABRIC_PORT, &[from_remote(4, 6635, &in_udp)])
            .is_empty()
    );
    assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::Local);
}

#[test]
fn u_01_dtls_is_refused() {
    let mut bench = Bench::new();
    let in_udp = [&entry(VRF_LABEL, 0, true, 9)[..], &remote_packet(4, 64)].concat();
    assert!(
        bench
            .receive(FABRIC_PORT, &[from_remote(4, 6636, &in_udp)])
            .is_empty()
    );
    assert_eq!(bench.punts.pop().unwrap().reason, PuntReason::Local);
}
