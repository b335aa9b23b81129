//! What a bridge told the router besides routes: it outlives the bridge for its grace time, and goes when nobody comes back.

use super::lab::{LIMIT, routes, until, until_route};
use ferroute_tests::{Bridge, Process, Router, TwoHosts};
use serde_json::Value;

/// The host's Ethernet address that the kernel is told, and stations of the bridged VNI.
const STATION: &str = "02:00:00:00:00:77";
const OPERATORS: &str = "02:00:00:00:00:78";
const GATEWAY: &str = "02:00:00:00:00:01";

fn config(grace_seconds: u32) -> String {
    format!(
        "tunnels: {{ address: 10.0.1.1 }}
sources:
  - {{ owner: evpn, kind: kernel, grace_seconds: {grace_seconds}, l2vnis: [{{ vni: 110, domain: flat }}] }}
"
    )
}

/// What of a listing is a bridge's or an operator's: the column `name` of each, and whose it is.
fn owned(router: &Router, listing: &str, name: &str) -> Vec<(String, String)> {
    let listed = router.query(listing).unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let mut rows: Vec<_> = (listed.as_array().unwrap().iter())
        .filter(|row| ["static", "remote", "permanent"].contains(&row["state"].as_str().unwrap()))
        .map(|row| (text(row, name), text(row, "owner")))
        .collect();
    rows.sort();
    rows
}

/// To how many remote ends the domain floods.
fn flood(router: &Router) -> u64 {
    let domains = router.query("domain show").unwrap();
    let mut domains = domains.as_array().unwrap().iter();
    let flat = domains.find(|row| row["name"] == "flat").unwrap();
    flat["flood"].as_u64().unwrap()
}

fn owner(router: &Router) -> Option<Value> {
    let owners = router.query("route owners").unwrap();
    let mut owners = owners.as_array().unwrap().iter();
    owners.find(|row| row["name"] == "evpn").cloned()
}

/// The lab with a bridge that has told the router a route, neighbours, a station and a flood list, and an operator who set the
/// like.
fn start(grace_seconds: u32) -> (TwoHosts, Router, Bridge) {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    let domain = format!("domain add flat gateway {GATEWAY} dev gw0");
    router.cli(&domain).unwrap();
    router.cli("addr add 10.110.0.1/24 dev gw0").unwrap();
    let bridge = Bridge::start(&lab.node, &router, &config(grace_seconds), &[]).unwrap();
    let served = |status: &Value| status["sources"][0]["stations"]["vnis"] == 1;
    bridge.until("the bridged VNI", served).unwrap();
    // As an operator does, and as zebra does.
    router
        .cli("neigh add 10.0.2.78 lladdr 02:00:00:00:00:78 dev p1")
        .unwrap();
    let host = lab.b.eth0.mac().unwrap();
    for line in [
        format!("ip neigh replace 10.0.2.2 dev p1 lladdr {host} nud permanent"),
        format!("ip neigh replace 10.110.0.7 dev br110 lladdr {STATION} nud noarp"),
        "bridge fdb append 00:00:00:00:00:00 dev vni110 dst 10.0.2.2 self permanent".to_owned(),
        format!("bridge fdb add {STATION} dev vni110 dst 10.0.2.2 self static"),
        "ip route add 10.2.0.0/16 via 10.0.2.2 dev p1 proto bgp".to_owned(),
    ] {
        lab.node.run(&line).unwrap();
    }
    let told = until(|| {
        neighbours(&router).len() == 3 && stations(&router).len() == 1 && flood(&router) == 1
    });
    assert!(told, "{:?} {:?}", neighbours(&router), stations(&router));
    until_route(&router, "evpn", "10.2.0.0/16", |route| {
        route["state"] == "active"
    });
    for words in ["domain add other", "vni add 111 domain other"] {
        router.cli(words).unwrap();
    }
    let fdb = format!("fdb add {OPERATORS} domain other dst 10.0.2.2");
    router.cli(&fdb).unwrap();
    (lab, router, bridge)
}

fn neighbours(router: &Router) -> Vec<(String, String)> {
    owned(router, "neigh show", "address")
}

fn stations(router: &Router) -> Vec<(String, String)> {
    owned(router, "fdb show", "mac")
}

