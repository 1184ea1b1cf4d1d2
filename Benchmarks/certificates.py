"""An authority for the run, with certificates for servers and for whoever loads them."""

import os
import subprocess

LOAD_IDENTITY = "spiffe://chatelaine/bench"


class Certificates:
    def __init__(self, directory):
        self._directory = directory
        self.authority, self._authority_key = self._paths("authority")
        self._openssl("req", "-x509", *self._new_key("authority"), "-days", "2",
                      "-subj", "/CN=benchmark authority", "-out", self.authority)
        self.server, self.server_key = self._issue(
            "server", "DNS:localhost,IP:127.0.0.1,URI:spiffe://chatelaine/bench-server")
        self.load, self.load_key = self._issue("load", f"URI:{LOAD_IDENTITY}")

    def _paths(self, name):
        return (os.path.join(self._directory, f"{name}.pem"),
                os.path.join(self._directory, f"{name}.key"))

    def _new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self._paths(name)[1])

    def _issue(self, name, alternative_names):
        certificate, key = self._paths(name)
        self._openssl("req", "-x509", *self._new_key(name), "-days", "2",
                      "-subj", f"/CN=benchmark {name}",
                      "-addext", f"subjectAltName={alternative_names}",
                      "-addext", "basicConstraints=critical,CA:FALSE",
                      "-CA", self.authority, "-CAkey", self._authority_key, "-out", certificate)
        return certificate, key

    @staticmethod
    def _openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
