"""Template shape: tell whether plain data has the outer shape of a CloudFormation template.

In: plain data.    Out: what is no template about it, with its place.
Never: judges what a template says; CloudFormation and cfn-lint do.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.model import Json, Path


def find_misshapen(template: Json) -> Iterator[tuple[Path, str]]:
    """Yield each place where data is no template, and what is wrong there in half a sentence.

    >>> list(find_misshapen({"Resources": {"A": {"Type": 1}}}))
    [(('Resources', 'A', 'Type'), '`Type` of `A` is no text')]
    """
    if not isinstance(template, dict):
        yield (), "it is no map"
        return
    resources = template.get("Resources")
    if not isinstance(resources, dict):
        yield ("Resources",), "it has no map of `Resources`"
        return
    for section in ("Parameters", "Mappings", "Conditions", "Outputs", "Rules", "Metadata"):
        if not isinstance(template.get(section, {}), dict):
            yield (section,), f"`{section}` is no map"
    for name, body in resources.items():
        if name.startswith("Fn::"):  # a macro or a loop, which stands for resources
            continue
        if not isinstance(body, dict):
            yield ("Resources", name), f"`{name}` is no map"
        elif not isinstance(body.get("Type"), str):
            yield ("Resources", name, "Type"), f"`Type` of `{name}` is no text"
        elif not isinstance(body.get("Properties", {}), dict):
            yield ("Resources", name, "Properties"), f"`Properties` of `{name}` is no map"
