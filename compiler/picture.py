"""Picture: have graphviz lay out a graph and draw it as SVG.

In: a graph in the language of graphviz.    Out: SVG that stands in a file or in a page.
Faults: NoPicture where `dot` is missing, too slow or fails.
Never: reads or writes a file, or gives the program anything but that text.
"""

from __future__ import annotations

import re
import shutil
import subprocess

PROGRAM = "dot"
_SECONDS = 30


class NoPicture(Exception):
    """Nothing was drawn; says why."""


def draw_svg(text: str, *, program: str = PROGRAM, seconds: float = _SECONDS) -> str:
    """Draw a graph. The same text gives the same bytes where the program and the fonts are the same."""
    path = shutil.which(program)
    if path is None:
        raise NoPicture(f"`{program}` of graphviz is not installed")
    try:
        done = subprocess.run([path, "-Tsvg"], input=text.encode(), capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise NoPicture(f"`{program}` was not done with the graph after {seconds:g} seconds") from None
    except OSError as error:
        raise NoPicture(f"`{program}` cannot be run: {error.strerror}") from None
    drawn = done.stdout.decode(errors="replace")
    if done.returncode or "<svg" not in drawn:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise NoPicture(f"`{program}` failed with {done.returncode}{f': {said[0]}' if said else ''}")
    return _clean(drawn)


def _clean(svg: str) -> str:
    """Leave out the version of the program, names of boxes, and ids that nobody asked for and every picture has."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<(?:g|a)) id="(?:node|edge|clust|graph|a_)[^"]*"', r"\1", svg)
    return re.sub(r"<title>cluster_\d+</title>\s*", "", svg)
