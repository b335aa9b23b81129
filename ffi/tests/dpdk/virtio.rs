//! The two ends of virtio rings: a vhost port, and a virtio-user port that is its peer.

use super::kernel::both_ways;
use super::{pool, port, start};
use arrayvec::ArrayVec;
use dpdk_sys::queue::BURST;

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
