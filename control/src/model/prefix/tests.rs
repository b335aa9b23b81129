use super::*;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

#[test]
fn a_prefix_has_no_host_bits() {
    let (given, meant) = (net("10.1.2.3/8"), net("10.0.0.0/8"));
    assert_eq!(
        Prefix::try_from(given),
        Err(AddressError::HostBits { given, meant })
    );
    assert_eq!(Prefix::from_octets(&[10, 0, 0, 0], 8).unwrap().net(), meant);
    assert_eq!(
        Prefix::from_octets(&[0; 16], 129),
        Err(AddressError::PrefixLength {
            length: 129,
            longest: 128
        })
    );
    assert_eq!(
        Prefix::from_octets(&[], 0),
        Err(AddressError::InvalidAddress { octets: 0 })
    );
}

#[test]
fn only_what_lies_wholly_in_reserved_space_is_reserved() {
    for reserved in [
        "224.0.0.0/4",
        "239.1.0.0/16",
        "127.0.0.0/8",
        "169.254.1.0/24",
        "255.255.255.255/32",
    ] {
        assert!(
            Prefix::try_from(net(reserved)).unwrap().is_reserved(),
            "{reserved}"
        );
    }
    for reserved in [
        "ff00::/8",
        "ff02::1/128",
        "::1/128",
        "fe80::/10",
        "fe80::/64",
    ] {
        assert!(
            Prefix::try_from(net(reserved)).unwrap().is_reserved(),
            "{reserved}"
        );
    }
    for free in [
        "0.0.0.0/0",
        "128.0.0.0/1",
        "10.0.0.0/8",
        "255.255.255.254/32",
        "::/0",
        "fc00::/6",
        "2000::/3",
    ] {
        assert!(
            !Prefix::try_from(net(free)).unwrap().is_reserved(),
            "{free}"
        );
    }
}

#[test]
fn an_interface_has_a_stations_address() {
    for good in [
        "10.0.0.1/24",
        "10.0.0.0/31",
        "10.0.0.1/31",
        "10.0.0.0/32",
        "2001:db8::/64",
        "fe80::1/64",
    ] {
        let address = InterfaceAddress::try_from(net(good)).unwrap();
        assert_eq!(address.to_string(), good);
        assert_eq!(address.prefix().net(), net(good).trunc());
    }
    for bad in ["10.0.0.0/24", "10.0.0.255/24"] {
        assert_eq!(
            InterfaceAddress::try_from(net(bad)),
            Err(AddressError::NotStation { address: net(bad) })
        );
    }
    for bad in ["10.0.0.1/0", "2001:db8::1/0"] {
        assert_eq!(
            InterfaceAddress::try_from(net(bad)),
            Err(AddressError::NoLink { address: net(bad) })
        );
    }
    for bad in [
        "0.0.0.0/32",
        "224.0.0.1/24",
        "127.0.0.1/8",
        "255.255.255.255/32",
        "0.1.2.3/24",
        "240.0.0.1/24",
        "::1/128",
        "ff02::1/64",
        "::ffff:10.0.0.1/120",
    ] {
        assert_eq!(
            InterfaceAddress::try_from(net(bad)),
            Err(AddressError::NotUnicast {
                address: net(bad).addr()
            })
        );
    }
}

#[test]
fn addresses_clash_when_they_are_the_same_or_their_links_overlap() {
    let address = |text: &str| InterfaceAddress::try_from(net(text)).unwrap();
    for (one, other, here, elsewhere) in [
        ("10.0.0.1/24", "10.0.0.1/24", true, true),
        ("10.0.0.1/24", "10.0.0.1/16", true, true),
        ("10.0.0.1/24", "10.0.0.2/24", false, true),
        ("10.0.0.1/16", "10.0.5.1/24", false, true),
        ("10.0.0.1/24", "10.0.0.9/32", false, false),
        ("10.0.0.1/24", "10.0.1.1/24", false, false),
        ("fe80::1/64", "fe80::1/64", true, false),
        ("fe80::1/64", "fe80::2/64", false, false),
        ("2001:db8::1/64", "2001:db8::2/64", false, true),
        ("2001:db8::1/64", "10.0.0.1/24", false, false),
    ] {
        let (a, b) = (address(one), address(other));
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(
                a.clashes(b, true),
                here,
                "{one} and {other} on one interface"
            );
            assert_eq!(a.clashes(b, false), elsewhere, "{one} and {other} on two");
        }
    }
}
