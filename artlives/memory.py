"""How much memory there is: what the machine, the containers around this process and its own limit leave."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import NamedTuple

if sys.platform != "win32":
    import resource

MB = 10**6
# What releases memory that is kept for later.
kept: list[Callable[[], object]] = []


class _Files(NamedTuple):
    """What the files of a control group are called that tell of memory, in bytes.

    Attributes:
        limits: the most that its processes may use together; a word or a huge number where there is no limit.
        used: what they use, page cache among it.
        cache: the lines of `memory.stat` that tell the page cache of files, which the kernel takes back when memory is
            needed.
    """

    limits: tuple[str, ...]
    used: str
    cache: tuple[str, ...]


# Of control groups by the type of their file system: versions 1 and 2, as the kernel's documentation names them
# (admin-guide/cgroup-v1/memory.rst, admin-guide/cgroup-v2.rst). Beyond `memory.high` processes are slowed down.
_FILES = {
    "cgroup": _Files(
        ("memory.limit_in_bytes",),
        "memory.usage_in_bytes",
        ("total_active_file", "total_inactive_file"),
    ),
    "cgroup2": _Files(("memory.max", "memory.high"), "memory.current", ("active_file", "inactive_file")),
}


def free(root: Path = Path("/")) -> int:
    """Bytes that this process may take beside what it has.

    The least of what the machine can give without swapping; what is left of the limit of each control group that the
    process is in, and of those around it; and what its limit of address space (`ulimit -v`) leaves.

    Args:
        root: of the file system that tells of them on Linux.
    """
    if sys.platform == "linux":
        left: list[int] = []
        for limits in (_left_by_machine, _left_by_groups, _left_of_address_space):
            # Where /proc is not mounted, or the kernel was built without control groups.
            with suppress(OSError):
                left += limits(root)
        return max(0, min(left, default=sys.maxsize))
    import psutil

    return int(psutil.virtual_memory().available)


def expect(needed: int) -> None:
    """Raise MemoryError unless so many bytes are free, after what is kept for later was released if they are not.

    Where a limit is a control group's, the system would not refuse memory, but kill the process.
    """
    if needed > free():
        for release in kept:
            release()
        trim()
    if needed > (there := free()):
        raise MemoryError(f"{ceil(needed / MB)} MB are needed, {there // MB} MB are free")


def trim() -> None:
    """Return to the system the freed memory that glibc keeps, which grows with the sizes of pictures there were."""
    # Another C library has no `malloc_trim`.
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _left_by_machine(root: Path) -> Iterator[int]:
    """What the machine can give without swapping, in bytes."""
    for line in (root / "proc/meminfo").read_text().splitlines():
        # In KiB; see proc_meminfo(5).
        name, number, *_ = line.split()
        if name == "MemAvailable:":
            yield int(number) * 1024


def _left_of_address_space(root: Path) -> Iterator[int]:
    """What this process's limit of address space leaves, in bytes, if it has one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        # The first number is the address space that is used, in pages; see proc_pid_statm(5).
        used = (root / "proc/self/statm").read_text().split()[0]
        yield limit - int(used) * resource.getpagesize()


def _left_by_groups(root: Path) -> Iterator[int]:
    """What each control group with a limit that this process is in, or that lies around it, leaves, in bytes."""
    # Lines "number:controllers:path"; version 2 has one of number 0, without controllers. See cgroups(7).
    paths = {}
    for group in (root / "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = group.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            paths["cgroup" if controllers else "cgroup2"] = Path(path)
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        # See proc_pid_mountinfo(5): what is mounted, where, and behind a dash of what type and with which options.
        place, _, kind = line.partition(" - ")
        inside, point = (Path(field.replace("\\040", " ")) for field in place.split()[3:5])
        system, _, options = kind.split(maxsplit=2)
        if system not in paths or (system == "cgroup" and "memory" not in options.split(",")):
            continue
        top, own = root / point.relative_to("/"), paths[system]
        # A container's own group may be the top of what is mounted there, and be called as it is outside of that.
        seen = own.is_relative_to(inside) and ".." not in own.parts
        within = own.relative_to(inside) if seen else Path()
        for folder in (within, *within.parents):
            left = _left(top / folder, _FILES[system])
            if left is not None:
                yield left


def _left(group: Path, files: _Files) -> int | None:
    """What the limit of a control group, a folder, leaves, in bytes; None where it has none."""
    try:
        limits = [(group / name).read_text().strip() for name in files.limits]
        used = int((group / files.used).read_text())
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        # The topmost group of version 2 has no such files.
        return None
    stat = dict(line.split() for line in lines)
    cache = sum(int(stat.get(name, 0)) for name in files.cache)
    return min((int(limit) - used + cache for limit in limits if limit != "max"), default=None)
