"""Library: what a folder of the platform team has to be, and what its code may count on."""

from __future__ import annotations

import os
import py_compile
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from compiler.diagnostics import CompileError
from compiler.library import load_library
from compiler.pipeline import compile_service, open_library
from compiler.reach import check_endpoints
from compiler.resolve import resolve_environment
from tests.describing import LIBRARY, SHOP
from tests.spans import show


def copy_library(folder: Path, changed: Mapping[str, str] | None = None) -> Path:
    """Copy the toy library with some files changed or added."""
    shutil.copytree(LIBRARY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in (changed or {}).items():
        (folder / path).write_text(text)
    return folder


def find(folder: Path) -> list[str]:
    with pytest.raises(CompileError) as caught:
        open_library(folder)
    return [f"{fault.code} {fault.span.path if fault.span else None}" for fault in caught.value.diagnostics]


def test_a_folder_without_platform_yml_is_no_library(tmp_path: Path) -> None:
    assert ["D403 None"] == find(tmp_path) == find(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "text",
    ["'*': [a]", "'*': 5", "'*': {Properties.Tags: []}", "'*': {Properties.Tags: {Key: a}}", "'*': {a: [1]}", "[a]"],
)
def test_a_table_of_another_shape_is_refused(text: str, tmp_path: Path) -> None:
    assert ["D403 platform/identities.yml"] == find(copy_library(tmp_path / "library", {"identities.yml": text}))


@pytest.mark.parametrize("text", ["defaults: 5", "name: toy", "[a]", "name: on", "a: ["])
def test_a_broken_platform_yml_is_refused_with_its_place(text: str, tmp_path: Path) -> None:
    found = find(copy_library(tmp_path / "library", {"platform.yml": text}))
    assert found and {"platform/platform.yml"} == {line.split()[1] for line in found}


def test_an_order_of_environments_that_could_never_hold_is_refused_at_its_word(tmp_path: Path) -> None:
    platform = (LIBRARY / "platform.yml").read_text()
    orders = {
        "staging, production": [],
        "stagging, production": ["D403 18 stagging"],
        "env-default": ["D403 18 env-default"],
    }
    for number, (order, expected) in enumerate(orders.items()):
        folder = copy_library(tmp_path / str(number), {"platform.yml": f"{platform}promotion: [{order}]\n"})
        try:
            open_library(folder)
            found = []
        except CompileError as error:
            found = show(error.diagnostics)
        assert expected == found
    folder = copy_library(tmp_path / "shape", {"platform.yml": f"{platform}promotion: [1]\n"})
    assert ["D2"] == [line[:2] for line in find(folder)]


def test_a_file_of_another_suffix_is_refused_and_nothing_else_is_said_of_it(tmp_path: Path) -> None:
    platform = (LIBRARY / "platform.yml").read_text() + "promotion: [staging, production]\n"
    folder = copy_library(tmp_path / "library", {"platform.yml": platform, "environments/README.md": "Ours."})
    open_library(folder)
    (folder / "environments" / "staging.yml").rename(folder / "environments" / "staging.yaml")
    with pytest.raises(CompileError) as caught:
        open_library(folder)
    (fault,) = caught.value.diagnostics
    assert ("D403", "`platform/environments/staging.yaml` is read by nothing") == (fault.code, fault.message)
    assert "rename it to `environments/staging.yml`, or move it away" == fault.hint


def test_an_endpoint_that_nobody_knows_is_doubted_at_its_word(tmp_path: Path) -> None:
    text = (LIBRARY / "environments/staging.yml").read_text().replace("[ssm]", "[ssm, nope, autoscaling]")
    library = open_library(copy_library(tmp_path / "library", {"environments/staging.yml": text}))
    (fault,) = check_endpoints(resolve_environment(library, "staging"))
    assert ("D373", "warning", 7) == (fault.code, fault.severity, fault.span and fault.span.line)
    assert "`com.amazonaws.eu-west-1.nope`" in str(fault.hint)
    assert [] == list(check_endpoints(resolve_environment(library, "production")))


@pytest.mark.parametrize("scope", ['SCOPE = "service"\n', "SCOPE\n"])
def test_a_template_that_is_no_python_is_told_of_at_its_line(scope: str, tmp_path: Path) -> None:
    late = f"{scope}def build(service, environment):\n    yield (1\n\n\nx = 3\n"
    folder = copy_library(tmp_path / "library", {"templates/late.py": late})
    (tmp_path / "service.yml").write_text(SHOP + "environments: {production: {}}\n")
    with pytest.raises(CompileError) as caught:
        compile_service(tmp_path, open_library(folder), lint=False)
    (fault,) = caught.value.diagnostics
    assert ("D401" if '"' in scope else "D403", 3) == (fault.code, fault.span and fault.span.line)
    assert "was never closed" in fault.message


def test_a_template_says_its_scope(tmp_path: Path) -> None:
    changed = {"templates/topics.py": "SCOPE = 'somewhere'\n", "templates/_own.py": "X = 1\n"}
    folder = copy_library(tmp_path / "library", changed)
    with pytest.raises(CompileError) as caught:
        load_library(folder)
    assert ["D403 1 "] == show(caught.value.diagnostics)


def test_the_digest_depends_on_the_content_and_not_on_the_place(tmp_path: Path) -> None:
    first, second = (load_library(copy_library(tmp_path / name)) for name in ("one", "two"))
    other = load_library(copy_library(tmp_path / "three", {"templates/_own.py": "X = 1\n"}))
    assert first.digest == second.digest != other.digest


def test_the_same_library_in_another_folder_does_not_need_the_first_one(tmp_path: Path) -> None:
    own = {"templates/_own.py": "X = 1\n", "templates/late.py": 'SCOPE = "service"\nfrom ._own import X\n'}
    first = load_library(copy_library(tmp_path / "one", own))
    first.load_template(first.templates[0])
    shutil.rmtree(tmp_path / "one")
    second = load_library(copy_library(tmp_path / "two", own))
    late = next(template for template in second.templates if template.name == "late")
    assert 1 == second.load_template(late).X


def test_code_that_was_compiled_from_other_source_is_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    sound = 'SCOPE = "service"\nfrom ._own import X\n'
    folder = copy_library(tmp_path / "library", {"templates/_own.py": "X = 1\n", "templates/late.py": sound})
    for name in ("_own", "late"):
        source = folder / f"templates/{name}.py"
        text, status = source.read_text(), source.stat()
        source.write_text(f"X = open({str(ran)!r}, 'w')\n".ljust(len(text)))
        py_compile.compile(str(source), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        source.write_text(text)
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    library = load_library(folder)
    late = next(template for template in library.templates if template.name == "late")
    assert 1 == library.load_template(late).X and not ran.exists()


def test_code_is_what_the_digest_is_of_though_its_file_changed_since(tmp_path: Path) -> None:
    own = {"templates/late.py": 'SCOPE = "service"\nX = "as it was read"\n'}
    library = load_library(copy_library(tmp_path / "library", own))
    (tmp_path / "library/templates/late.py").write_text("X = 2\n")
    late = next(template for template in library.templates if template.name == "late")
    assert "as it was read" == library.load_template(late).X


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ("'>=0.1,<99'", []),
        ("<0.0.1", ["D404 platform/platform.yml"]),
        ("newest", ["D403 platform/platform.yml"]),
        ("''", ["D207 platform/platform.yml"]),
        ("5", ["D204 platform/platform.yml"]),
    ],
)
def test_a_library_says_which_compilers_can_use_it(bounds: str, found: list[str], tmp_path: Path) -> None:
    folder = copy_library(tmp_path / "library")
    # Nothing else is said of a library that another compiler is needed for.
    broken = "[]" if found == ["D404 platform/platform.yml"] else "{}"
    (folder / "renames.yml").write_text(broken)
    text = (folder / "platform.yml").read_text()
    (folder / "platform.yml").write_text(f"{text}compiler: {bounds}\n")
    if found:
        assert found == find(folder)
    else:
        assert bounds.strip("'") == open_library(folder).compiler


def test_shared_code_is_no_template() -> None:
    assert ["groups", "logs", "tasks", "topics"] == [template.name for template in load_library(LIBRARY).templates]


@pytest.mark.parametrize(("size", "is_refused"), [("16", False), ("22", False), ("15", True), ("23", True)])
def test_a_network_has_room_for_its_subnets_before_anything_is_built(
    size: str, is_refused: bool, tmp_path: Path
) -> None:
    folder = copy_library(tmp_path / "library")
    account = folder / "environments/production.yml"
    changed = re.sub(r"cidr: [^,]+", f"cidr: 10.16.0.0/{size}", account.read_text())
    account.write_text(changed)
    assert f"10.16.0.0/{size}," in changed
    if is_refused:
        assert ["D206 platform/environments/production.yml"] == find(folder)
    else:
        open_library(folder)
