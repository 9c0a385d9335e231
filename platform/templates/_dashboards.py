"""What dashboards are called, so that one can lead to another.

In: a service, an environment.    Out: names, of letters, digits, `-` and `_`.
"""

from __future__ import annotations

from compiler.authoring import Environment, Service, join


def dashboard_name(service: Service, environment: Environment) -> str:
    """Names of environments and services hold dashes and no underscore, so no two of them make one name."""
    return join(environment.name, "_", service.name)


def environment_dashboard_name(environment: Environment) -> str:
    return environment.shared