fn vnis(router: &Router) -> Vec<u64> {
    let listed = router.query("vni show").unwrap();
    let rows = listed.as_array().unwrap().iter();
    rows.map(|row| row["vni"].as_u64().unwrap()).collect()
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(name, owner): &(&str, &str)| ((*name).to_owned(), (*owner).to_owned());
    wanted.iter().map(pair).collect()
}

#[test]
fn what_a_bridge_said_goes_when_it_does_not_come_back_and_an_operators_word_stays() {
    let (_lab, router, mut bridge) = start(1);
    assert_eq!(
        neighbours(&router),
        pairs(&[
            ("10.0.2.2", "evpn"),
            ("10.0.2.78", ""),
            ("10.110.0.7", "evpn")
        ])
    );
    assert_eq!(
        stations(&router),
        pairs(&[(STATION, "evpn"), (OPERATORS, "")])
    );
    // And the end of the flood list and the VNI.
    assert_eq!(owner(&router).unwrap()["things"], 5);
    bridge.kill().unwrap();
    assert!(until(|| owner(&router).is_none()), "{:?}", owner(&router));
    let left = until(|| {
        neighbours(&router) == pairs(&[("10.0.2.78", "")])
            && stations(&router) == pairs(&[(OPERATORS, "")])
            && flood(&router) == 0
            && routes(&router, "evpn").is_empty()
            && vnis(&router) == [111]
    });
    assert!(left, "{:?} {:?}", neighbours(&router), stations(&router));
    router.stop().unwrap();
}

#[test]
fn a_bridge_that_starts_again_takes_up_what_it_said_and_nothing_flaps() {
    let (lab, router, mut bridge) = start(300);
    let api = router.socket();
    let mut watch = std::process::Command::new(ferroute_tests::router::program("ferroute"));
    watch.args(["--socket", api.to_str().unwrap(), "-o", "json", "events"]);
    let mut events = Process::start(&mut watch).unwrap();
    let heard = until(|| {
        router
            .cli("neigh add 10.0.2.99 lladdr 02:00:00:00:00:99 dev p1")
            .unwrap();
        router.cli("neigh del 10.0.2.99 dev p1").unwrap();
        events.log().contains("10.0.2.99")
    });
    assert!(heard, "no event was heard");
    let line = format!(
        "ping -n -c 200 -i 0.01 -W 5 -I {} {}",
        lab.a.v4.host, lab.b.v4.host
    );
    let mut pinging = lab.a.namespace().spawn(&line).unwrap();
    pinging.wait_for("icmp_seq=10 ", LIMIT).unwrap();
    bridge.kill().unwrap();
    assert!(until(|| owner(&router).unwrap()["stale_things"] == 5));
    // One of them goes while no bridge is there.
    lab.node.run("ip neigh del 10.110.0.7 dev br110").unwrap();
    bridge.restart().unwrap();
    let over = |status: &Value| status["sources"][0]["router"]["end_of_rib"] == true;
    bridge
        .until("the end of what the kernel says", over)
        .unwrap();
    let swept = until(|| {
        let owner = owner(&router).unwrap();
        (&owner["things"], &owner["stale_things"]) == (&4.into(), &0.into())
    });
    assert!(swept, "{:?}", owner(&router));
    assert_eq!(
        neighbours(&router),
        pairs(&[("10.0.2.2", "evpn"), ("10.0.2.78", "")])
    );
    assert_eq!(
        stations(&router),
        pairs(&[(STATION, "evpn"), (OPERATORS, "")])
    );
    assert_eq!(flood(&router), 1);
    pinging.wait(LIMIT).unwrap();
    assert!(
        pinging.log().contains(" 0% packet loss"),
        "{}",
        pinging.log()
    );
    // What was taken away is what nobody said again.
    router
        .cli("neigh add 10.0.2.98 lladdr 02:00:00:00:00:98 dev p1")
        .unwrap();
    events.wait_for("10.0.2.98", LIMIT).unwrap();
    let log = events.log();
    let gone = |line: &&str| line.contains("removed") && !line.contains("10.0.2.99");
    let gone: Vec<_> = log.lines().filter(gone).collect();
    assert!(
        gone.iter().all(|line| line.contains("10.110.0.7")),
        "{gone:#?}"
    );
    events.terminate(LIMIT).ok();
    router.stop().unwrap();
}
