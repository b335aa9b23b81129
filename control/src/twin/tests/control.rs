//! Making, changing and removing twins, seen with `ip`.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[test]
fn a_twin_is_what_its_spec_says() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let spec = place.spec("p0.100");
    let io = twins.apply(&spec).unwrap().expect("it is new");
    assert_eq!(io.id(), spec.id);
    let link = place.show("link", "p0.100").unwrap();
    assert_eq!(link["address"], "02:00:00:00:01:01");
    assert_eq!(link["mtu"], 1400);
    assert_eq!(link["linkinfo"]["info_data"]["type"], "tap");
    assert_eq!(link["linkinfo"]["info_data"]["persist"], false);
    let flags = link["flags"].as_array().unwrap();
    assert!(
        flags.contains(&"UP".into()) && flags.contains(&"LOWER_UP".into()),
        "{flags:?}"
    );
    assert_eq!(
        place.addresses("p0.100"),
        ["10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"]
    );
    for info in place.show("address", "p0.100").unwrap()["addr_info"]
        .as_array()
        .unwrap()
    {
        assert_eq!(
            info["tentative"],
            Value::Null,
            "no address waits for duplicate detection"
        );
    }
    for (setting, value) in [
        ("ipv4/conf/p0.100/forwarding", "0"),
        ("ipv4/conf/p0.100/rp_filter", "0"),
        ("ipv6/conf/p0.100/forwarding", "0"),
        ("ipv6/conf/p0.100/accept_ra", "0"),
        ("ipv6/conf/p0.100/addr_gen_mode", "1"),
    ] {
        assert_eq!(place.sysctl(setting.to_owned()), value, "{setting}");
    }
    assert_eq!(twins.ids().collect::<Vec<_>>(), [spec.id]);
}

#[test]
fn a_strict_namespace_gets_the_loose_reverse_path_filter() {
    let place = Place::new();
    place.run(|| std::fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1").unwrap());
    let mut twins = TwinManager::new();
    let _io = twins.apply(&place.spec("p0")).unwrap();
    assert_eq!(place.sysctl("ipv4/conf/p0/rp_filter".to_owned()), "2");
}

#[test]
fn the_carrier_follows_the_link() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut spec = TwinSpec {
        link: false,
        ..place.spec("p0")
    };
    let _io = twins.apply(&spec).unwrap();
    let carrier = || {
        place.show("link", "p0").unwrap()["flags"]
            .as_array()
            .unwrap()
            .contains(&"LOWER_UP".into())
    };
    assert!(!carrier());
    assert_eq!(
        place.addresses("p0").len(),
        3,
        "addresses do not wait for a carrier"
    );
    for link in [true, false, true] {
        spec.link = link;
        assert!(twins.apply(&spec).unwrap().is_none());
        assert_eq!(carrier(), link);
    }
}

#[test]
fn applying_the_same_again_writes_nothing() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let spec = place.spec("p0");
    let mut monitor = place.run(|| {
        let monitor = Command::new("ip")
            .args(["-o", "monitor", "all"])
            .stdout(Stdio::piped())
            .spawn();
        monitor.expect("iproute2")
    });
    let mut lines = BufReader::new(monitor.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    // The monitor is there when it sees a change of the loopback; a second one ends the test.
    let marker = |mtu: u32| place.ip(&format!("link set lo mtu {mtu}"));
    let sees = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| (10_000..).map(marker).find(|_| sees.load(Relaxed)));
        lines.find(|line| line.contains(": lo:"));
        sees.store(true, Relaxed);
    });
    let _io = twins.apply(&spec).unwrap();
    // The kernel enters IPv6 addresses, as it always does, a moment after it took them.
    let entered = |line: &String| {
        line.contains("local 2001:db8::1 dev p0") || line.contains("local fe80::1 dev p0")
    };
    assert_eq!(lines.by_ref().filter(entered).take(2).count(), 2);
    assert!(twins.apply(&spec).unwrap().is_none());
    marker(9000);
    let seen: Vec<String> = lines
        .take_while(|line| !line.contains("mtu 9000"))
        .collect();
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    assert_eq!(
        seen.iter().filter(|line| !line.contains(": lo:")).count(),
        0,
        "{seen:?}"
    );
}

