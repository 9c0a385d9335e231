"""Catalog, playbooks: what instances run of a service, and with what."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_service

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
    Entry(
        code="D379",
        title="Variable of the machine",
        explanation="""
            `PATH`, `HOME`, `LD_PRELOAD` and their like say how programs are found and run. Under `config` or `secrets`
            they hold for the command and all that it starts, in place of what the instance says: with another `PATH`
            the shell may not find the command. Choose another name, unless that is what is meant.
        """,
        wrong=in_service("config: {PATH: /opt/shop}"),
        right=in_service("config: {SHOP_PATH: /opt/shop}"),
        severity="warning",
    ),
)
