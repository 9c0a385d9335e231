"""Trace: a value remembers where it came from, whatever is done to it that leaves it what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from compiler.build import build_fragments
from compiler.model import Said, Setting
from compiler.trace import derive, join, plain, settings_of, trace_value
from tests.describing import SERVICE, resolve, toy_library

ONE, OTHER = Setting(("one",), ()), Setting(("other",), ())


@pytest.mark.parametrize("value", ["text", 5, 1.5])
def test_a_traced_value_is_the_value_and_its_text_is_traced_too(value: Any) -> None:
    traced = trace_value(value, ONE)
    assert traced == value and hash(traced) == hash(value) and isinstance(traced, type(value))
    assert json.dumps(traced) == json.dumps(value) and f"{traced}" == str(value)
    assert str(traced) == str(value) and (ONE,) == settings_of(str(traced)) == settings_of(traced)
    assert type(value) is type(plain(traced)) and () == settings_of(plain(traced))


def test_a_value_of_several_sources_remembers_each_of_them_once() -> None:
    one, other = trace_value("a", ONE), trace_value(2, OTHER)
    assert ("a-2a", (ONE, OTHER)) == (join(one, "-", other, one), settings_of(join(one, "-", other, one)))
    assert (ONE, OTHER) == settings_of(derive(7, {"x": [one]}, (other,), "plain"))
    assert () == settings_of(derive(7, "plain")) == settings_of(derive(True, one))


def test_plain_strips_what_is_inside() -> None:
    value = plain({trace_value("k", ONE): [trace_value(1, ONE), (trace_value(1.5, ONE), True, None)]})
    assert {"k": [1, [1.5, True, None]]} == value
    assert str is type(next(iter(value))) and int is type(value["k"][0])


def test_every_kind_of_setting_is_traced_through_the_templates() -> None:
    text = f"{SERVICE}    logs: {{app: {{path: /a, retentionDays: 90}}}}\nmessages: {{publish: [placed]}}\n"
    fragments, _ = build_fragments(resolve(text), toy_library())
    stories = {
        (entry.name, path[-1]): story
        for each in fragments
        for entry in each.entries
        for path, story in entry.stories.items()
    }
    assert 9 == line(stories["WebAppLogGroup", "RetentionInDays"])
    name = stories["PlacedTopic", "TopicName"][-1]
    assert [1, 10] == [setting.origin.span.line for setting in name.fed_by if setting.origin.layer == "service"]
    assert "template" == stories["PlacedTopic", "KmsMasterKeyId"][-1].origin.layer


def line(story: tuple[Said, ...]) -> int:
    return story[-1].origin.span.line
