"""Captures TCP payloads on every interface of its network namespace until standard input ends.

capture.py OUTPUT (JSON: "src>dst" → hex). A bridge itself shows only frames that are for it: its ports show all of them.
"""
import json
import select
import socket
import struct
import sys

output = sys.argv[1]
ETH_P_ALL = 3
sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
print("capturing", flush=True)
segments = {}


def note(frame):
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return
    ip = frame[14:]
    header = (ip[0] & 15) * 4
    total = struct.unpack("!H", ip[2:4])[0]
    tcp = ip[header:total]
    source, target, sequence = struct.unpack("!HHI", tcp[:8])
    payload = tcp[(tcp[12] >> 4) * 4:]
    if payload:
        key = "%s:%d>%s:%d" % (socket.inet_ntoa(ip[12:16]), source, socket.inet_ntoa(ip[16:20]), target)
        segments.setdefault(key, {})[sequence] = payload


while True:
    readable, _, _ = select.select([sniffer, sys.stdin], [], [], 1)
    if sniffer in readable:
        note(sniffer.recv(1 << 17))
    if sys.stdin in readable and not sniffer in readable:
        break
streams = {key: b"".join(parts[s] for s in sorted(parts)).hex() for key, parts in segments.items()}
json.dump(streams, open(output, "w"))
