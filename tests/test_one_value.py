"""One value: read this first. It follows the smallest number of instances from a line of `service.yml` to a bucket.

Each step is one room of the compiler; `compiler/pipeline.py` calls the same rooms in the same order.
"""

from __future__ import annotations

import json
from pathlib import Path

from compiler.bucket import open_bucket
from compiler.build import build_fragments
from compiler.explain import explain_value
from compiler.load import load_document
from compiler.merge import merge_fragments
from compiler.model import Repository, TemplatePart
from compiler.pipeline import open_library
from compiler.publish import execute_publish, plan_publish
from compiler.render import render_bundle
from compiler.resolve import resolve_settings
from compiler.trace import derive, settings_of
from compiler.validate import validate_document

SERVICE = b"""\
service: orders
owner: squad-toy
platform: "1.0"
processes:
  web:
    runtime: instances
    command: ./bin/serve
    scaling: {min: 2, max: 6, target: {cpu: 60}}
environments:
  production:
    processes:
      web: {scaling: {min: 3}}
"""
OVERRIDE = b"""\
Resources:
  WebGroup:
    Properties:
      MinSize: {$expect: "3", $value: "4"}
"""


def test_one_value_goes_from_a_line_of_service_yml_to_an_object_in_the_bucket(tmp_path: Path) -> None:
    library = open_library(Path(__file__).parent / "library")

    # load: text becomes data, and every key and value knows where it stands.
    document, faults = load_document(SERVICE, "service.yml", dialect="plain")
    assert () == faults
    assert 2 == document.data["processes"]["web"]["scaling"]["min"]
    span = document.values["processes", "web", "scaling", "min"]
    assert ("service.yml", 8, 20) == (span.path, span.line, span.column)

    # validate: the data has the shape that service_schema/ describes.
    descriptor, faults = validate_document(document, library.schema)
    assert () == faults

    # resolve: of all the layers that speak, the last one wins. The value remembers them all.
    settings = resolve_settings(descriptor, library, "production")
    least = settings.data["processes"]["web"]["scaling"]["min"]
    assert 3 == least
    (setting,) = settings_of(least)
    assert [
        ("platform", "platform/platform.yml", 12, 1),
        ("service", "service.yml", 8, 2),
        ("service", "service.yml", 12, 3),
    ] == [(said.origin.layer, said.origin.span.path, said.origin.span.line, said.value) for said in setting.history]

    # build: a template of the library makes a resource of it. CloudFormation wants this number as a text, and the
    # text that troposphere makes of it still remembers.
    fragments, faults = build_fragments(settings, library)
    assert () == faults
    group = next(entry for fragment in fragments for entry in fragment.entries if entry.name == "WebGroup")
    assert "3" == group.body["Properties"]["MinSize"]
    assert setting.history == group.stories["Properties", "MinSize"]
    assert "platform/templates/groups.py" == group.origin.span.path

    # merge: the service's own overrides are laid over what the platform made.
    change, faults = load_document(OVERRIDE, "cloudFormation/overrides/web.yml", dialect="override")
    assert () == faults
    part = TemplatePart("web", None, change)
    stack, faults = merge_fragments(
        fragments,
        description=derive("orders in production", settings.data["service"]),
        overrides=[part],
        identities=library.identities,
        environment="production",
    )
    assert () == faults
    place = ("Resources", "WebGroup", "Properties", "MinSize")
    assert "4" == stack.template["Resources"]["WebGroup"]["Properties"]["MinSize"]
    assert [1, 2, 3, "4"] == [said.value for said in stack.stories[place]]

    # explain: whoever asks is told all of that.
    explanation = explain_value(stack, "Resources.WebGroup.Properties.MinSize", "production")
    assert ("4", stack.stories[place]) == (explanation.value, explanation.story)
    winner = explanation.story[-1]
    assert ("override", 4, "$value") == (winner.origin.layer, winner.origin.span.line, winner.rule)

    # render: the stack becomes files, and so does its story.
    bundle = render_bundle(
        {"production": stack},
        repository=Repository(document, (part,), (), (), (), None),
        library=library,
        service="orders",
        release="20261121T101500-0123456789ab",
        publishes=(),
        consumes=(),
    )
    template = json.loads(bundle.files["production/template.json"])
    assert "4" == template["Resources"]["WebGroup"]["Properties"]["MinSize"]
    origins = json.loads(bundle.files["production/origins.json"])
    assert [
        ("platform/platform.yml", 12),
        ("service.yml", 8),
        ("service.yml", 12),
        ("cloudFormation/overrides/web.yml", 4),
    ] == [(told["file"], told["line"]) for told in origins["/Resources/WebGroup/Properties/MinSize"]]

    # publish: the files become objects, each written once; with the manifest, which is last, the release exists.
    bucket = open_bucket(str(tmp_path / "bucket"))
    published = execute_publish(plan_publish(bundle, bucket), bucket)
    folder = "services/orders/20261121T101500-0123456789ab"
    assert f"{folder}/manifest.json" == published.written[-1]
    assert bundle.files["production/template.json"] == bucket.read(f"{folder}/production/template.json")
