"""Commands run: what a process starts has to be in the source, where the library's playbook runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.library import find_content
from compiler.pipeline import compile_service, open_library

SERVICE = """\
service: shop
owner: platform
platform: "1.0"
processes: {{web: {{runtime: instances, command: {command}, port: 8080}}}}
environments: {{production: {{}}}}
"""


def find(folder: Path, command: str, **files: int) -> list[str]:
    """Check a service whose files have the modes given; returns what is said of its command."""
    (folder / "service.yml").write_text(SERVICE.format(command=command))
    for name, mode in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        path.chmod(mode)
    found = compile_service(folder, open_library(find_content("platform")), lint=False).diagnostics
    return [f"{each.severity} {each.code} {each.message}" for each in found]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("./bin/serve", None),
        ("./bin/serve --port 8080", None),
        ("././bin/../bin/serve", None),
        ("python3 -m shop", None),
        ("./$PROGRAM", None),
        ("./bin/server", "`src/` holds no `bin/server`, which `processes.web` runs"),
        ("./serve", "`src/` holds no `serve`, which `processes.web` runs"),
        ("./../serve", "`src/` holds no `../serve`, which `processes.web` runs"),
        ("./data", "`src/data`, which `processes.web` runs, is not executable"),
    ],
)
def test_what_a_command_starts_is_in_the_source_and_executable(command: str, said: str | None, tmp_path: Path) -> None:
    found = find(tmp_path, command, src__bin__serve=0o755, src__data=0o644)
    assert ([f"warning D327 {said}"] if said else []) == found


def test_a_role_in_place_of_the_platforms_is_named_and_one_beside_them_is_not(tmp_path: Path) -> None:
    brought = {"ansible__roles__nginx__tasks__main.yml": 0o644, "ansible__roles__nginx__defaults__main.yml": 0o644}
    beside = {"ansible__roles__shop__tasks__main.yml": 0o644, "ansible__nginx__tasks__main.yml": 0o644}
    (tmp_path / "ansible").mkdir()
    (tmp_path / "ansible/playbook.yml").write_text("- {hosts: localhost, roles: [shop]}\n")
    found = find(tmp_path, "serve", src__data=0o644, **brought, **beside)
    assert ["notice D328 the role `nginx` takes the place of the platform's on every instance"] == found
    (said,) = compile_service(tmp_path, open_library(find_content("platform")), lint=False).diagnostics
    assert said.span and "ansible/roles/nginx/tasks/main.yml" == said.span.path


@pytest.mark.parametrize(
    ("link", "target"),
    [("ansible/roles/nginx", "../proxy"), ("ansible/roles", "own"), ("ansible/roles", "./own/")],
)
def test_a_role_behind_a_link_takes_the_place_of_the_platforms_too(link: str, target: str, tmp_path: Path) -> None:
    (tmp_path / link).parent.mkdir(parents=True)
    (tmp_path / link).symlink_to(target)
    found = find(tmp_path, "serve", src__data=0o644, ansible__proxy__x=0o644, ansible__own__nginx__tasks__main=0o644)
    assert ["notice D328 the role `nginx` takes the place of the platform's on every instance"] == found


def test_roles_of_its_own_may_make_the_file_but_not_the_folder(tmp_path: Path) -> None:
    assert [] == find(tmp_path, "./bin/made", src__data=0o644, ansible__playbook=0o644)
    (tmp_path / "src/data").unlink()
    assert ["warning D327 `src/` is empty, and `processes.web` runs there"] == find(
        tmp_path, "serve", ansible__playbook=0o644
    )
