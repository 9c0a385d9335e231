"""Let public judges look at every stack of the platform and of the examples; `make judge` runs this.

In: what the library makes of its environments and of examples/, of a family of environments and of the samples that say
everything.    Out: findings per resource; exit code 1 where one is not in platform/suppressions.yml, or where something
there suppresses nothing any more.
"""

from __future__ import annotations

import json
import re
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
JUDGES = ("cfn-lint", "checkov", "parliament", "cloudsplaining")
# Over ten judges, suppressions stripped; ours are four of these.
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
    """Write stacks into folders below OUT / "made", one for each command."""
    shutil.rmtree(OUT, ignore_errors=True)
    platform = ROOT / "platform"
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        examples = [place_service(each.parent, scratch) for each in sorted(ROOT.glob("examples/*/service.yml"))]
        flagstone("platform", "compile", *examples, "--no-lint", "--out", OUT / "made/platform")
        for example in examples:
            # A lock is that of the library as it was committed, and this one may be on its way to be.
            if (example / "flagstone.lock").exists():
                flagstone("lock", example, "--upgrade")
            flagstone("compile", example, "--no-lint", "--out", OUT / "made" / example.name)

        family = shutil.copytree(platform, scratch / "family/platform")
        guide = (ROOT / "docs/environments.md").read_text("utf-8")
        described, *_ = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
        (family / "environments/production.yml").write_text(described, "utf-8")
        compile_in(family, "production", scratch / "service-repo")

        sample = shutil.copytree(platform, scratch / "sample/platform")
        service = place_service(ROOT / "docs/templates/sample", scratch / "sample")
        (service / "environment.yml").rename(sample / "environments/sample.yml")
        compile_in(sample, "sample", service)


def place_service(service: Path, place: Path) -> Path:
    return shutil.copytree(service, place / service.name, ignore=shutil.ignore_patterns("__pycache__"))


def compile_in(library: Path, environment: str, service: Path) -> None:
    """Compile an environment, or a family, of another library than the repository's, and a service in it."""
    words = ("--platform", library, "--env", environment, "--no-lint", "--out")
    flagstone("platform", "compile", service, *words, OUT / "made" / library.parent.name / "platform")
    flagstone("compile", service, *words, OUT / "made" / library.parent.name / service.name)


def flagstone(*words: str | Path) -> None:
    subprocess.run([ROOT / ".venv/bin/flagstone", *words], check=True, stdout=subprocess.DEVNULL)


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
    if judge == "cfn-lint":
        command: list[Path | str] = [ROOT / ".venv/bin/cfn-lint", "--format", "json", "--include-checks", "I"]
        command += ["--non-zero-exit-code", "none", "--regions", "eu-west-1", "us-east-1", "--", *templates]
    elif judge == "checkov":
        command = [programs / "checkov", "--directory", OUT / "plain", "--framework", "cloudformation"]
        command += ["--skip-download", "--compact", "--quiet", "--output", "json", "--soft-fail"]
    else:
        command = [programs / "python", Path(__file__).parent / f"{judge}_findings.py", *templates]
    answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    read = {"cfn-lint": _from_cfn_lint, "checkov": _from_checkov}
    yield from dict.fromkeys(read[judge](answer) if judge in read else _from_ours(judge, answer))


def _from_cfn_lint(answer: Any) -> Iterator[Finding]:
    for each in answer:
        # Beside resources, such as at a parameter, its place stands for a name.
        place = "/".join(map(str, each["Location"]["Path"] or ()))
        name = place.split("/")[1] if place.startswith("Resources/") else place
        yield "cfn-lint", each["Rule"]["Id"], str(Path(each["Filename"]).relative_to(OUT / "plain")), name


def _from_checkov(answer: Any) -> Iterator[Finding]:
    assert answer["summary"]["parsing_errors"] == 0, answer["summary"]
    for each in answer["results"]["failed_checks"]:
        yield "checkov", each["check_id"], each["file_path"].lstrip("/"), each["resource"].rpartition(".")[2]


def _from_ours(judge: str, answer: Any) -> Iterator[Finding]:
    for each in answer:
        yield judge, each["rule"], str(Path(each["template"]).relative_to(OUT / "plain")), each["resource"]


if __name__ == "__main__":
    sys.exit(main())
