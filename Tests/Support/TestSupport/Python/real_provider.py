"""A provider of log-in by OpenID Connect that is not our code (oidc-provider-mock, on Authlib).

Usage: python real_provider.py CERTIFICATE KEY

Prints {"port": N}. It knows one person, ann, whose address is verified.
"""

import json
import sys

import oidc_provider_mock
import werkzeug.serving

users = [oidc_provider_mock.User(
    sub="ann", claims={"email": "ann@provider.example", "email_verified": True, "name": "Ann"})]
server = werkzeug.serving.make_server(
    "127.0.0.1", 0, oidc_provider_mock.app(user_claims=users), threaded=True,
    ssl_context=(sys.argv[1], sys.argv[2]))
print(json.dumps({"port": server.server_port}), flush=True)
server.serve_forever()
