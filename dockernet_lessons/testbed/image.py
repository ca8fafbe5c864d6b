"""The small image that lessons launch, made from the tree's own files: no registry is ever needed.

It holds a web server that answers with its own name and the caller's address, and ping, ip, wget, nslookup.
The archive is the same, byte for byte, whenever the tree is.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from dockernet_lessons.testbed.commands import run

NAME = "lesson"
TAG = f"{NAME}:latest"
PROGRAMS = (
    "usr/bin/busybox",
    "usr/bin/dash",
    "usr/bin/getent",
    "usr/bin/ping",
    "usr/bin/socat",
    "usr/bin/ip",
)
SCRIPTS = ("usr/lib/testbed/serve", "usr/lib/testbed/answer")
LIBRARIES = ("usr/lib/x86_64-linux-gnu/libnss_dns.so.2", "usr/lib/x86_64-linux-gnu/libnss_files.so.2")
RECIPE = (NAME, PROGRAMS, SCRIPTS, LIBRARIES, "format 1")


def loaded_from(root: Path, command: Sequence[str]) -> list[str]:
    """Give the command that runs a program of a tree with the tree's own libraries, without entering the tree."""
    library_path = ":".join(str(root / folder) for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib"))
    return [
        str(root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        "--library-path",
        library_path,
        *command,
    ]


def build(root: Path, archive: Path) -> None:
    """Write the image as an archive for ``docker load``."""
    layer = _layer(root)
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Cmd": ["/usr/lib/testbed/serve"],
            "Env": ["PATH=/usr/sbin:/usr/bin"],
            "ExposedPorts": {"80/tcp": {}},
            "Labels": {"dockernet.image": "lesson"},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "dockernet build"}],
    }
    config_bytes = json.dumps(config, sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config_bytes).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [TAG], "Layers": [f"{layer_digest}/layer.tar"]}]
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (
            (config_name, config_bytes),
            (f"{layer_digest}/layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            _add(tar, name, data)


def _layer(root: Path) -> bytes:
    files = {name: root / name for name in (*PROGRAMS, *SCRIPTS) if (root / name).exists()}
    files["usr/bin/ip"] = (root / "usr/bin/ip") if (root / "usr/bin/ip").exists() else root / "usr/sbin/ip"
    needed = [root / name for name in LIBRARIES if (root / name).exists()]
    for name, program in files.items():
        if name not in SCRIPTS:
            needed += libraries(root, program)
    for library in needed:
        files[f"usr/lib/x86_64-linux-gnu/{library.name}"] = library
    links = {name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib64")}
    links["usr/lib64/ld-linux-x86-64.so.2"] = "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
    links["usr/bin/sh"] = "dash"
    for applet in run(loaded_from(root, [str(root / "usr/bin/busybox"), "--list"])).stdout.split():
        if f"usr/bin/{applet}" not in files:
            links.setdefault(f"usr/bin/{applet}", "busybox")
    texts = {name: (root / name).read_bytes() for name in ("etc/passwd", "etc/group", "etc/nsswitch.conf")}
    folders = {str(folder) for name in (*files, *links, *texts) for folder in Path(name).parents if folder.name}
    folders |= {"dev", "proc", "root", "run", "sys", "tmp", "usr/sbin"}

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(folders):
            _add(tar, name, b"", mode=0o1777 if name == "tmp" else 0o755, kind=tarfile.DIRTYPE)
        for name in sorted(files):
            _add(tar, name, files[name].read_bytes(), mode=0o755)
        for name in sorted(links):
            _add(tar, name, b"", kind=tarfile.SYMTYPE, target=links[name])
        for name in sorted(texts):
            _add(tar, name, texts[name])
    return buffer.getvalue()


def libraries(root: Path, program: Path) -> list[Path]:
    """Give the shared libraries a program loads, the loader included."""
    listing = run(loaded_from(root, ["--list", str(program)])).stdout
    return [Path(word) for line in listing.splitlines() for word in line.split() if word.startswith(str(root))]


def _add(
    tar: tarfile.TarFile,
    name: str,
    data: bytes,
    *,
    mode: int = 0o644,
    kind: bytes = tarfile.REGTYPE,
    target: str = "",
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), target
    tar.addfile(entry, io.BytesIO(data))
