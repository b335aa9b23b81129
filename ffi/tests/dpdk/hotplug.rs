use super::{arguments, pool, port, start};
use dpdk_sys::port::{AttachError, Found, ports};
use dpdk_sys::{Eal, Port};

#[test]
fn devices_come_and_go() {
    let dpdk = start();
    let pool = pool(&dpdk);
    assert_eq!(ports(&dpdk), []);
    for _ in 0..3 {
        let (first, first_queues) = port(&dpdk, "net_ring0", &pool);
        let (second, second_queues) = port(&dpdk, "net_null7,size=100", &pool);
        let found = ports(&dpdk);
        assert_eq!(
            found
                .iter()
                .map(|f| (f.id, f.name.as_str(), f.attached))
                .collect::<Vec<_>>(),
            [
                (first.id(), "net_ring0", true),
                (second.id(), "net_null7", true)
            ]
        );
        drop(first_queues);
        first.detach().unwrap();
        assert_eq!(ports(&dpdk).len(), 1);
        drop((second, second_queues));
        assert_eq!(ports(&dpdk), []);
    }
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_device_is_attached_once() {
    let dpdk = start();
    let port = Port::attach(&dpdk, "net_null0").unwrap();
    let again = Port::attach(&dpdk, "net_null0").unwrap_err();
    assert_eq!(
        again,
        AttachError::AlreadyAttached {
            device: "net_null0".to_owned()
        }
    );
    assert!(matches!(
        Port::open(&dpdk, port.id()),
        Err(AttachError::AlreadyAttached { .. })
    ));
    drop(port);
    Port::attach(&dpdk, "net_null0").unwrap();
}

#[test]
fn devices_of_the_start_are_taken_by_name_or_number() {
    let mut arguments = arguments();
    arguments.extend(["--vdev=net_null0".to_owned(), "--vdev=net_null1".to_owned()]);
    let dpdk = Eal::init(&arguments).unwrap();
    let found = ports(&dpdk);
    assert_eq!(
        found[1],
        Found {
            id: 1,
            name: "net_null1".to_owned(),
            attached: false
        }
    );
    let first = Port::attach(&dpdk, "net_null0").unwrap();
    let second = Port::open(&dpdk, 1).unwrap();
    assert_eq!((first.id(), second.id()), (0, 1));
    assert_eq!(
        Port::open(&dpdk, 9).unwrap_err(),
        AttachError::NoSuchPort { id: 9 }
    );
}

#[test]
fn devices_that_are_not_there_are_named_in_the_error() {
    let dpdk = start();
    let error = Port::attach(&dpdk, "0000:ff:1f.7").unwrap_err();
    assert!(
        matches!(&error, AttachError::NoSuchDevice { device, .. } if device == "0000:ff:1f.7"),
        "{error}"
    );
    let error = Port::attach(&dpdk, "net_nonesuch0").unwrap_err();
    assert!(matches!(error, AttachError::NoDriver { .. }), "{error}");
    let error = Port::attach(&dpdk, "net_pcap0,rx_pcap=/nonexistent.pcap").unwrap_err();
    assert!(
        matches!(
            error,
            AttachError::Refused { .. } | AttachError::NoDriver { .. }
        ),
        "{error}"
    );
    for device in ["", "net_null0\0"] {
        assert_eq!(
            Port::attach(&dpdk, device).unwrap_err(),
            AttachError::Malformed {
                device: device.to_owned()
            }
        );
    }
    assert_eq!(ports(&dpdk), []);
}

#[test]
fn devices_come_while_threads_are_registered() {
    let mut arguments = arguments();
    arguments.retain(|argument| argument != "--no-shconf");
    let dpdk = Eal::init(&arguments).unwrap();
    std::thread::spawn(move || {
        let _registration = dpdk_sys::ThreadRegistration::register(&dpdk).unwrap();
        for _ in 0..2 {
            Port::attach(&dpdk, "net_null0").unwrap().detach().unwrap();
        }
    })
    .join()
    .unwrap();
    // Sharing files with other processes is what this test is about; DPDK does not remove them.
    std::fs::remove_dir_all(super::runtime_folder()).unwrap();
}
