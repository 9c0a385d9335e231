"""Playbooks: what is said of `ansible/` of a service before an instance runs it, and that Ansible agrees."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from compiler.model import RepositoryFile
from compiler.playbooks import check_playbooks
from tests.describing import SHOP
from tests.describing import judge as judge_service

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".venv-ansible" / "bin" / "python"
PLATFORM = [RepositoryFile(f"roles/{name}/tasks/main.yml", b"[]") for name in ("common", "service", "nginx")]
PLAY = "- hosts: localhost\n  gather_facts: false\n  roles: [shop]\n"
TASKS = "roles/shop/tasks/main.yml"
SOUND = {"playbook.yml": PLAY, TASKS: "- ansible.builtin.debug: {msg: hello}\n"}


def judge(files: Mapping[str, str]) -> list[str]:
    found = check_playbooks([RepositoryFile(path, text.encode()) for path, text in files.items()], PLATFORM)
    spans = [(each, each.span) for each in found]
    texts = [
        f"{each.severity} {each.code} {at and f'{at.path}:{at.line}:{at.column}'}: {each.message}" for each, at in spans
    ]
    return [text.replace("ansible/", "") for text in texts]


# What Ansible refuses: the files, and how the only thing that is said of them begins.
REFUSED = [
    ({"playbook.yml": ""}, "error D378 playbook.yml:1:1: `playbook.yml` is empty"),
    ({"playbook.yml": "# nothing yet\n"}, "error D378 playbook.yml:1:1: `playbook.yml` is empty"),
    ({"playbook.yml": "hosts: localhost\nroles: [shop]\n"}, "error D378 playbook.yml:1:1: `playbook.yml` is a map"),
    ({"playbook.yml": PLAY + "- shop\n"}, "error D378 playbook.yml:4:3: `playbook.yml` has a text where Ansible"),
    ({"playbook.yml": PLAY + "- hosts: [a\n"}, "error D101 playbook.yml:5:1: not valid YAML"),
    ({"playbook.yml": f"{PLAY}---\n{PLAY}"}, "error D113 playbook.yml:4:1: second YAML document"),
    ({TASKS: "- debug: {msg: hello}\n  when: {{ a }}\n"}, "error D106 "),
    ({TASKS: "- debug:\n\tmsg: hello\n"}, "error D101 roles/shop/tasks/main.yml:2:1: not valid YAML"),
    (
        {TASKS: "debug: {msg: hello}\n"},
        "error D378 roles/shop/tasks/main.yml:1:1: `roles/shop/tasks/main.yml` is a map",
    ),
    ({TASKS: "- debug: {msg: !Ref a}\n"}, "error D107 roles/shop/tasks/main.yml:1:16: tag `!Ref` is not known"),
    ({"roles/shop/handlers/main.yml": "a: 1\n"}, "error D378 roles/shop/handlers/main.yml:1:1"),
    ({"roles/shop/vars/main.yml": "[a]\n"}, "error D378 roles/shop/vars/main.yml:1:1"),
    ({"roles/shop/defaults/main.yml": "a: b: c\n"}, "error D101 roles/shop/defaults/main.yml:1:5"),
]

ACCEPTED: list[dict[str, str]] = [
    {},
    {"playbook.yml": "- import_playbook: other.yml\n", "other.yml": PLAY},
    {"playbook.yml": "- &a {hosts: localhost}\n- <<: *a\n  roles: [shop]\n"},
    {TASKS: "# nothing yet\n", "roles/shop/meta/main.yaml": "dependencies: []\n"},
    {TASKS: "- debug: {msg: yes, a: 2026-11-20}\n  vars: {x: !unsafe '{{ a', y: 0777}\n"},
    {"roles/shop/vars/main.yml": "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n"},
    {"roles/shop/defaults/main.json": '{"a": 1}'},
]


@pytest.mark.parametrize(("files", "said"), REFUSED)
def test_what_ansible_refuses_is_refused_at_its_line(files: dict[str, str], said: str) -> None:
    (found,) = judge({**SOUND, **files})
    assert found.startswith(said)


@pytest.mark.parametrize("files", ACCEPTED)
def test_what_ansible_accepts_is_accepted(files: dict[str, str]) -> None:
    assert [] == judge({**SOUND, **files})


# Loads playbooks as `ansible-playbook` does before it runs one, and prints what came of each.
LOAD = """
import os, sys
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

