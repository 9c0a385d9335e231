"""Manifest: the file that makes a release one, sealed with the digest of itself.

In: what a release says of itself, or the bytes of a manifest.    Out: bytes; what they say.
Faults: DamagedManifest.
Never: reads a file or a bucket, or takes bytes for a manifest that Flagstone would have written otherwise.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.model import Commit, Json
from compiler.trace import plain

MANIFEST = "manifest.json"
CLAIM = "claim.json"  # lies beside the manifest
MARK = "removal.json"  # lies there while `gc` removes the release
_SEAL = "seal"
_MAX_TEXT = 200  # characters of a name or a version
_DIGEST = re.compile(r"[0-9a-f]{64}")


class DamagedManifest(ValueError):
    """Bytes that are no manifest, or not as they were written; the text says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a manifest says of a file: sha256 in hex, size in bytes."""

    digest: str
    size: int

    def find_fault(self, content: bytes) -> str | None:
        """Say in what a content is not the listed one; None where it is."""
        if len(content) != self.size:
            return f"it has {len(content)} bytes, and the manifest lists {self.size}"
        found = hashlib.sha256(content).hexdigest()
        if found != self.digest:
            return f"its digest begins with {found[:12]}, and the manifest lists {self.digest[:12]}"
        return None


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What the manifest of a service's release says it was made from. `compiler` is a version of Flagstone."""

    service: str
    release: str
    commit: Commit | None
    library: str
    version: str
    digest: str
    compiler: str
    environments: tuple[str, ...]


def read_release(data: Mapping[str, Json]) -> ReleaseFacts:
    """Read the facts of a release from what its manifest says, each as a terminal may show it.

    Whoever may write to a bucket can seal anything, so a seal says nothing about them. Raises DamagedManifest.
    """
    match data:
        case {
            "service": str(service),
            "release": str(release),
            "commit": None | {"id": str(), "time": str(), "dirty": bool()} as said,
            "platform": {"name": str(library), "version": str(version), "digest": str(digest)},
            "compiler": {"version": str(compiler)},
            "environments": [*environments],
        } if _DIGEST.fullmatch(digest) and all(isinstance(name, str) for name in environments):
            commit = Commit(said["id"], said["time"], said["dirty"]) if said else None
            texts = [service, release, library, version, compiler, *environments]
            if commit:
                texts += [commit.id, commit.time]
            if all(0 < len(text) <= _MAX_TEXT and text.isprintable() for text in texts):
                return ReleaseFacts(service, release, commit, library, version, digest, compiler, tuple(environments))
    raise DamagedManifest("it is not a manifest of this release that this version of Flagstone can read")


def render_json(data: Json) -> bytes:
    """Write canonical JSON: keys as they come, two-space indent, UTF-8, one newline at the end.

    >>> render_json({"b": 1, "a": ["é"]}).decode()
    '{\\n  "b": 1,\\n  "a": [\\n    "é"\\n  ]\\n}\\n'
    """
    return (json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def list_files(files: Mapping[str, bytes]) -> dict[str, Json]:
    """Describe files, keyed by path, for a manifest: sha256 in hex and size in bytes."""
    return {
        path: {"sha256": hashlib.sha256(files[path]).hexdigest(), "size": len(files[path])} for path in sorted(files)
    }


def seal_manifest(data: Mapping[str, Json]) -> bytes:
    """Write a manifest. Its last key is the sha256 of the manifest without it, so that a changed byte shows."""
    return render_json({**data, _SEAL: hashlib.sha256(render_json(data)).hexdigest()})


def render_claim(manifest: bytes) -> bytes:
    """Write what claims a folder for one manifest, and so for all that it lists, before anything else is there.

    >>> render_claim(b"").decode()
    '{\\n  "manifest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"\\n}\\n'
    """
    return render_json({"manifest": hashlib.sha256(manifest).hexdigest()})


def open_manifest(content: bytes) -> tuple[dict[str, Json], dict[str, Listed]]:
    """Return what a sealed manifest says, without the seal, and the files that it lists by path.

    Raises DamagedManifest.
    """
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise DamagedManifest("it is not JSON") from None
    seal = data.pop(_SEAL, None) if isinstance(data, dict) else None
    if not isinstance(seal, str):
        raise DamagedManifest("it has no seal")
    try:
        is_sound = seal_manifest(data) == content
    except (ValueError, RecursionError):  # NaN, or a lone surrogate
        is_sound = False
    if not is_sound:
        raise DamagedManifest("its seal is not that of its content")
    if data.get("schema") != 1:
        raise DamagedManifest("this version of Flagstone cannot read its schema")
    files = data.get("files")
    listed = {path: _read_listed(entry) for path, entry in files.items()} if isinstance(files, dict) else None
    if listed is None:
        raise DamagedManifest("it lists no files")
    return data, listed


def _read_listed(entry: Json) -> Listed:
    match entry:
        case {"sha256": str(digest), "size": int(size)} if _DIGEST.fullmatch(digest):
            return Listed(digest, size)
    raise DamagedManifest("it describes a file without digest or size")
