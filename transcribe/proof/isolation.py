"""Runs a command where there is no network: ``python -I isolation.py REPORT COMMAND...``. Linux, standard library only.

A network namespace of its own has no interface but a loopback, and that one leads nowhere else. The kernel holds this
for the process and all it ever starts, native code included: there is no way back without rights that nobody has here.
As root the namespace is made at once; else, or where root may not, inside a user namespace of our own.

What was seen before and inside is written to REPORT (JSON) before the command takes this process over; when there can
be no namespace REPORT says why, and the exit status is ``NOT_HERE``.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path

NOT_HERE = 97

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40  # <linux/sockios.h>, <linux/if.h>
#: Reserved for documentation (RFC 5737, RFC 3849): nobody is there.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
#: PostgreSQL refuses root; in a user namespace made by root we are somebody else.
_NOT_ROOT = 1000

Interfaces = dict[str, dict[str, int]]


def interfaces() -> Interfaces:
    """Name, and bytes received and sent, of every interface that this process can see."""
    found: Interfaces = {}
    for row in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]:
        name, _, figures = row.partition(":")
        columns = figures.split()
        found[name.strip()] = {"received": int(columns[0]), "sent": int(columns[8])}
    return found


def routes() -> dict[str, str]:
    """Whether the kernel knows a way out: "route", or the name of its error. Asking sends nothing (UDP)."""
    found = {}
    for family, address in _ELSEWHERE:
        name = "ipv4" if family == socket.AF_INET else "ipv6"
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((address, 9))
            found[name] = "route"
        except OSError as error:
            found[name] = errno.errorcode.get(error.errno or 0, "?")
    return found


def isolate() -> str:
    """Leave the network. Returns how. Raises ``OSError`` where the system does not allow it."""
    if os.geteuid() == 0:
        try:
            _unshare(_CLONE_NEWNET)
            return "network"
        except PermissionError:
            pass
    uid, gid = os.geteuid(), os.getegid()
    _unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid or _NOT_ROOT} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid or _NOT_ROOT} {gid} 1", encoding="ascii")
    return "user+network"


def _unshare(flags: int) -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def loopback_up() -> None:
    """The database and the screens talk over it, inside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        fcntl.ioctl(line, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP | _IFF_RUNNING))


def main(report: Path, command: list[str]) -> None:
    seen: dict[str, object] = {"outside": {"interfaces": sorted(interfaces()), "routes": routes()}}
    before = Path("/proc/self/ns/net").readlink()
    try:
        seen["how"] = isolate()
        loopback_up()
    except OSError as error:
        seen["why_not"] = errno.errorcode.get(error.errno or 0, type(error).__name__)
        report.write_text(json.dumps(seen), encoding="utf-8")
        sys.exit(NOT_HERE)
    seen["other_namespace"] = before != Path("/proc/self/ns/net").readlink()
    seen["inside"] = {"interfaces": sorted(interfaces()), "routes": routes()}
    report.write_text(json.dumps(seen), encoding="utf-8")
    os.execv(command[0], command)  # noqa: S606  (a list, no shell)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
