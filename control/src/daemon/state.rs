//! What one run of the daemon leaves for the next: its state and its kernel twins.

use std::path::PathBuf;

use super::{StartError, socket};
use crate::api::saved::decode;
use crate::config::Config;
use crate::core::link::namespace_path;
use crate::model::saved::{Thing, ThingKind};
use crate::state::{self, Saved};
use crate::twin::{LeftTwin, Legacy, TwinManager};

/// How the twins of the last run are known, and what is to become of those of this one.
pub(super) fn legacy(config: &Config, saved: &Saved) -> Legacy {
    let socket = std::path::absolute(&config.socket.path);
    let socket = socket.unwrap_or_else(|_| config.socket.path.clone());
    let twins = saved
        .things
        .iter()
        .filter(|(key, _)| ThingKind::of(key) == Some(ThingKind::Twin));
    let left = twins.filter_map(|(_, value)| match decode(ThingKind::Twin, value) {
        Ok(Thing::Twin(twin)) => Some(LeftTwin {
            name: twin.name.parse().ok()?,
            netns: twin.namespace,
            addresses: twin.addresses,
        }),
        _ => None,
    });
    Legacy {
        // One socket is one router.
        mark: format!("{}{}", Legacy::MARK, socket.display()),
        persist: config.twin.persist,
        left: left.collect(),
    }
}

/// Removes what the last run left, for a router that is stopped for good.
///
/// # Errors
/// A router runs on the socket, or something could not be removed.
pub(super) fn forget(config: &Config) -> Result<(), StartError> {
    let (_claim, _listener) = socket::claim(&config.socket)?;
    let file = config.state.file(&config.socket);
    let saved = file.as_deref().map(state::peek).unwrap_or_default();
    let mut twins = TwinManager::after(legacy(config, &saved));
    let of_vrfs = config.vrfs.iter().filter_map(|vrf| vrf.netns.as_ref());
    let named = of_vrfs.chain(config.twin.netns.as_ref());
    let namespaces: Vec<Option<PathBuf>> = named
        .map(|name| Some(namespace_path(name.as_str())))
        .chain([None])
        .collect();
    for (name, removed) in twins.sweep(namespaces) {
        removed.map_err(|reason| StartError::ForgetTwin { name, reason })?;
    }
    match file {
        Some(path) => state::forget(&path).map_err(|reason| StartError::Forget { path, reason }),
        None => Ok(()),
    }
}
