"""Prints what an authenticator app shows now (RFC 6238). Argument: the secret in base32."""

import base64
import hmac
import struct
import sys
import time

secret = base64.b32decode(sys.argv[1] + "=" * (-len(sys.argv[1]) % 8))
digest = hmac.digest(secret, struct.pack(">Q", int(time.time()) // 30), "sha1")
start = digest[-1] & 15
number = struct.unpack(">I", digest[start:start + 4])[0] & 0x7FFFFFFF
print(f"{number % 1_000_000:06}")
