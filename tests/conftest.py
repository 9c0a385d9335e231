"""What every test shares: an environment without the developer's own settings, and `--update`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import hypothesis
import pytest

pytest_plugins = ["tests.ministack", "tests.ceph", "tests.browser", "tests.deploying"]

# What would change an answer or reach an account: credentials, our own options, a service's detection of CI, colors,
# and the repository that a git hook names while it runs the tests.
_DROPPED_PREFIXES = ("AWS_", "FLAGSTONE_")
_DROPPED = {
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
    "SOURCE_DATE_EPOCH",
}

# A slow machine is no fault, and the same commit finds the same examples.
hypothesis.settings.register_profile("flagstone", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("flagstone")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite what the tests expect; read the diff")
    parser.addoption("--ceph", action="store_true", help="run what runs on every kind of bucket on Ceph instead")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update") and os.environ.get("CI"):
        raise pytest.UsageError("--update rewrites what the tests expect: run it on your machine and commit the diff")


@pytest.fixture(scope="session")
def update_expectations(pytestconfig: pytest.Config) -> bool:
    """Tell whether a test should rewrite what it expects instead of comparing."""
    return bool(pytestconfig.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def hermetic_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take the developer's settings away for the whole session, also from the programs that tests start."""
    nowhere = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name in _DROPPED or name.startswith(_DROPPED_PREFIXES):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "aws-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "aws-credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("XDG_CACHE_HOME", str(nowhere / "cache"))
        patch.setenv("NO_COLOR", "1")
        yield
