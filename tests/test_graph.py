"""Graph: what refers to what, what becomes of each resource, and text that no name of a template can break out of."""

from __future__ import annotations

import html
import re
import shutil
import subprocess

import pytest

from compiler.changes import Change, Diff, Side
from compiler.graph import Edge, Graph, Node, around_changes, graph_diff, graph_stack
from compiler.model import Json, Origin, Path
from compiler.report_graph import LOOKS, render_dot, render_mermaid
from tests.diffs_by_hand import BUCKET, QUEUE, TABLE, changed, diff_of, origin, resource, stack

HOSTILE = [
    'a"]; click n0 "javascript:x"',
    "a\nend\nb",
    "`a`",
    "%%{init: {}}%%",
    "</script><img src=x onerror=y>",
    "a\\",
    'a\\"b',
    "\\N \\G",
    "&lt; &#64; #quot;",
    "\x1b[31m",
    "end",
    "größe 大",
]


def edges(graph: Graph) -> list[str]:
    return [f"{edge.source} {'..' if edge.is_order_only else '->'} {edge.target}" for edge in graph.edges]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "B"}, ["A -> B"]),
        ({"Fn::GetAtt": ["B", "Arn"]}, ["A -> B"]),
        ({"Fn::GetAtt": "B.Arn"}, ["A -> B"]),
        ({"Fn::Sub": "x ${B.Arn} ${ C } ${!B} ${AWS::Region}"}, ["A -> B", "A -> C"]),
        ({"Fn::Sub": ["${B} ${X}", {"B": "mine", "X": {"Ref": "C"}}]}, ["A -> C"]),
        ({"Fn::If": ["Cond", [{"Ref": "B"}], {"Deep": {"Fn::Join": ["", [{"Ref": "C"}]]}}]}, ["A -> B", "A -> C"]),
        ({"Ref": "A"}, []),
        ({"Ref": "Nobody"}, []),
        ({"Ref": ["B"]}, []),
        ({"Ref": "B", "Also": 1}, []),
        ("B", []),
    ],
)
def test_a_reference_is_an_edge(value: Json, expected: list[str]) -> None:
    graph = graph_stack(stack({"A": resource(Name=value), "B": resource(), "C": resource()}), title="")
    assert expected == edges(graph)


def test_what_only_waits_is_told_from_what_refers() -> None:
    resources = {
        "A": resource(depends_on=["B", "C"], Name={"Ref": "C"}),
        "B": resource(depends_on="C"),
        "C": resource(),
    }
    assert ["A .. B", "A -> C", "B .. C"] == edges(graph_stack(stack(resources), title=""))


def test_parameters_are_nodes_where_they_are_asked_for() -> None:
    made = stack({"A": resource(Name={"Ref": "Size"})}, Parameters={"Size": {"Type": "String"}})
    assert ["A"] == [node.id for node in graph_stack(made, title="").nodes]
    assert ["A -> Size"] == edges(graph_stack(made, title="", with_parameters=True))


def test_a_resource_belongs_to_the_file_that_made_it_or_to_its_part_of_aws() -> None:
    made = stack({name: resource() for name in "ABC"} | {"D": resource("Custom::Thing")})
    origins: dict[Path, Origin] = {
        ("Resources", "A"): origin("platform/templates/messaging.py", layer="template"),
        ("Resources", "B"): origin("cloudFormation/additions/queues.yml", layer="addition"),
    }
    graph = graph_stack(type(made)(made.file, made.template, {}, origins), title="")
    expected = {"A": "messaging", "B": "addition queues", "C": "SQS", "D": "Custom"}
    assert expected == {node.id: node.group for node in graph.nodes}


@pytest.mark.parametrize(
    "template", [None, [], {"Resources": []}, {"Resources": {"A": None}}, {"Resources": {"A": []}}]
)
def test_what_is_no_template_has_no_connections(template: Json) -> None:
    made = stack({})
    assert () == graph_stack(type(made)("", template, {}, {}), title="").edges


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (changed("A", "Properties", "X"), "changed"),
        (changed("A", kind="added", before=None), "added"),
        (changed("A", kind="removed", after=None), "removed"),
        (changed("A", "Properties", "X", kind="added", before=None), "changed"),
        (changed("A", "Properties", "X", behavior="interruption"), "interruption"),
        (changed("A", "Properties", "X", behavior="conditional"), "conditional"),
        (changed("A", "Properties", "X", behavior="replacement"), "replacement"),
        (changed("A", "Properties", "X", behavior="replacement", is_data_loss=True), "data-loss"),
        (changed("A", kind="removed", after=None, is_data_loss=True), "data-loss"),
        (changed("A", "Properties", "X", security=("ingress opened",)), "security"),
        (changed("A", "Properties", "X", environment="staging"), None),
    ],
)
def test_a_node_shows_the_worst_that_happens_to_it(change: Change, state: str | None) -> None:
    after = {} if change.kind == "removed" and len(change.path) == 2 else {"A": resource()}
    mild = changed("A", "Properties", "Y")
    diff = diff_of({"A": resource(), "B": resource()}, after | {"B": resource()}, change, mild)
    states = {node.id: node.state for node in graph_diff(diff, "production", title="").nodes}
    assert {"A": state or "changed", "B": "unchanged"} == states


