//! Segments after any sequence of changes, against the rules one by one: who gets what is flooded, and which way stations
//! behind them are.

use crate::lab::{ALL, frame, host, lab, out_of, ways};
use crate::segment::on;
use ferroute_control::model::segment::{Designation, Redundancy, SegmentSpec};
use ferroute_tests::bench::Bench;
use ferroute_tests::bench::segment::segment_spec;
use proptest::prelude::*;

/// The ports that may be on segments; p3 never is.
const PORTS: [&str; 2] = ["p0", "p2"];
const WATCHER: &str = "p3";
/// Who may share segments; 192.0.2.4 never does.
const PEERS: [&str; 2] = ["192.0.2.2", "192.0.2.3"];

/// What is said of one of the two segments.
#[derive(Clone, Debug)]
struct Said {
    peers: Vec<usize>,
    single_active: bool,
    designated: bool,
}

#[derive(Clone, Debug)]
enum Step {
    /// The segment is so.
    Say(usize, Said),
    /// The port is on this segment, or on none.
    Attach(usize, Option<usize>),
    /// The port is up or not.
    Up(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let peers = prop::sample::subsequence(vec![0, 1], 0..3).prop_shuffle();
    let said = (peers, any::<bool>(), any::<bool>());
    let said = said.prop_map(|(peers, single_active, designated)| Said {
        peers,
        single_active,
        designated,
    });
    prop_oneof![
        (0..2usize, said).prop_map(|(segment, said)| Step::Say(segment, said)),
        (0..2usize, prop::option::of(0..2usize)).prop_map(|(port, on)| Step::Attach(port, on)),
        (0..2usize, any::<bool>()).prop_map(|(port, up)| Step::Up(port, up)),
    ]
}

/// What the router was told.
struct Model {
    segments: [Said; 2],
    /// The segment of each port.
    on: [Option<usize>; 2],
    up: [bool; 2],
}

impl Model {
    fn of(&self, port: usize) -> Option<&Said> {
        self.on[port].map(|segment| &self.segments[segment])
    }

    /// Whether frames pass the port at all.
    fn passes(&self, port: usize) -> bool {
        let standby = |said: &Said| said.single_active && !said.designated;
        self.up[port] && !self.of(port).is_some_and(standby)
    }

    fn ports(&self, due: impl Fn(usize) -> bool) -> Vec<String> {
        let ports = (0..2).filter(|port| self.passes(*port) && due(*port));
        ports.map(|port| PORTS[port].to_owned()).collect()
    }

    /// Where a frame goes that a remote end floods.
    fn flooded_by_end(&self, peer: Option<usize>) -> Vec<String> {
        let due = |port| {
            self.of(port).is_none_or(|said| {
                let biased = peer.is_some_and(|peer| said.peers.contains(&peer));
                said.designated && (said.single_active || !biased)
            })
        };
        let mut ports = self.ports(due);
        ports.push(WATCHER.to_owned());
        ports
    }

    /// Where a frame goes that a port floods; the watcher's go to all.
    fn flooded_by_port(&self, from: Option<usize>) -> Vec<String> {
        let Some(from) = from else {
            return self.ports(|_| true);
        };
        if !self.passes(from) {
            return Vec::new();
        }
        let sibling = |port: usize| self.on[port].is_some() && self.on[port] == self.on[from];
        let mut ports = self.ports(|port| port != from && !sibling(port));
        ports.push(WATCHER.to_owned());
        ports
    }

    /// The ways of which a frame takes one, from the watcher to a station behind a segment.
    fn unicast(&self, segment: usize) -> Vec<Vec<String>> {
        let own = (0..2).find(|port| self.on[*port] == Some(segment) && self.passes(*port));
        if let Some(port) = own {
            return vec![vec![PORTS[port].to_owned()]];
        }
        let said = &self.segments[segment];
        let most = if said.single_active { 1 } else { 2 };
        let peers = said.peers.iter().take(most);
        let ends: Vec<_> = peers
            .map(|peer| vec![format!("{} 100", peer + 2)])
            .collect();
        if ends.is_empty() {
            return vec![self.flooded_by_port(None)];
        }
        ends
    }

    fn spec(&self, segment: usize) -> SegmentSpec {
        let members: Vec<_> = (0..2)
            .filter(|port| self.on[*port] == Some(segment))
            .collect();
        let members: Vec<_> = members.iter().map(|port| PORTS[*port]).collect();
        let said = &self.segments[segment];
        let peers: Vec<_> = said.peers.iter().map(|peer| PEERS[*peer]).collect();
        SegmentSpec {
            redundancy: if said.single_active {
                Redundancy::SingleActive
            } else {
                Redundancy::AllActive
            },
            designation: Designation {
                general: said.designated,
                exceptions: Vec::new(),
            },
            ..segment_spec(segment as u8, &members, &peers)
        }
    }

    fn take(&mut self, bench: &mut Bench, step: Step) {
        match step {
            Step::Say(segment, said) => {
                self.segments[segment] = said;
                bench.change_segment(self.spec(segment)).unwrap();
            }
            Step::Attach(port, to) => {
                let before = std::mem::replace(&mut self.on[port], to);
                // It leaves the one before it is on the other.
                for segment in [before, to].into_iter().flatten() {
                    bench.change_segment(self.spec(segment)).unwrap();
                }
            }
            Step::Up(port, up) => {
                self.up[port] = up;
                bench.admin(PORTS[port], up);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn b_08_segments_are_what_the_rules_say(steps in prop::collection::vec(step(), 1..25)) {
        let mut bench = lab();
        let mut spec = crate::lab::blue();
        spec.policy.learn = false;
        bench.change_domain(spec).unwrap();
        let nothing = || Said { peers: Vec::new(), single_active: false, designated: false };
        let mut model = Model { segments: [nothing(), nothing()], on: [None; 2], up: [true; 2] };
        for segment in 0..2 {
            bench.segment(model.spec(segment));
            bench.remote_station("blue", host(segment as u8), on(segment as u8, 0)).unwrap();
        }
        for step in steps {
            model.take(&mut bench, step);
            let far = frame(host(8), ALL);
            for (end, peer) in [(PEERS[0], Some(0)), (PEERS[1], Some(1)), ("192.0.2.4", None)] {
                let sent = bench.receive("p1", &out_of(end, 100, &far));
                prop_assert_eq!(ways(&sent, &far), model.flooded_by_end(peer));
            }
            let near = frame(host(9), ALL);
            for (from, port) in [(PORTS[0], Some(0)), (PORTS[1], Some(1)), (WATCHER, None)] {
                let sent = bench.receive(from, &near);
                prop_assert_eq!(ways(&sent, &near), model.flooded_by_port(port));
            }
            for segment in 0..2 {
                let to = frame(host(9), host(segment as u8));
                let sent = bench.receive(WATCHER, &to);
                let ways = ways(&sent, &to);
                prop_assert!(model.unicast(segment).contains(&ways), "{:?}", ways);
            }
        }
    }
}
