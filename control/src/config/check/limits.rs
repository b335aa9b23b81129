//! Rules between bounds: the longest is not shorter than the shortest, a part not more than the whole.

use super::{Checker, at};
use crate::config::mistake::Problem;

pub(super) fn check(checker: &mut Checker<'_>) {
    let (resolution, limits) = (&checker.config.resolution, &checker.config.limits);
    if resolution.hold_down_max_ms < resolution.hold_down_min_ms {
        let message = "the longest pause is shorter than the first, `hold_down_min_ms`";
        checker.report(
            at!["resolution", "hold_down_max_ms"],
            Problem::Rule(message),
        );
    }
    if limits
        .routes_per_vrf
        .is_some_and(|of_one| of_one > limits.routes)
    {
        let message = "one VRF cannot have more routes than all together, `limits.routes`";
        checker.report(at!["limits", "routes_per_vrf"], Problem::Rule(message));
    }
}
