"""Schemathesis against the JSON API: made-up requests of every kind that the OpenAPI document allows
or forbids. Prints what the API did that the document doesn't say.

Arguments: the portal's address, an access token, and how many requests each operation gets.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

# What a document can't promise about answers: an unknown id is 404 whatever the schema says of it.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Without the phase that follows links, of which the document has none.
PHASES = "examples,coverage,fuzzing"


def main(address, token, examples):
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        # The credential of the document's scheme: as a header it would give way to made-up ones.
        with open(os.path.join(folder, "schemathesis.toml"), "w", encoding="utf-8") as settings:
            settings.write(f'[auth.openapi.accessToken]\nbearer = "{token}"\n')
        done = subprocess.run(
            [program, "run", f"{address}/api/openapi.json", "--checks", CHECKS, "--phases", PHASES,
             "--max-examples", examples, "--generation-deterministic", "--workers", "1",
             # They end what the others are called with: ids come from answers before.
             "--exclude-operation-id", "deleteCurrentSession",
             "--exclude-operation-id", "deleteAccessToken", "--no-color",
             "--continue-on-failure"],
            cwd=folder, capture_output=True, text=True, timeout=200)
    cases = re.search(r"Test cases:\s+([\d,]+) generated", done.stdout)
    print(json.dumps({
        "status": done.returncode, "report": done.stdout[-12_000:] + done.stderr[-2_000:],
        "cases": int(cases.group(1).replace(",", "")) if cases else 0}))


main(*sys.argv[1:])
