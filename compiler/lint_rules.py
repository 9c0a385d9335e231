"""Lint rules: gather what a stack is held against: the rules that cfn-lint ships and those of the library.

In: a Library.    Out: cfn-lint's Rules, its schemas bound to those it ships.
Faults: D403 a module of rules cannot be loaded, or a guardrail is for a resource type that does not exist.
Never: takes a rule or a schema from the user's machine.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import CompileError, Diagnostic, suggest
from compiler.model import Guardrail, Library, RuleModule

if TYPE_CHECKING:
    from cfnlint.rules import CloudFormationLintRule, Rules


def load_rules(library: Library | None) -> Rules:
    """Load every rule. Raises CompileError where a module of the library cannot be loaded."""
    shipped = _load_shipped()
    if library is None or library.load_rule is None or not library.rules:
        return shipped
    return _add_own(shipped, library.rules, library.load_rule)


def check_types(guardrails: Iterable[Guardrail]) -> Iterator[Diagnostic]:
    """Check that the types of guardrails exist: what is meant for a misspelled type guards nothing."""
    _load_shipped()
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    types = PROVIDER_SCHEMA_MANAGER.get_resource_types("us-east-1")  # the region that has nearly all of them
    for guardrail in guardrails:
        if not fnmatch.filter(types, guardrail.type):
            message = f"guardrail `{guardrail.name}` is for `{guardrail.type}`, which is no resource type"
            yield Diagnostic("D403", message, guardrail.span, suggest(guardrail.type, types))


@functools.cache
def _load_shipped() -> Rules:
    """Load the rules and bind cfn-lint to the schemas it ships; once a process, they are of use to every stack."""
    import cfnlint
    from cfnlint.rules import Rules
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
    from cfnlint.schema.manager import ProviderSchemaManager

    package = FilePath(cfnlint.__file__).parent
    # By itself it prefers newer schemas in the user's cache, and the same stack would pass here and fail there.
    schemas = package / "data" / "schemas"
    ProviderSchemaManager.__init__(
        PROVIDER_SCHEMA_MANAGER, providers_dir=schemas / "providers", resources_dir=schemas / "resources"
    )
    return Rules.create_from_directory(str(package / "rules"))


_added: dict[Callable[[RuleModule], Any], Rules] = {}


def _add_own(shipped: Rules, modules: tuple[RuleModule, ...], load: Callable[[RuleModule], Any]) -> Rules:
    if load not in _added:
        from cfnlint.rules import Rules

        faults: list[Diagnostic] = []
        rules = Rules(dict(shipped))
        for module in modules:
            try:
                rules.extend(list(_make(module, load(module))))
            except Exception as error:  # its code can do anything
                message = f"rules `{module.name}` cannot be loaded: {type(error).__name__}: {error}"
                faults.append(Diagnostic("D403", message, next(iter(module.ids.values()))))
        if faults:
            raise CompileError(faults)
        _added[load] = rules
    return _added[load]


def _make(module: RuleModule, code: Any) -> Iterator[CloudFormationLintRule]:
    from cfnlint.rules import CloudFormationLintRule

    classes = {each.id: each for each in vars(code).values() if _is_rule(each, CloudFormationLintRule)}
    for rule in module.ids:
        if rule not in classes:
            raise TypeError(f"no class that is a CloudFormationLintRule has the id {rule}")
        yield classes[rule]()


def _is_rule(thing: Any, base: type) -> bool:
    return isinstance(thing, type) and issubclass(thing, base)
