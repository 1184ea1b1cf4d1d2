"""A compose file run without a Docker engine: networks, volumes, and containers in their order.

Everything lies in a mount table and a network of this process, so that nothing of it is seen outside
and the kernel takes it away with the process.
"""

import ctypes
import ipaddress
import json
import os
import pathlib
import subprocess

from container import Container, ContainerError, mount

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
SUBNETS = ipaddress.ip_network("10.89.0.0/16").subnets(new_prefix=24)


def command(*words):
    subprocess.run(words, check=True)


def unshare(flag):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flag) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def own_mounts():
    """Gives this process a mount table of its own; before it has threads."""
    unshare(CLONE_NEWNS)
    command("mount", "--make-rprivate", "/")


def own_network():
    """Gives it a network of its own, with nothing but loopback; after `own_mounts`."""
    unshare(CLONE_NEWNET)
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    command("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
    command("ip", "link", "set", "lo", "up")


class Project:
    """The services of `file`; `images` gives each the image that it runs on."""

    def __init__(self, file, settings, images, folder, compose):
        shown = subprocess.run(
            [compose, "--file", file, "config", "--format", "json"], check=True,
            stdout=subprocess.PIPE, text=True, env={**os.environ, **settings})
        # It prints a file that could be read again, so each dollar sign is doubled.
        self.services = json.loads(shown.stdout.replace("$$", "$"))["services"]
        self.folder = folder
        self.addresses = {}  # network to service to address
        self.containers = {}
        self.make_networks()
        for name, service in self.services.items():
            self.containers[name] = Container(
                name, service, images(service["image"]), folder / name, f"/run/netns/{name}")

    def networks(self, name):
        service = self.services[name]
        return [] if service.get("network_mode") == "none" else list(service["networks"])

    def make_networks(self):
        for name in self.services:
            command("ip", "netns", "add", name)
            command("ip", "-n", name, "link", "set", "lo", "up")
        used = sorted({network for name in self.services for network in self.networks(name)})
        for index, network in enumerate(used):
            hosts = next(SUBNETS).hosts()
            outside = next(hosts)
            bridge = f"br{index}"
            command("ip", "link", "add", bridge, "type", "bridge")
            command("ip", "addr", "add", f"{outside}/24", "dev", bridge)
            command("ip", "link", "set", bridge, "up")
            members = [name for name in self.services if network in self.networks(name)]
            self.addresses[network] = {"": str(outside)}
            for number, name in enumerate(members):
                address = self.addresses[network][name] = str(next(hosts))
                outer = f"v{index}-{number}"
                command("ip", "link", "add", outer, "type", "veth", "peer", "name", network,
                        "netns", name)
                command("ip", "link", "set", outer, "master", bridge, "up")
                command("ip", "-n", name, "addr", "add", f"{address}/24", "dev", network)
                command("ip", "-n", name, "link", "set", network, "up")

    def address(self, name, network):
        return self.addresses[network][name]

    def hosts_file(self, name):
        """What Docker's name server would say: the services with which it shares a network."""
        lines = ["127.0.0.1 localhost"]
        for network in self.networks(name):
            lines += [f"{address} {other}" for other, address in self.addresses[network].items()
                      if other]
        path = self.folder / name / "hosts"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    def volume(self, name):
        path = self.folder / "volumes" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def mounts(self, name):
        service = self.services[name]
        mounts = list(self.containers[name].image.mounts)
        for path in service.get("tmpfs") or []:
            target, _, options = path.partition(":")
            mounts.append(mount(target, "tmpfs", "tmpfs", "nosuid", "nodev", "noexec",
                                *(options or "mode=1777").split(",")))
        for volume in service.get("volumes") or []:
            source = self.volume(volume["source"]) if volume["type"] == "volume" else volume["source"]
            mounts.append(mount(volume["target"], "bind", str(source), "bind",
                                "ro" if volume.get("read_only") else "rw"))
        return mounts + [mount("/etc/hosts", "bind", str(self.hosts_file(name)), "bind", "ro")]

    def order(self):
        """Names so that each stands behind what it depends on."""
        done = []

        def visit(name):
            for other in self.services[name].get("depends_on") or {}:
                visit(other)
            if name not in done:
                done.append(name)

        for name in self.services:
            visit(name)
        return done

    def is_one_shot(self, name):
        return any(
            (service.get("depends_on") or {}).get(name, {}).get("condition") ==
            "service_completed_successfully" for service in self.services.values())

    def up(self):
        """As `docker compose up --wait`; returns what the one-shots printed."""
        printed = {}
        for name in self.order():
            container = self.containers[name]
            if self.is_one_shot(name):
                printed[name] = container.run(self.mounts(name))
            else:
                container.start(self.mounts(name))
                container.wait_until_healthy()
        return printed

    def stop(self):
        """As `docker compose stop`: who depends on others first; each must end as it should."""
        for name in reversed(self.order()):
            self.containers[name].stop()

    def remove(self):
        for container in self.containers.values():
            container.remove()


__all__ = ["ContainerError", "Project", "own_mounts", "own_network"]
