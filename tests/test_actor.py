"""Who moves a channel is who started the run of CI, in words that harm no terminal and hold no password."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from compiler.actor import find_actor
from compiler.channel import Actor, MoveTextError

GITHUB = {
    "GITHUB_ACTOR": "anna",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "menu/recipes",
    "GITHUB_RUN_ID": "7",
}
GITHUB_RUN = "https://github.com/menu/recipes/actions/runs/7"


def find(variables: Mapping[str, str], asked: str | None = None) -> Actor:
    return find_actor(variables, asked=asked, login=lambda: "login")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, Actor("login")),
        (GITHUB, Actor("anna", GITHUB_RUN)),
        ({**GITHUB, "GITHUB_TRIGGERING_ACTOR": "bob"}, Actor("bob", GITHUB_RUN)),
        ({"GITHUB_ACTOR": "anna"}, Actor("anna")),
        (
            {"GITLAB_USER_LOGIN": "anna", "CI_JOB_URL": "https://git.example/menu/-/jobs/7"},
            Actor("anna", "https://git.example/menu/-/jobs/7"),
        ),
        ({"BUILDKITE_BUILD_CREATOR": "Anna Ë", "BUILDKITE_BUILD_URL": "https://b/7"}, Actor("Anna Ë", "https://b/7")),
        ({"CODEBUILD_INITIATOR": "codepipeline/menu"}, Actor("codepipeline/menu")),
        ({"CIRCLE_USERNAME": "anna", "CIRCLE_BUILD_URL": "https://c/7"}, Actor("anna", "https://c/7")),
        (
            {
                "BUILD_REQUESTEDFOR": "Anna",
                "SYSTEM_COLLECTIONURI": "https://dev.example/menu/",
                "SYSTEM_TEAMPROJECT": "recipes",
                "BUILD_BUILDID": "7",
            },
            Actor("Anna", "https://dev.example/menu/recipes/_build/results?buildId=7"),
        ),
        ({"BUILD_USER_ID": "anna", "BUILD_URL": "http://j/7"}, Actor("anna", "http://j/7")),
        ({"GITLAB_USER_LOGIN": " "}, Actor("login")),
        ({"GITLAB_USER_LOGIN": "red\x1b[31m\n"}, Actor("red\\x1b[31m")),
        ({"CI_JOB_URL": "https://anna:hushhush@git.example/7"}, Actor("login")),
        ({"CI_JOB_URL": "javascript:alert(1)"}, Actor("login")),
        ({"CI_JOB_URL": "https://git.example/7\x1b[31m"}, Actor("login")),
        ({"CI_JOB_URL": "https://[/7"}, Actor("login")),
        ({"CI_JOB_URL": "https:///7"}, Actor("login")),
    ],
)
def test_ci_tells_who_and_where(variables: Mapping[str, str], expected: Actor) -> None:
    assert expected == find(variables)


def test_a_name_that_was_asked_for_keeps_the_run() -> None:
    assert Actor("carol", GITHUB_RUN) == find(GITHUB, "carol")


@pytest.mark.parametrize("name", ["", " ", "red\x1b[31m", "a" * 1001, "AKIAIOSFODNN7EXAMPLE"])
def test_a_name_that_cannot_be_recorded_is_refused(name: str) -> None:
    with pytest.raises(MoveTextError, match="the actor"):
        find({}, name)


def test_somebody_without_a_name_has_to_give_one() -> None:
    def login() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    with pytest.raises(MoveTextError, match="nothing tells who you are: name yourself with --actor"):
        find_actor({}, asked=None, login=login)
    assert Actor("anna") == find_actor({}, asked="anna", login=login)
