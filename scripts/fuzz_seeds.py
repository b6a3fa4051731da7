#!/usr/bin/env python3
"""Writes the seeds of the fuzzing targets: what the vectors of tests/vectors hold, and by hand
written inputs where there are no vectors.

    scripts/fuzz_seeds.py DIRECTORY    one directory per target below it

`make fuzz-corpus` joins them with the corpus and minimises both.
"""

import hashlib
import os
import re
import struct
import sys

VECTORS = "tests/vectors"
MESSAGES = {
    "WireRequest": "wire_request",
    "WireResponse": "wire_response",
    "LookupBlockPrefixReq": "lookup_req",
    "LookupBlockPrefixResp": "lookup_resp",
    "GetKvBlocksBatchReq": "get_blocks_req",
    "GetKvBlocksBatchResp": "get_blocks_resp",
    "PutKvBlocksBatchReq": "put_blocks_req",
    "PutKvBlocksBatchResp": "put_blocks_resp",
}
OPS = {
    "lookup_req": (11, b"WMBT_LBP_REQ"),
    "get_blocks_req": (12, b"WMBT_GBB_REQ"),
    "put_blocks_req": (13, b"WMBT_PBB_REQ"),
}
HASH = "0123456789abcdef" * 4

top = sys.argv[1]


def seed(target, data):
    if isinstance(data, str):
        data = data.encode()
    directory = os.path.join(top, target)
    os.makedirs(directory, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()[:16]
    with open(os.path.join(directory, name), "wb") as out:
        out.write(data)


def lines(name):
    """The fields of each line of a file of vectors; nothing when there is no such file."""
    path = os.path.join(VECTORS, name)
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line and not line.startswith("#"):
                yield line.split(" | ")


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def envelope(body):
    return b"WMBT" + struct.pack("<III", 1, crc32c(body), len(body)) + body


def request(op, payload):
    """The archive of a wire request with short texts."""
    pad = -len(payload) % 8
    root = len(payload) + pad
    return (payload + bytes(pad) + struct.pack("<QB3x", 7, op) + b"ns".ljust(8, b"\xff") +
            b"key".ljust(8, b"\xff") + struct.pack("<iI4x", -(root + 28), len(payload)))


def messages():
    for fields in lines("rkyv-vectors.txt"):
        target = MESSAGES[fields[0].lstrip("!")]
        data = unhex(fields[4] if fields[0].startswith("!") else fields[2])
        if len(data) > 1024:
            continue
        seed(target, data)
        if fields[0].startswith("!"):
            continue
        if target.startswith("wire"):
            seed("envelope", envelope(data))
        if target == "wire_request":
            seed("frame", envelope(data))
        elif target in OPS and len(data) < 400:
            seed("frame", envelope(request(OPS[target][0], OPS[target][1].ljust(16, b"\0") + data)))
    for data in (b"", b"x", b"123456789"):
        seed("envelope", envelope(data))
    seed("envelope", envelope(b"x")[:-1])
    seed("envelope", b"WMBT" + struct.pack("<III", 2, 0, 0))


def batches():
    for fields in lines("batches.txt"):
        data = unhex(fields[2])
        if fields[0] in ("key", "bytes") and len(data) <= 1024:
            seed(fields[0] + "_batch", data)
        if fields[0] == "key" and len(data) <= 200:
            seed("frame", envelope(request(9, data)))


def manifests():
    for fields in lines("large-values.txt"):
        if fields[0] == "manifest":
            seed("manifest", unhex(fields[2]))


def unescape(text):
    """Text of tests/vectors/http.txt: bytes with the escapes \\r \\n \\t \\\\ \\xNN."""
    return re.sub(rb"\\(x..|.)", lambda m: bytes.fromhex(m[1][1:].decode()) if m[1][:1] == b"x"
                  else {b"r": b"\r", b"n": b"\n", b"t": b"\t"}.get(m[1], m[1]),
                  text.encode("latin-1"))


def http_heads():
    for fields in lines("http.txt"):
        if fields[0] in ("request", "response"):
            seed("http_%s_head" % fields[0], unescape(fields[2]))
        if fields[0] == "request" and fields[1] == "ok":
            fields_of_it = unescape(fields[2]).partition(b"\r\n")[2]
            seed("http_response_head", b"HTTP/1.1 200 OK\r\n" + fields_of_it)


def bodies():
    frames = [
        "28b52ffd200529000068656c6c6f",
        "28b52ffd240529000068656c6c6fa36d9f88",
        "28b52ffd045829000068656c6c6fa36d9f88",
        "28b52ffd04a829000068656c6c6fa36d9f88",
        "502a4d1804000000deadbeef28b52ffd240529000068656c6c6fa36d9f885e2a4d1800000000",
        "28b52ffd240001000099e9d85128b52ffd240529000068656c6c6fa36d9f88",
    ]
    statement = b"twenty-four-digest-bytes" + b"ds4-v1".ljust(16, b"\0")
    stated = struct.pack("<II", 0x184D2A57, 44) + statement + struct.pack("<I", crc32c(statement))
    for frame in frames:
        for front in (b"", stated):
            seed("wbz1", b"WBZ1\x01\x03" + struct.pack("<I", 5) + front + unhex(frame))
    seed("wbz1", b"WBZ1\x00\x00" + struct.pack("<I", 5) + b"hello")
    seed("wbz1", b"WBZ0\x01\x03" + struct.pack("<I", 5) + unhex(frames[1]))
    seed("wbz1", "plain payload")
    seed("wbz1", "WBZ1")
    for flags in range(4):
        for level in (0, 1, 3):
            text = bytes([level, flags, 3, level * 40]) + b"hello hello hello hello hello "
            seed("wbz1_write", text)
            seed("wbz1_write", text[:4] + b"WBZ1" + text[4:])


def addresses():
    for at in ("localhost:80", "127.0.0.1:65535", "[::1]:8080", "[::ffff:127.0.0.1]:1",
               "s3.example-host.com:443", "[2001:db8::8:800:200c:417a]:7878", "host:65536",
               "[1:2:3:4:5:6:7:8]:1", "[::1", "h:", ":1"):
        seed("host_port", at)
        seed("endpoint", "http://" + at)
    for text in ("https://host", "http://host/", "file:///tmp/x", "HTTPS://[::1]:9000/",
                 "http://user:secret@host", "file://relative", "ftp://host"):
        seed("endpoint", text)


def settings():
    with open("examples/wombatkv.env.sample", encoding="utf-8") as file:
        sample = file.read()
    assigned = [line.lstrip("# ") for line in sample.splitlines() if re.match(r"#? ?WMBT_\w+=", line)]
    for line in assigned:
        seed("settings", "WMBT_KV_BUCKET=b\n" + line + "\n")
    seed("settings", "\n".join(assigned))
    seed("settings", "WMBT_KV_BUCKET=b\nWMBT_KV_S3_SECRET_KEY=hush4711hush\xff\n".encode("latin-1"))
    seed("settings", "WMBT_KV_TEST_X=1\nWMBT_KV_NOBODY=1\nWMBT_KV_PUFFER_DIR=/x\n")
    seed("settings", "WMBT_KV_FINGERPRINT24=" + HASH[:48] + "\nWMBT_KV_BUCKET=b\n")


def object_keys():
    for ns in ("default", "", "a/b"):
        for rest in ("wombatkv/v1/block/b3=" + HASH, "wombatkv/v1/sidecar/raw_tail/b3=" + HASH, HASH,
                     "x"):
            seed("object_key", "kv/cabi\n%s\n%s" % (ns, rest))
            listed = "kv/%s%s" % (ns + "/" if ns else "", rest)
            seed("object_key", "kv\n%s\n%s" % (ns, listed))
            seed("object_key", "kv\n%s\n%s" % (ns, listed.replace("abcdef", "ABCDEF")))
    for key in ("a", "a/b", "a b", "a%20b", "..", "/", "../x", "x" * 201, "kv/cabi/d/" + HASH,
                "~e/6/a", "a/~4/8/b", "~8/0/a%20b", "%2E%2E/~a/d/x", "%00/~4/7/%00",
                " " * 67 + "/" + "." * 2):
        seed("object_key_path", key)


def list_pages():
    for keys in ([], ["kv/a", "kv/b/c", "other"], ["kv/%20+%C3%A9"]):
        entries = "".join(
            "<Contents><Key>%s</Key><LastModified>2026-11-21T12:08:48.836Z</LastModified>"
            "<ETag>&quot;0a&quot;</ETag><Size>%d</Size></Contents>" % (key, len(key))
            for key in keys)
        for tail in ("", "<EncodingType>url</EncodingType>", "<IsTruncated>true</IsTruncated>",
                     "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"):
            seed("list_xml", "<?xml version=\"1.0\"?><ListBucketResult>%s%s</ListBucketResult>"
                 % (entries, tail))
    seed("list_xml", "<Error><Code>NoSuchBucket</Code></Error>")
    seed("list_xml", "a b\nc%\n" + "x" * 1021 + "\n\n")


for write in (messages, batches, manifests, http_heads, bodies, addresses, settings, object_keys,
              list_pages):
    write()
