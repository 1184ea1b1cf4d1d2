"""Java's HttpClient, under which Spring AI and LangChain4j put their calls."""

import pathlib
import subprocess
import tempfile

from matrix import same

FOLDER = tempfile.TemporaryDirectory()
subprocess.run(
    ["javac", "-d", FOLDER.name, pathlib.Path(__file__).with_name("Calls.java")], check=True)


def java(way, case):
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", FOLDER.name, "Calls",
         way.base("openai", "/v1"), way.key, case], capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr.splitlines()[:1]]


@same("several calls of one client, each with an offer of HTTP/2")
def _(way):
    return java(way, "several")


@same("several streams of one client")
def _(way):
    return java(way, "stream")


@same("expectContinue: the body waits for leave to come")
def _(way):
    return java(way, "expect")
