"""Offers: what a library gives to services and environments, as far as it can be told without one of them.

In: a Library, the stacks of its environments.    Out: plain data for the manifest of its release.
Never: guesses: a logical id that is not written where a resource is made is left out, and that is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from compiler.layers import list_names
from compiler.model import Json, Library, Stack

_SSM = "AWS::SSM::Parameter"


def describe_offers(library: Library, stacks: Mapping[str, Stack]) -> dict[str, Json]:
    """Describe the options, logical ids and parameters of a library. `stacks` are keyed `production/network`.

    In a logical id or a name, what differs from case to case stands in angle brackets: `<Process>Group`.
    """
    return {
        "templates": {
            template.name: {"scope": template.scope, "about": _about(template.source.lines)}
            for template in library.templates
        },
        "logicalIds": {
            "service": _service_ids(library),
            "environment": sorted({str(name) for stack in stacks.values() for name in stack.template["Resources"]}),
        },
        "parameters": sorted(set(_parameters(stacks))),
        "options": sorted(set(_options(library.schema, library.schema.get("$defs", {}), "", ()))),
        "guardrails": sorted(guardrail.name for guardrail in library.guardrails),
        "bases": sorted(library.bases),
        "environments": list_names(library.environments),
    }


def _about(lines: tuple[str, ...]) -> str:
    """Return the first paragraph of a module's docstring."""
    text = ast.get_docstring(_parse("\n".join(lines))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _parse(code: str | bytes) -> ast.Module:
    """Parse a module; one that is no Python says nothing, and whoever compiles with it tells why."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _service_ids(library: Library) -> dict[str, Json]:
    """Read logical ids off the templates of services and the code that they share.

    `isComplete` is false where an id is worked out somewhere else than where its resource is made.
    """
    scopes = {template.name: template.scope for template in library.templates}
    found: dict[str, list[str]] = {}
    is_complete = True
    shared = _imported({name for name, scope in scopes.items() if scope == "service"}, library)
    for file in library.files:
        name = file.path.removeprefix("templates/").removesuffix(".py")
        if file.path != f"templates/{name}.py" or not (scopes.get(name) == "service" or name in shared):
            continue
        for pattern in _titles(_parse(file.content)):
            if pattern is None:
                is_complete = False
            else:
                found.setdefault(name, []).append(pattern)
    return {"isComplete": is_complete, "ids": {name: sorted(set(ids)) for name, ids in found.items()}}


def _imported(names: set[str], library: Library) -> set[str]:
    """Name the shared modules that some templates import, also by way of each other."""
    trees = {
        file.path.removeprefix("templates/").removesuffix(".py"): _parse(file.content)
        for file in library.files
        if file.path.startswith("templates/") and file.path.endswith(".py") and file.link is None
    }
    ahead, known = list(names), set(names)
    while ahead:
        for node in ast.walk(trees.get(ahead.pop(), ast.Module([], []))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                modules = [node.module] if node.module else [alias.name for alias in node.names]
                new = [module for module in modules if module not in known]
                known.update(new)
                ahead.extend(new)
    return known - names


def _titles(tree: ast.Module) -> Iterator[str | None]:
    """Yield the title of each thing of troposphere that a generator yields; None where it cannot be read."""
    made = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "troposphere"
        for alias in node.names
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        given: dict[str, list[ast.expr]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                given.setdefault(node.targets[0].id, []).append(node.value)
        known = {name: values[0] for name, values in given.items() if len(values) == 1}
        for node in ast.walk(function):
            match node:
                case ast.Yield(value=ast.Call(func=ast.Name(id=kind), args=[title, *_])) if kind in made:
                    yield _pattern(title, known)


def _pattern(title: ast.expr, known: Mapping[str, ast.expr]) -> str | None:
    match title:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return _joined([_pattern(part, known) for part in parts])
        case ast.FormattedValue(value=inner):
            return _pattern(inner, known)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined([_pattern(left, known), _pattern(right, known)])
        case ast.Call(func=ast.Name(id="camel"), args=words):
            return _joined([_word(word) for word in words])
        case ast.Name(id=name) if name in known:
            return _pattern(known[name], {each: value for each, value in known.items() if each != name})
    return None


def _word(word: ast.expr) -> str | None:
    """Write one word of a logical id in CamelCase: as it is, or as what stands for it."""
    match word:
        case ast.Constant(value=str(text)):
            return "".join(part[:1].upper() + part[1:] for part in text.replace("_", "-").split("-"))
        case ast.Attribute(value=ast.Name(id=name), attr="name"):
            return f"<{_capital(name)}>"
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return f"<{_capital(name)}>"
    return None


def _capital(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _joined(parts: list[str | None]) -> str | None:
    return None if None in parts else "".join(part or "" for part in parts)


def _parameters(stacks: Mapping[str, Stack]) -> Iterator[str]:
    """Yield the names of the parameters that the environments publish."""
    for key, stack in stacks.items():
        environment = key.partition("/")[0]
        for body in stack.template["Resources"].values():
            name = body.get("Properties", {}).get("Name") if body["Type"] == _SSM else None
            if isinstance(name, str):
                yield "/".join("<environment>" if step == environment else step for step in name.split("/"))


def _options(schema: Json, definitions: Mapping[str, Json], path: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yield the path of every key that a schema allows; `*` stands for a name that the service chooses."""
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and name not in above:
        yield from _options(definitions[name], definitions, path, (*above, name))
    for key, inner in schema.get("properties", {}).items():
        place = f"{path}.{key}" if path else key
        yield place
        yield from _options(inner, definitions, place, above)
    yield from _options(schema.get("additionalProperties"), definitions, f"{path}.*" if path else "*", above)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(keyword, ()):
            yield from _options(inner, definitions, path, above)
