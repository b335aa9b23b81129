//! The two ends of virtio rings: a vhost port, and a virtio-user port that is its peer.

use super::kernel::{both_ways, quieten, tells, wakes, waking};
use super::{pool, port, start};
use arrayvec::ArrayVec;
use dpdk_sys::port::RxWake;
use dpdk_sys::queue::BURST;
use dpdk_sys::{Mempool, Port, PortConfig, Queues, RxQueue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// For how long something that does not come is waited for.
const QUIET_MS: i32 = 200;

/// A folder with the socket between the ends.
struct Ends {
    folder: tempfile::TempDir,
}

impl Ends {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn vhost(&self) -> String {
        let socket = self.folder.path().join("vhost.sock");
        format!("net_vhost0,iface={},client=0,queues=2", socket.display())
    }

    fn virtio(&self, more: &str) -> String {
        let socket = self.folder.path().join("vhost.sock");
        format!("net_virtio_user0,path={}{more}", socket.display())
    }
}

#[test]
fn virtio_and_vhost() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (back, mut back_queues) = port(&dpdk, &ends.vhost(), &pool);
    let (front, mut front_queues) = port(&dpdk, &ends.virtio(",queue_size=256"), &pool);
    both_ways(&mut back_queues, &mut front_queues, &pool);
    drop((back_queues, front_queues));
    front.detach().unwrap();
    back.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

/// Waits until a queue tells of nothing any more, as after what the ends say to each other when they meet.
fn settles(queue: &mut RxQueue) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(queue.arm());
        if !tells(queue, QUIET_MS) {
            return;
        }
        assert!(Instant::now() < deadline, "told of again and again");
        quieten(queue);
    }
}

/// Each end tells of single frames from the other, and of nothing else.
fn wake_each_other(back: &mut Queues, front: &mut Queues, pool: &Mempool) {
    both_ways(back, front, pool);
    for queue in back.rx.iter_mut().chain(&mut front.rx) {
        settles(queue);
    }
    for (sender, queue) in front.tx.iter_mut().zip(&mut back.rx) {
        wakes(sender, queue, pool);
    }
    for (sender, queue) in back.tx.iter_mut().zip(&mut front.rx) {
        wakes(sender, queue, pool);
    }
    for queue in back.rx.iter_mut().chain(&mut front.rx) {
        assert!(queue.arm());
        assert!(!tells(queue, QUIET_MS), "of nothing");
        queue.disarm();
    }
}

