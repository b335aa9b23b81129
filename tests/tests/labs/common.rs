//! What labs share: boxes that forward, and a router with its routing suite.

use ferroute_tests::daemon::frr::FrrConfig;
use ferroute_tests::daemon::{Frr, Release};
use ferroute_tests::wait::{Seen, until};
use ferroute_tests::{Bridge, Interface, Namespace, Node, Router};
use std::convert::Infallible;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// How long anything may take to converge on a machine that others use too.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A box whose kernel forwards and which has these addresses on its loopback.
pub(crate) fn forwarder(name: &str, loopback: &[&str]) -> Namespace {
    let namespace = Namespace::new(name).unwrap();
    for (key, value) in [
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv6.conf.all.forwarding", "1"),
        ("net.ipv4.fib_multipath_hash_policy", "1"),
        ("net.ipv6.fib_multipath_hash_policy", "1"),
    ] {
        namespace.sysctl(key, value).unwrap();
    }
    let lo = Interface::named(&namespace, "lo");
    for address in loopback {
        lo.address(address).unwrap();
    }
    namespace
}

/// Things that were made at the same time. The threads that made them stay as long as this: programs die with the thread that
/// started them.
pub(crate) struct Together<T> {
    pub(crate) made: Vec<T>,
    _held: Vec<Sender<Infallible>>,
}

/// Does all of it at the same time.
pub(crate) fn together<T: Send + 'static>(
    makers: impl IntoIterator<Item = impl FnOnce() -> T + Send + 'static>,
) -> Together<T> {
    let mut started = Vec::new();
    for make in makers {
        let (hand_over, made) = channel();
        let (hold, held) = channel::<Infallible>();
        std::thread::spawn(move || {
            if hand_over.send(make()).is_ok() {
                // Nothing comes; it ends when the other end is dropped.
                let _ = held.recv();
            }
        });
        started.push((made, hold));
    }
    let all = started.into_iter();
    let (made, _held) = all.map(|(made, hold)| (made.recv().unwrap(), hold)).unzip();
    Together { made, _held }
}

/// A router with FRR beside it.
pub(crate) struct Routed {
    pub(crate) node: Node,
    // Dropped before the router: it speaks to it.
    pub(crate) bridge: Bridge,
    pub(crate) frr: Frr,
    pub(crate) router: Tables,
}

/// The router, which shows its tables when a test fails.
pub(crate) struct Tables(Option<Router>);

impl Tables {
    pub(crate) fn get(&self) -> &Router {
        self.0.as_ref().unwrap()
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        if let (true, Some(router)) = (std::thread::panicking(), &self.0) {
            for words in ["route show", "neigh show", "link show", "drops"] {
                let shown = router.cli(words).unwrap_or_else(|error| error.to_string());
                eprintln!("ferroute {words}\n{shown}");
            }
        }
    }
}

impl Routed {
    /// Starts the router of a node, and FRR of this release.
    pub(crate) fn start(node: Node, release: Release, config: &FrrConfig) -> Self {
        let sources = node.bridge_config();
        Self::with_sources(node, release, config, &sources)
    }

    /// The same, with these sources of the bridge.
    pub(crate) fn with_sources(
        node: Node,
        release: Release,
        config: &FrrConfig,
        sources: &str,
    ) -> Self {
        let router = node.start().unwrap();
        let vrfs = node.vrf_namespaces();
        let frr = Frr::start(node.kernel(), release, config, &vrfs).unwrap();
        let bridge = Bridge::start(node.kernel(), &router, sources, &vrfs).unwrap();
        Self {
            node,
            bridge,
            frr,
            router: Tables(Some(router)),
        }
    }

    /// Waits until the router's best route to a prefix has so many next hops.
    pub(crate) fn wait_forwarding(&self, vrf: &str, prefix: &str, paths: usize) -> Duration {
        let look = || {
            let shown = self
                .router
                .get()
                .query(&format!("route show {prefix} --vrf {vrf}"))?;
            let rows = shown.as_array().cloned().unwrap_or_default();
            let best = rows.iter().find(|row| {
                row["prefix"] == prefix
                    && row["next_hops"]
                        .as_array()
                        .is_some_and(|hops| hops.len() == paths)
            });
            Ok(Seen::when(best.is_some(), || format!("{shown:#}")))
        };
        let what = format!("a route to {prefix} over {paths} next hops in the router");
        until(&what, LIMIT, look).unwrap().1
    }

    /// Ends what was started, in order.
    pub(crate) fn stop(mut self) {
        drop(self.bridge);
        drop(self.frr);
        self.router.0.take().unwrap().stop().unwrap();
    }
}

/// Pings five times a second until the first answer, within the limit.
pub(crate) fn wait_ping(from: &Namespace, source: &str, target: &str) {
    let what = format!("an answer from {target} to {source}");
    // ping(8) ends at once where there is no route yet.
    let line = format!("ping -n -c 1 -i 0.2 -w 5 -I {source} {target}");
    let look = || {
        let answer = from.run(&line);
        Ok(Seen::when(answer.is_ok(), || {
            answer
                .err()
                .map_or(String::new(), |error| error.to_string())
        }))
    };
    until(&what, LIMIT, look).unwrap();
}
