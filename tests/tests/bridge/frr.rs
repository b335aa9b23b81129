//! FRR beside the router: its routes by the kernel's tables, and by its own channel.

use super::lab::{LIMIT, routes, until, until_route};
use ferroute_tests::Bridge;
use ferroute_tests::daemon::frr::{Bgp, Daemon, FrrConfig, Neighbour, Remote};
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::{Router, TwoHosts};

const KERNEL: &str = "sources: [{owner: frr, kind: kernel}]\n";
const FPM: &str =
    "sources: [{owner: frr, kind: fpm, grace_seconds: 60, fpm: {quiet_ms: 1500, hold_ms: 2000}}]\n";

/// FRR on host b announces what is behind it to FRR beside the router, which has a static route too.
struct Lab {
    lab: TwoHosts,
    router: Router,
    bridge: Bridge,
    frr: Frr,
    _far: Frr,
}

impl Lab {
    fn start(release: Release, source: &str, fpm: Option<bool>, graceful: bool) -> Self {
        let lab = TwoHosts::build().unwrap();
        let router = lab.start("").unwrap();
        let bridge = Bridge::start(&lab.node, &router, source, &[]).unwrap();
        let networks = [lab.b.v4.prefix, lab.b.v6.prefix].map(|net| net.parse().unwrap());
        let speaker = |asn, number| {
            let bgp = Bgp::new(asn, [10, 255, 0, number]);
            if graceful { bgp.graceful() } else { bgp }
        };
        let far = speaker(64512, 2)
            .neighbour(Neighbour::at([10, 0, 2, 1], Remote::As(64514)))
            .networks(&networks);
        let far = Frr::start(lab.b.namespace(), release, &FrrConfig::bgp(far), &[]).unwrap();
        let bgp = speaker(64514, 1).neighbour(Neighbour::at([10, 0, 2, 2], Remote::As(64512)));
        let config = FrrConfig {
            bgp: vec![bgp],
            statics: vec![(lab.a.v4.prefix.parse().unwrap(), lab.a.v4.host.to_owned())],
            fpm: fpm.map(|groups| ("127.0.0.1:2620".parse().unwrap(), groups)),
            ..FrrConfig::default()
        };
        let frr = Frr::start(&lab.node, release, &config, &[]).unwrap();
        let this = Self {
            lab,
            router,
            bridge,
            frr,
            _far: far,
        };
        this.frr.wait_established(None, "10.0.2.2").unwrap();
        this.until_routed();
        this
    }

    fn until_routed(&self) {
        for prefix in [self.lab.a.v4.prefix, self.lab.b.v4.prefix] {
            until_route(&self.router, "frr", prefix, |route| {
                route["state"] == "active" && route["stale"] == false
            });
        }
    }

    /// Traffic from behind host a to behind host b, during which something is done.
    fn under_traffic(&mut self, work: impl FnOnce(&mut Self)) {
        let line = format!(
            "ping -n -c 400 -i 0.01 -W 5 -I {} {}",
            self.lab.a.v4.behind, self.lab.b.v4.behind
        );
        let mut ping = self.lab.a.namespace().spawn(&line).unwrap();
        ping.wait_for("icmp_seq=10 ", LIMIT).unwrap();
        work(self);
        ping.wait(LIMIT).unwrap();
        assert!(ping.log().contains(" 0% packet loss"), "{}", ping.log());
    }
}

fn by_the_kernel(release: Release) {
    let mut lab = Lab::start(release, KERNEL, None, false);
    // bgpd dies: zebra takes its routes from the kernel, and so they go from the router; the static one stays.
    lab.frr.kill(Daemon::Bgpd).unwrap();
    let left = || routes(&lab.router, "frr");
    assert!(until(|| left().len() == 1), "{:?}", left());
}

/// With graceful restart, as operators have it, bgpd's routes stay while it is away, and not a packet is lost. When it is back,
/// a bgpd of FRR 10.3 may take its routes from the kernel for a second before its sessions are up: lab S11 tells such losses
/// from the router's.
fn bgpd_starts_again(release: Release) {
    let mut lab = Lab::start(release, KERNEL, None, true);
    lab.under_traffic(|lab| {
        lab.frr.kill(Daemon::Bgpd).unwrap();
        assert_eq!(routes(&lab.router, "frr").len(), 2);
    });
    assert_eq!(routes(&lab.router, "frr").len(), 2);
    lab.frr.restart(Daemon::Bgpd).unwrap();
    lab.frr.wait_established(None, "10.0.2.2").unwrap();
    lab.until_routed();
}

fn by_its_channel(release: Release, groups: bool) {
    let mut lab = Lab::start(release, FPM, Some(groups), false);
    let status = lab
        .bridge
        .until("the end of what zebra says", |status| {
            status["sources"][0]["complete"] == true
                && status["sources"][0]["router"]["end_of_rib"] == true
        })
        .unwrap();
    let source = &status["sources"][0];
    assert_eq!(source["fpm"]["connections"], 1, "{status:#}");
    assert_eq!(
        (
            &source["pending"],
            &source["unsupported"],
            &source["refused"]
        ),
        (&0.into(), &0.into(), &0.into()),
        "{status:#}"
    );
    assert_eq!(source["fpm"]["unreadable"], 0);
    // zebra dies and says nothing of it: forwarding goes on, also while it comes back.
    lab.under_traffic(|lab| {
        lab.frr.kill(Daemon::Zebra).unwrap();
        lab.bridge
            .until("zebra gone", |status| {
                status["sources"][0]["fpm"]["peer"] == ""
            })
            .unwrap();
    });
    lab.frr.restart(Daemon::Zebra).unwrap();
    lab.bridge
        .until("another zebra", |status| {
            status["sources"][0]["fpm"]["connections"] == 2
                && status["sources"][0]["fpm"]["peer"] != ""
        })
        .unwrap();
    lab.until_routed();
}

#[test]
fn frr_8_by_the_kernel() {
    by_the_kernel(Release::Debian12);
}

#[test]
fn frr_10_by_the_kernel() {
    by_the_kernel(Release::Debian13);
}

#[test]
fn bgpd_of_frr_8_starts_again() {
    bgpd_starts_again(Release::Debian12);
}

#[test]
fn bgpd_of_frr_10_starts_again() {
    bgpd_starts_again(Release::Debian13);
}

#[test]
fn frr_8_by_its_channel_without_groups() {
    by_its_channel(Release::Debian12, false);
}

#[test]
fn frr_8_by_its_channel_with_groups() {
    by_its_channel(Release::Debian12, true);
}

#[test]
fn frr_10_by_its_channel() {
    by_its_channel(Release::Debian13, true);
}
