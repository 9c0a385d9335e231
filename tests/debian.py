"""Throw-away machines: a Debian of debootstrap that runs its own systemd, in namespaces of its own.

In: files on top of what the image has.    Out: a machine that has booted; when it ends, nothing of it is left.
Faults: NoDebian, with the reason, where a machine cannot be had; tests skip then.
Never: writes to the image, changes the host's kernel, mounts or devices, or reaches a network.

The image is made once for all work trees, in a cache folder (350 MB; a minute, 100 MB from deb.debian.org). A machine
is an overlay on top of it, which starts in a second; started again with the same folder, it finds its disk as it was.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
# Before any test takes HOME or XDG_CACHE_HOME away.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flagstone" / "machines"
# What a machine image of the platform brings, under Debian's names, and what keeps the machine alive.
_STEPS = """
apt-get update -qq
apt-get install -y -qq --no-install-recommends \
  ansible-core awscli ca-certificates curl dbus logrotate nginx-light procps systemd systemd-sysv
useradd --system --shell /usr/sbin/nologin nginx
systemctl disable nginx.service
systemctl mask getty.target console-getty.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer cron.service
rm -rf /var/cache/apt /var/lib/apt/lists /usr/share/doc /usr/share/man /usr/share/locale /etc/machine-id
touch /etc/machine-id
"""
_CLONE_NEWNET = 0x40000000
_PATIENCE = 30.0

# Run in a mount namespace of its own. $1 is the image, $2 what lies on top of it, $3 an empty folder.
_OUTSIDE = """
set -e
mkdir --parents "$3/cgroups" "$3/upper" "$3/work" "$3/root"
mount -t cgroup2 none "$3/cgroups"
group="$3/cgroups/flagstone-$$"
mkdir "$group"
( echo $BASHPID > "$group/cgroup.procs" && exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child \
  bash -c "$INSIDE" inside "$@" ) &
trap 'kill -KILL $!' TERM
wait || true
until find "$group" -depth -type d -exec rmdir {} + ; do sleep 0.05; done 2>/dev/null
"""
# Run as the first process of a machine, before systemd takes its place.
_INSIDE = """
set -e
root="$3/root"
mount -t overlay none "$root" -o "lowerdir=$2:$1,upperdir=$3/upper,workdir=$3/work"
mount -t proc none "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro none "$root/sys"
mount -t tmpfs none "$root/sys/fs/cgroup"
umount "$3/cgroups"
mount -t cgroup2 none "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs -o mode=755 none "$root/dev"
while read name major minor; do
  mknod --mode=666 "$root/dev/$name" c "$major" "$minor"
done <<'END'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
ln -s pts/ptmx "$root/dev/ptmx"
mkdir "$root/dev/pts" && mount -t devpts -o newinstance,ptmxmode=0666 none "$root/dev/pts"
mkdir --mode=1777 "$root/dev/shm" && mount -t tmpfs none "$root/dev/shm"
ip link set lo up
ip address add 169.254.169.254/32 dev lo
cd "$root" && pivot_root . . && umount --lazy .
drop=-sys_module,-sys_time,-sys_rawio,-sys_boot,-syslog,-mac_admin,-mac_override,-audit_control
exec env --ignore-environment container=flagstone PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
  setpriv --bounding-set "$drop" --inh-caps "$drop" /lib/systemd/systemd
"""


class NoDebian(Exception):
    """A machine cannot be had here, for this reason."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A machine that runs. `pid` is that of its first process, as this machine numbers it."""

    pid: int

    def path(self, path: str) -> Path:
        return Path(f"/proc/{self.pid}/root", path.lstrip("/"))

    def read(self, path: str) -> str:
        return self.path(path).read_text()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine, as root, and return what it wrote."""
        enter = ("nsenter", f"--target={self.pid}", "--all")
        return subprocess.run(
            [*enter, *command],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def listen(self, address: str, port: int) -> socket.socket:
        """Listen on the machine's own network."""
        return self._in_its_network(lambda: socket.create_server((address, port)))

    def connect(self, port: int) -> socket.socket:
        return self._in_its_network(lambda: socket.create_connection(("127.0.0.1", port), timeout=10))

    def _in_its_network(self, make: Callable[[], socket.socket]) -> socket.socket:
        """Make a socket in a thread that has entered the machine's network: a socket stays where it was made."""
        made: list[socket.socket | OSError] = []

        def enter_and_make() -> None:
            with Path(f"/proc/{self.pid}/ns/net").open() as network:
                try:
                    if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                    made.append(make())
                except OSError as fault:
                    made.append(fault)

        thread = threading.Thread(target=enter_and_make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]


@cache
def find_image() -> Path:
    """Return the folder of the image, made if it is not there. Raises NoDebian."""
    program = shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NoDebian("no debootstrap on this machine")
    if os.geteuid() != 0:
        raise NoDebian("only root makes machines")
    recipe = hashlib.sha256("\n".join((SUITE, MIRROR, _STEPS)).encode()).hexdigest()[:12]
    image = _CACHE / f"{SUITE}-{recipe}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.exists():
            _make_image(program, image)
    return image


def _make_image(program: str, image: Path) -> None:
    unfinished = image.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    for command in (
        [program, "--variant=minbase", SUITE, str(unfinished), MIRROR],
        ["chroot", str(unfinished), "env", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec", _STEPS],
    ):
        done = subprocess.run(
            [*enter, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            raise NoDebian(f"{command[0]} fails: {' '.join(done.stdout.splitlines()[-2:])}")
    unfinished.rename(image)


@contextmanager
def boot(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> Iterator[Guest]:
    """Start a machine with these files, each with its mode, on top of its image, and end it. Raises NoDebian.

    `folder` is the machine's disk.
    """
    image, top, scratch = find_image(), folder / "top", folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    for path, (content, mode) in files.items():
        target = top / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    machine = subprocess.Popen(
        ["setpriv", "--pdeathsig=TERM", "unshare", "--mount", "bash", "-c", _OUTSIDE, "outside", image, top, scratch],
        env={"INSIDE": _INSIDE, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        guest = _wait_for_systemd(machine)
        yield guest
    finally:
        machine.send_signal(signal.SIGTERM)
        machine.communicate(timeout=_PATIENCE)


def _wait_for_systemd(machine: subprocess.Popen[str]) -> Guest:
    deadline = time.monotonic() + _PATIENCE
    while machine.poll() is None and time.monotonic() < deadline:
        guest = Guest(_last_descendant(machine.pid))
        if _name(guest.pid) == "systemd" and guest.path("/run/systemd/private").exists():
            state = guest.run("systemctl", "is-system-running").stdout.strip()
            if state in {"running", "degraded"}:
                return guest
        time.sleep(0.05)
    machine.send_signal(signal.SIGTERM)
    said = (machine.communicate(timeout=_PATIENCE)[0] or "").splitlines()
    raise NoDebian(f"systemd does not start in namespaces here: {' '.join(said[-2:])}")


def _last_descendant(pid: int) -> int:
    """Follow only children down to systemd, which has many."""
    while _name(pid) != "systemd":
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return pid
        if not children:
            return pid
        pid = int(children[0])
    return pid


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