def test_what_is_renamed_is_one_node_with_the_connections_of_both_sides() -> None:
    before = {"Old": resource(TABLE), "A": resource(Name={"Ref": "Old"}), "B": resource(Name={"Ref": "Old"})}
    after = {
        "New": resource(TABLE),
        "A": resource(Name={"Ref": "New"}),
        "B": resource(),
        "C": resource(X={"Ref": "New"}),
    }
    renamed = changed("Old", renamed_to="New", type=TABLE, behavior="replacement")
    graph = graph_diff(diff_of(before, after, renamed), "production", title="")
    assert Node("New", TABLE, "DynamoDB", "replacement", renamed_from="Old") in graph.nodes
    assert "Old" not in {node.id for node in graph.nodes}
    states = ("unchanged", "removed", "added")
    assert tuple(Edge(name, "New", state=state) for name, state in zip("ABC", states, strict=True)) == graph.edges  # type: ignore[arg-type]


@pytest.mark.parametrize(("has_before", "state"), [(False, "added"), (True, "removed")])
def test_an_environment_that_comes_or_goes_does_so_as_a_whole(has_before: bool, state: str) -> None:
    both = diff_of({"A": resource()}, {"A": resource()})
    nothing = Side("nothing", {})
    diff = Diff(both.before, nothing, ()) if has_before else Diff(nothing, both.after, ())
    assert [("A", state)] == [(node.id, node.state) for node in graph_diff(diff, "production", title="").nodes]


def test_around_the_changes_stands_what_is_connected_to_them() -> None:
    resources = {
        "A": resource(X={"Ref": "B"}),
        "B": resource(X={"Ref": "C"}),
        "C": resource(X={"Ref": "D"}),
        "D": resource(),
    }
    graph = graph_diff(diff_of(resources, resources, changed("B", "Properties", "X")), "production", title="")
    around = around_changes(graph)
    assert [list("ABC"), ["A -> B", "B -> C"]] == [[node.id for node in around.nodes], edges(around)]


# Text


def sample() -> Graph:
    before = {"Orders": resource(TABLE), "Files": resource(BUCKET, X={"Ref": "Orders"}), "Gone": resource()}
    after = {
        "Orders": resource(TABLE),
        "Files": resource(BUCKET, X={"Ref": "Orders"}, depends_on="New"),
        "New": resource(),
    }
    changes = [
        changed("Orders", "Properties", "KeySchema", type=TABLE, behavior="replacement", is_data_loss=True),
        changed("Files", "Properties", "Policy", type=BUCKET, behavior="conditional", security=("opened",)),
        changed("Gone", kind="removed", after=None),
        changed("New", kind="added", before=None),
    ]
    return graph_diff(diff_of(before, after, *changes), "production", title="orders in production")


def test_mermaid_says_what_becomes_of_each_node_in_words_and_shape() -> None:
    assert """\
flowchart LR
  subgraph g0["DynamoDB"]
    n0((("Orders<br>AWS::DynamoDB::Table<br>!! DATA LOSS"))):::data_loss
  end
  subgraph g1["S3"]
    n1[/"Files<br>AWS::S3::Bucket<br>? may be replaced, ! security"\\]:::conditional
  end
  subgraph g2["SQS"]
    n2[\\"Gone<br>AWS::SQS::Queue<br>- removed"\\]:::removed
    n3(["New<br>AWS::SQS::Queue<br>+ added"]):::added
  end
  n1 -.-> n3
  n1 --> n0
""" == render_mermaid(sample()).partition("  classDef")[0]


def test_no_two_states_look_alike_without_their_colors() -> None:
    assert len(LOOKS) == len({look.words for look in LOOKS.values()}) == len({look.mermaid for look in LOOKS.values()})
    risky = [look for state, look in LOOKS.items() if state not in ("unchanged", "added", "changed", "removed")]
    assert len(risky) == len({look.dot for look in risky})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_a_label_for_mermaid(name: str) -> None:
    made = stack({name: resource(name), "B": resource(X={"Ref": name})})
    text = render_mermaid(graph_stack(made, title=name))
    harmless = r"[\w :./+~?!,#;-]*"
    line = (
        rf'flowchart LR|  end|  subgraph g\d\["{harmless}"\]|    n\d\["{harmless}<br>{harmless}"\]:::\w+|  n\d --> n\d'
    )
    assert [] == [each for each in text.splitlines() if not re.fullmatch(rf"{line}|  classDef .*", each)]


@pytest.mark.skipif(shutil.which("dot") is None, reason="no graphviz here: apt-get install graphviz")
@pytest.mark.parametrize("name", HOSTILE)
def test_graphviz_reads_back_the_names_that_were_written(name: str) -> None:
    made = stack({name: resource(name), "B": resource(X={"Ref": name})})
    text = render_dot(graph_stack(made, title=name), links={name: "#change-1", "B": name})
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    texts = [html.unescape(each).replace("\xa0", " ") for each in re.findall(r"<text[^>]*>([^<]*)</text>", done.stdout)]
    shown = name.encode("unicode_escape").decode() if not name.isprintable() else name
    assert {shown} <= set(texts)
    assert 1 == done.stdout.count('class="edge')
    assert 1 == done.stdout.count('"#change-1"')


def test_no_text_shows_a_credential() -> None:
    secret = "AKIAIOSFODNN7EXAMPLE"
    graph = graph_stack(stack({secret: resource(secret)}), title=secret)
    assert secret not in render_mermaid(graph) + render_dot(graph)


def test_the_same_graph_gives_the_same_text_in_whatever_order_it_is_told() -> None:
    resources = {"A": resource(QUEUE, X={"Ref": "B"}), "B": resource(TABLE), "C": resource(X={"Ref": "A"})}
    first, second = (
        graph_stack(stack(dict(items)), title="") for items in (resources.items(), reversed(resources.items()))
    )
    assert [render_dot(first), render_mermaid(first)] == [render_dot(second), render_mermaid(second)]
