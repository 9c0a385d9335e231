"""Names: put patterns in the place of the names that a service or an environment chose.

In: the names and what each is the name of, a text.    Out: the text with `<Process>`, `<process>` or `<PROCESS>`.
Never: replaces a part of a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.model import Json

_SHORT = 2


@dataclass(frozen=True, slots=True)
class Names:
    """The names in settings, and what stands for each: `Web` becomes `<Process>`, `web` becomes `<process>`."""

    of: Mapping[str, str]

    def in_id(self, text: str) -> str:
        for name in self._longest_first():
            for word in (_camel(name), _camel(name.lower())):
                text = re.sub(rf"(?<![A-Z<]){re.escape(word)}(?![a-z0-9])", f"<{self.of[name]}>", text)
        return text

    def in_path(self, text: str) -> str:
        """Put patterns into a path of parameters, but for its first step, which is the same everywhere."""
        root, slash, rest = text.removeprefix("/").partition("/")
        for name in self._longest_first():
            words = re.findall("[A-Z][a-z]*", self.of[name])
            rest = re.sub(rf"(?<![\w<]){re.escape(name)}(?![\w>])", f"<{'-'.join(words).lower()}>", rest)
            variable = re.sub(r"\W", "_", name).upper()
            rest = re.sub(rf"(?<![A-Za-z0-9<]){variable}(?![A-Za-z0-9>])", f"<{'_'.join(words).upper()}>", rest)
        return f"/{root}{slash}{rest}"

    def in_text(self, text: str) -> str:
        """Put patterns into a sentence or a name of AWS, but for names so short that they may be words of it."""
        for name in (each for each in self._longest_first() if len(each) > _SHORT):
            words = re.findall("[A-Z][a-z]*", self.of[name])
            text = re.sub(rf"(?<![\w<]){re.escape(name)}(?![\w>])", f"<{' '.join(words).lower()}>", text)
        return text

    def in_body(self, data: Json) -> Json:
        if isinstance(data, dict):
            return {key: self.in_body(inner) for key, inner in data.items()}
        if isinstance(data, list):
            return [self.in_body(inner) for inner in data]
        return self.in_text(data) if isinstance(data, str) else data

    def _longest_first(self) -> list[str]:
        return sorted(self.of, key=lambda name: (-len(name), name))


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))
