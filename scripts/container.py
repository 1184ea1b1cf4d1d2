"""One container run by runc, from the service's part of a compose file.

Docker's daemon does the same: image and compose file become a runtime specification, which runc, its
own runtime, carries out. What the file says of rights, limits, mounts and networks is what holds here.
"""

import json
import pathlib
import platform
import resource
import subprocess
import time

# Of the profile, and of libseccomp.
ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
SECCOMP = pathlib.Path("/usr/share/containers/seccomp.json")
STOP_SECONDS_MAX = 40
ONE_SHOT_SECONDS_MAX = 120
HEALTHY_SECONDS_MAX = 120
# What Docker leaves a container of its own accord.
DEFAULT_CAPABILITIES = [
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]


class ContainerError(Exception):
    """A container did not do what the compose file says; carries the end of its log."""


def capabilities(service):
    left = set(DEFAULT_CAPABILITIES)
    dropped = set(service.get("cap_drop") or [])
    left = set() if "ALL" in dropped else left - dropped
    return sorted(f"CAP_{name}" for name in left | set(service.get("cap_add") or []))


def seccomp(held):
    """Docker's default profile, for a container that holds the capabilities `held`."""
    profile = json.loads(SECCOMP.read_text())
    name, architecture = ARCHITECTURES[platform.machine()]
    rules = []
    for rule in profile["syscalls"]:
        needs, without = rule["includes"], rule["excludes"]
        if "arches" in needs and name not in needs["arches"]:
            continue
        if not set(needs.get("caps", [])) <= set(held) or set(without.get("caps", [])) & set(held):
            continue
        kept = {"names": rule["names"], "action": rule["action"], "args": rule["args"] or []}
        if "errnoRet" in rule:
            kept["errnoRet"] = rule["errnoRet"]
        rules.append(kept)
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": [architecture],
        "syscalls": rules,
    }


def mount(target, kind, source, *options):
    return {"destination": target, "type": kind, "source": source, "options": list(options)}


def system_mounts(shm_bytes):
    hardened = ("nosuid", "noexec", "nodev")
    return [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666",
              "mode=0620"),
        mount("/dev/shm", "tmpfs", "shm", *hardened, "mode=1777", f"size={shm_bytes}"),
        mount("/sys", "sysfs", "sysfs", *hardened, "ro"),
    ]


def rlimits(service):
    """The file's limits, as far as this process may give them: it may lack CAP_SYS_RESOURCE."""
    limits = []
    for name, value in (service.get("ulimits") or {}).items():
        # compose writes nothing for 0.
        pair = value if isinstance(value, dict) else {"soft": value, "hard": value}
        _, most = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
        soft, hard = (
            wanted if most == resource.RLIM_INFINITY else min(wanted, most)
            for wanted in (pair.get("soft", 0), pair.get("hard", 0)))
        limits.append({"type": f"RLIMIT_{name.upper()}", "soft": soft, "hard": hard})
    return limits


class Container:
    """A service of the compose file, in `folder`, on an image's root file system."""

    def __init__(self, name, service, image, folder, network_namespace):
        self.name, self.service, self.image, self.folder = name, service, image, folder
        self.id = f"{folder.parent.name}-{name}"
        self.network_namespace = network_namespace
        self.log = folder / "log"
        self.process = None

    def specification(self, mounts):
        service, held = self.service, capabilities(self.service)
        user, _, group = str(service.get("user") or self.image.user or "0:0").partition(":")
        variables = {**self.image.environment, **(service.get("environment") or {})}
        effective = held if user == "0" else []
        arguments = (service.get("entrypoint") or self.image.entrypoint) + (
            service.get("command") or self.image.command)
        return {
            "ociVersion": "1.0.2",
            "hostname": self.name,
            "root": {"path": str(self.image.root), "readonly": bool(service.get("read_only"))},
            "process": {
                "user": {"uid": int(user), "gid": int(group or user)},
                "args": arguments,
                "env": [f"{name}={value}" for name, value in variables.items()],
                "cwd": "/",
                "capabilities": {
                    "bounding": held, "effective": effective, "permitted": effective,
                    "inheritable": [], "ambient": []},
                "rlimits": rlimits(service),
                "noNewPrivileges": "no-new-privileges:true" in (service.get("security_opt") or []),
            },
            "mounts": system_mounts(service.get("shm_size", 64 << 20)) + mounts,
            "linux": {
                "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")] + [
                    {"type": "network", "path": self.network_namespace}],
                "resources": {
                    "memory": {"limit": int(service["mem_limit"])} if "mem_limit" in service else {},
                    "pids": {"limit": service.get("pids_limit", 0)},
                    "cpu": {"period": 100_000, "quota": int(100_000 * float(service["cpus"]))}
                    if "cpus" in service else {}},
                "seccomp": seccomp(held),
                "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"],
            },
        }

    def start(self, mounts):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text(json.dumps(self.specification(mounts)))
        self.process = subprocess.Popen(
            ["runc", "run", "--bundle", self.folder, self.id], stdin=subprocess.DEVNULL,
            stdout=self.log.open("ab"), stderr=subprocess.STDOUT)

    def run(self, mounts):
        """Runs a one-shot to its end, and returns what it printed."""
        before = self.log.stat().st_size if self.log.exists() else 0
        self.start(mounts)
        try:
            code = self.process.wait(ONE_SHOT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise self.error(f"did not end within {ONE_SHOT_SECONDS_MAX} s") from None
        if code != 0:
            raise self.error(f"ended with {code}")
        return self.log.read_bytes()[before:].decode(errors="replace")

    def wait_until_healthy(self):
        test = self.service["healthcheck"]["test"]
        if test[0] != "CMD":
            raise self.error("its health check needs a shell")
        deadline = time.monotonic() + HEALTHY_SECONDS_MAX
        while True:
            if self.process.poll() is not None:
                raise self.error(f"ended with {self.process.returncode} before it was healthy")
            asked = subprocess.run(
                ["runc", "exec", self.id, *test[1:]], capture_output=True, text=True)
            if asked.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise self.error(f"is not healthy: {asked.stdout}{asked.stderr}")
            time.sleep(0.2)

    def state(self):
        shown = subprocess.run(["runc", "state", self.id], capture_output=True, text=True)
        return json.loads(shown.stdout) if shown.returncode == 0 else None

    def stop(self, expect=(0,)):
        """Sends what the compose file or image names, and waits for the end."""
        if self.process is None or self.process.poll() is not None:
            return
        stop = self.service.get("stop_signal", "SIGTERM")
        subprocess.run(["runc", "kill", self.id, stop], capture_output=True)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            subprocess.run(["runc", "kill", self.id, "SIGKILL"], capture_output=True)
            self.process.wait()
            raise self.error(f"went on {STOP_SECONDS_MAX} s after {stop}")
        if code not in expect:
            raise self.error(f"ended with {code} after {stop}")

    def remove(self):
        """Ends it, whatever it does."""
        subprocess.run(["runc", "delete", "--force", self.id], capture_output=True)
        if self.process is not None:
            self.process.wait()

    def error(self, what):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return ContainerError(f"{self.name} {what}\n" + "\n".join(text.splitlines()[-40:]))
