"""What the resource schemas say, read from the files that cfn-lint ships, is what cfn-lint itself says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from compiler import resource_schema
from compiler.resource_schema import SchemaLayoutError, find_schema, read_stateful_types
from compiler.update_facts import ORDERED, SNAPSHOTS, STATEFUL, UNORDERED, UPDATES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("type_name", ["AWS::EC2::Instance", "AWS::RDS::DBInstance", "AWS::Events::Rule"])
def test_the_files_say_what_cfn_lint_says(type_name: str) -> None:
    schema = find_schema(type_name)
    assert schema is not None
    truth = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema
    for name, patterns in (
        ("createOnlyProperties", schema.create_only),
        ("conditionalCreateOnlyProperties", schema.conditional),
        ("primaryIdentifier", schema.identifier),
    ):
        assert truth[name] == ["/".join(("/properties", *pattern)) for pattern in patterns]


def test_every_type_of_every_region_can_be_read() -> None:
    """A change of the layout fails here, and never says that nothing is immutable."""
    types = set(PROVIDER_SCHEMA_MANAGER.get_resource_types("us-east-1"))
    schemas = [find_schema(type_name) for type_name in sorted(types)]
    assert 1800 < len(schemas)
    assert 1500 < sum(1 for schema in schemas if schema is not None and schema.create_only)
    assert 40 < sum(1 for schema in schemas if schema is not None and schema.conditional)
    assert 25 < len(read_stateful_types())


def test_a_type_of_another_region_only_is_found_and_a_region_leads_nowhere_else() -> None:
    here = resource_schema._types_of("us-east-1")
    elsewhere = {name for region in resource_schema._regions() for name in resource_schema._types_of(region)} - set(
        here
    )
    assert elsewhere
    assert all(find_schema(name) for name in elsewhere)
    assert find_schema("AWS::S3::Bucket", "../resources/x") is find_schema("AWS::S3::Bucket", "eu-west-1")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("schemas/providers/us-east-1.json", "{}"),
        ("schemas/providers/us-east-1.py", ""),
        ("schemas/resources/a.json", "[]"),
        ("schemas/resources/a.json", '{"typeName": "AWS::S3::Bucket"}'),
        ("schemas/resources/a.json", '{"typeName": "B", "properties": {}, "createOnlyProperties": ["$.A"]}'),
    ],
)
def test_another_layout_is_told_and_not_taken_for_silence(
    file: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "schemas" / "providers").mkdir(parents=True)
    (tmp_path / "schemas" / "resources").mkdir()
    if "resources" in file:
        (tmp_path / "schemas" / "providers" / "us-east-1.json").write_text('{"B": "a"}')
    (tmp_path / file).write_text(content)
    monkeypatch.setattr(resource_schema, "_data", lambda: tmp_path)
    for cached in (resource_schema._regions, resource_schema._types_of, resource_schema._read_schema):
        monkeypatch.setattr(resource_schema, cached.__name__, cached.__wrapped__)
    with pytest.raises(SchemaLayoutError):
        find_schema("B")


def test_cfn_lint_itself_is_not_imported() -> None:
    program = (
        "import sys; from compiler.behavior import judge_property as judge, is_stateful;"
        "judge('AWS::S3::Bucket', ('BucketName',), 'a', 'b'); is_stateful('AWS::S3::Bucket');"
        "print('cfnlint' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "False" == done.stdout.strip()


def test_reviewed_facts_speak_of_types_and_properties_that_exist() -> None:
    unknown = [name for name in (*STATEFUL, *SNAPSHOTS) if find_schema(name) is None]
    for table in (UPDATES, ORDERED, UNORDERED):
        for type_name, names in table.items():
            schema = find_schema(type_name)
            for name in names:
                path = tuple(0 if step == "*" else step for step in name.split("."))
                if schema is None or not schema.knows(path):
                    unknown.append(f"{type_name} {name}")
    assert [] == unknown


def test_reviewed_facts_say_nothing_that_the_schemas_say_themselves() -> None:
    idle = [
        f"{type_name} {name}"
        for type_name, facts in UPDATES.items()
        for name, fact in facts.items()
        if isinstance(fact, tuple) and fact[0] == "replacement"
        if (schema := find_schema(type_name)) is not None and tuple(name.split(".")) in schema.create_only
    ]
    idle += [f"{type_name} is listed by cfn-lint" for type_name in STATEFUL & read_stateful_types()]
    for table, is_ordered in ((ORDERED, True), (UNORDERED, False)):
        for type_name, names in table.items():
            for name in names:
                path = tuple(0 if step == "*" else step for step in name.split("."))
                schema = find_schema(type_name)
                if schema is not None and schema.is_ordered(path) is is_ordered:
                    idle.append(f"{type_name} {name}")
    assert [] == idle
