"""The images of deploy/Containerfile, built by buildah without a Docker engine or a registry."""

import json
import pathlib
import subprocess

from sources import ROOT

TARGETS = ("auth", "vault", "audit", "gateway", "chatelaine")
BASE = "localhost/debian"


class Image:
    """What a container starts from: a root file system and how its program is started."""

    def __init__(self, root, entrypoint, command=(), user="", environment=None, mounts=()):
        self.root, self.user = root, user
        self.entrypoint, self.command = list(entrypoint), list(command)
        self.environment, self.mounts = dict(environment or {}), list(mounts)

    def size(self):
        """Bytes of all files, and of the program and its neighbours alone."""
        def total(paths):
            return sum(path.lstat().st_size for path in paths if path.is_file())
        return total(self.root.rglob("*")), total(self.root.glob("usr/bin/*"))


def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class ImageStore:
    """Images below `folder`, kept between runs: layers that didn't change are not built again."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        # vfs copies every layer, and works where a file system of layers on another is refused.
        for driver in ("overlay", "vfs"):
            self.buildah = [
                "buildah", "--root", str(self.folder / driver), "--runroot",
                str(self.folder / f"{driver}-run"), "--storage-driver", driver]
            if subprocess.run([*self.buildah, "info"], capture_output=True).returncode == 0:
                break
        else:
            raise SystemExit("buildah can't keep images here")

    def make_base(self):
        """A Debian with what `install-packages image` asks for, in place of the registry's."""
        packages = output(ROOT / "scripts/install-packages", "--names", "image").split()
        archive = self.folder / "debian.tar"
        if not archive.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = archive.with_suffix(".part.tar")
            excluded = ["man", "locale", "doc"]
            subprocess.run(
                ["mmdebstrap", "--variant=essential", f"--include={','.join(packages)}",
                 *[f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded],
                 "--dpkgopt=path-include=/usr/share/doc/*/copyright", "bookworm", part], check=True)
            part.rename(archive)
        with (self.folder / "Containerfile").open("w") as file:
            file.write(f"FROM scratch\nADD {archive.name} /\n")
        self.build(self.folder, "--file", self.folder / "Containerfile", "--tag", BASE)

    def build(self, context, *options):
        subprocess.run(
            [*self.buildah, "build", "--isolation", "chroot", "--layers", "--pull=never", *options,
             context], check=True)

    def build_targets(self):
        """The programs that lie in .build/programs, each in its image."""
        arguments = {
            "PROGRAMS": "built", "DEBIAN_IMAGE": BASE,
            "REVISION": output("git", "-C", ROOT, "rev-parse", "HEAD")}
        for target in TARGETS:
            self.build(
                ROOT, "--file", ROOT / "deploy/Containerfile", "--target", target, "--tag",
                f"localhost/chatelaine/{target}",
                *[f"--build-arg={name}={value}" for name, value in arguments.items()])

    def image(self, target):
        """Mounts an image for this process's mount table."""
        tag = f"localhost/chatelaine/{target}"
        settings = json.loads(output(*self.buildah, "inspect", "--type", "image", tag))
        settings = settings["OCIv1"]["config"]
        name = output(*self.buildah, "from", "--pull=never", tag)
        root = pathlib.Path(output(*self.buildah, "mount", name))
        return Image(
            root, settings["Entrypoint"], user=settings["User"],
            environment=dict(entry.split("=", 1) for entry in settings.get("Env", [])))

    def forget_containers(self):
        subprocess.run([*self.buildah, "rm", "--all"], capture_output=True)
