"""How much memory there is, in trees of control groups as Linux shows them, and under a limit of address space."""

import subprocess
import sys

import pytest

from artlives import memory
from artlives.memory import MB, expect, free

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, psutil is asked alone"),
]

# What the machine has, in bytes.
MACHINE = 1 << 40
UNLIMITED = 9223372036854771712
# What is mounted: `mountinfo` after the number of the mount.
VERSION_2 = "22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
VERSION_1 = "35 0:29 {top} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory"
OTHERS = ["22 21 0:20 / /proc rw - proc proc rw", "36 35 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"]


@pytest.fixture
def system(tmp_path):
    """Write a tree of control groups: `mounts`, the process's `groups`, and the files in each of some folders."""

    def write(mounts, groups, machine=MACHINE, **folders):
        (tmp_path / "proc/self").mkdir(parents=True)
        lines = ["MemTotal: 99 kB", f"MemAvailable: {machine // 1024} kB", "HugePages_Total: 0"]
        (tmp_path / "proc/meminfo").write_text("\n".join(lines) + "\n")
        lines = [*OTHERS, *(f"99 {mount}" for mount in mounts)]
        (tmp_path / "proc/self/mountinfo").write_text("\n".join(lines) + "\n")
        (tmp_path / "proc/self/cgroup").write_text("\n".join(groups) + "\n")
        for folder, files in folders.items():
            path = tmp_path / "sys/fs/cgroup" / folder
            path.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (path / f"memory.{name}").write_text(f"{content}\n")
        return tmp_path

    return write


def version_2(limit, used, cache=0, high="max"):
    stat = f"anon 5\nactive_file {cache - cache // 3}\ninactive_file {cache // 3}\nfile 999"
    return {"max": limit, "high": high, "current": used, "stat": stat}


def version_1(limit, used, cache=0):
    stat = f"cache 5\nactive_file 7\ntotal_active_file {cache // 3}\ntotal_inactive_file {cache - cache // 3}"
    return {"limit_in_bytes": limit, "usage_in_bytes": used, "stat": stat}


@pytest.mark.parametrize(
    ("inner", "outer", "expected"),
    [
        (version_2(800, 100), version_2("max", 5000), 700),
        (version_2(800, 100), version_2(1000, 900, cache=300), 400),
        (version_2("max", 100), version_2(1000, 300), 700),
        (version_2(800, 100, high=500), version_2("max", 5000), 400),
        (version_2(800, 900), version_2("max", 900), 0),
        (version_2("max", 100), version_2("max", 300), MACHINE),
    ],
    ids=["inner", "outer, but for page cache", "outer alone", "high", "none is left", "no limit"],
)
def test_groups_of_version_2(system, inner, outer, expected):
    root = system([VERSION_2], ["0::/outer/inner"], outer=outer, **{"outer/inner": inner})
    assert free(root) == expected


@pytest.mark.parametrize(
    ("top", "path", "folders", "expected"),
    [
        ("/", "/outer/inner", {"memory/outer/inner": version_1(800, 100, cache=20)}, 720),
        (
            "/",
            "/outer/inner",
            {"memory/outer/inner": version_1(800, 100), "memory/outer": version_1(600, 500)},
            100,
        ),
        ("/", "/outer", {"memory/outer": version_1(UNLIMITED, 100), "memory": version_1(300, 100)}, 200),
        ("/", "/outer", {"memory/outer": version_1(UNLIMITED, 100)}, MACHINE),
        # In a container, its own group is what is mounted.
        ("/docker/1", "/docker/1", {"memory": version_1(800, 300)}, 500),
        ("/docker/1", "/docker/1/inner", {"memory/inner": version_1(800, 300)}, 500),
        ("/docker/1", "/elsewhere", {"memory": version_1(800, 300)}, 500),
        ("/", "/../elsewhere", {"memory": version_1(800, 300), "elsewhere": version_1(1, 0)}, 500),
    ],
)
def test_groups_of_version_1(system, top, path, folders, expected):
    groups = ["5:cpu,cpuacct:/other", f"4:memory:{path}", "1:name=systemd:/", "0::/"]
    root = system([VERSION_1.format(top=top)], groups, **folders)
    assert free(root) == expected


def test_the_machine_has_less_than_the_group(system):
    inner = version_2(800 * MB, 100 * MB)
    assert free(system([VERSION_2], ["0::/inner"], 5 * 1024, inner=inner)) == 5 * 1024


def test_a_system_that_tells_nothing_limits_nothing(tmp_path):
    assert free(tmp_path) > MACHINE


def test_a_limit_of_address_space_counts():
    code = """
import resource
from artlives.memory import free
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, resource.RLIM_INFINITY))
print(free())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 50 * MB < int(done.stdout) <= 100 * MB


def test_what_is_kept_for_later_is_released_before_memory_is_refused(monkeypatch):
    there = 100 * MB

    def release():
        nonlocal there
        there += 50 * MB

    monkeypatch.setattr(memory, "kept", [release])
    monkeypatch.setattr(memory, "free", lambda: there)
    expect(100 * MB)
    assert there == 100 * MB
    expect(150 * MB)
    assert there == 150 * MB
    with pytest.raises(MemoryError, match="301 MB are needed, 200 MB are free"):
        expect(300 * MB + 1)
