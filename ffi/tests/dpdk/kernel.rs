//! Devices with the kernel, or another program, at their other end.

use super::{pool, port, start};
use arrayvec::ArrayVec;
use dpdk_sys::port::{ConfigureError, RxWake};
use dpdk_sys::{Mbuf, Mempool, Port, PortConfig, Queues, RxQueue, TxQueue};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// Moves this thread into a network namespace of its own, which ends with the process.
fn own_network() {
    // SAFETY: changes nothing but the calling thread's network namespace.
    let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// A frame of an experimental EtherType, to everyone, with a number that tells it from the kernel's own.
fn frame(number: u8) -> Vec<u8> {
    let mut frame = [[0xff; 6], [2, 0, 0, 0, 0, 1]].concat();
    frame.extend_from_slice(&[0x88, 0xb5, number]);
    frame.resize(100, number);
    frame
}

/// Sends frames until one of them arrives at the other end; answers in which of its queues.
fn crosses(tx: &mut TxQueue, rx: &mut [RxQueue], pool: &Mempool, number: u8) -> usize {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let mut burst: ArrayVec<Mbuf, 64> =
            std::iter::once(pool.alloc_with(&frame(number)).unwrap()).collect();
        tx.tx(&mut burst);
        for _ in 0..100 {
            let arrived = |queue: &mut RxQueue| {
                let mut burst = ArrayVec::<Mbuf, 64>::new();
                queue.rx(&mut burst);
                burst.iter().any(|packet| packet.data() == frame(number))
            };
            if let Some(queue) = rx.iter_mut().position(arrived) {
                return queue;
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
    panic!("no frame {number} within 10 s");
}

pub(super) fn both_ways(a: &mut Queues, b: &mut Queues, pool: &Mempool) {
    for number in 0..10 {
        crosses(&mut a.tx[0], &mut b.rx[..1], pool, number);
        crosses(&mut b.tx[0], &mut a.rx[..1], pool, 100 + number);
    }
}

#[test]
fn a_tap_and_a_packet_socket_on_it() {
    let dpdk = start();
    own_network();
    let pool = pool(&dpdk);
    let (mut tap, mut tap_queues) = port(&dpdk, "net_tap0,iface=ferroute0", &pool);
    assert_eq!(tap.info().unwrap().driver, "net_tap");
    assert!(tap.info().unwrap().if_index.is_some());
    let (socket, mut socket_queues) = port(&dpdk, "net_af_packet0,iface=ferroute0", &pool);
    both_ways(&mut tap_queues, &mut socket_queues, &pool);

    assert!(tap.link().unwrap().up);
    tap.set_mtu(1400).unwrap();
    assert_eq!(tap.mtu().unwrap(), 1400);
    assert!(
        std::process::Command::new("ip")
            .args(["link", "show", "ferroute0"])
            .output()
            .unwrap()
            .stdout
            .windows(8)
            .any(|w| w == b"mtu 1400")
    );
    tap.set_mac([2, 0, 0, 0, 0, 9]).unwrap();
    assert_eq!(
        (tap.mac().unwrap(), tap.info().unwrap().mac),
        ([2, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 9])
    );
    tap.set_promiscuous(false).unwrap();
    assert!(!tap.promiscuous());
    tap.set_all_multicast(true).unwrap();

    drop((tap_queues, socket_queues));
    socket.detach().unwrap();
    tap.detach().unwrap();
    assert!(
        !std::process::Command::new("ip")
            .args(["link", "show", "ferroute0"])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_device_tells_when_its_link_changes() {
    let dpdk = start();
    own_network();
    let pool = pool(&dpdk);
    let (tap, queues) = port(&dpdk, "net_tap0,iface=ferroute0", &pool);
    assert!(tap.applied().unwrap().link_events);
    for state in ["down", "up", "down", "up"] {
        ip(&["link", "set", "ferroute0", state]);
        let deadline = Instant::now() + Duration::from_secs(10);
        while tap.link().unwrap().up != (state == "up") {
            assert!(
                Instant::now() < deadline,
                "the link is not said to be {state}"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    drop(queues);
    tap.detach().unwrap();
}

/// Whether a queue tells of packets within so many milliseconds.
pub(super) fn tells(queue: &RxQueue, within_ms: i32) -> bool {
    let fd = queue.wake().expect("something to wait for").as_raw_fd();
    let mut waiting = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one structure, as said.
    unsafe { libc::poll(&raw mut waiting, 1, within_ms) == 1 }
}

/// Takes all that the kernel sent of itself.
pub(super) fn quieten(queue: &mut RxQueue) {
    while tells(queue, 0) {
        queue.disarm();
        queue.rx(&mut ArrayVec::new());
    }
}

/// Takes packets until a frame with this number is among them.
fn takes(queue: &mut RxQueue, number: u8) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut burst = ArrayVec::new();
    while !burst
        .iter()
        .any(|packet: &Mbuf| packet.data() == frame(number))
    {
        assert!(Instant::now() < deadline, "no frame {number}");
        burst.clear();
        queue.rx(&mut burst);
    }
}

/// Single frames are told of, each while nothing else is there.
pub(super) fn wakes(tx: &mut TxQueue, rx: &mut RxQueue, pool: &Mempool) {
    for number in 0..20 {
        assert!(rx.arm());
        quieten(rx);
        let mut burst: ArrayVec<Mbuf, 64> =
            std::iter::once(pool.alloc_with(&frame(number)).unwrap()).collect();
        assert_eq!(tx.tx(&mut burst), 1);
        assert!(tells(rx, 10_000), "frame {number} was not told of");
        rx.disarm();
        takes(rx, number);
    }
}

/// A port that is to wake threads, started.
pub(super) fn waking(dpdk: &dpdk_sys::Eal, device: &str, pool: &Mempool) -> (Port, Queues) {
    let mut port = Port::attach(dpdk, device).unwrap();
    let queues = port.info().unwrap().max_rx_queues.min(2);
    let config = PortConfig {
        rx_queues: queues,
        tx_queues: queues,
        rx_wake: true,
        ..PortConfig::default()
    };
    let mut queues = port.configure(&config, pool).unwrap();
    assert!(!queues.rx[0].arm(), "before it is started");
    port.start().unwrap();
    (port, queues)
}

fn ip(arguments: &[&str]) {
    let status = std::process::Command::new("ip").args(arguments).status();
    assert!(status.unwrap().success(), "ip {arguments:?}");
}

#[test]
fn a_queue_tells_when_packets_come_by_its_interrupt_or_its_socket() {
    let dpdk = start();
    own_network();
    let pool = pool(&dpdk);
    let (tap, mut tap_queues) = waking(&dpdk, "net_tap0,iface=ferroute0", &pool);
    let (socket, mut socket_queues) = waking(&dpdk, "net_af_packet0,iface=ferroute0", &pool);
    assert_eq!(tap.applied().unwrap().rx_wake, Some(RxWake::Interrupt));
    assert_eq!(socket.applied().unwrap().rx_wake, Some(RxWake::Socket));
    // To which of the TAP's queues frames without addresses of IP come is the kernel's affair, and another one after it is booted.
    let by_socket = &mut socket_queues.tx[0];
    let queue = crosses(by_socket, &mut tap_queues.rx, &pool, u8::MAX);
    wakes(by_socket, &mut tap_queues.rx[queue], &pool);
    let socket_queue = &mut socket_queues.rx[0];
    wakes(&mut tap_queues.tx[0], socket_queue, &pool);
    // An interface that goes down is told of once, and what comes after it is up again is, too.
    quieten(socket_queue);
    ip(&["link", "set", "ferroute0", "down"]);
    assert!(tells(socket_queue, 10_000));
    socket_queue.disarm();
    assert!(!tells(socket_queue, 0));
    ip(&["link", "set", "ferroute0", "up"]);
    wakes(&mut tap_queues.tx[0], socket_queue, &pool);
    let lines = super::LOG.lock().unwrap();
    let complaint = lines.iter().find(|line| line.contains("Rx Intr"));
    assert_eq!(complaint, None);
    drop((lines, tap_queues, socket_queues));
    socket.detach().unwrap();
    tap.detach().unwrap();
}

#[test]
fn each_of_two_queues_has_its_own_socket() {
    let dpdk = start();
    own_network();
    let pool = pool(&dpdk);
    let (tap, mut tap_queues) = port(&dpdk, "net_tap0,iface=ferroute0", &pool);
    let device = "net_af_packet0,iface=ferroute0,qpairs=2";
    let (socket, mut queues) = waking(&dpdk, device, &pool);
    assert_eq!(socket.applied().unwrap().rx_wake, Some(RxWake::Socket));
    let mut seen = [false; 2];
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut number = 0;
    // The kernel spreads flows over them, which source ports make here.
    while seen != [true; 2] {
        assert!(Instant::now() < deadline, "{seen:?}");
        queues.rx.iter_mut().for_each(quieten);
        let mut bytes = frame(0);
        bytes[12..14].copy_from_slice(&[0x08, 0x00]);
        let ipv4 = [0x45, 0, 0, 86, 0, 0, 0, 0, 64, 17, 0, 0];
        bytes[14..26].copy_from_slice(&ipv4);
        bytes[35] = number;
        let mut burst: ArrayVec<Mbuf, 64> =
            std::iter::once(pool.alloc_with(&bytes).unwrap()).collect();
        assert_eq!(tap_queues.tx[0].tx(&mut burst), 1);
        let told = loop {
            assert!(Instant::now() < deadline, "frame {number} was not told of");
            let told = queues.rx.iter().position(|queue| tells(queue, 1));
            if let Some(told) = told {
                break told;
            }
        };
        // The queue that tells is the one that has it.
        let mut burst = ArrayVec::new();
        while burst.is_empty() {
            assert!(Instant::now() < deadline, "frame {number} is elsewhere");
            queues.rx[told].rx(&mut burst);
        }
        seen[told] = true;
        number = number.wrapping_add(1);
    }
    drop((tap_queues, queues));
    socket.detach().unwrap();
    tap.detach().unwrap();
}

#[test]
fn nothing_tells_of_packets_without_a_kernel_interface() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (port, mut queues) = waking(&dpdk, "net_null0", &pool);
    assert_eq!(port.applied().unwrap().rx_wake, None);
    assert!(!queues.rx[0].arm() && queues.rx[0].wake().is_none());
    drop(queues);
    port.detach().unwrap();
}

#[test]
fn two_ends_of_shared_memory() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("memif.sock");
    let device = |number, role| {
        format!(
            "net_memif{number},role={role},socket={},socket-abstract=no",
            socket.display()
        )
    };
    let (a, mut a_queues) = port(&dpdk, &device(0, "server"), &pool);
    let (b, mut b_queues) = port(&dpdk, &device(1, "client"), &pool);
    both_ways(&mut a_queues, &mut b_queues, &pool);
    drop((a_queues, b_queues));
    b.detach().unwrap();
    a.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn express_data_path() {
    let dpdk = start();
    own_network();
    // The driver keeps what is in its fill ring, each time.
    let pool = Mempool::create(&dpdk, "packets", 32767, 64, 2048 + 128, None).unwrap();
    let (tap, mut tap_queues) = port(&dpdk, "net_tap0,iface=ferroute0", &pool);
    // Again and again: the queue of the kernel's interface is free after each.
    for round in 0..3 {
        println!("round {round}: {} buffers are out", pool.in_use());
        let (mut xdp, mut xdp_queues) = waking(&dpdk, "net_af_xdp0,iface=ferroute0", &pool);
        assert_eq!(xdp.applied().unwrap().rx_wake, Some(RxWake::Socket));
        both_ways(&mut tap_queues, &mut xdp_queues, &pool);
        wakes(&mut tap_queues.tx[0], &mut xdp_queues.rx[0], &pool);
        drop(xdp_queues);
        let again = xdp.configure(&PortConfig::default(), &pool).unwrap_err();
        assert_eq!(again, ConfigureError::OnlyOnce);
        xdp.detach().unwrap();
    }
    drop(tap_queues);
    tap.detach().unwrap();
    // No look at the pool here: the driver does not give the buffers of its fill ring back.
    // So the pool stays, and DPDK with it.
    super::remove_runtime_folder();
}
