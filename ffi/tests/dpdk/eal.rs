use super::{LOG, arguments, start};
use dpdk_sys::thread::{RegisterError, lcore_id};
use dpdk_sys::{Eal, EalError, ThreadRegistration, clock, eal};
use std::time::Duration;

fn allowed_cpus() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    status
        .lines()
        .find(|line| line.starts_with("Cpus_allowed_list:"))
        .unwrap()
        .to_owned()
}

#[test]
fn starts_once_and_says_so() {
    let dpdk = start();
    assert_eq!(
        Eal::init(&arguments()).unwrap_err(),
        EalError::AlreadyStarted
    );
    drop(dpdk);
    assert_eq!(
        Eal::init(&arguments()).unwrap_err(),
        EalError::AlreadyStarted
    );
}

#[test]
fn the_calling_thread_keeps_its_cpus() {
    let before = allowed_cpus();
    let mut arguments = arguments();
    arguments.pop();
    arguments.push("--lcores=0@0".to_owned());
    let _dpdk = Eal::init(&arguments).unwrap();
    assert_eq!(allowed_cpus(), before);
    assert_eq!(std::thread::spawn(allowed_cpus).join().unwrap(), before);
}

#[test]
fn refused_arguments_are_an_error_value() {
    assert_eq!(
        Eal::init(&["a\0b".to_owned()]).unwrap_err(),
        EalError::ZeroByte("a\0b".to_owned())
    );
    let mut arguments = arguments();
    arguments.pop();
    arguments.push("--lcores=nonsense".to_owned());
    assert!(matches!(
        Eal::init(&arguments).unwrap_err(),
        EalError::InvalidArguments(_)
    ));
}

#[test]
fn too_little_memory_is_an_error_value() {
    let mut arguments = arguments();
    arguments[2] = "99999999".to_owned();
    let error = Eal::init(&arguments).unwrap_err();
    assert!(matches!(error, EalError::NoMemory(_)), "{error}");
}

#[test]
fn the_log_goes_to_the_sink() {
    let _dpdk = start();
    assert!(LOG.lock().unwrap().iter().any(|line| line.contains("EAL")));
    assert_eq!(
        dpdk_sys::log::route(|_, _| ()),
        Err(dpdk_sys::log::LogError::AlreadyRouted)
    );
}

#[test]
fn nothing_stays_behind() {
    let folder = super::runtime_folder();
    let dpdk = start();
    assert!(std::fs::exists(&folder).unwrap());
    drop(dpdk);
    assert!(!std::fs::exists(&folder).unwrap());
}

#[test]
fn knows_its_version() {
    assert!(eal::version().starts_with("DPDK 2"), "{}", eal::version());
}

#[test]
fn the_cycle_counter_runs_at_the_measured_rate() {
    let dpdk = start();
    let (cycles, time) = (clock::tsc(), std::time::Instant::now());
    std::thread::sleep(Duration::from_millis(50));
    let measured = (clock::tsc() - cycles) as f64 / time.elapsed().as_secs_f64();
    let ratio = measured / clock::tsc_hz(&dpdk) as f64;
    assert!((0.9..1.1).contains(&ratio), "{ratio}");
}

#[test]
fn threads_register_once_and_leave() {
    let dpdk = start();
    let main = lcore_id().unwrap();
    assert_eq!(
        ThreadRegistration::register(&dpdk).unwrap_err(),
        RegisterError::AlreadyRegistered { lcore: main }
    );
    std::thread::spawn(move || {
        assert_eq!(lcore_id(), None);
        let registration = ThreadRegistration::register(&dpdk).unwrap();
        let lcore = registration.lcore();
        assert_ne!(lcore, main);
        assert_eq!(lcore_id(), Some(lcore));
        assert_eq!(
            ThreadRegistration::register(&dpdk).unwrap_err(),
            RegisterError::AlreadyRegistered { lcore }
        );
        drop(registration);
        assert_eq!(lcore_id(), None);
        assert_eq!(ThreadRegistration::register(&dpdk).unwrap().lcore(), lcore);
    })
    .join()
    .unwrap();
}
