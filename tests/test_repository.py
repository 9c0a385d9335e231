"""Repository: what is read of a folder, what is refused, and what git knows of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from compiler.bases import read_bases
from compiler.checkout import list_known, read_commit
from compiler.diagnostics import CompileError, Diagnostic
from compiler.model import Commit, Known, Repository
from compiler.repository import INPUTS, read_repository
from compiler.tree import read_tree

OVERRIDES, ADDITIONS = "cloudFormation/overrides", "cloudFormation/additions"
SERVICE = "service: orders\n"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def make_repository(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    return write(folder, {"service.yml": SERVICE, **(files or {})})


def find(folder: Path, *, with_archives: bool = False) -> list[tuple[str, str | None]]:
    """List the code and the path of everything that is wrong with a folder."""

    def tell(faults: tuple[Diagnostic, ...]) -> list[tuple[str, str | None]]:
        return sorted({(fault.code, fault.span.path if fault.span else None) for fault in faults})

    try:
        return tell(read_repository(folder, with_archives=with_archives)[1])
    except CompileError as error:
        return tell(error.diagnostics)


def read(folder: Path) -> Repository:
    repository, faults = read_repository(folder, with_archives=True)
    assert () == faults
    return repository


# What is read


def test_everything_that_a_team_committed_is_read(tmp_path: Path) -> None:
    files = {
        "service.yml": SERVICE,
        f"{OVERRIDES}/web.yml": "Resources: {A: !Ref B}",
        f"{OVERRIDES}/production/web.yaml": "{}",
        f"{OVERRIDES}/production/.hidden": "",
        f"{OVERRIDES}/README.md": "words",
        f"{ADDITIONS}/env-search/bucket.json": "{}",
        "cloudFormation/.gitkeep": "",
        "ansible/playbook.yml": "- hosts: all\n",
        "src/bin/serve": "#!/bin/sh\n",
        "docs/any.txt": "nothing reads this, and nothing has to",
    }
    write(tmp_path, files)
    (tmp_path / "src/bin/serve").chmod(0o755)
    (tmp_path / "src/current").symlink_to("bin/serve")
    repository = read(tmp_path)
    assert {"service": "orders"} == repository.descriptor.data
    told = [(part.name, part.environment, part.document.source.path) for part in repository.overrides]
    assert [
        ("web", "production", f"{OVERRIDES}/production/web.yaml"),
        ("web", None, f"{OVERRIDES}/web.yml"),
    ] == told
    assert {"Resources": {"A": {"Ref": "B"}}} == repository.overrides[1].document.data
    assert [("bucket", "env-search")] == [(part.name, part.environment) for part in repository.additions]
    assert ["playbook.yml"] == [file.path for file in repository.ansible]
    assert [("bin/serve", True, None), ("current", False, "bin/serve")] == [
        (file.path, file.is_executable, file.link) for file in repository.src
    ]


def test_a_hidden_file_that_would_be_read_is_told_of_and_others_are_not(tmp_path: Path) -> None:
    names = [".w.yml", "._w.yml", ".w.yml.swp", ".gitkeep"]
    make_repository(tmp_path, {f"{OVERRIDES}/{name}": "{}" for name in names})
    (fault,) = read_repository(tmp_path, with_archives=False)[1]
    assert ("D114", "warning", f"{OVERRIDES}/.w.yml") == (fault.code, fault.severity, fault.span and fault.span.path)


def test_lower_case_cloudformation_is_read_too(tmp_path: Path) -> None:
    make_repository(tmp_path, {"cloudformation/overrides/web.yml": "{}"})
    assert ["cloudformation/overrides/web.yml"] == [part.document.source.path for part in read(tmp_path).overrides]


def test_archives_are_read_only_where_they_are_needed(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/a": "1"})
    os.mkfifo(tmp_path / "src/pipe")
    assert [] == find(tmp_path)
    assert [("D111", "src/pipe")] == find(tmp_path, with_archives=True)


def test_an_override_is_no_plain_document_and_an_addition_is_read_as_cloudformation_does(tmp_path: Path) -> None:
    make_repository(tmp_path, {f"{OVERRIDES}/a.yml": "a: !Ref b\nc: on", f"{ADDITIONS}/a.yml": "a: !Ref b\nc: on"})
    assert [("D103", f"{OVERRIDES}/a.yml")] == find(tmp_path)
    (tmp_path / "service.yml").write_text("a: !Ref b")
    assert ("D107", "service.yml") in find(tmp_path)


# What is refused


@pytest.mark.parametrize("name", ["service.yaml", "service.json"])
def test_a_descriptor_of_another_name_is_not_taken_and_named(name: str, tmp_path: Path) -> None:
    write(tmp_path, {name: SERVICE, f"{OVERRIDES}/a.yml": "a: [", f"{OVERRIDES}/b.txt": ""})
    with pytest.raises(CompileError) as caught:
        read_repository(tmp_path, with_archives=True)
    found = caught.value.diagnostics
    assert {"D110", "D101", "D114"} == {fault.code for fault in found}
    assert f"rename `{name}` to `service.yml`" in {fault.hint for fault in found}


def test_a_folder_that_does_not_exist_has_no_descriptor(tmp_path: Path) -> None:
    assert [("D110", None)] == find(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert [("D110", None)] == find(tmp_path / "file")


def test_both_spellings_of_the_folder_are_refused_unless_they_are_one(tmp_path: Path) -> None:
    make_repository(tmp_path, {f"{OVERRIDES}/a.yml": "{}"})
    (tmp_path / "cloudformation").symlink_to("cloudFormation")
    assert [] == find(tmp_path)
    (tmp_path / "cloudformation").unlink()
    write(tmp_path, {"cloudformation/overrides/b.yml": "{}"})
    assert [("D112", "cloudformation")] == find(tmp_path)


def test_litter_is_no_error_and_what_nothing_reads_is(tmp_path: Path) -> None:
    files = {
        f"{OVERRIDES}/.swp": "",
        f"{OVERRIDES}/production/NOTES.md": "",
        f"{OVERRIDES}/a.yml.bak": "",
        f"{OVERRIDES}/production/deep/a.yml": "{}",
        f"{ADDITIONS}/a.template": "{}",
        "cloudFormation/a.yml": "{}",
        "cloudFormation/Overrides/a.yml": "{}",
    }
    make_repository(tmp_path, files)
    assert [
        ("D114", "cloudFormation/Overrides"),
        ("D114", "cloudFormation/a.yml"),
        ("D114", f"{ADDITIONS}/a.template"),
        ("D114", f"{OVERRIDES}/a.yml.bak"),
        ("D114", f"{OVERRIDES}/production/deep"),
    ] == find(tmp_path)


@pytest.mark.parametrize("path", ["CloudFormation/overrides/a.yml", "CLOUDFORMATION/x"])
def test_a_third_spelling_is_not_read_silently(path: str, tmp_path: Path) -> None:
    make_repository(tmp_path, {path: "{}"})
    assert [("D114", path.partition("/")[0])] == find(tmp_path)


@pytest.mark.parametrize("path", ["cloudFormation", OVERRIDES, ADDITIONS])
def test_a_file_or_a_dangling_link_where_a_folder_belongs_is_refused(path: str, tmp_path: Path) -> None:
    make_repository(tmp_path, {path: "x"})
    assert [("D114", path)] == find(tmp_path)
    for target in ("nowhere", Path(path).name):
        (tmp_path / path).unlink()
        (tmp_path / path).symlink_to(target)
        assert [("D114", path)] == find(tmp_path)


@pytest.mark.parametrize(
    "path", ["service.yml", f"{OVERRIDES}/a.yml", f"{ADDITIONS}/production/a.yml", "flagstone.lock"]
)
def test_a_link_out_of_the_repository_is_not_followed(path: str, tmp_path: Path) -> None:
    outside = write(tmp_path, {"outside.yml": "secret: 1\n"}) / "outside.yml"
    repository = make_repository(tmp_path / "repo")
    (repository / path).parent.mkdir(parents=True, exist_ok=True)
    (repository / path).unlink(missing_ok=True)
    (repository / path).symlink_to(outside)
    assert [("D111", path)] == find(repository)


def test_a_folder_that_lies_elsewhere_is_not_even_listed(tmp_path: Path) -> None:
    write(tmp_path, {"outside/production/a.yml": "{}", "outside/b.yml": "{}"})
    for path in ("cloudFormation", OVERRIDES, f"{OVERRIDES}/production"):
        repository = make_repository(tmp_path / path.replace("/", "-"))
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).symlink_to(tmp_path / "outside")
        assert [("D111", path)] == find(repository)


def test_a_link_within_the_repository_is_followed(tmp_path: Path) -> None:
    make_repository(tmp_path, {"shared/a.yml": "Resources: {}"})
    (tmp_path / OVERRIDES).mkdir(parents=True)
    (tmp_path / OVERRIDES / "a.yml").symlink_to("../../shared/a.yml")
    (tmp_path / OVERRIDES / "staging").symlink_to("../../shared")
    assert [None, "staging"] == [part.environment for part in read(tmp_path).overrides]


@pytest.mark.parametrize("path", ["service.yml", f"{OVERRIDES}/a.yml"])
def test_a_pipe_a_folder_and_a_link_to_itself_are_no_files(path: str, tmp_path: Path) -> None:
    place = make_repository(tmp_path) / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    assert [("D111", path)] == find(tmp_path)
    place.unlink()
    place.symlink_to(place.name)
    assert [("D111", path)] == find(tmp_path)


@pytest.mark.parametrize("target", ["base.yml", "nowhere", "/etc/hostname"])
def test_a_base_that_is_a_link_to_nothing_is_refused(target: str, tmp_path: Path) -> None:
    repository = read(make_repository(tmp_path, {"service.yml": "service: orders\nextends: ./base.yml\n"}))
    (tmp_path / "base.yml").symlink_to(target)
    bases, (fault,) = read_bases(repository.descriptor, tmp_path, {})
    assert ((), "D117") == (bases, fault.code)


def test_a_folder_is_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "service.yml").mkdir()
    assert [("D111", "service.yml")] == find(tmp_path)


def test_a_name_that_is_no_utf_8_is_refused_before_it_reaches_a_file(tmp_path: Path) -> None:
    make_repository(tmp_path, {f"{OVERRIDES}/a.yml": "{}", "src/a": ""})
    for folder in (OVERRIDES, "src"):
        (tmp_path / folder / os.fsdecode(b"\xff.yml")).touch()
    assert [("D111", f"{OVERRIDES}/\\udcff.yml"), ("D111", "src/\\udcff.yml")] == find(tmp_path, with_archives=True)


# Archives


def test_no_link_of_an_archive_leads_out_of_it(tmp_path: Path) -> None:
    top = write(tmp_path, {"src/sub/a": "", "outside": ""}) / "src"
    good = {"here": ".", "sub/up": "../sub/a", "dangling": "nowhere", "self": "self"}
    bad = {"absolute": str(top / "sub"), "out": "../outside", "sub/out": "../../outside", "hop": "here/../outside"}
    for name, target in {**good, **bad}.items():
        (top / name).symlink_to(target)
    files, faults = read_tree(top, "src")
    assert {"sub/a", *good} == {file.path for file in files}
    assert {f"src/{name}" for name in bad} == {fault.span.path for fault in faults if fault.span}


def test_a_file_too_large_for_an_archive_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "small").write_text("x")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(1024**4)  # a hole of a TiB, which takes no room on the disk and would take all memory
    _, (fault,) = read_tree(tmp_path, "src")
    assert ("D105", "`src` holds more than 512 MiB") == (fault.code, fault.message)


# Git


def git(folder: Path, *arguments: str) -> str:
    settings = ("user.name=A", "user.email=a@b.example", "commit.gpgsign=false", "init.defaultBranch=main")
    words = [word for setting in settings for word in ("-c", setting)]
    dates = {"GIT_AUTHOR_DATE": "@1700000000 +0900", "GIT_COMMITTER_DATE": "@1700000000 +0900"}
    done = subprocess.run(
        ["git", "-C", str(folder), *words, *arguments], env={**os.environ, **dates}, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def commit_all(folder: Path) -> str:
    if not (folder / ".git").exists():
        git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


def test_a_commit_is_known_by_its_id_and_its_time_in_utc(tmp_path: Path) -> None:
    identifier = commit_all(make_repository(tmp_path))
    assert Commit(identifier, "20231114T221320", is_dirty=False) == read_commit(tmp_path, ["service.yml"], INPUTS)


def test_a_change_of_what_a_compile_reads_makes_it_dirty_and_no_other_does(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/a": "1", f"{OVERRIDES}/a.yml": "{}", "README.md": "x", ".gitignore": "*.pyc\n"})
    commit_all(tmp_path)
    git(tmp_path, "config", "status.showUntrackedFiles", "no")
    write(tmp_path, {"README.md": "y", "notes": "", "src/a.pyc": ""})
    assert is_dirty(tmp_path) is False
    for path in ("service.yml", "src/a", "src/new", f"{OVERRIDES}/a.yml", "ansible/playbook.yml", "flagstone.lock"):
        before = (tmp_path / path).read_text() if (tmp_path / path).exists() else None
        write(tmp_path, {path: "changed: 1\n"})
        assert is_dirty(tmp_path) is True, path
        if before is None:
            (tmp_path / path).unlink()
        else:
            (tmp_path / path).write_text(before)
    assert is_dirty(tmp_path) is False


def is_dirty(folder: Path) -> bool:
    commit = read_commit(folder, ["service.yml"], INPUTS)
    assert commit is not None
    return commit.is_dirty


def test_in_a_folder_of_a_larger_repository_only_that_folder_counts(tmp_path: Path) -> None:
    make_repository(tmp_path / "services/one")
    make_repository(tmp_path / "services/two")
    identifier = commit_all(tmp_path)
    write(tmp_path, {"services/two/service.yml": "service: other\n"})
    assert Commit(identifier, "20231114T221320", is_dirty=False) == read_commit(
        tmp_path / "services/one", ["service.yml"], INPUTS
    )
    assert is_dirty(tmp_path / "services/two") is True


def test_without_a_repository_or_a_commit_there_is_none(tmp_path: Path) -> None:
    make_repository(tmp_path)
    assert read_commit(tmp_path, ["service.yml"], INPUTS) is None
    assert (None, ()) == list_known(tmp_path, "service.yml", ["src"])
    git(tmp_path, "init")
    assert read_commit(tmp_path, ["service.yml"], INPUTS) is None
    assert (Known({}, frozenset()), ()) == list_known(tmp_path, "service.yml", ["src"])


def test_neither_the_users_settings_nor_a_hook_change_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "one")
    identifier = commit_all(repository)
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ\n -----END PGP SIGNATURE-----\n"
    raw = git(repository, "cat-file", "commit", "HEAD").replace("\n\n", f"\n{signature}\n", 1) + "\n"
    write(tmp_path, {"raw": raw})
    signed = git(repository, "hash-object", "-t", "commit", "-w", str(tmp_path / "raw"))
    git(repository, "reset", "--soft", signed)
    ran = tmp_path / "ran"
    program = write(tmp_path, {"program": f"#!/bin/sh\ntouch {ran}\necho a line of its own\n"}) / "program"
    program.chmod(0o755)
    for name, value in {
        "log.showSignature": "true",
        "gpg.program": str(program),
        "core.fsmonitor": str(program),
    }.items():
        git(repository, "config", name, value)
    assert Commit(signed, "20231114T221320", is_dirty=False) == read_commit(repository, ["service.yml"], INPUTS)
    assert not ran.exists() and signed != identifier

    other = make_repository(tmp_path / "two")
    commit_all(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert Commit(signed, "20231114T221320", is_dirty=False) == read_commit(repository, ["service.yml"], INPUTS)


def test_what_git_ignores_stays_out_of_the_archive_and_is_named(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/a": "", "src/é b\n": "", "src/secret.env": "", "src/build/x": ""})
    write(tmp_path, {".gitignore": "*.env\nbuild/\n"})
    git(tmp_path, "init")
    repository, (fault,) = read_repository(tmp_path, with_archives=True)
    assert ["a", "é b\n"] == [file.path for file in repository.src]
    assert ("D119", "warning") == (fault.code, fault.severity)
    assert "`src/build/` and 1 more" in fault.message


def test_what_git_ignores_is_no_part_of_the_service(tmp_path: Path) -> None:
    files = {f"{OVERRIDES}/web.yml": "{}", f"{OVERRIDES}/local.yml": "{}", f"{ADDITIONS}/staging/local.yml": "{}"}
    make_repository(tmp_path, {**files, "flagstone.lock": "{}", ".gitignore": "local.yml\nflagstone.lock\n"})
    (tmp_path / "src/empty").mkdir(parents=True)  # git knows no empty folder, and does not ignore it
    git(tmp_path, "init")
    repository, faults = read_repository(tmp_path, with_archives=True)
    assert ["web"] == [part.name for part in repository.overrides] and not repository.additions
    assert repository.lock is None
    ignored = {f"{OVERRIDES}/local.yml", f"{ADDITIONS}/staging/local.yml", "flagstone.lock"}
    assert {("D119", "warning", path) for path in ignored} == {
        (fault.code, fault.severity, fault.span.path if fault.span else None) for fault in faults
    }


def test_a_tracked_file_belongs_whatever_is_ignored(tmp_path: Path) -> None:
    make_repository(tmp_path, {f"{OVERRIDES}/web.yml": "{}", "src/a": ""})
    commit_all(tmp_path)
    write(tmp_path, {".gitignore": "*\n"})
    repository = read(tmp_path)
    assert ["web"] == [part.name for part in repository.overrides]
    assert ["a"] == [file.path for file in repository.src]


def test_a_copy_in_a_folder_that_git_ignores_is_whole_and_no_commit_describes_it(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "/build/\n"})
    commit_all(tmp_path)
    service = make_repository(tmp_path / "build/copy", {f"{OVERRIDES}/web.yml": "{}", "src/a": ""})
    repository, (fault,) = read_repository(service, with_archives=True)
    assert ["web"] == [part.name for part in repository.overrides]
    assert ["a"] == [file.path for file in repository.src]
    assert ("D119", "warning", "service.yml") == (fault.code, fault.severity, fault.span and fault.span.path)
    assert is_dirty(service) is True


def test_a_base_that_git_ignores_makes_the_commit_dirty(tmp_path: Path) -> None:
    service = make_repository(tmp_path / "orders")
    write(tmp_path, {"team/base.yml": "", ".gitignore": "team/\n"})
    commit_all(tmp_path)
    for path, dirty in (("../team/base.yml", True), ("../missing.yml", False)):
        commit = read_commit(service, ["service.yml", path], INPUTS)
        assert commit and commit.is_dirty is dirty, path


def test_a_git_that_cannot_answer_is_not_taken_for_none_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_repository(tmp_path, {"src/secret.env": "", ".gitignore": "*.env\n"})
    commit_all(tmp_path)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused = (
        "git does not say what belongs to the service, so everything does: detected dubious ownership in repository at"
    )
    _, (fault,) = read_repository(tmp_path, with_archives=False)
    assert ("D120", "warning") == (fault.code, fault.severity) and fault.message.startswith(refused)
    assert read_commit(tmp_path, ["service.yml"], INPUTS) is None
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    monkeypatch.setenv("PATH", str(tmp_path))
    _, (fault,) = read_repository(tmp_path, with_archives=True)
    assert fault.code == "D120" and "git cannot be run (No such file or directory)" in fault.message


def test_a_commit_whose_files_are_not_all_there_is_refused(tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    write(vendor, {"a/run": "#!/bin/sh\n", "b/c": ""})
    (vendor / "a/run").chmod(0o755)
    commit_all(vendor)
    service = make_repository(tmp_path / "orders", {"src/main": ""})
    git(service, "init")
    git(service, "-c", "protocol.file.allow=always", "submodule", "add", str(vendor), "src/vendor")
    commit_all(service)
    assert {"main", "vendor/a/run", "vendor/b/c"} == archived(service)
    write(service, {"src/vendor/new": "", "src/vendor/skipped": "", "src/vendor/.gitignore": "skipped\n"})
    assert {"vendor/new", "vendor/.gitignore"} == archived(service) - {"main", "vendor/a/run", "vendor/b/c"}
    assert is_dirty(service) is True

    git(tmp_path, "clone", "--no-local", str(service), str(tmp_path / "clone"))
    assert [("D121", "src/vendor")] == find(tmp_path / "clone", with_archives=True)
    assert [] == find(tmp_path / "clone")  # to validate needs no archive


def test_a_file_that_a_sparse_checkout_leaves_out_is_missed(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/a/x": "", "src/b/y": "", "docs/z": ""})
    commit_all(tmp_path)
    git(tmp_path, "sparse-checkout", "set", "--no-cone", "/service.yml", "/src/")
    assert [] == find(tmp_path, with_archives=True)
    git(tmp_path, "sparse-checkout", "set", "--no-cone", "/service.yml", "/src/a/")
    assert [("D121", "src/b/y")] == find(tmp_path, with_archives=True)


def test_a_repository_within_that_is_no_submodule_is_refused(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/main": ""})
    commit_all(tmp_path)
    commit_all(write(tmp_path / "src/other", {"x": ""}))
    assert [("D121", "src/other/")] == find(tmp_path, with_archives=True)


def archived(folder: Path) -> set[str]:
    return {file.path for file in read_repository(folder, with_archives=True)[0].src}


def test_where_the_disk_cannot_tell_git_says_what_is_executable(tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/run": "", "src/data": ""})
    (tmp_path / "src/run").chmod(0o755)
    commit_all(tmp_path)
    git(tmp_path, "config", "core.fileMode", "false")
    (tmp_path / "src/run").chmod(0o644)
    write(tmp_path, {"src/new": ""}).joinpath("src/new").chmod(0o755)
    told = {file.path: file.is_executable for file in read(tmp_path).src}
    assert {"data": False, "new": True, "run": True} == told


def test_a_base_in_a_submodule_counts_as_it_is(tmp_path: Path) -> None:
    commit_all(write(tmp_path / "team", {"base.yml": "description: A shop\n"}))
    root = tmp_path / "root"
    service = make_repository(root / "orders")
    git(root, "init")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", str(tmp_path / "team"), "team")
    commit_all(root)
    for text, dirty in (("description: A shop\n", False), ("description: Another\n", True)):
        write(root, {"team/base.yml": text})
        commit = read_commit(service, ["service.yml", "../team/base.yml"], INPUTS)
        assert commit and commit.is_dirty is dirty


# Permissions


def test_what_cannot_be_read_is_never_taken_for_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_repository(tmp_path, {f"{OVERRIDES}/web.yml": "{}", f"{ADDITIONS}/a.yml": "{}", "flagstone.lock": "{}"})
    lstat, listdir = os.lstat, os.listdir

    # Tests may run as root, who reads everything; these are the calls that the kernel refuses anybody else.
    def refuse(path: str, function: object) -> object:
        def call(place: os.PathLike[str] | str) -> object:
            if Path(place) == tmp_path / path:
                raise PermissionError(13, "Permission denied", str(place))
            return function(place)  # type: ignore[operator]

        return call

    for path in ("cloudFormation", OVERRIDES, ADDITIONS, "flagstone.lock", "service.yml"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "lstat", refuse(path, lstat))
            assert [("D111", path)] == find(tmp_path), path
    for path, named in (("", None), ("cloudFormation", "cloudFormation"), (OVERRIDES, OVERRIDES)):
        with monkeypatch.context() as patch:
            patch.setattr(os, "listdir", refuse(path, listdir))
            assert [("D111", named)] == find(tmp_path), path


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_was_told_not_to_look_at_makes_the_commit_dirty(flag: str, tmp_path: Path) -> None:
    make_repository(tmp_path, {"src/a": "1", "README.md": ""})
    commit_all(tmp_path)
    git(tmp_path, "update-index", flag, "README.md")
    assert is_dirty(tmp_path) is False
    git(tmp_path, "update-index", flag, "src/a")
    write(tmp_path, {"src/a": "2"})
    assert is_dirty(tmp_path) is True
