"""A bucket with versions of a toy library, published by the command that platform teams use."""

from __future__ import annotations

from pathlib import Path

from click.testing import Result

from tests.locked_service import make_library, release, run, write

SMALL = """\
service: small
owner: squad-toy
platform: "1.0"
processes: {web: {runtime: instances, command: ./serve}}
environments: {production: {}}
"""


def make_release(folder: Path, version: str = "1.0.0", *, desired: int | None = None) -> Path:
    """Make a library of a version that may be published. `desired` changes what its templates make of a service."""
    library = make_library(folder)
    if version != "1.0.0":
        release(library, version)
    write(library / "CHANGELOG.md", f"# Changes\n\n## {version}\n\n- What {version} brings.\n\n## 0.9.0\n\n- Before.\n")
    if desired is not None:
        path = library / "templates/groups.py"
        text = path.read_text()
        assert text.count('f"{name}Group",') == 1
        path.write_text(text.replace('f"{name}Group",', f'f"{{name}}Group",\n            DesiredCapacity="{desired}",'))
    return library


def publish(library: Path, bucket: str | Path, *words: str) -> Result:
    """Publish a library by its examples; by a small service where it has none beside it."""
    service = library.parent / f"services-of-{library.name}" / "small"
    write(service / "service.yml", SMALL)
    return run("platform", "publish", service, "--bucket", bucket, "--platform", library, "--no-lint", *words)
