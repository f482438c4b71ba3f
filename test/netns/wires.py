"""Wires between network namespaces: every packet passes this process, which loses, delays or stops it.

Each namespace has one TUN device. Commands come as lines of JSON, each answered with a line. When
its input ends, it removes the namespaces that it made, whatever became of who started it.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES_MAX = 65_536

libc = ctypes.CDLL(None, use_errno=True)


def open_tun(namespace, address):
    """A TUN device in that namespace; its descriptor works from any."""
    with open(f"/var/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter a network namespace")
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
    ip("addr", "add", f"{address}/24", "dev", "wire")
    ip("link", "set", "wire", "up")
    ip("link", "set", "lo", "up")
    return tun


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL)


def main(prefix, count):
    namespaces = [f"{prefix}-{index}" for index in range(count)]
    made = []
    try:
        for namespace in namespaces:
            ip("netns", "add", namespace)
            made.append(namespace)
        tuns = [open_tun(name, f"10.77.0.{index + 1}") for index, name in enumerate(namespaces)]
        answer({"ready": True})
        relay(tuns)
    finally:
        for namespace in made:
            subprocess.run(["ip", "netns", "del", namespace], check=False)


def answer(value):
    print(json.dumps(value), flush=True)


def relay(tuns):
    loss, delay, cuts = 0.0, 0.0, set()
    waiting, order, passed, lost = [], 0, 0, 0
    commands = sys.stdin.fileno()
    text = b""
    while True:
        pause = None if not waiting else max(0.0, waiting[0][0] - time.monotonic())
        ready, _, _ = select.select([commands, *tuns], [], [], pause)
        if commands in ready:
            read = os.read(commands, 65_536)
            if read == b"":
                return
            *lines, text = (text + read).split(b"\n")
            for line in lines:
                command = json.loads(line)
                loss = command["loss"]
                delay = command["delayMs"] / 1_000
                cuts = {frozenset(pair) for pair in command["cuts"]}
                answer({"passed": passed, "lost": lost})
        for index, tun in enumerate(tuns):
            if tun not in ready:
                continue
            try:
                packet = os.read(tun, PACKET_BYTES_MAX)
            except BlockingIOError:
                continue
            # IPv4 alone; the last byte of the address names the namespace.
            to = packet[19] - 1 if len(packet) >= 20 and packet[0] >> 4 == 4 else -1
            if not 0 <= to < len(tuns):
                continue
            if frozenset((index, to)) in cuts or random.random() < loss:
                lost += 1
                continue
            passed += 1
            order += 1
            heapq.heappush(waiting, (time.monotonic() + delay, order, to, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(waiting)
            try:
                os.write(tuns[to], packet)
            except OSError:
                pass


main(sys.argv[1], int(sys.argv[2]))
