//! What is told of endpoints, VNIs, labels and tunnels.

use ferroute_control::model::event::{Change, Event, Happening};
use ferroute_tests::bench::overlay::endpoint_spec;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;

use super::lab::{RMAC, lab};

type Events = Receiver<Arc<Event>>;

/// What was told of overlays since the last look, each in a few words.
fn told(events: &mut Events) -> Vec<String> {
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.extend(match &event.what {
            Happening::Endpoint { change, endpoint } => {
                Some(words("endpoint", &endpoint.spec.name, *change))
            }
            Happening::Vni { change, vni } => Some(words("vni", &vni.spec.key.vni, *change)),
            Happening::Label { change, label } => {
                let resolved = if label.resolved { "" } else { " unresolved" };
                let what = words("label", &label.spec.label.get(), *change);
                Some(format!("{what}{resolved}"))
            }
            Happening::Tunnel { change, tunnel } => {
                let problem = tunnel.problem.is_some() && *change != Change::Removed;
                let what = words("tunnel", &tunnel.remote, *change);
                Some(format!(
                    "{what}{}",
                    if problem { " unresolved" } else { "" }
                ))
            }
            _ => None,
        });
    }
    told
}

fn words(what: &str, name: &dyn std::fmt::Display, change: Change) -> String {
    let change = match change {
        Change::Added => "+",
        Change::Changed => "~",
        Change::Removed => "-",
    };
    format!("{change}{what} {name}")
}

#[test]
fn endpoints_and_vnis_are_told_of() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    bench.vni(100, "red", RMAC);
    assert_eq!(told(&mut events), ["+vni 100"]);
    bench.delete_vni(100).unwrap();
    assert_eq!(told(&mut events), ["-vni 100"]);
    let mut spec = endpoint_spec(&["192.0.2.1", "2001:db8::1"]);
    spec.known_peers_only = true;
    bench.change_endpoint(spec).unwrap();
    assert_eq!(told(&mut events), ["~endpoint default"]);
    bench.delete_endpoint().unwrap();
    assert_eq!(told(&mut events), ["-endpoint default"]);
    bench.endpoint(&["192.0.2.1"]);
    assert_eq!(told(&mut events), ["+endpoint default"]);
    bench.delete_vni(100).unwrap_err();
    assert!(told(&mut events).is_empty(), "what failed is no news");
}

#[test]
fn tunnels_are_told_of_as_their_remote_ends_come_and_go() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    let via = "via 192.0.2.2 vxlan 100/02:00:00:00:02:02";
    bench.route_in("red", "203.0.113.0/24", via);
    bench.route_in("red", "198.51.100.0/24", via);
    assert_eq!(
        told(&mut events),
        ["+tunnel 192.0.2.2"],
        "one for all routes"
    );
    bench.unroute("192.0.2.2/32");
    assert_eq!(told(&mut events), ["~tunnel 192.0.2.2 unresolved"]);
    bench.mtu("p0", 1400);
    assert!(told(&mut events).is_empty(), "the same as before");
    bench.route("192.0.2.2/32", "via 10.0.1.2");
    assert_eq!(told(&mut events), ["~tunnel 192.0.2.2"]);
    bench.route_in("red", "198.51.100.0/24", "blackhole");
    assert!(told(&mut events).is_empty());
    bench.route_in("red", "203.0.113.0/24", "blackhole");
    assert_eq!(told(&mut events), ["-tunnel 192.0.2.2"]);
    bench.route_in(
        "red",
        "203.0.113.0/24",
        "via 192.0.2.99 vxlan 100/02:00:00:00:02:02",
    );
    assert_eq!(told(&mut events), ["+tunnel 192.0.2.99 unresolved"]);
}

#[test]
fn labels_are_told_of_as_they_lead_somewhere_or_nowhere() {
    let mut bench = lab();
    let mut events = bench.core().watch();
    bench.label(1000, "vrf red");
    bench.label(1001, "via 192.0.2.2");
    bench.label(1002, "via 192.0.2.2");
    assert_eq!(
        told(&mut events),
        ["+label 1000", "+label 1001", "+label 1002"]
    );
    bench.unroute("192.0.2.2/32");
    assert_eq!(
        told(&mut events),
        ["~label 1001 unresolved", "~label 1002 unresolved"]
    );
    bench.label(1002, "vrf red");
    assert_eq!(told(&mut events), ["~label 1002"]);
    bench.route("192.0.2.2/32", "via 10.0.1.2");
    assert_eq!(told(&mut events), ["~label 1001"]);
    bench.delete_label(1001).unwrap();
    bench.unroute("192.0.2.2/32");
    assert_eq!(told(&mut events), ["-label 1001"]);
}