#[test]
fn changes_are_written_and_what_others_wrote_stays() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut spec = place.spec("p0");
    spec.addresses.push("10.0.0.9/24".parse().unwrap());
    let _io = twins.apply(&spec).unwrap();
    place.ip("address add 192.0.2.1/32 dev p0");
    spec.mac = Mac::new([2, 0, 0, 0, 1, 2]);
    spec.mtu = 9000;
    // The primary address goes and its secondary stays; an IPv6 address gets another length.
    spec.addresses = ["10.0.0.9/24", "2001:db8::1/56", "fe80::1/64"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    assert!(twins.apply(&spec).unwrap().is_none());
    let link = place.show("link", "p0").unwrap();
    assert_eq!(
        (&link["address"], &link["mtu"]),
        (&"02:00:00:00:01:02".into(), &9000.into())
    );
    let mut addresses = place.addresses("p0");
    addresses.sort();
    assert_eq!(
        addresses,
        [
            "10.0.0.9/24",
            "192.0.2.1/32",
            "2001:db8::1/56",
            "fe80::1/64"
        ]
    );
}

#[test]
fn down_and_up_again_brings_all_addresses_back() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let mut spec = place.spec("p0");
    let _io = twins.apply(&spec).unwrap();
    spec.up = false;
    twins.apply(&spec).unwrap();
    assert_eq!(place.addresses("p0"), ["10.0.0.1/24", "2001:db8::1/64"]);
    assert!(
        !place.show("link", "p0").unwrap()["flags"]
            .as_array()
            .unwrap()
            .contains(&"UP".into())
    );
    spec.up = true;
    twins.apply(&spec).unwrap();
    assert_eq!(
        place.addresses("p0"),
        ["10.0.0.1/24", "2001:db8::1/64", "fe80::1/64"]
    );
}

#[test]
fn a_taken_name_is_refused_and_left_alone() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    place.ip("link add p0 type veth peer name p0peer");
    place.ip("tuntap add p1 mode tap");
    for name in ["p0", "p1"] {
        let refused = twins.apply(&place.spec(name));
        assert!(
            matches!(&refused, Err(TwinError::NameTaken { name: taken }) if taken.as_str() == name),
            "{refused:?}"
        );
        assert!(place.show("link", name).is_some());
    }
    assert_eq!(twins.ids().count(), 0);
    let _io = twins.apply(&place.spec("p2")).unwrap();
    assert!(twins.apply(&place.spec("p0")).is_err());
    assert!(
        place.show("link", "p2").is_some(),
        "a refused rename keeps the old twin"
    );
}

#[test]
fn a_twin_moves_with_its_name_and_its_namespace() {
    let (first, second) = (Place::new(), Place::new());
    let mut twins = TwinManager::new();
    let _old = twins.apply(&first.spec("p0")).unwrap().unwrap();
    let _new = twins
        .apply(&first.spec("p1"))
        .unwrap()
        .expect("a new frame side");
    first.wait_until_gone("p0");
    assert!(first.show("link", "p1").is_some());
    let _there = twins
        .apply(&second.spec("p1"))
        .unwrap()
        .expect("a new frame side");
    first.wait_until_gone("p1");
    assert!(second.show("link", "p1").is_some());
}

#[test]
fn a_twin_that_somebody_deleted_is_made_anew() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let _old = twins.apply(&place.spec("p0")).unwrap();
    place.ip("link del p0");
    assert!(twins.apply(&place.spec("p0")).unwrap().is_some());
    assert_eq!(place.addresses("p0").len(), 3);
}

#[test]
fn removing_a_twin_or_dropping_the_manager_removes_the_netdev() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let spec = place.spec("p0");
    let _held = twins.apply(&spec).unwrap();
    assert!(twins.remove(spec.id));
    // Though its frame side is still held.
    place.wait_until_gone("p0");
    assert!(!twins.remove(spec.id));
    let _held = twins.apply(&spec).unwrap();
    drop(twins);
    assert!(place.show("link", "p0").is_none());
}

#[test]
fn a_twin_follows_one_of_its_name_whose_removal_nobody_waited_for() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    for _ in 0..5 {
        let _held = twins.apply(&place.spec("p0")).unwrap().unwrap();
        assert!(twins.remove(place.spec("p0").id));
    }
    let _held = twins.apply(&place.spec("p0")).unwrap().unwrap();
    assert_eq!(place.addresses("p0").len(), 3);
}