init_plugin_loader()
for folder in sys.argv[1:]:
    os.chdir(folder)
    loader = DataLoader()
    try:
        for play in Playbook.load("playbook.yml", VariableManager(loader), loader).get_plays():
            play.compile()
        print("accepted")
    except AnsibleError as error:
        print("refused", repr(error))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="no ansible here")
def test_ansible_agrees(tmp_path: Path) -> None:
    folders = []
    for number, files in enumerate([*ACCEPTED, *(files for files, _ in REFUSED)]):
        folders.append(tmp_path / str(number))
        for path, text in {**SOUND, **files}.items():
            (folders[-1] / path).parent.mkdir(parents=True, exist_ok=True)
            (folders[-1] / path).write_text(text)
    done = subprocess.run([PYTHON, "-c", LOAD, *folders], capture_output=True, text=True, check=True)
    said = [line.split()[0] for line in done.stdout.splitlines()]
    assert ["accepted"] * len(ACCEPTED) + ["refused"] * len(REFUSED) == said, done.stdout


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"playbook.yaml": PLAY, TASKS: "[]"}, ["error D114 playbook.yaml:1:1: nothing reads `playbook.yaml`"]),
        ({"Playbook.yml": PLAY, TASKS: "[]"}, ["error D114 Playbook.yml:1:1: nothing reads `Playbook.yml`"]),
        ({**SOUND, "playbook.yaml": PLAY}, ["error D114 playbook.yaml:1:1: nothing reads `playbook.yaml`"]),
        ({"roless/a/tasks/main.yml": "[]"}, ["error D114 roless/a/tasks/main.yml:1:1: nothing reads `roless/`"]),
        (
            {**SOUND, "roles/shop/task/main.yml": "[]"},
            ["error D114 roles/shop/task/main.yml:1:1: nothing reads `roles/shop/task/`"],
        ),
        # Which Ansible takes, and runs on no host.
        (
            {**SOUND, "playbook.yml": PLAY + "- tasks: []\n"},
            ["error D378 playbook.yml:4:3: a play of `playbook.yml` says neither `hosts` nor `import_playbook`"],
        ),
        ({TASKS: "[]"}, [f"warning D114 {TASKS}:1:1: nothing runs the role `shop`"]),
        ({TASKS: "[]", "playbook.yml": "- hosts: all\n  roles: ['{{ item }}']\n"}, []),
        ({**SOUND, "playbooks.yml": PLAY, "site.yml": "- import_playbook: playbooks.yml\n"}, []),
        ({**SOUND, "README.md": "x", "requirements.yml": "{}", "scripts/x.sh": "x", ".ansible-lint": "x"}, []),
        (
            {"roles/service/README.md": "x"},
            ["error D378 roles/service/README.md:1:1: the role `service` takes the place of the platform's and has no"],
        ),
        ({"roles/nginx/tasks/main": "[]"}, []),
        (
            {"playbook.yml": PLAY, "roles/shop/files/a": "x"},
            ["error D378 roles/shop/files/a:1:1: the role `shop` holds nothing that Ansible runs"],
        ),
        ({"playbook.yml": PLAY, "roles/shop/tasks/setup.yml": "[]"}, []),
    ],
)
def test_what_ansible_would_pass_over_is_told(files: dict[str, str], said: list[str]) -> None:
    assert said == [found[: len(text)] for found, text in zip(judge(files), said, strict=True)]


def test_a_variable_by_which_programs_are_found_is_doubted() -> None:
    found = judge_service(f"{SHOP}config: {{PATH: /x, SHOP_PATH: /x}}\nsecrets: {{HOME: shop/home}}\n")
    assert [("D379", "warning", 6), ("D379", "warning", 7)] == [
        (each.code, each.severity, each.span and each.span.line) for each in found if each.code == "D379"
    ]
