use super::{pool, start};
use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, Mempool, MempoolError, PoolExhausted};

#[test]
fn buffers_come_back() {
    let dpdk = start();
    let pool = pool(&dpdk);
    assert_eq!(
        (pool.available(), pool.in_use(), pool.capacity()),
        (8191, 0, 8191)
    );
    let one = pool.alloc().unwrap();
    assert_eq!(
        (
            one.len(),
            one.headroom(),
            one.tailroom(),
            one.segment_count()
        ),
        (0, 128, 2048, 1)
    );
    assert!(!one.is_heap());
    let mut burst = ArrayVec::<Mbuf, 64>::new();
    pool.alloc_bulk(&mut burst, 40).unwrap();
    pool.alloc_bulk(&mut burst, 40).unwrap();
    assert_eq!((burst.len(), pool.in_use()), (64, 65));
    Mbuf::free_bulk(&mut burst);
    assert_eq!((burst.len(), pool.in_use()), (0, 1));
    drop(one);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn long_frames_take_a_chain_and_give_it_back() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let bytes: Vec<u8> = (0..9000_u32).map(|i| i as u8).collect();
    let mut packet = pool.alloc_with(&bytes).unwrap();
    assert_eq!(
        (packet.len(), packet.segment_count(), pool.in_use()),
        (9000, 5, 5)
    );
    let mut copy = Vec::new();
    packet.copy_to(&mut copy);
    assert_eq!(copy, bytes);
    packet.truncate(2048);
    assert_eq!(
        (packet.len(), packet.segment_count(), pool.in_use()),
        (2048, 1, 1)
    );
    drop(packet);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn an_empty_pool_says_so_and_loses_nothing() {
    let dpdk = start();
    let pool = Mempool::create(&dpdk, "small", 3, 0, 512, None).unwrap();
    assert!(pool.alloc_with(&[0; 4096]).is_none());
    assert_eq!(pool.in_use(), 0);
    let mut burst = ArrayVec::<Mbuf, 8>::new();
    assert_eq!(pool.alloc_bulk(&mut burst, 4), Err(PoolExhausted));
    assert_eq!((burst.len(), pool.in_use()), (0, 0));
    pool.alloc_bulk(&mut burst, 3).unwrap();
    assert!(pool.alloc().is_none());
}

#[test]
fn a_bulk_free_tells_heap_from_pool() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let mut burst = ArrayVec::<Mbuf, 8>::new();
    for i in 0..8_u8 {
        burst.push(if i % 3 == 0 {
            Mbuf::from_heap(&[i])
        } else {
            pool.alloc_with(&[i]).unwrap()
        });
    }
    Mbuf::free_bulk(&mut burst);
    assert_eq!((burst.len(), pool.in_use()), (0, 0));
}

#[test]
fn segments_of_pool_and_heap_do_not_mix() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let mut packet = pool.alloc_with(b"pool").unwrap();
    assert!(
        packet
            .chain(Mbuf::from_heap(b"heap"))
            .unwrap_err()
            .is_heap()
    );
    packet
        .chain(pool.alloc_with(b" and pool").unwrap())
        .unwrap();
    assert_eq!((packet.len(), pool.in_use()), (13, 2));
}

#[test]
fn a_name_is_free_again_when_the_last_handle_is_gone() {
    let dpdk = start();
    let first = pool(&dpdk);
    let taken = Mempool::create(&dpdk, "packets", 63, 0, 2176, None).unwrap_err();
    assert_eq!(
        taken,
        MempoolError::NameTaken {
            name: "packets".to_owned()
        }
    );
    let second = first.clone();
    drop(first);
    assert_eq!(second.in_use(), 0);
    drop(second);
    pool(&dpdk);
}

#[test]
fn a_packet_outlives_its_pool_and_dpdk() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let packet = pool.alloc_with(b"still here").unwrap();
    drop(pool);
    drop(dpdk);
    assert_eq!(packet.data(), b"still here");
    super::remove_runtime_folder();
}

#[test]
fn impossible_pools_are_refused() {
    let dpdk = start();
    let longest = "a-name-of-25-bytes-exactly";
    Mempool::create(&dpdk, &longest[1..], 63, 0, 2176, None).unwrap();
    let create = |name: &str, count, cache, room| {
        Mempool::create(&dpdk, name, count, cache, room, None).map(drop)
    };
    assert_eq!(create("p", 0, 0, 2176), Err(MempoolError::Empty));
    assert_eq!(
        create("p", 10, 8, 2176),
        Err(MempoolError::Cache {
            cache: 8,
            count: 10
        })
    );
    assert_eq!(
        create("p", 5000, 513, 2176),
        Err(MempoolError::Cache {
            cache: 513,
            count: 5000
        })
    );
    assert_eq!(
        create("p", 5000, 0, 100),
        Err(MempoolError::DataRoom {
            data_room_bytes: 100
        })
    );
    assert_eq!(
        create("p", 50_000_000, 0, 2176),
        Err(MempoolError::NoMemory {
            count: 50_000_000,
            data_room_bytes: 2176
        })
    );
    for name in ["", "a\0b", longest] {
        assert_eq!(
            create(name, 63, 0, 2176),
            Err(MempoolError::Name {
                name: name.to_owned()
            })
        );
    }
}

#[test]
fn threads_share_a_pool() {
    let dpdk = start();
    let pool = pool(&dpdk);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _registration = dpdk_sys::ThreadRegistration::register(&dpdk).unwrap();
                let mut burst = ArrayVec::<Mbuf, 64>::new();
                for _ in 0..1000 {
                    pool.alloc_bulk(&mut burst, 64).unwrap();
                    Mbuf::free_bulk(&mut burst);
                }
            });
        }
    });
    assert_eq!(pool.in_use(), 0);
}
