"""Verifies a file of proofs and all leaves of a log, written from docs/verify-the-log.md alone.

The tree, its proofs and their verification are pymerkle's, signatures are cryptography's.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys

import pymerkle
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(*texts):
    encoded = [text.encode() for text in texts]
    return b"".join(struct.pack(">I", len(text)) + text for text in encoded)


def checkpoint(note, key):
    """The origin, size and root of a note that the key has signed."""
    name, key_id, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    assert public[0] == 1 and hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] == key_id
    text, signatures = note.rsplit("\n\n", 1)
    dash, signer, signature = signatures.split(" ")
    signature = base64.b64decode(signature)
    assert dash == "\u2014" and signer == name and signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature[4:], (text + "\n").encode())
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), base64.b64decode(root)


def commitment(personal, salt):
    fields = [personal[name] for name in (
        "accountID", "actorID", "actorName", "targetID", "targetName", "ipAddress", "userAgent",
        "requestID", "details")]
    return hashlib.sha256(canonical("chatelaine.personal.v1") + salt + canonical(*fields)).digest()


def leaf(line, account_key):
    entry = canonical(
        "chatelaine.entry.v1", str(line["sequence"]), line["id"], str(line["timeMicroseconds"]),
        line["source"], line["action"], str(line["outcome"]), line["actorType"],
        line["targetType"], str(line["accountEntry"])) + base64.b64decode(line["commitment"])
    number = struct.pack(">Q", line["accountEntry"])
    tag = hmac.new(account_key, number, hashlib.sha256).digest()
    return b"\x01" + tag + hashlib.sha256(entry).digest()


def bundle(data):
    leaves = []
    while data:
        (length,) = struct.unpack(">H", data[:2])
        leaves.append(data[2:2 + length])
        data = data[2 + length:]
    return leaves


def main(file, leaves_file, key, old_root):
    with open(file, encoding="utf-8") as lines:
        header, *lines = [json.loads(line) for line in lines]
    size, root = checkpoint(header["checkpoint"], key)
    with open(leaves_file, "rb") as data:
        leaves = bundle(data.read())
    assert len(leaves) == size
    tree = pymerkle.InmemoryTree.init_from_entries(leaves)
    assert tree.get_root() == root
    account_key = base64.b64decode(header["accountKey"])
    assert len(lines) == header["entries"]
    for number, line in enumerate(lines, 1):
        assert line["accountEntry"] == number
        assert line["personal"]["accountID"] == header["account"]
        salt = base64.b64decode(line["salt"])
        assert commitment(line["personal"], salt) == base64.b64decode(line["commitment"])
        assert leaf(line, account_key) == leaves[line["sequence"] - 1]
        proof = tree.prove_inclusion(line["sequence"], size)
        path = [node.hex() if isinstance(node, bytes) else node for node in proof.path]
        # Its path begins with the leaf's own hash.
        ours = [base64.b64decode(node).hex() for node in line["proof"]]
        assert path[1:] == ours, (path, ours)
    old_size = header["consistency"]["oldSize"]
    assert tree.get_root(old_size).hex() == old_root
    tree.prove_consistency(old_size, size).verify(tree.get_root(old_size), root)
    print(f"{len(lines)} entries hold in a tree of {size}")


main(*sys.argv[1:])
