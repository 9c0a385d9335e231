"""The wheel and the sdist hold exactly what git knows of the shipped folders, and are the same bytes wherever built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED = ("compiler", "platform", "service_schema")
SDIST_ONLY = (".gitignore", "CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml")
DIST_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
CACHES = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".ansible")


@dataclass(frozen=True, slots=True)
class Built:
    """The archives of one build; `direct` is the wheel that was built without an sdist between."""

    sdist: Path
    wheel: Path
    direct: Path


def git_files(*arguments: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())


def known_files(*folders: str) -> list[str]:
    """List what git tracks or would add; a tracked file counts even where .gitignore speaks against it."""
    return git_files("--cached", "--others", "--exclude-standard", "--", *folders)


def copy_checkout(target: Path, *, modified: int) -> Path:
    for name in known_files():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy, follow_symlinks=False)
        os.utime(copy, (modified, modified), follow_symlinks=False)
    return target


def run_build(checkout: Path, out: Path, *arguments: str, time_zone: str = "UTC", umask: int = 0o022) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), *arguments, str(checkout)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": "1767225600", "TZ": time_zone}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, umask=umask)
    assert done.returncode == 0, done.stdout + done.stderr


def only(folder: Path, pattern: str) -> Path:
    [path] = folder.glob(pattern)
    return path


def wheel_names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def sdist_names(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        return sorted(member.name for member in archive.getmembers())


def as_in_wheel(name: str) -> str:
    return name if name.startswith("compiler/") else f"compiler/_content/{name}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    place = tmp_path_factory.mktemp("first")
    checkout = copy_checkout(place / "checkout", modified=1_700_000_000)
    run_build(checkout, place / "dist")
    run_build(checkout, place / "direct", "--wheel")
    return Built(only(place / "dist", "*.tar.gz"), only(place / "dist", "*.whl"), only(place / "direct", "*.whl"))


def test_the_wheel_holds_exactly_what_git_knows_of_the_shipped_folders(built: Built) -> None:
    info = built.wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    expected = [*map(as_in_wheel, known_files(*SHIPPED)), *(f"{info}/{name}" for name in DIST_INFO)]
    assert sorted(expected) == wheel_names(built.wheel)


def test_the_sdist_holds_exactly_what_a_wheel_is_built_from(built: Built) -> None:
    top = built.sdist.name.removesuffix(".tar.gz")
    expected = [f"{top}/{name}" for name in (*known_files(*SHIPPED, *SDIST_ONLY), "PKG-INFO")]
    assert sorted(expected) == sdist_names(built.sdist)


def test_the_wheel_built_from_the_sdist_is_the_wheel_built_from_the_checkout(built: Built) -> None:
    assert built.direct.read_bytes() == built.wheel.read_bytes()


def test_another_folder_clock_zone_and_umask_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "elsewhere" / "copy", modified=1_600_000_000)
    run_build(checkout, tmp_path / "dist", time_zone="Asia/Tokyo", umask=0o077)
    assert built.wheel.read_bytes() == only(tmp_path / "dist", "*.whl").read_bytes()
    assert built.sdist.read_bytes() == only(tmp_path / "dist", "*.tar.gz").read_bytes()


def test_a_line_of_gitignore_that_drops_a_folder_is_noticed(built: Built, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "checkout", modified=1_700_000_000)
    with (checkout / ".gitignore").open("a") as file:
        file.write("environments/\n")
    run_build(checkout, tmp_path / "dist", "--wheel")
    dropped = set(wheel_names(built.wheel)) - set(wheel_names(only(tmp_path / "dist", "*.whl")))
    assert {as_in_wheel(name) for name in known_files("platform/environments")} == dropped


def test_git_ignores_nothing_of_the_shipped_folders_but_caches() -> None:
    ignored = git_files("--others", "--ignored", "--exclude-standard", "--", *SHIPPED)
    assert [] == [name for name in ignored if not set(CACHES) & set(PurePosixPath(name).parts)]


def test_the_shipped_folders_hold_no_link_because_a_wheel_cannot() -> None:
    assert [] == [name for name in known_files(*SHIPPED) if (ROOT / name).is_symlink()]


def test_neither_archive_makes_platform_a_package_or_carries_the_tests(built: Built) -> None:
    wheel, sdist = wheel_names(built.wheel), sdist_names(built.sdist)
    assert [] == [name for name in (*wheel, *sdist) if name.endswith("platform/__init__.py")]
    assert {"compiler"} == {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert "tests" not in {name.split("/")[1] for name in sdist}


def test_the_wheel_says_that_it_is_typed_and_where_its_command_starts(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "[console_scripts]\nflagstone = compiler.cli:main\n" == archive.read(entry_points).decode()
        assert "compiler/py.typed" in archive.namelist()


def test_an_unpacked_wheel_finds_its_own_content(built: Built, tmp_path: Path) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "from compiler.library import find_content; print(find_content('platform'), find_content('service_schema'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    content = tmp_path / "site" / "compiler" / "_content"
    assert f"{content / 'platform'} {content / 'service_schema'}\n" == done.stdout
