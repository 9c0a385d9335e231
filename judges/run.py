"""Let public judges look at every stack of the platform and of the examples; `make judge` runs this.

In: what the library makes of its environments and of examples/.    Out: findings per resource; exit code 1 where one is
not in platform/suppressions.yml, or where something there suppresses nothing any more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
OUT = ROOT / "out" / "judge"
JUDGES = ("checkov", "parliament", "cloudsplaining")
# Over ten judges, suppressions stripped; ours are three of these.
PUBLISHED = {"widdix": 2.67, "samples of AWS": 4.27, "output of Copilot": 4.61}
# A finding: judge, rule, template below OUT, logical id.
Finding = tuple[str, str, str, str]


def main() -> int:
    compile_everything()
    templates = {str(path.relative_to(OUT / "plain")): path for path in strip_suppressions()}
    found = {judge: list(ask(judge, list(templates.values()))) for judge in JUDGES}
    meant = set(read_suppressions())
    everything = {finding for findings in found.values() for finding in findings}
    resources = sum(len(json.loads(path.read_text())["Resources"]) for path in templates.values())
    print(f"{len(templates)} stacks, {resources} resources")
    for judge in JUDGES:
        open_ones = [finding for finding in found[judge] if finding not in meant]
        print(f"{judge:<16} {len(found[judge])} found, {len(found[judge]) - len(open_ones)} of them meant")
    print(f"{len(everything) / resources:.2f} findings a resource, nothing suppressed; published, of ten judges:")
    print("  ".join(f"{name} {value}" for name, value in PUBLISHED.items()))
    for _, rule, template, name in sorted(everything & meant):
        print(f"  meant  {rule:<24} {template} {name}")
    for judge, rule, template, name in sorted(everything - meant):
        print(f"FOUND    {judge} {rule} {template} {name}")
    for judge, rule, template, name in sorted(meant - everything):
        print(f"USELESS  {judge} does not find {rule} at {template} {name} any more")
    for rule, count in Counter(rule for _, rule, _, _ in everything - meant).items():
        print(f"{rule}: {count}")
    return int(meant != everything)


def compile_everything() -> None:
    flagstone = str(ROOT / ".venv/bin/flagstone")
    subprocess.run(["rm", "-rf", str(OUT)], check=True)
    subprocess.run(
        [flagstone, "platform", "compile", "--no-lint", "--out", str(OUT / "made/platform")], check=True, stdout=2
    )
    with TemporaryDirectory() as scratch:
        for descriptor in sorted(ROOT.glob("examples/*/service.yml")):
            example, name = Path(scratch, descriptor.parent.name), descriptor.parent.name
            shutil.copytree(descriptor.parent, example)
            # A lock is that of the library as it was committed, and this one may be on its way to be.
            if (example / "flagstone.lock").exists():
                subprocess.run([flagstone, "lock", str(example), "--upgrade"], check=True, stdout=2)
            subprocess.run(
                [flagstone, "compile", str(example), "--no-lint", "--out", str(OUT / "made" / name)],
                check=True,
                stdout=2,
            )


def strip_suppressions() -> Iterator[Path]:
    """Write each template without what judges are told to skip, and yield where."""
    for path in sorted((OUT / "made").rglob("template.json")):
        template = json.loads(path.read_text())
        for resource in template["Resources"].values():
            for judge in JUDGES:
                resource.get("Metadata", {}).pop(judge, None)
        plain = OUT / "plain" / path.relative_to(OUT / "made")
        plain.parent.mkdir(parents=True, exist_ok=True)
        plain.write_text(json.dumps(template, indent=1))
        yield plain


def read_suppressions() -> Iterator[Finding]:
    for path in sorted((OUT / "made").rglob("template.json")):
        for name, resource in json.loads(path.read_text())["Resources"].items():
            for judge in JUDGES:
                for skip in resource.get("Metadata", {}).get(judge, {}).get("skip", ()):
                    yield judge, skip["id"], str(path.relative_to(OUT / "made")), name


def ask(judge: str, templates: list[Path]) -> Iterator[Finding]:
    """Yield each finding of a judge once."""
    programs = ROOT / f".venv-{judge}/bin"
    if judge == "checkov":
        command: list[Path | str] = [
            programs / "checkov",
            "--directory",
            OUT / "plain",
            "--framework",
            "cloudformation",
        ]
        command += ["--skip-download", "--compact", "--quiet", "--output", "json", "--soft-fail"]
    else:
        command = [programs / "python", Path(__file__).parent / f"{judge}_findings.py", *templates]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    yield from dict.fromkeys(_from_checkov(json.loads(answer)) if judge == "checkov" else _from_ours(judge, answer))


def _from_checkov(answer: Any) -> Iterator[Finding]:
    assert answer["summary"]["parsing_errors"] == 0, answer["summary"]
    for each in answer["results"]["failed_checks"]:
        yield "checkov", each["check_id"], each["file_path"].lstrip("/"), each["resource"].rpartition(".")[2]


def _from_ours(judge: str, answer: str) -> Iterator[Finding]:
    for each in json.loads(answer):
        yield judge, each["rule"], str(Path(each["template"]).relative_to(OUT / "plain")), each["resource"]


if __name__ == "__main__":
    sys.exit(main())
