//! Addresses that may not stand on the wire, and those that end at their link.

use etherparse::Icmpv6Type;
use etherparse::icmpv6::DestUnreachableCode;
use ferroute_dataplane::drops::DropReason;

use crate::lab::{A, A_HOST, Lab, R0};
use crate::packets::{error, udp};
use crate::{A_LINK_LOCAL, BEHIND_B, R0_LINK_LOCAL};

#[test]
fn v6_03_link_local_packets_stay_on_their_link() {
    let mut lab = Lab::new();
    let beyond = Icmpv6Type::DestinationUnreachable(DestUnreachableCode::BeyondScope);
    // Whether there is a route, a neighbour to be resolved, or no way at all.
    for destination in [BEHIND_B, "2001:db8:2::77", "2001:db8:dead::1"] {
        let packet = udp(A_LINK_LOCAL, destination, b"data");
        let expected = lab.to_host(A, &error(R0_LINK_LOCAL, beyond, &packet));
        assert_eq!(lab.send(A, &packet), [expected], "{destination}");
    }
    assert_eq!(lab.dropped(DropReason::Ipv6BeyondScope), 3);
    for source in [A_HOST, A_LINK_LOCAL] {
        for destination in ["fe80::b", "febf::1"] {
            assert_eq!(lab.send(A, &udp(source, destination, b"data")), []);
        }
    }
    assert_eq!(lab.dropped(DropReason::Ipv6BeyondScope), 7);
    // To the router itself they are on their link.
    let before = lab.to_twin();
    for destination in [R0, R0_LINK_LOCAL] {
        assert_eq!(lab.send(A, &udp(A_LINK_LOCAL, destination, b"data")), []);
    }
    assert_eq!(lab.to_twin(), before + 2);
}

#[test]
fn v6_04_sources_and_destinations_that_never_cross_a_router() {
    let mut lab = Lab::new();
    let sources = ["::", "::1", "ff02::1", "ff0e::7", "::ffff:192.0.2.1"];
    for source in sources {
        assert_eq!(
            lab.send(A, &udp(source, BEHIND_B, b"data")),
            [],
            "from {source}"
        );
        assert_eq!(
            lab.send(A, &udp(source, R0, b"data")),
            [],
            "from {source} to the router"
        );
    }
    assert_eq!(
        lab.dropped(DropReason::Ipv6SourceInvalid),
        2 * sources.len() as u64
    );
    let destinations = ["::", "::1", "::ffff:192.0.2.1", "ff01::1", "ff00::1"];
    for destination in destinations {
        assert_eq!(
            lab.send(A, &udp(A_HOST, destination, b"data")),
            [],
            "to {destination}"
        );
    }
    assert_eq!(
        lab.dropped(DropReason::Ipv6DestinationInvalid),
        destinations.len() as u64
    );
    assert_eq!(lab.to_twin(), 0);
}
