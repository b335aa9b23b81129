//! The life of the router, from a plan to a clean stop.

use super::{Boot, StartError, access, service};

/// Carries the plan out; returns when the router was told to stop.
///
/// # Errors
/// A step of the start failed. What was done before it is undone.
pub(super) fn run(boot: Boot) -> Result<(), StartError> {
    boot.log();
    boot.placement.confine_control_threads()?;
    let _listeners = access::listen(&boot.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    runtime.block_on(async {
        let watchdog = tokio::spawn(service::watchdog(|| true));
        service::ready(&format!("{} workers", boot.placement.workers.len()));
        let stop = service::stop_requested().await.map_err(StartError::Threads);
        service::stopping();
        watchdog.abort();
        tracing::info!("stopping on {}", stop?);
        Ok(())
    })
}
