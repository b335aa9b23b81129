//! Devices that DPDK makes up, each through its own driver from the plugin folder.

use super::{pool, port, start};
use arrayvec::ArrayVec;
use dpdk_sys::port::{ConfigureError, TxOffloads};
use dpdk_sys::{Mbuf, Mempool, Port, PortConfig};

#[test]
fn null_sends_and_receives_without_a_leak() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (port, mut queues) = port(&dpdk, "net_null0,size=64", &pool);
    for _ in 0..100 {
        let mut burst = ArrayVec::new();
        assert_eq!(queues.rx[0].rx(&mut burst), 64);
        assert!(burst.iter().all(|packet| packet.len() == 64
            && packet.is_contiguous()
            && packet.port() == port.id()));
        assert_eq!(queues.tx[0].tx(&mut burst), 64);
    }
    drop(queues);
    port.detach().unwrap();
    assert_eq!(pool.in_use(), 0);
}

/// A capture file (classic format, little-endian, Ethernet) of these frames.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for frame in frames {
        for word in [0, 0, frame.len() as u32, frame.len() as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(frame);
    }
    file
}

/// The frames of a capture file of the host's byte order.
fn frames_of(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&file[24..], Vec::new());
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(rest[16..16 + length].to_vec());
        rest = &rest[16 + length..];
    }
    frames
}

#[test]
fn captures_are_read_and_written_chains_included() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (
        folder.path().join("in.pcap"),
        folder.path().join("out.pcap"),
    );
    let frames: Vec<Vec<u8>> = [60_usize, 1514, 2048, 5000]
        .iter()
        .map(|&length| (0..length).map(|i| (i % 251) as u8).collect())
        .collect();
    std::fs::write(&from, capture(&frames)).unwrap();
    let device = format!(
        "net_pcap0,rx_pcap={},tx_pcap={}",
        from.display(),
        to.display()
    );
    let (port, mut queues) = port(&dpdk, &device, &pool);
    let mut burst = ArrayVec::new();
    while queues.rx[0].rx(&mut burst) > 0 {}
    assert_eq!(
        burst.iter().map(Mbuf::len).collect::<Vec<_>>(),
        [60, 1514, 2048, 5000]
    );
    assert_eq!(
        burst.iter().map(Mbuf::is_contiguous).collect::<Vec<_>>(),
        [true, true, true, false]
    );
    let mut part = [0; 100];
    burst[3].read_at(2000, &mut part).unwrap();
    assert_eq!(part, frames[3][2000..2100]);
    assert_eq!(queues.tx[0].tx(&mut burst), 4);
    drop(queues);
    port.detach().unwrap();
    assert_eq!(frames_of(&std::fs::read(&to).unwrap()), frames);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn what_a_device_cannot_do_is_refused_or_left_out() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let mut port = Port::attach(&dpdk, "net_null0").unwrap();
    let info = port.info().unwrap();
    assert_eq!(
        (info.name.as_str(), info.driver.as_str()),
        ("net_null0", "net_null")
    );
    let config = PortConfig::default();

    let wanted = info.max_rx_queues + 1;
    let refused = port
        .configure(
            &PortConfig {
                rx_queues: wanted,
                ..config.clone()
            },
            &pool,
        )
        .unwrap_err();
    assert!(
        matches!(refused, ConfigureError::Queues { wanted_rx, .. } if wanted_rx == wanted),
        "{refused}"
    );
    let refused = port
        .configure(
            &PortConfig {
                tx_queues: 0,
                ..config.clone()
            },
            &pool,
        )
        .unwrap_err();
    assert!(
        matches!(refused, ConfigureError::Queues { .. }),
        "{refused}"
    );
    let refused = port
        .configure(
            &PortConfig {
                mtu_bytes: 20,
                ..config.clone()
            },
            &pool,
        )
        .unwrap_err();
    assert!(
        matches!(
            refused,
            ConfigureError::Mtu {
                wanted_bytes: 20,
                ..
            }
        ),
        "{refused}"
    );
    let small = Mempool::create(&dpdk, "small", 255, 0, 1024, None).unwrap();
    let refused = port.configure(&config, &small).unwrap_err();
    assert_eq!(
        refused,
        ConfigureError::BuffersTooSmall {
            room_bytes: 896,
            needed_bytes: 1526
        }
    );

    let everything = PortConfig {
        tx_offloads: TxOffloads::TCP_SEGMENTATION | TxOffloads::IPV4_CHECKSUM,
        ..config
    };
    let queues = port.configure(&everything, &pool).unwrap();
    let applied = port.applied().unwrap();
    assert!(
        info.tx_offloads.contains(applied.tx_offloads)
            && info.rx_offloads.contains(applied.rx_offloads)
    );
    assert_eq!(
        (queues.rx.len(), queues.tx.len(), port.mtu().unwrap()),
        (1, 1, 1500)
    );
}

#[test]
fn a_port_is_configured_again_with_other_queues() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (mut port, queues) = port(&dpdk, "net_null0", &pool);
    drop(queues);
    let other = Mempool::create(&dpdk, "other", 1023, 0, 2176, None).unwrap();
    let mut queues = port
        .configure(
            &PortConfig {
                rx_queues: 2,
                tx_queues: 3,
                ..PortConfig::default()
            },
            &other,
        )
        .unwrap();
    port.start().unwrap();
    let mut burst = ArrayVec::new();
    assert_eq!(queues.rx[1].rx(&mut burst), 64);
    assert_eq!((pool.in_use(), other.in_use()), (0, 64));
    assert_eq!(queues.tx[2].tx(&mut burst), 64);
    assert!(port.configure(&PortConfig::default(), &pool).is_err());
}

#[test]
fn counters_have_names_and_start_again() {
    let dpdk = start();
    let pool = pool(&dpdk);
    let (mut port, mut queues) = port(&dpdk, "net_null0", &pool);
    let mut burst = ArrayVec::new();
    queues.rx[0].rx(&mut burst);
    queues.tx[0].tx(&mut burst);
    assert_eq!(port.stats().unwrap().rx_packets, 64);
    assert!(
        port.xstats()
            .unwrap()
            .contains(&("rx_good_packets".to_owned(), 64))
    );
    port.reset_stats().unwrap();
    assert_eq!(port.stats().unwrap(), dpdk_sys::PortStats::default());
}
