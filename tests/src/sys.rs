//! The few system calls that the `nix` crate does not wrap. The only `unsafe` of the lab besides [`crate::process`].

use nix::libc;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Length of the kernel's `struct tpacket_auxdata` in bytes.
pub(crate) const AUXDATA_LEN: usize = size_of::<libc::tpacket_auxdata>();

/// A non-blocking packet socket on an interface of the calling thread's namespace. It tells of the VLAN tag that the
/// kernel takes out of a frame before it hands it over.
pub(crate) fn packet_socket(interface: &str) -> io::Result<OwnedFd> {
    let index = nix::net::if_::if_nametoindex(interface)?;
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // Protocol 0 takes no frame until the bind below, so none of another interface gets in.
    // SAFETY: the call takes no pointer.
    let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
    // SAFETY: the descriptor was just made and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };

    let on: libc::c_int = 1;
    let length = length_of(&on);
    // SAFETY: the pointer is to a live int and the length is its size.
    check(unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_AUXDATA,
            (&raw const on).cast(),
            length,
        )
    })?;

    let all = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?;
    let address = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?,
        sll_protocol: all.to_be(),
        sll_ifindex: index.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = length_of(&address);
    // SAFETY: the pointer is to a live address of the socket's family and the length is its size.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(fd)
}

/// The four bytes of the VLAN tag that an auxiliary record of a frame tells of, as they stood on the wire.
pub(crate) fn vlan_tag(auxdata: &[u8]) -> Option<[u8; 4]> {
    // tpacket_auxdata: status, len, snaplen (32 bits each), mac, net, vlan_tci, vlan_tpid (16 bits each), in host order.
    let status = u32::from_ne_bytes(*auxdata.first_chunk()?);
    let (tci, tpid) = auxdata.get(16..20)?.split_at(2);
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let (tci, tpid) = (
        u16::from_ne_bytes(tci.try_into().ok()?),
        u16::from_ne_bytes(tpid.try_into().ok()?),
    );
    let ([a, b], [c, d]) = (tpid.to_be_bytes(), tci.to_be_bytes());
    Some([a, b, c, d])
}

fn length_of<T>(_: &T) -> libc::socklen_t {
    // No address and no option of a socket is longer than 32 bits can say.
    #[expect(clippy::cast_possible_truncation)]
    let length = size_of::<T>() as libc::socklen_t;
    length
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
