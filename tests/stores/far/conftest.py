"""A real S3 server in a process of its own, on this machine only, and places to put things."""

import itertools
import os
import socket
import subprocess
import sys
import time
from functools import partial

import pytest

from plait.keyring import identity
from plait.stores.layered import create as layered
from plait.stores.local import create as local
from plait.stores.remote import create as remote

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def _nobodys_keys(monkeypatch, tmp_path):
    """No test sees the keys or the accounts of who runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("PLAIT_KEYS", raising=False)
    monkeypatch.delenv("PLAIT_STORE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing-to-hide")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


# it ends when we do, however that comes about
_SERVER = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="session")
def s3_server():
    """Where the server listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-c", _SERVER, "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 240
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < until, "the S3 server did not start"
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        process.stdin.close()


@pytest.fixture
def bucket(s3_server):
    """The URL of a new bucket, and the options with which it is reached."""
    import boto3

    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    client = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{s3_server}", region_name="us-east-1",
        aws_access_key_id="nobody", aws_secret_access_key="nothing-to-hide",
    )  # fmt: skip
    client.create_bucket(Bucket=name)
    client.close()
    return f"s3://{name}/team", {"endpoint_url": f"http://127.0.0.1:{s3_server}"}


@pytest.fixture
def place(request, tmp_path, s3_server):
    """One place, as anybody opens it: a function. The test says which kinds."""
    kind = getattr(request, "param", "memory")
    if kind == "s3":
        url, options = request.getfixturevalue("bucket")
        return lambda: remote(url, options)
    url = f"memory://{tmp_path.name}-{next(_numbers)}" if kind == "memory" else str(tmp_path / "shared")
    return lambda: remote(url)


def keys_of(*names):
    """Keys, by names that tell them apart."""
    found = [name.encode().ljust(32, b"-") for name in names]
    return {identity(key): key for key in found}


def store_of(folder, place, *keys, safe=("plain", "numpy", "pandas", "file"), required=False):
    """A store in a folder, with a place behind it."""
    return layered(
        near=local(folder),
        far=place,
        folder=str(folder),
        make=partial(local, passing=True),
        keys=Keys(keys),
        safe=Safe(safe),
        required=required,
    )


class Keys:
    """What a user's keys are, in a form that travels."""

    def __init__(self, names):
        self.names = names

    def __call__(self):
        return keys_of(*self.names)


class Safe:
    """Codecs that run no code, in a form that travels."""

    def __init__(self, names):
        self.names = names

    def __call__(self):
        return self.names
