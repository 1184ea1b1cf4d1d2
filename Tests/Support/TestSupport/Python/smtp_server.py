"""An SMTP server (aiosmtpd) for tests: a line of JSON for where it listens, then one for each mail.

Arguments are a JSON object: `certificate` and `key` (files), `implicit` (TLS from the first byte),
`user` and `password` (AUTH is required), `refuse` (a recipient that is refused for good), `defer`
(how many mails are put off at first).
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])


def say(**event):
    print(json.dumps(event), flush=True)


class Handler:
    def __init__(self):
        self.deferred = options.get("defer", 0)

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address == options.get("refuse"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.deferred > 0:
            self.deferred -= 1
            say(deferred=envelope.rcpt_tos)
            return "451 4.3.0 later"
        say(
            helo=session.host_name, sender=envelope.mail_from, recipients=envelope.rcpt_tos,
            data=envelope.content.decode("ascii"), secure=session.ssl is not None or bool(options.get("implicit")),
            user=session.auth_data or "")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, login):
    password = options.get("password", "").encode()
    if login.login == options.get("user", "").encode() and login.password == password:
        return AuthResult(success=True, auth_data=login.login.decode())
    return AuthResult(success=False, handled=False)


async def main():
    context = None
    if "certificate" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["certificate"], options["key"])
    is_implicit = bool(options.get("implicit"))
    handler = Handler()

    def protocol():
        return SMTP(
            handler, tls_context=None if is_implicit else context,
            require_starttls=context is not None and not is_implicit,
            auth_required="user" in options, auth_require_tls=not is_implicit,
            authenticator=authenticate)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        protocol, "127.0.0.1", 0, ssl=context if is_implicit else None)
    say(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
