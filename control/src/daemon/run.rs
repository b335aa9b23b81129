//! The life of the router, from a plan to a clean stop.

use crate::model::system::ConfigView;

use super::apply::apply;
use super::assemble::Assembly;
use super::{Boot, StartError, service, socket};

/// Carries the plan out; returns when the router was told to stop.
///
/// # Errors
/// A step of the start failed. What was done before it is undone.
pub(super) fn run(boot: Boot) -> Result<(), StartError> {
    boot.log();
    boot.placement.confine_control_threads()?;
    let (_claim, _listener) = socket::claim(&boot.config.socket)?;
    let view = ConfigView { yaml: boot.config.to_yaml().map_err(|error| StartError::Output(std::io::Error::other(error)))?, path: boot.file.clone() };
    let assembly = Assembly::start(&boot, view)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let outcome = runtime.block_on(async {
        for refused in apply(&boot.config, &assembly.core).await {
            tracing::error!("{refused}");
        }
        let watchdog = tokio::spawn(service::watchdog(|| true));
        service::ready(&format!("{} workers", boot.placement.workers.len()));
        let stop = service::stop_requested().await.map_err(StartError::Threads);
        service::stopping();
        watchdog.abort();
        tracing::info!("stopping on {}", stop?);
        Ok(())
    });
    drop(runtime);
    assembly.stop();
    outcome
}
