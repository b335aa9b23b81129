"""The remote end of tunnels: answers each echo request that comes to it in a tunnel, in a tunnel of the same kind.

Usage: peer.py INTERFACE ADDRESS4 ADDRESS6 LABEL. Answers with labels carry LABEL. Every request is told in one line: the kind,
the outer hop limit, the labels, the inner source.
"""

import struct
import sys

from scapy.all import ICMP, IP, UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, Raw, conf, sniff
from scapy.contrib.mpls import MPLS

MPLS_PORT, GUE_PORT, FIRST_ENTROPY_PORT = 6635, 6080, 49152
interface, own4, own6, label = sys.argv[1:]


def inner_of(outer):
    """Kind, labels and inner packet of an outer one; none if it is no tunnel's."""
    protocol = outer.proto if outer.version == 4 else outer.nh
    if protocol in (4, 41):
        return "ip", [], (IP if protocol == 4 else IPv6)(bytes(outer.payload))
    if protocol != 17:
        return None
    udp = outer[UDP]
    if udp.sport < FIRST_ENTROPY_PORT:
        raise ValueError(f"source port {udp.sport}")
    payload = bytes(udp.payload)
    if udp.dport == GUE_PORT:
        form, protocol, flags = struct.unpack("!BBH", payload[:4])
        if (form, flags) != (0, 0):
            raise ValueError(f"GUE header {payload[:4].hex()}")
        return "gue", [], (IP if protocol == 4 else IPv6)(payload[4:])
    if udp.dport != MPLS_PORT:
        return None
    labels = []
    while True:
        entry = MPLS(payload[:4])
        labels.append(entry.label)
        payload = payload[4:]
        if entry.s:
            break
    return "mpls-udp", labels, (IP if payload[0] >> 4 == 4 else IPv6)(payload)


def answer_to(inner):
    """The echo reply to a request."""
    if inner.version == 4 and ICMP in inner and inner[ICMP].type == 8:
        head = IP(src=inner.dst, dst=inner.src, ttl=64)
        return head / ICMP(type=0, id=inner[ICMP].id, seq=inner[ICMP].seq) / Raw(bytes(inner[ICMP].payload))
    if ICMPv6EchoRequest in inner:
        request = inner[ICMPv6EchoRequest]
        head = IPv6(src=inner.dst, dst=inner.src, hlim=64)
        return head / ICMPv6EchoReply(id=request.id, seq=request.seq, data=request.data)
    return None


def wrapped(kind, reply):
    """What stands behind the outer IP header."""
    number = 4 if reply.version == 4 else 41
    if kind == "ip":
        return number, reply
    if kind == "gue":
        return 17, UDP(sport=50000, dport=GUE_PORT) / Raw(struct.pack("!BBH", 0, number, 0)) / reply
    return 17, UDP(sport=50001, dport=MPLS_PORT) / MPLS(label=int(label), cos=0, s=1, ttl=64) / reply


def handle(frame):
    outer = frame.payload
    if getattr(outer, "dst", None) not in (own4, own6):
        return
    found = inner_of(outer)
    reply = found and answer_to(found[2])
    if not reply:
        return
    kind, labels, inner = found
    hops = outer.ttl if outer.version == 4 else outer.hlim
    print(kind, hops, "/".join(map(str, labels)) or "-", inner.src, flush=True)
    number, payload = wrapped(kind, reply)
    head = IP(src=own4, dst=outer.src, proto=number) if outer.version == 4 else IPv6(src=own6, dst=outer.src, nh=number)
    socket.send(Ether(src=frame.dst, dst=frame.src) / head / payload)


socket = conf.L2socket(iface=interface)
# Only what the tunnels bring is dissected: that is slow.
sniff(opened_socket=socket, prn=handle, store=False, started_callback=lambda: print("ready", flush=True))
