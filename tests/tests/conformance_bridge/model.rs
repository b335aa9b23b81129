//! What is known of stations, after any sequence of frames and changes, against a naive model: which way frames for
//! them leave, and what the FDB shows.

use crate::lab::{ALL, frame, host, lab, ways};
use ferroute_control::core::request::BridgeRequest;
use ferroute_control::model::bridge::{
    DomainError, FdbChange, RemotePlace, RemoteStation, StationKind, StationView,
};
use ferroute_dataplane::mac::Mac;
use ferroute_tests::bench::bridge::remote_end;
use ferroute_tests::bench::{Bench, MILLISECOND};
use proptest::prelude::*;
use std::net::IpAddr;
use std::num::NonZeroU32;

const PORTS: [&str; 3] = ["p0", "p2", "p3"];
/// The lower and the higher address than the endpoint's own, 192.0.2.1.
const ENDS: [&str; 3] = ["192.0.2.0", "192.0.2.2", "192.0.2.3"];
const OWN: &str = "192.0.2.1";
/// Who sends to all others; it is fixed at the last port.
const WATCHER: u8 = 99;

#[derive(Clone, Copy, Debug)]
enum Step {
    Frame {
        station: u8,
        port: usize,
    },
    Static {
        station: u8,
        port: usize,
    },
    Remote {
        station: u8,
        end: usize,
        sequence: u32,
        sticky: bool,
    },
    Delete {
        station: u8,
    },
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    let (station, port) = (|| 1..4_u8, || 0..PORTS.len());
    prop_oneof![
        6 => (station(), port()).prop_map(|(station, port)| Step::Frame { station, port }),
        1 => (station(), port()).prop_map(|(station, port)| Step::Static { station, port }),
        6 => (station(), 0..ENDS.len(), 0..4_u32, prop::bool::weighted(0.15)).prop_map(
            |(station, end, sequence, sticky)| Step::Remote { station, end, sequence, sticky }
        ),
        2 => station().prop_map(|station| Step::Delete { station }),
        1 => Just(Step::Flush),
    ]
}

/// What is known of one station.
#[derive(Clone, Copy, Default, Debug)]
struct Known {
    fixed: Option<usize>,
    seen: Option<(usize, u32)>,
    said: Option<(usize, u32, bool)>,
}

impl Known {
    /// A frame of it (RFC 7432 section 15: who sees a station that another has takes the next sequence).
    fn frame(&mut self, port: usize) {
        match *self {
            Self { fixed: Some(_), .. } => {}
            Self {
                seen: Some((_, sequence)),
                ..
            } => self.seen = Some((port, sequence)),
            Self {
                said: Some((_, _, true)),
                ..
            } => {}
            Self {
                said: Some((_, sequence, false)),
                ..
            } => self.seen = Some((port, sequence + 1)),
            _ => self.seen = Some((port, 0)),
        }
    }

    /// Whether a client's word is taken.
    fn remote(&mut self, end: usize, sequence: u32, sticky: bool) -> bool {
        let refused = self.said.is_some_and(|(other, newest, stays)| {
            other != end && !sticky && (stays || sequence < newest)
        });
        if refused {
            return false;
        }
        if let Some((_, seen)) = self.seen {
            let lower = address(ENDS[end]) < address(OWN);
            if sticky || sequence > seen || (sequence == seen && lower) {
                self.seen = None;
            }
        }
        self.said = Some((end, sequence, sticky));
        true
    }

    fn shown(&self) -> Option<(StationKind, Option<&'static str>, u32)> {
        if let Some(port) = self.fixed {
            return Some((StationKind::Static, Some(PORTS[port]), 0));
        }
        if let Some((port, sequence)) = self.seen {
            return Some((StationKind::Learned, Some(PORTS[port]), sequence));
        }
        let (_, sequence, _) = self.said?;
        Some((StationKind::Remote, None, sequence))
    }

