"""Catalog, playbooks: what instances run of a service."""

from __future__ import annotations

from compiler.catalog.entry import Entry

_NO_TASKS = "[]\n"

ENTRIES = (
    Entry(
        code="D378",
        title="Playbook or role that Ansible refuses",
        explanation="""
            Instances run `ansible/` of the service, and what Ansible refuses there keeps each of them from starting. A
            playbook is a list of plays, files in `tasks/` and `handlers/` of a role are lists of tasks, those in
            `defaults/`, `vars/` and `meta/` are maps. A role with none of these does nothing, and one in place of the
            platform's without `tasks/main.yml` keeps from running what the platform's does.
        """,
        wrong={
            "ansible/playbook.yml": "hosts: localhost\nroles: [shop]\n",
            "ansible/roles/shop/tasks/main.yml": _NO_TASKS,
        },
        right={
            "ansible/playbook.yml": "- hosts: localhost\n  roles: [shop]\n",
            "ansible/roles/shop/tasks/main.yml": _NO_TASKS,
        },
    ),
)
