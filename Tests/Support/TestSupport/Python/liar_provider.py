"""A provider of log-in by OpenID Connect that lies on demand.

Usage: python liar_provider.py CERTIFICATE KEY

Prints {"port": N}. /control takes JSON that says what it does wrong from then on; /authorize answers
at once, as JSON, what a browser would bring back.
"""

import base64
import hashlib
import hmac
import json
import secrets
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

CLIENT, SECRET = "portal", "a secret/with:signs"


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return url64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Provider:
    def __init__(self, port):
        self.issuer = f"https://localhost:{port}"
        self.lies = {}
        self.codes = {}
        self.serial = 0
        self.seen = []
        self.rotate()

    def rotate(self):
        self.serial += 1
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.stranger = rsa.generate_private_key(65537, 2048)

    def keys(self):
        public, point = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        keys = [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": f"rsa-{self.serial}",
             "n": number(public.n), "e": number(public.e)},
            {"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": f"ec-{self.serial}",
             "x": number(point.x, 32), "y": number(point.y, 32)},
            {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        ]
        if self.lies.get("two_keys"):
            other = self.stranger.public_key().public_numbers()
            keys.append({"kty": "RSA", "kid": "other", "n": number(other.n), "e": number(other.e)})
        return {"keys": keys}

    def discovery(self):
        document = {
            "issuer": self.issuer, "authorization_endpoint": self.issuer + "/authorize",
            "token_endpoint": self.issuer + "/token", "jwks_uri": self.issuer + "/keys",
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": True,
        }
        document.update(self.lies.get("discovery", {}))
        return document

    def authorize(self, query):
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return {"code": code, "state": query["state"], "iss": self.lies.get("answer_iss", self.issuer)}

    def token(self, form, authorization):
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        if [unquote(part) for part in given] != [CLIENT, SECRET]:
            return None, "invalid_client"
        query = self.codes.pop(form.get("code"), None)
        if query is None or form.get("redirect_uri") != query["redirect_uri"]:
            return None, "invalid_grant"
        challenge = url64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if query.get("code_challenge_method") != "S256" or challenge != query["code_challenge"]:
            return None, "invalid_grant"
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": "ann", "nonce": query["nonce"],
                  "iat": now, "exp": now + 300, "email": "ann@example.com",
                  "email_verified": True, "name": "Ann"}
        claims.update(self.lies.get("claims", {}))
        for name in self.lies.get("missing", []):
            claims.pop(name, None)
        for name, seconds in self.lies.get("times", {}).items():
            claims[name] = now + seconds
        return {"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)}, None

    def sign(self, claims):
        algorithm = self.lies.get("alg", "RS256")
        kind = "ec" if algorithm == "ES256" else "rsa"
        head = {"alg": algorithm, "typ": "JWT", "kid": f"{kind}-{self.serial}"}
        head.update(self.lies.get("head", {}))
        if self.lies.get("no_kid"):
            del head["kid"]
        text = url64(json.dumps(head).encode()) + "." + url64(json.dumps(claims).encode())
        data = text.encode()
        if algorithm == "none":
            return text + "."
        if algorithm == "HS256":
            public = self.rsa.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            return text + "." + url64(hmac.new(public, data, hashlib.sha256).digest())
        if algorithm == "ES256":
            r, s = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
            return text + "." + url64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        key = self.stranger if self.lies.get("strangers_key") else self.rsa
        return text + "." + url64(key.sign(data, padding.PKCS1v15(), hashes.SHA256()))


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", provider.issuer + "/keys")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        if provider.lies.get("redirect") == path:
            return self.answer({}, 302)
        if provider.lies.get("flood") == path:
            return self.answer({"keys": "x" * (1 << 20)})
        if path == "/.well-known/openid-configuration":
            return self.answer(provider.discovery())
        if path == "/keys":
            return self.answer(provider.keys())
        if path == "/authorize":
            return self.answer(provider.authorize(fields))
        return self.answer({}, 404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        path = urlsplit(self.path).path
        if path == "/token":
            form = {name: values[0] for name, values in parse_qs(body).items()}
            token, error = provider.token(form, self.headers.get("Authorization", ""))
            return self.answer({"error": error} if error else token, 400 if error else 200)
        lies = json.loads(parse_qs(body)["lies"][0])
        if lies.pop("rotate", False):
            provider.rotate()
        provider.lies = lies
        return self.answer({})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
provider = Provider(server.server_address[1])
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
