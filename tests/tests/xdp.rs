//! A port on an AF_XDP socket forwards, can be given back and taken again, and works on when it is told what its driver cannot.

#![allow(clippy::unwrap_used, reason = "what cannot go on has failed")]

use ferroute_tests::{Router, TwoHosts};

/// Pings from host to host in both families.
fn pings(lab: &TwoHosts) {
    for target in [lab.b.v4.behind, lab.b.v6.behind] {
        lab.a
            .namespace()
            .run(&format!("ping -n -c 3 -i 0.01 -W 20 {target}"))
            .unwrap();
    }
}

#[test]
fn a_port_on_express_data_path_forwards_and_comes_back_after_it_was_removed() {
    let protocols = std::fs::read_to_string("/proc/net/protocols").unwrap();
    if !protocols.lines().any(|line| line.starts_with("XDP ")) {
        println!("skipped: the kernel has no AF_XDP");
        return;
    }
    let lab = TwoHosts::build().unwrap();
    let device = "net_af_xdp_p1,iface=w1";
    let config = lab.config().replace("net_af_packet_p1,iface=w1", device);
    // The driver keeps some two thousand buffers each time that it gives the device back.
    let config = config + "\nmempool: { buffers: 32767 }\n";
    let router = Router::start(&lab.wires, &config, &[&lab.node]).unwrap();
    lab.add_routes(&router).unwrap();
    pings(&lab);
    let refused = router.cli("port set p1 --rx-descriptors 256").unwrap_err();
    assert!(refused.to_string().contains("remove the port"), "{refused}");
    pings(&lab);
    for _ in 0..2 {
        router.cli("port del p1").unwrap();
        router.cli(&format!("port add p1 {device}")).unwrap();
        let (v4, v6) = (lab.b.v4, lab.b.v6);
        for link in [v4, v6] {
            let address = format!("{}/{}", link.router, link.length);
            router.cli(&format!("addr add {address} dev p1")).unwrap();
        }
        pings(&lab);
    }
    router.stop().unwrap();
}
