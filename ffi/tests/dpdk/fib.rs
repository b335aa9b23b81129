use super::start;
use dpdk_sys::fib::{Fib4, Fib6, FibConfig, FibError};
use std::net::{Ipv4Addr, Ipv6Addr};

const CONFIG: FibConfig = FibConfig {
    max_routes: 1000,
    second_level_tables: 256,
    default: 7,
};

#[test]
fn ipv4_longest_prefix_wins() {
    let dpdk = start();
    let mut fib = Fib4::create(&dpdk, "v4", &CONFIG).unwrap();
    fib.add(Ipv4Addr::new(10, 0, 0, 0), 8, 1).unwrap();
    fib.add(Ipv4Addr::new(10, 1, 2, 0), 24, 2).unwrap();
    fib.add(Ipv4Addr::new(10, 1, 2, 3), 32, 3).unwrap();
    let addresses = ["10.9.9.9", "10.1.2.9", "10.1.2.3", "11.0.0.0"]
        .map(|a| u32::from(a.parse::<Ipv4Addr>().unwrap()));
    let mut answers = [0; 4];
    fib.lookup_bulk(&addresses, &mut answers).unwrap();
    assert_eq!(answers, [1, 2, 3, 7]);
    fib.delete(Ipv4Addr::new(10, 1, 2, 3), 32).unwrap();
    fib.lookup_bulk(&addresses, &mut answers).unwrap();
    assert_eq!(answers, [1, 2, 2, 7]);
    assert!(matches!(
        fib.delete(Ipv4Addr::new(10, 1, 2, 3), 32),
        Err(FibError::Refused(_))
    ));
    assert_eq!(
        fib.lookup_bulk(&addresses, &mut [0; 3]),
        Err(FibError::Lengths {
            addresses: 4,
            answers: 3
        })
    );
}

#[test]
fn ipv6_longest_prefix_wins() {
    let dpdk = start();
    let mut fib = Fib6::create(&dpdk, "v6", &CONFIG).unwrap();
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
    fib.add(address("2001:db8::"), 32, 1).unwrap();
    fib.add(address("2001:db8:1::"), 48, 2).unwrap();
    fib.add(address("2001:db8:1::5"), 128, 3).unwrap();
    let addresses = [
        "2001:db8:ffff::",
        "2001:db8:1::6",
        "2001:db8:1::5",
        "2001:db9::",
    ]
    .map(|a| address(a).octets());
    let mut answers = [0; 4];
    fib.lookup_bulk(&addresses, &mut answers).unwrap();
    assert_eq!(answers, [1, 2, 3, 7]);
    fib.delete(address("2001:db8:1::5"), 128).unwrap();
    fib.lookup_bulk(&addresses, &mut answers).unwrap();
    assert_eq!(answers, [1, 2, 2, 7]);
    assert!(matches!(
        fib.add(address("::"), 129, 1),
        Err(FibError::Refused(_))
    ));
}

#[test]
fn names_are_given_once_at_a_time() {
    let dpdk = start();
    let fib = Fib4::create(&dpdk, "same", &CONFIG).unwrap();
    assert!(Fib4::create(&dpdk, "same", &CONFIG).is_err());
    drop(fib);
    Fib4::create(&dpdk, "same", &CONFIG).unwrap();
}
