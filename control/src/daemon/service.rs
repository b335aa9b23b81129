//! Talking with the service manager (sd_notify(3)), and being told to stop.
//!
//! Without a service manager all of this does nothing. That it cannot be reached is no reason to stop
//! forwarding, so failures are only logged.

use sd_notify::NotifyState;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Says that the router serves; `status` is shown by `systemctl status`.
pub fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the router is about to end.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(reason) = sd_notify::notify(states) {
        tracing::warn!("cannot tell the service manager: {reason}");
    }
}

/// Keeps the service manager's watchdog quiet for as long as `alive` says so. Returns at once when there is
/// no watchdog, and otherwise never.
pub async fn watchdog(alive: impl Fn() -> bool) {
    let Some(timeout) = sd_notify::watchdog_enabled() else {
        return;
    };
    // Half the time leaves room for one late tick.
    let mut ticks = tokio::time::interval((timeout / 2).max(Duration::from_millis(1)));
    loop {
        ticks.tick().await;
        if alive() {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// Takes the signals that tell the process to stop, from now on; what it returns waits for one and says which it was. To be called
/// before anybody is told that the process is ready: until then such a signal kills it.
///
/// # Errors
/// Signals cannot be waited for.
pub fn stop_requested() -> io::Result<impl Future<Output = &'static str>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    #[tokio::test]
    async fn a_signal_asks_to_stop() {
        for (signal, name) in [(Signal::SIGTERM, "SIGTERM"), (Signal::SIGINT, "SIGINT")] {
            let waiting = stop_requested().unwrap();
            // Nobody waits yet, and the signal is not lost.
            kill(Pid::this(), signal).unwrap();
            assert_eq!(waiting.await, name);
        }
    }

    /// What a service manager would see, tried in a process of its own because the manager's address is in
    /// the environment.
    #[test]
    fn the_service_manager_is_told() {
        const INNER: &str = "FERROUTE_TEST_NOTIFY";
        if std::env::var_os(INNER).is_some() {
            ready("2 workers");
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            let ticks = runtime.block_on(async {
                tokio::time::timeout(Duration::from_millis(50), watchdog(|| true)).await
            });
            assert!(ticks.is_err(), "the watchdog went away");
            stopping();
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "daemon::service::tests::the_service_manager_is_told",
            ])
            .env(INNER, "1")
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "20000")
            .env_remove("WATCHDOG_PID")
            .status()
            .unwrap();
        assert!(status.success());
        manager.set_nonblocking(true).unwrap();
        let mut said = Vec::new();
        let mut buffer = [0; 512];
        while let Ok(length) = manager.recv(&mut buffer) {
            said.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        assert_eq!(said.first().unwrap(), "READY=1\nSTATUS=2 workers\n");
        assert_eq!(said.last().unwrap(), "STOPPING=1\n");
        assert!(
            said.iter().filter(|line| *line == "WATCHDOG=1\n").count() >= 2,
            "{said:?}"
        );
    }
}
