//! The life of the router, from a plan to a clean stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::timeout;

use super::apply::apply;
use super::assemble::Assembly;
use super::{Boot, StartError, service, socket};
use crate::api::server::{Listeners, serve};
use crate::api::tls::TcpEndpoint;
use crate::core::handle::CoreHandle;
use crate::core::request::SystemRequest;
use crate::core::state::{Restore, Restored};
use crate::metrics::MetricsServer;
use crate::model::system::ConfigView;
use crate::state::{self, Journal, Saved};

/// How often the core must answer for the service manager's watchdog to stay quiet.
const PULSE: Duration = Duration::from_secs(2);

/// Carries the plan out; returns when the router was told to stop.
///
/// # Errors
/// A step of the start failed. What was done before it is undone.
pub(super) fn run(boot: Boot) -> Result<(), StartError> {
    boot.log();
    boot.placement.confine_control_threads()?;
    let (_claim, unix) = socket::claim(&boot.config.socket)?;
    let tcp = boot
        .config
        .tcp
        .as_ref()
        .map(TcpEndpoint::bind)
        .transpose()?;
    let yaml = boot
        .config
        .to_yaml()
        .map_err(|error| StartError::Output(std::io::Error::other(error)))?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(StartError::Threads)?;
    let metrics = runtime.block_on(bind_metrics(&boot))?;
    let state = boot.config.state.file(&boot.config.socket);
    let (saved, journal) = match &state {
        Some(path) => state::open(path),
        None => (Saved::default(), Journal::off()),
    };
    let view = ConfigView {
        yaml,
        path: boot.file.clone(),
    };
    let assembly = Assembly::start(&boot, view, &saved)?;
    let outcome = live(
        &runtime,
        &boot,
        assembly.core.clone(),
        Restore { saved, journal },
        Listeners { unix, tcp },
        metrics,
    );
    // Every task, and with it every handle of the core, ends before the core is waited for.
    drop(runtime);
    assembly.stop();
    outcome
}

async fn bind_metrics(boot: &Boot) -> Result<Option<MetricsServer>, StartError> {
    let Some(listen) = &boot.config.metrics.listen else {
        return Ok(None);
    };
    let address = listen.address();
    let server = crate::metrics::bind(address).await;
    server
        .map(Some)
        .map_err(|reason| StartError::Metrics { address, reason })
}

/// Serves until a signal says to stop.
fn live(
    runtime: &Runtime,
    boot: &Boot,
    core: CoreHandle,
    restore: Restore,
    listeners: Listeners,
    metrics: Option<MetricsServer>,
) -> Result<(), StartError> {
    let (stopper, stop) = watch::channel(false);
    let stopped = |mut stop: watch::Receiver<bool>| async move {
        // A sender that is gone means the same.
        drop(stop.wait_for(|stop| *stop).await);
    };
    runtime.block_on(async {
        let stop_requested = service::stop_requested().map_err(StartError::Threads)?;
        apply(&boot.config, &core)
            .await
            .map_err(StartError::Apply)?;
        take_up(restore, &core).await;
        if let Some(metrics) = metrics {
            tokio::spawn(metrics.serve(core.clone(), stopped(stop.clone())));
        }
        let alive = Arc::new(AtomicBool::new(true));
        let pulse = tokio::spawn(feel_pulse(core.clone(), Arc::clone(&alive)));
        let watchdog = tokio::spawn(service::watchdog(move || alive.load(Ordering::Relaxed)));
        let mut api = tokio::spawn(serve(core, listeners, stopped(stop)));
        service::ready(&format!("{} workers", boot.placement.workers.len()));
        let outcome = tokio::select! {
            signal = stop_requested => {
                tracing::info!("stopping on {signal}");
                service::stopping();
                stopper.send_replace(true);
                (&mut api).await
            }
            ended = &mut api => ended,
        };
        watchdog.abort();
        pulse.abort();
        match outcome {
            Ok(served) => Ok(served?),
            Err(panic) => Err(StartError::Threads(panic.into())),
        }
    })
}

/// Has the core take up what the last router left.
async fn take_up(restore: Restore, core: &CoreHandle) {
    let started = Instant::now();
    let anything = !restore.saved.is_empty();
    let request = |reply| SystemRequest::Restore(Box::new(restore), reply).into();
    // A core that is gone ends the daemon with the next call.
    if let Ok(restored) = core.call(request).await
        && anything
    {
        let Restored {
            things,
            owners,
            routes,
            refused,
        } = restored;
        tracing::info!(things, owners, routes, refused, took = ?started.elapsed(), "took up what the last router left");
    }
}

/// Notes whether the core answers.
async fn feel_pulse(core: CoreHandle, alive: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(PULSE);
    loop {
        ticks.tick().await;
        let answer = core.call(|reply| SystemRequest::Info(reply).into());
        alive.store(timeout(PULSE, answer).await.is_ok(), Ordering::Relaxed);
    }
}
