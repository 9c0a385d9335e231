"""Catalog, refusals: values that agree with each other, and that AWS or an instance would refuse."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_service, in_web

_NO_TASKS = "[]\n"

ENTRIES = (
    Entry(
        code="D323",
        title="Value that SSM does not take",
        explanation="""
            Config is kept as SSM parameters, and SSM takes no value that holds `{{` and later `}}`, which it reads as
            the name of another parameter. A dynamic reference such as `{{resolve:ssm:/path}}` is replaced before. Write
            a template of that kind into a file of `src/` instead.
        """,
        wrong=in_service("config: {GREETING: 'Hello {{name}}'}"),
        right=in_service("config: {GREETING: 'Hello {name}'}"),
    ),
    Entry(
        code="D324",
        title="Group that never comes back from zero",
        explanation="""
            Processor use and requests are averages over instances, so a group that has come down to none has no metric,
            and nothing adds an instance again. Raise `min` to 1. The age of a queue is known without instances: a
            process that scales on `queueAge` may have a `min` of 0.
        """,
        wrong=in_web("scaling: {min: 0, max: 4, target: {cpu: 60}}"),
        right=in_web("scaling: {min: 1, max: 4, target: {cpu: 60}}"),
        severity="warning",
    ),
    Entry(
        code="D325",
        title="Log file named twice",
        explanation="""
            Two logs of a process have one path, or the path of one is the folder of the other. A file would be shipped
            and rotated twice, and an instance refuses to set that up. Keep one of the logs, which may have several
            filters, or give one another path.
        """,
        wrong=in_web("logs: {app: {path: /var/log/shop.log}, errors: {path: /var/log/shop.log}}"),
        right=in_web("logs: {app: {path: /var/log/shop.log}, errors: {path: /var/log/errors.log}}"),
    ),
    Entry(
        code="D326",
        title="Secret of somebody else",
        explanation="""
            A process may read each parameter that its service names under `secrets`. What lies under `/platform/` is
            the platform's, and under `/service/<environment>/<service>/` that service's own, in that environment: no
            other service gets to read it by naming it. Keep the secret under a path of its own, such as
            `/shop/api-token`.
        """,
        wrong=in_service("secrets: {API_TOKEN: /service/production/orders/config/API_TOKEN}"),
        right=in_service("secrets: {API_TOKEN: /shop/api-token}"),
    ),
    Entry(
        code="D327",
        title="Command that is not there",
        explanation="""
            A process starts a file that `src/` does not hold, or that is not executable, so no instance of this release
            would come up. A release holds what git tracks or would track: a program that a build makes has to be made
            before `publish`, and must not be named in `.gitignore`. Commands that begin with `./` are checked; a
            service with roles of its own may make the file on the instance.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D328",
        title="Role in place of the platform's",
        explanation="""
            `ansible/roles/` of the service holds a role that is called like one of the platform's, `common`, `service`
            or `nginx`. Instances run the service's instead, as a whole: they go without what the platform's does, and
            without what later releases of the platform make it do. That may be meant; a role that is to add something
            needs another name, and a line in `ansible/playbook.yml`.
        """,
        wrong={"ansible/roles/nginx/tasks/main.yml": _NO_TASKS},
        right={
            "ansible/playbook.yml": "- hosts: localhost\n  roles: [shop]\n",
            "ansible/roles/shop/tasks/main.yml": _NO_TASKS,
        },
        severity="notice",
    ),
    Entry(
        code="D329",
        title="Place that is not the service's on an instance",
        explanation="""
            A process sees a `/tmp`, a `/var/tmp` and a `/dev` of its own, no home folders, and a `/proc` and `/sys`
            that cannot be written to; `/run` is emptied whenever an instance starts. What it wrote to a log there would
            be in no log group, and nothing would say so. `/var/log/<service>` is a folder and no file, and in it
            `output.log` is what a process prints that has no log `app`. A service cannot be called `platform`,
            `nginx` or `journal`, because instances have such a folder and such units already.
        """,
        wrong=in_web("logs: {app: {path: /tmp/shop.log}}"),
        right=in_web("logs: {app: {path: /var/log/shop/app.log}}"),
    ),
)
