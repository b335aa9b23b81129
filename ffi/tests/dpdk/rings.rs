//! A ring device loops: what is sent on a queue is received on it.

use super::{pool, port, start};
use arrayvec::ArrayVec;
use dpdk_sys::{Mbuf, PortError, Queues};

fn burst_of(pool: &dpdk_sys::Mempool, count: usize, first: u16) -> ArrayVec<Mbuf, 64> {
    (0..count as u16)
        .map(|i| pool.alloc_with(&(first + i).to_be_bytes()).unwrap())
        .collect()
}

fn numbers(burst: &[Mbuf]) -> Vec<u16> {
    burst
        .iter()
        .map(|packet| u16::from_be_bytes(packet.data().try_into().unwrap()))
        .collect()
}

/// Takes what is left in the loop: a ring device does not free it when it closes.
fn drain(rx: &mut dpdk_sys::RxQueue, pool: &dpdk_sys::Mempool) {
    let mut burst = ArrayVec::new();
    while rx.rx(&mut burst) > 0 {
        Mbuf::free_bulk(&mut burst);
    }
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_is_sent_is_received_in_order() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (port, mut queues) = port(&dpdk, "net_ring0", &pool);
    let mut burst = burst_of(&pool, 64, 1000);
    assert_eq!(queues.tx[0].tx(&mut burst), 64);
    assert!(burst.is_empty());
    assert_eq!(pool.in_use(), 64);

    burst.push(Mbuf::from_heap(b"x"));
    assert_eq!(queues.rx[0].rx(&mut burst), 63);
    assert_eq!(numbers(&burst[1..]), (1000..1063).collect::<Vec<_>>());
    burst.truncate(1);
    assert_eq!(
        (queues.rx[0].rx(&mut burst), queues.rx[0].rx(&mut burst)),
        (1, 0)
    );
    assert_eq!(numbers(&burst[1..]), [1063]);
    drop(burst);
    assert_eq!(pool.in_use(), 0);
    assert_eq!(
        (
            queues.rx[0].port(),
            queues.tx[0].port(),
            queues.tx[0].queue()
        ),
        (port.id(), port.id(), 0)
    );
    let stats = port.stats().unwrap();
    assert_eq!((stats.rx_packets, stats.tx_packets), (64, 64));
}

#[test]
fn receives_into_places() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (_port, mut queues) = port(&dpdk, "net_ring0", &pool);
    queues.tx[0].tx(&mut burst_of(&pool, 5, 0));
    let mut places = [const { None }; 64];
    places[3] = Some(Mbuf::from_heap(b"taken"));
    assert_eq!(queues.rx[0].rx_into(&mut places), 3);
    assert_eq!(places[3].as_ref().unwrap().data(), b"taken");
    assert_eq!(queues.rx[0].rx_into(&mut places), 0);
    let got: Vec<Mbuf> = places.iter_mut().take(3).filter_map(Option::take).collect();
    assert_eq!(numbers(&got), [0, 1, 2]);
    assert_eq!(queues.rx[0].rx_into(&mut places), 2);
    drop((places, got));
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn a_full_queue_keeps_what_it_did_not_take() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (_port, mut queues) = port(&dpdk, "net_ring0", &pool);
    let (mut sent, mut next) = (0, 0);
    let mut left = loop {
        let mut burst = burst_of(&pool, 60, next);
        next += 60;
        sent += queues.tx[0].tx(&mut burst);
        if !burst.is_empty() {
            break burst;
        }
    };
    assert_eq!(sent + left.len(), usize::from(next));
    assert_eq!(numbers(&left), (sent as u16..next).collect::<Vec<_>>());
    assert_eq!(pool.in_use(), u32::from(next));
    assert_eq!(queues.tx[0].tx(&mut left), 0);

    let mut received = ArrayVec::new();
    assert_eq!(queues.rx[0].rx(&mut received), 64);
    Mbuf::free_bulk(&mut received);
    let kept = left.len();
    assert_eq!(queues.tx[0].tx(&mut left), kept);
    drain(&mut queues.rx[0], &pool);
}

#[test]
fn heap_buffers_are_not_sent() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (_port, mut queues) = port(&dpdk, "net_ring0", &pool);
    let mut burst = burst_of(&pool, 2, 0);
    burst.push(Mbuf::from_heap(&[0, 9]));
    burst.push(pool.alloc_with(&[0, 3]).unwrap());
    assert_eq!(queues.tx[0].tx(&mut burst), 2);
    assert_eq!(queues.tx[0].tx(&mut burst), 0);
    assert_eq!(numbers(&burst), [9, 3]);
    burst.remove(0);
    assert_eq!(queues.tx[0].tx(&mut burst), 1);
    drain(&mut queues.rx[0], &pool);
}

#[test]
fn queues_hold_their_port() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (mut port, queues) = port(&dpdk, "net_ring0", &pool);
    assert_eq!(port.stop(), Err(PortError::QueuesInUse));
    let Queues { mut rx, mut tx } = queues;
    assert_eq!(port.stop(), Err(PortError::QueuesInUse));
    let Err(dpdk_sys::port::DetachError::QueuesInUse(mut port)) = port.detach() else {
        panic!("detached under a queue")
    };
    assert_eq!(tx[0].tx(&mut burst_of(&pool, 1, 0)), 1);
    drain(&mut rx[0], &pool);
    drop(rx);
    assert_eq!(port.stop(), Err(PortError::QueuesInUse));
    tx.clear();
    port.stop().unwrap();
    assert_eq!(port.start(), Ok(()));
    port.detach().unwrap();
}

#[test]
fn queues_are_idle_until_the_start_and_while_their_port_is_gone() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let mut port = dpdk_sys::Port::attach(&dpdk, "net_ring0").unwrap();
    assert_eq!(port.start(), Err(PortError::NotConfigured));
    let mut queues = port
        .configure(&dpdk_sys::PortConfig::default(), &pool)
        .unwrap();
    let mut burst = burst_of(&pool, 3, 0);
    assert_eq!((queues.tx[0].tx(&mut burst), burst.len()), (0, 3));
    assert_eq!(queues.rx[0].rx(&mut ArrayVec::new()), 0);
    port.start().unwrap();
    drop(port);
    assert_eq!(queues.tx[0].tx(&mut burst), 3);
    drain(&mut queues.rx[0], &pool);
    assert_eq!(dpdk_sys::port::ports(&dpdk).len(), 1);
    drop(queues);
    assert_eq!(dpdk_sys::port::ports(&dpdk), []);
}
