"""The front-end code of others that the package carries: which versions, from where, and how to take newer ones.

``python tools/vendored.py`` tells whether each file is the one that its record names; ``python tools/vendored.py
@xterm/xterm@6.0.0 @xterm/addon-fit@0.11.0`` takes these versions from npm (which has to be installed), checks what came
against npm's own checksum, and writes files and record anew. Nothing is built or changed: files are as published.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDORED = Path(__file__).parent.parent / "dockernet_lessons" / "widgets" / "vendored"
RECORD = VENDORED / "versions.json"
FILES = {
    "@xterm/xterm": {"lib/xterm.mjs": "xterm.mjs", "css/xterm.css": "xterm.css", "LICENSE": "LICENSE.xterm"},
    "@xterm/addon-fit": {"lib/addon-fit.mjs": "addon-fit.mjs", "LICENSE": "LICENSE.addon-fit"},
}
"""The files that are taken of each package, and what they are called here."""


def complaints() -> list[str]:
    """List the files that are not what the record says, are missing, or are on no record."""
    known = {
        name: digest for package in json.loads(RECORD.read_text()).values() for name, digest in package["files"].items()
    }
    found = {path.name: sha256(path.read_bytes()) for path in VENDORED.iterdir() if path != RECORD}
    return [name for name in sorted(known.keys() | found.keys()) if known.get(name) != found.get(name)]


def sha256(data: bytes) -> str:
    """Give a checksum."""
    return hashlib.sha256(data).hexdigest()


def take(wanted: str) -> dict[str, object]:
    """Take a package, NAME@VERSION, from npm; give its record."""
    name = wanted.rpartition("@")[0]
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--json", "--pack-destination", folder, wanted]
        (packed,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        (archive,) = Path(folder).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if packed["integrity"] != f"sha512-{digest}":
            sys.exit(f"{wanted} is not what npm says it is: sha512-{digest}")
        files = {}
        with tarfile.open(archive) as members:
            for inside, here in FILES[name].items():
                member = members.extractfile(f"package/{inside}")
                assert member is not None, inside  # noqa: S101  # extractfile gives none for folders only
                data = member.read()
                (VENDORED / here).write_bytes(data)
                files[here] = sha256(data)
    return {
        "from": "npm",
        "version": packed["version"],
        "integrity": packed["integrity"],
        "licence": "MIT",
        "files": files,
    }


def main(wanted: list[str]) -> None:
    """Take what is named, or check what is there."""
    if wanted:
        record = {each.rpartition("@")[0]: take(each) for each in wanted}
        if record.keys() != FILES.keys():
            sys.exit(f"name each of them with its version: {', '.join(FILES)}")
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
    if wrong := complaints():
        sys.exit(f"not as recorded in {RECORD}: {', '.join(wrong)}")


if __name__ == "__main__":
    main(sys.argv[1:])
