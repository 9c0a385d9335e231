"""The command that draws: what it takes, what it writes, and what it says where it cannot."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.graph import Graph, Node
from compiler.picture import NoPicture, draw_svg
from compiler.report_graph import render_dot
from tests.locked_service import SERVICE, TOY

TEMPLATE = """\
Parameters: {Size: {Type: String}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: !Ref Size}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !Sub "${Queue.QueueName}-news"}}
"""
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="no graphviz here: apt-get install graphviz")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service in `shop` and a template beside it, in the current folder."""
    (tmp_path / "shop" / "src" / "bin").mkdir(parents=True)
    (tmp_path / "shop" / "src" / "bin" / "serve").write_text("#!/bin/sh\n")
    (tmp_path / "shop" / "src" / "bin" / "serve").chmod(0o755)
    (tmp_path / "shop" / "service.yml").write_text(SERVICE)
    (tmp_path / "queue.yml").write_text(TEMPLATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["graph", "--platform", str(TOY), *words])


def test_a_template_is_drawn_with_its_parameters_if_asked(place: Path) -> None:
    assert (
        """\
flowchart LR
  subgraph g0["SNS"]
    n0["Topic<br>AWS::SNS::Topic"]:::unchanged
  end
  subgraph g1["SQS"]
    n1["Queue<br>AWS::SQS::Queue"]:::unchanged
  end
  n0 --> n1
  classDef unchanged fill:#ffffff,stroke:#6b7280,color:#111827
"""
        == run("queue.yml").stdout
    )
    assert 'n2[("Size<br>Parameter")]:::unchanged' in run("queue.yml", "--parameters").stdout


@needs_graphviz
def test_a_service_and_what_it_compiles_to_are_the_same_picture(place: Path) -> None:
    compiled = CliRunner().invoke(cli, ["compile", "shop", "--platform", str(TOY), "--no-lint"])
    assert 0 == compiled.exit_code, compiled.output
    pictures = [run(what, "--env", "staging", "--format", "svg").stdout for what in ("shop", "out", "shop")]
    assert 1 == len(set(pictures)) and pictures[0].startswith("<svg ")
    assert ">WebGroup</text>" in pictures[0] and "<!--" not in pictures[0] and ' id="' not in pictures[0]


def test_a_stack_of_an_environment_itself_is_drawn_by_its_name(place: Path) -> None:
    done = CliRunner().invoke(cli, ["platform", "compile", "--env", "production", "--no-lint", "--out", "out"])
    assert 0 == done.exit_code, done.output
    assert '["Vpc<br>AWS::EC2::VPC"]' in run("out", "--env", "production/network").stdout


def test_the_drawing_goes_into_a_file(place: Path) -> None:
    result = run("queue.yml", "--format", "dot", "--out", "queue.dot")
    assert (0, "") == (result.exit_code, result.output)
    assert (place / "queue.dot").read_text() == run("queue.yml", "--format", "dot").stdout


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["shop"], 2, "one environment is drawn at a time: name it with --env: production, staging"),
        (["shop", "--env", "prodction"], 2, "did you mean `production`?"),
        (["queue.yml", "--env", "production"], 2, "`queue.yml` has no environment `production`: known here: it is a"),
        (["queue.yml", "--out", ""], 2, "the name of the file is empty"),
        (["nowhere"], 1, "error D902: `nowhere` cannot be read"),
        ([".."], 1, "error D902: `..` holds neither `manifest.json` nor `service.yml`"),
    ],
)
def test_what_cannot_be_drawn_is_said(place: Path, words: list[str], code: int, expected: str) -> None:
    result = run(*words)
    assert code == result.exit_code
    assert expected in " ".join(result.output.split())


def test_without_graphviz_there_is_text_and_a_hint(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(place))
    result = run("queue.yml", "--format", "svg", "--out", "queue.svg")
    assert 3 == result.exit_code and not (place / "queue.svg").exists()
    assert "error D702: no picture can be drawn: `dot` of graphviz is not installed\n  hint: install " in result.output
    assert 0 == run("queue.yml").exit_code == run("queue.yml", "--format", "dot").exit_code


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("sleep 60", "was not done with the graph after 0.2 seconds"),
        ("echo no >&2; exit 2", "failed with 2: no"),
        ("echo nothing", "failed with 0"),
    ],
)
def test_a_program_that_draws_nothing_is_no_picture(tmp_path: Path, script: str, expected: str) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\nexec <&-\n{script}\n".replace("sleep", "exec sleep"))
    program.chmod(0o755)
    with pytest.raises(NoPicture, match=expected):
        draw_svg("digraph {}", program=str(program), seconds=0.2)


@needs_graphviz
def test_the_name_of_a_link_has_words_alone() -> None:
    graph = Graph("", (Node("Queue", "AWS::SQS::Queue", "SQS", "changed"),), ())
    [title] = re.findall('xlink:title="([^"]*)"', draw_svg(render_dot(graph, links={"Queue": "#thing-1"})))
    assert "Queue, AWS::SQS::Queue, ~ changed" == title


@needs_graphviz
def test_a_text_that_is_no_graph_is_no_picture() -> None:
    with pytest.raises(NoPicture, match="`dot` failed with 1: Error: <stdin>: syntax error in line 1"):
        draw_svg("nonsense")


@needs_graphviz
def test_a_picture_is_well_formed_and_the_same_each_time(place: Path) -> None:
    run("queue.yml", "--format", "svg", "--out", "a.svg")
    run("queue.yml", "--format", "svg", "--out", "b.svg")
    assert (place / "a.svg").read_bytes() == (place / "b.svg").read_bytes()
    subprocess.run(["python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", "a.svg"], check=True)