fn sleeps_and_wakes(more: &str) {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (mut back, mut back_queues) = waking(&dpdk, &ends.vhost(), &pool);
    assert_eq!(back.applied().unwrap().rx_wake, Some(RxWake::Interrupt));
    // Nobody is there to send, which is not told of.
    settles(&mut back_queues.rx[0]);
    for round in 0..3 {
        println!("round {round}");
        let (front, mut front_queues) = waking(&dpdk, &ends.virtio(more), &pool);
        assert_eq!(front.applied().unwrap().rx_wake, Some(RxWake::Interrupt));
        wake_each_other(&mut back_queues, &mut front_queues, &pool);
        if round == 1 {
            // Set up anew under the eyes of its peer.
            drop(back_queues);
            let config = PortConfig {
                rx_queues: 2,
                tx_queues: 2,
                rx_wake: true,
                ..PortConfig::default()
            };
            back_queues = back.configure(&config, &pool).unwrap();
            back.start().unwrap();
            wake_each_other(&mut back_queues, &mut front_queues, &pool);
        }
        // It goes while the other end waits, who sleeps on.
        assert!(back_queues.rx[0].arm());
        drop(front_queues);
        front.detach().unwrap();
        settles(&mut back_queues.rx[0]);
    }
    drop(back_queues);
    back.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn both_ends_of_a_ring_tell_when_packets_come() {
    sleeps_and_wakes("");
}

#[test]
fn both_ends_of_two_rings_tell_when_packets_come() {
    sleeps_and_wakes(",queues=2");
}

#[test]
fn both_ends_of_a_packed_ring_tell_when_packets_come() {
    sleeps_and_wakes(",packed_vq=1");
}

/// A frame that comes between arming and waiting is told of, and one that came before arming is found by a look.
#[test]
fn no_frame_is_missed_between_looking_and_waiting() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (back, mut back_queues) = waking(&dpdk, &ends.vhost(), &pool);
    let (front, mut front_queues) = waking(&dpdk, &ends.virtio(""), &pool);
    both_ways(&mut back_queues, &mut front_queues, &pool);
    let (frames, mut late) = (20_000_u32, 0);
    std::thread::scope(|scope| {
        let (queue, sender) = (&mut back_queues.rx[0], &mut front_queues.tx[0]);
        let pool = &pool;
        scope.spawn(move || {
            for number in 0..frames {
                let mut frame = vec![0xff; 60];
                frame[14..18].copy_from_slice(&number.to_be_bytes());
                let mut burst: ArrayVec<_, 64> =
                    std::iter::once(pool.alloc_with(&frame).unwrap()).collect();
                while sender.tx(&mut burst) == 0 {
                    std::thread::yield_now();
                }
                // Every so often the other falls asleep.
                for _ in 0..number % 64 * 50 {
                    std::hint::spin_loop();
                }
            }
        });
        let mut next = 0;
        while next < frames {
            let mut look = |queue: &mut RxQueue| {
                let mut burst = ArrayVec::new();
                queue.rx(&mut burst);
                for packet in &burst {
                    assert_eq!(packet.data()[14..18], next.to_be_bytes(), "in order");
                    next += 1;
                }
                burst.len()
            };
            if look(queue) > 0 {
                continue;
            }
            assert!(queue.arm());
            if look(queue) == 0 {
                let told = tells(queue, 1_000);
                late += u32::from(!told && look(queue) > 0);
            }
            queue.disarm();
        }
    });
    assert_eq!(late, 0, "found without being told of");
    drop((back_queues, front_queues));
    front.detach().unwrap();
    back.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_peer_goes_while_it_is_asked_for_interrupts() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (back, mut back_queues) = waking(&dpdk, &ends.vhost(), &pool);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (queue, done) = (&mut back_queues.rx[0], &done);
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                assert!(queue.arm());
                queue.rx(&mut ArrayVec::new());
                queue.disarm();
            }
        });
        for _ in 0..50 {
            let (front, front_queues) = waking(&dpdk, &ends.virtio(""), &pool);
            drop(front_queues);
            front.detach().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let (front, mut front_queues) = waking(&dpdk, &ends.virtio(""), &pool);
    wake_each_other(&mut back_queues, &mut front_queues, &pool);
    drop((back_queues, front_queues));
    front.detach().unwrap();
    back.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

/// Closing it would leave DPDK's thread for interrupts with a descriptor that is none, at which that ends the process.
#[test]
fn a_port_that_was_never_started_is_kept_and_taken_again() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (back, mut back_queues) = waking(&dpdk, &ends.vhost(), &pool);
    let mut front = Port::attach(&dpdk, &ends.virtio("")).unwrap();
    let config = PortConfig {
        rx_wake: true,
        ..PortConfig::default()
    };
    drop(front.configure(&config, &pool).unwrap());
    let kept = front.detach().unwrap_err();
    assert!(kept.to_string().contains("stays with DPDK"), "{kept}");
    // That thread goes through all that it knows when a port comes and goes that uses it, and cannot wait for these.
    let others: Vec<_> = (0..64)
        .map(|_| std::fs::File::open("/dev/null").unwrap())
        .collect();
    let memif = ends.folder.path().join("memif.sock");
    let memif = format!(
        "net_memif0,role=server,socket-abstract=no,socket={}",
        memif.display()
    );
    for _ in 0..2 {
        let (port, queues) = port(&dpdk, &memif, &pool);
        drop(queues);
        port.detach().unwrap();
    }
    drop(others);
    let (front, mut front_queues) = waking(&dpdk, &ends.virtio(""), &pool);
    wake_each_other(&mut back_queues, &mut front_queues, &pool);
    drop((back_queues, front_queues));
    front.detach().unwrap();
    back.detach().unwrap();
    // The pool of the first time stays, and DPDK with it.
    drop(pool);
    drop(dpdk);
    super::remove_runtime_folder();
}

/// The driver writes more places than it answers for, with buffers that it has given back.
#[test]
fn a_vhost_queue_leaves_nothing_in_the_places_after_its_packets() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let ends = Ends::new();
    let (back, mut back_queues) = port(&dpdk, &ends.vhost(), &pool);
    let (front, mut front_queues) = port(&dpdk, &ends.virtio(",packed_vq=1"), &pool);
    both_ways(&mut back_queues, &mut front_queues, &pool);
    let mut burst = [const { None }; BURST];
    for sent in [0, 1, 3, 64, 0] {
        let mut frames: ArrayVec<_, BURST> = (0..sent)
            .map(|_| pool.alloc_with(&[0xff; 60]).unwrap())
            .collect();
        assert_eq!(front_queues.tx[0].tx(&mut frames), sent);
        let mut received = 0;
        for _ in 0..1_000 {
            let count = back_queues.rx[0].rx_into(&mut burst);
            let places = burst.iter().map(Option::is_some);
            assert!(places.eq((0..BURST).map(|place| place < count)), "{count}");
            burst.iter_mut().for_each(|place| drop(place.take()));
            received += count;
        }
        assert_eq!(received, sent);
    }
    drop((back_queues, front_queues));
    front.detach().unwrap();
    back.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}
