//! Two hosts and a router; what the router has of an owner.

use ferroute_tests::{Router, TwoHosts};
use serde_json::Value;
use std::time::{Duration, Instant};

pub(crate) const LIMIT: Duration = Duration::from_secs(45);

/// Waits until something is so; answers whether it came to that.
pub(crate) fn until(mut wanted: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if wanted() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

/// The lab, with the router started.
pub(crate) fn lab() -> (TwoHosts, Router) {
    let lab = TwoHosts::build().unwrap();
    let router = lab.start("").unwrap();
    (lab, router)
}

/// The routes of an owner: prefix, then where it leads, then whether it is stale.
pub(crate) fn routes(router: &Router, owner: &str) -> Vec<Value> {
    let listed = router
        .query(&format!("route show --owner {owner}"))
        .unwrap();
    listed.as_array().unwrap().clone()
}

/// Waits until the router has the route of an owner in a form.
pub(crate) fn until_route(
    router: &Router,
    owner: &str,
    prefix: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let mut seen = Vec::new();
    let done = until(|| {
        seen = routes(router, owner);
        seen.iter()
            .any(|route| route["prefix"] == prefix && wanted(route))
    });
    assert!(done, "{prefix}: {seen:#?}");
    seen.into_iter()
        .find(|route| route["prefix"] == prefix)
        .unwrap()
}