    /// The ways of a frame from the watcher's port.
    fn ways(&self) -> Vec<String> {
        let port = self.fixed.or(self.seen.map(|(port, _)| port));
        match (port, self.said) {
            // A frame never goes back where it came from.
            (Some(2), _) => vec![],
            (Some(port), _) => vec![PORTS[port].to_owned()],
            (None, Some((end, _, _))) => {
                vec![format!("{} 100", ENDS[end].rsplit('.').next().unwrap())]
            }
            (None, None) => vec!["p0".to_owned(), "p2".to_owned()],
        }
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn put_static(bench: &mut Bench, station: u8, port: usize) -> Vec<(usize, DomainError)> {
    bench.fdb(vec![FdbChange::PutStatic {
        domain: "blue".parse().unwrap(),
        mac: Mac::new(host(station)),
        interface: PORTS[port].parse().unwrap(),
    }])
}

fn take(bench: &mut Bench, known: &mut [Known; 3], step: Step) {
    let at = |station: u8| usize::from(station) - 1;
    match step {
        Step::Frame { station, port } => {
            // A worker tells of a station at a place again after ten milliseconds.
            bench.advance(11 * MILLISECOND);
            bench.receive(PORTS[port], &frame(host(station), ALL));
            known[at(station)].frame(port);
        }
        Step::Static { station, port } => {
            assert_eq!(put_static(bench, station, port), []);
            let known = &mut known[at(station)];
            (known.fixed, known.seen) = (Some(port), None);
        }
        Step::Remote {
            station,
            end,
            sequence,
            sticky,
        } => {
            let end_of = remote_end(ENDS[end], None);
            let remote = RemoteStation {
                place: RemotePlace::End(end_of),
                sequence,
                sticky,
            };
            let taken = bench.remote_station("blue", host(station), remote);
            let expected = known[at(station)].remote(end, sequence, sticky);
            assert_eq!(taken.is_ok(), expected, "{taken:?}");
        }
        Step::Delete { station } => {
            let deleted = bench.delete_station("blue", host(station));
            let was = std::mem::take(&mut known[at(station)]);
            assert_eq!(deleted.is_ok(), was.shown().is_some());
        }
        Step::Flush => {
            let flushed = bench.call(|reply| BridgeRequest::FlushFdb(None, None, reply).into());
            let seen = known.iter_mut().filter_map(|known| known.seen.take());
            assert_eq!(flushed, Ok(seen.count() as u32));
        }
    }
}

fn shown(view: &StationView) -> (StationKind, Option<&str>, u32) {
    let interface = view.interface.as_ref().map(|name| name.as_str());
    (view.kind, interface, view.sequence)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn b_01_stations_are_where_the_model_has_them(steps in prop::collection::vec(step(), 1..40)) {
        let mut bench = lab();
        let mut spec = crate::lab::blue();
        spec.policy.max_moves = NonZeroU32::MAX;
        bench.change_domain(spec).unwrap();
        prop_assert_eq!(put_static(&mut bench, WATCHER, 2), vec![]);
        let mut known = [Known::default(); 3];
        for step in steps {
            take(&mut bench, &mut known, step);
            for (station, known) in (1..).zip(&known) {
                let view = bench.station("blue", host(station));
                prop_assert_eq!(view.as_ref().map(shown), known.shown());
                let to = frame(host(WATCHER), host(station));
                let sent = bench.receive("p3", &to);
                prop_assert_eq!(ways(&sent, &to), known.ways());
            }
            let count = bench.domain_view("blue").stations;
            let of = |kind| known.iter().filter(|k| k.shown().is_some_and(|s| s.0 == kind)).count() as u32;
            prop_assert_eq!(
                (count.learned, count.fixed, count.remote),
                (of(StationKind::Learned), 1 + of(StationKind::Static), of(StationKind::Remote))
            );
            // Each remote end that is said of a station has one tunnel, whether it counts or not.
            let mut ends: Vec<_> = known.iter().filter_map(|k| Some(k.said?.0)).collect();
            ends.sort_unstable();
            ends.dedup();
            prop_assert_eq!(bench.tunnels().len(), ends.len());
        }
    }
}
