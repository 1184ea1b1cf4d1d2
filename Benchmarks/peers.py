"""The servers that are compared: how each is built, started, checked and asked."""

import os
import shutil
import struct
import subprocess
import sys

from certificates import Certificates
from h2load import Target
from processes import Server, free_port, on_load_core

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "..", ".build", "bench")
PRODUCTS = os.environ.get("BENCH_PRODUCTS", os.path.join(HERE, "..", ".build", "release"))

OURS, NGHTTPD, GRPC_CPP, GRPC_SWIFT = "chatelaine", "nghttpd", "gRPC C++", "grpc-swift-2"
# The answer's size; our streams carry STREAM_BYTES of messages.
ANSWER_BYTES = 190
STREAM_BYTES = 16 << 20
CHUNK_SIZES = (1 << 10, 64 << 10)


def build():
    """Builds the peers, unless they are newer than what they are built from."""
    os.makedirs(BUILD, exist_ok=True)
    descriptors()
    client_certificate()
    _build_grpc_cpp()
    _build_grpc_swift()


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def _is_current(product, *sources):
    return os.path.exists(product) and all(
        os.path.getmtime(source) <= os.path.getmtime(product) for source in sources)


def descriptors():
    path = os.path.join(BUILD, "bench.bin")
    _run("protoc", f"-I{HERE}", f"--descriptor_set_out={path}", "bench.proto")
    return path


def client_certificate():
    """What gives h2load a client certificate."""
    library = os.path.join(BUILD, "client_certificate.so")
    source = os.path.join(HERE, "client_certificate.c")
    if not _is_current(library, source):
        os.makedirs(BUILD, exist_ok=True)
        _run("gcc", "-O2", "-shared", "-fPIC", "-o", library, source)
    return library


def _grpc_cpp():
    return os.path.join(BUILD, "grpc-cpp-server")


def _build_grpc_cpp():
    proto = os.path.join(HERE, "bench.proto")
    source = os.path.join(HERE, "grpc-cpp", "server.cc")
    if _is_current(_grpc_cpp(), proto, source):
        return
    print("building the gRPC C++ server", flush=True)
    plugin = shutil.which("grpc_cpp_plugin")
    _run("protoc", f"-I{HERE}", f"--cpp_out={BUILD}", f"--grpc_out={BUILD}",
         f"--plugin=protoc-gen-grpc={plugin}", "bench.proto")
    flags = _run("pkg-config", "--cflags", "--libs", "grpc++", "protobuf").split()
    generated = [os.path.join(BUILD, name) for name in ("bench.pb.cc", "bench.grpc.pb.cc")]
    _run("g++", "-O2", f"-I{BUILD}", "-o", _grpc_cpp(), source, *generated, *flags)


def _grpc_swift():
    return os.path.join(BUILD, "grpc-swift", "release", "grpc-swift-server")


def _build_grpc_swift():
    package = os.path.join(HERE, "grpc-swift")
    proto = os.path.join(HERE, "bench.proto")
    sources = [proto, os.path.join(package, "Package.swift"),
               os.path.join(package, "Sources", "grpc-swift-server", "main.swift")]
    if _is_current(_grpc_swift(), *sources):
        return
    print("building the grpc-swift-2 server: some minutes the first time", flush=True)
    scratch = os.path.join(BUILD, "grpc-swift")
    swift = ("swift", "build", "-c", "release", "--package-path", package,
             "--scratch-path", scratch, "--product")
    generated = os.path.join(package, "Sources", "grpc-swift-server", "Generated")
    os.makedirs(generated, exist_ok=True)
    plugins = []
    for name in ("protoc-gen-swift", "protoc-gen-grpc-swift-2"):
        _run(*swift, name)
        plugins.append(f"--plugin={os.path.join(scratch, 'release', name)}")
    _run("protoc", f"-I{HERE}", *plugins, f"--swift_out={generated}",
         f"--grpc-swift-2_out={generated}", "--grpc-swift-2_opt=Client=false", "bench.proto")
    _run(*swift, "grpc-swift-server")
    os.utime(_grpc_swift())


class Workplace:
    """What one run needs on disk: bodies to post, files to serve, certificates, logs."""

    def __init__(self, directory):
        self.directory = directory
        self.certificates = Certificates(directory)
        self.files = os.path.join(directory, "files")
        os.mkdir(self.files)
        self._write("files/answer", b"x" * ANSWER_BYTES)
        self._write("files/stream", b"x" * STREAM_BYTES)
        get = field(1, b"2f6e8a9c-4b1d-4e57-a3c9-0d8f7b6a5e41") + field(2, b"anthropic")
        self._write("Get", envelope(get))
        for size in CHUNK_SIZES:
            count = STREAM_BYTES // size
            asked = b"\x08" + _varint(count) + b"\x10" + _varint(size)
            self._write(f"Source-{size}", envelope(asked))
            self._write(f"Sink-{size}", envelope(field(1, b"x" * size)) * count)

    def path(self, name):
        return os.path.join(self.directory, name)

    def _write(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)


def _varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def field(number, content):
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def envelope(message):
    return b"\0" + struct.pack(">I", len(message)) + message


class Peer(Server):
    """One of the four, running."""

    def __init__(self, name, place, is_tls, extra=()):
        self.place, self.is_tls = place, is_tls
        port, files = free_port(), place.certificates
        pair = [files.server, files.server_key] if is_tls else []
        if name == OURS:
            command = [os.path.join(PRODUCTS, "bench-server"), str(port), *pair]
            command += [files.authority] if is_tls else []
        elif name == NGHTTPD:
            command = ["nghttpd", "-d", place.files, "-n1", "-a", "127.0.0.1", *extra]
            command += [str(port), *reversed(pair)] if is_tls else ["--no-tls", str(port)]
        else:
            program = _grpc_cpp() if name == GRPC_CPP else _grpc_swift()
            command = [program, str(port), *pair]
        super().__init__(name, command, port, place.path(f"{name}.log".replace("/", "")))

    def verify(self):
        """A real gRPC client gets right answers."""
        if self.name == NGHTTPD:
            return
        files = self.place.certificates
        tls = [files.authority, files.load, files.load_key] if self.is_tls else []
        on_load_core([sys.executable, os.path.join(HERE, "verify.py"), descriptors(),
                      str(self.port), *tls])

    def target(self, method, chunk_bytes=None, file="answer"):
        """`method` of the service, or at nghttpd the file; a body that is sent up goes to both."""
        files = self.place.certificates
        environment = {
            "LD_PRELOAD": client_certificate(), "BENCH_CLIENT_CERTIFICATE": files.load,
            "BENCH_CLIENT_KEY": files.load_key} if self.is_tls else {}
        base = f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.port}"
        body = self.place.path(f"{method}-{chunk_bytes}" if chunk_bytes else method)
        if self.name != NGHTTPD:
            return Target(f"{base}/bench.Bench/{method}", body, environment)
        return Target(f"{base}/{file}", body if method == "Sink" else None, environment)
