"""Archives as ``docker save`` writes them, small."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path


def tar_of(files: dict[str, bytes]) -> bytes:
    """Make a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


LAYERS = (
    tar_of({"etc/first": b"one" * 1000}),
    tar_of({"etc/second": bytes(range(256)) * 8000}),
)


def config_of(layers: tuple[bytes, ...]) -> dict[str, object]:
    """Write an image's configuration."""
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"io.fedota.image": "client"}, "Env": ["PATH=/bin"]},
        "history": [{"created_by": "a test"} for _ in layers],
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers],
        },
    }


def save_old(path: Path, layers: tuple[bytes, ...] = LAYERS) -> None:
    """Write as engines before 25 do: a folder for each layer, nothing compressed."""
    config = json.dumps(config_of(layers)).encode()
    names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    index = [{"Config": "c0ffee.json", "RepoTags": ["fedota/client:latest"], "Layers": names}]
    files = dict(zip(names, layers, strict=True))
    files |= {"c0ffee.json": config, "manifest.json": json.dumps(index).encode()}
    path.write_bytes(tar_of(files))


def save_new(path: Path, layers: tuple[bytes, ...] = LAYERS) -> None:
    """Write as newer engines do: an OCI layout, its layers compressed."""
    config = json.dumps(config_of(layers)).encode()
    packed = [gzip.compress(one, mtime=0) for one in layers]
    names = [f"blobs/sha256/{hashlib.sha256(one).hexdigest()}" for one in packed]
    at = f"blobs/sha256/{hashlib.sha256(config).hexdigest()}"
    index = [{"Config": at, "RepoTags": ["fedota/client:latest"], "Layers": names}]
    files = dict(zip(names, packed, strict=True))
    files |= {at: config, "manifest.json": json.dumps(index).encode()}
    path.write_bytes(tar_of(files))