#[test]
fn what_is_wrong_is_said() {
    let place = Place::new();
    let mut twins = TwinManager::new();
    let nowhere = TwinSpec {
        netns: Some("/run/netns/no-such-place".into()),
        ..place.spec("p0")
    };
    let refused = twins.apply(&nowhere);
    assert!(
        matches!(refused, Err(TwinError::NamespaceMissing { .. })),
        "{refused:?}"
    );
    let no_namespace = TwinSpec {
        netns: Some("/proc/self/status".into()),
        ..place.spec("p0")
    };
    let refused = twins.apply(&no_namespace);
    assert!(
        matches!(refused, Err(TwinError::NamespaceEntry { .. })),
        "{refused:?}"
    );
    let twice = ["2001:db8::1/64", "2001:db8::1/56"]
        .map(|text| text.parse().unwrap())
        .to_vec();
    let refused = twins.apply(&TwinSpec {
        addresses: twice,
        ..place.spec("p0")
    });
    assert!(
        matches!(
            &refused,
            Err(TwinError::Address {
                operation: "add",
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(
        place.show("link", "p0").is_none(),
        "what cannot be made complete is not made"
    );
    let narrow = twins.apply(&TwinSpec {
        mtu: 20,
        ..place.spec("p0")
    });
    assert!(
        matches!(
            &narrow,
            Err(TwinError::Link {
                operation: "set its MTU",
                ..
            })
        ),
        "{narrow:?}"
    );
}

fn legacy(persist: bool, left: Vec<LeftTwin>) -> Legacy {
    let mark = format!("{}/run/test.sock", Legacy::MARK);
    Legacy {
        mark,
        persist,
        left,
    }
}

fn has_carrier(place: &Place, name: &str) -> bool {
    let link = place.show("link", name).unwrap();
    link["flags"]
        .as_array()
        .unwrap()
        .contains(&"LOWER_UP".into())
}

#[test]
fn twins_that_stay_are_taken_over_with_all_that_is_on_them() {
    let place = Place::new();
    let spec = place.spec("p0");
    let mut first = TwinManager::after(legacy(true, vec![]));
    let io = first.apply(&spec).unwrap();
    place.ip("address add 10.9.0.1/24 dev p0");
    place.ip("route add 198.51.100.0/24 via 10.0.0.2");
    let index = first.ifindex(spec.id);
    drop((first, io));
    assert!(!has_carrier(&place, "p0"));

    let left = LeftTwin {
        name: spec.name.clone(),
        netns: spec.netns.clone(),
        addresses: spec.addresses.clone(),
    };
    let mut second = TwinManager::after(legacy(true, vec![left]));
    let mut wanted = spec.clone();
    wanted.addresses.truncate(1);
    let io = second.apply(&wanted).unwrap();
    assert_eq!(second.ifindex(spec.id), index);
    assert!(has_carrier(&place, "p0"));
    // What is not wanted any more goes when everything was said.
    second.sweep([]);
    assert_eq!(place.addresses("p0"), ["10.0.0.1/24", "10.9.0.1/24"]);
    assert!(place.ip("route").contains("198.51.100.0/24 via 10.0.0.2"));
    let (_, _, written) = second.written(spec.id).unwrap();
    assert_eq!(written, wanted.addresses);

    // One that somebody has open is nobody else's.
    let mut third = TwinManager::after(legacy(true, vec![]));
    let refused = third.apply(&wanted);
    assert!(
        matches!(refused, Err(TwinError::NameTaken { .. })),
        "{refused:?}"
    );
    assert!(second.sweep([]).is_empty());
    drop((second, io));

    // A run without twins of that name removes what the last one left; a netdev of others stays.
    place.ip("tuntap add dev p1 mode tap");
    let mut last = TwinManager::after(legacy(true, vec![]));
    let swept = last.sweep([spec.netns.clone()]);
    assert_eq!(swept.len(), 1);
    assert!(swept[0].0 == "p0" && swept[0].1.is_ok());
    assert!(place.show("link", "p0").is_none() && place.show("link", "p1").is_some());
    let others = last.apply(&place.spec("p1"));
    assert!(
        matches!(others, Err(TwinError::NameTaken { .. })),
        "{others:?}"
    );
}

#[test]
fn twins_that_are_not_to_stay_go_also_when_they_stayed_before() {
    let place = Place::new();
    let spec = place.spec("p0");
    let mut first = TwinManager::after(legacy(true, vec![]));
    drop((first.apply(&spec).unwrap(), first));
    assert!(place.show("link", "p0").is_some());
    let mut second = TwinManager::after(legacy(false, vec![]));
    drop((second.apply(&spec).unwrap(), second));
    assert!(place.show("link", "p0").is_none());
}
