"""Bundle side: read the files of a bundle, wherever they were kept, as a side of a comparison.

In: the bytes of every file that a manifest names, by their keys.    Out: a Side.
Faults: D902 a file that is not what Flagstone writes.
Never: reads a file or a bucket, or trusts what it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from compiler.changes import Given, Side, SideStack
from compiler.diagnostics import CompileError, Diagnostic, Source, Span
from compiler.manifest import MANIFEST
from compiler.model import Json, Origin, Path, RepositoryFile
from compiler.template_shape import find_misshapen
from compiler.unpack import ArchiveRefused, read_archive

_ARCHIVES = ("ansible.tar.gz", "source.tar.gz")
_FACTS = ("service", "platform", "publishes", "consumes", "waivers")
_MAX_ARCHIVE = 512 * 1024 * 1024
_MAX_DEPTH = 100
_LAYERS = frozenset("platform environment base service template override addition compiler".split())


def read_bundle(name: str, manifest: Mapping[str, Json], files: Mapping[str, bytes]) -> Side:
    """Read a bundle whose files are those that its manifest lists. Raises CompileError with all that is wrong."""
    reader = _BundleReader(name, files)
    environments = manifest.get("stacks", manifest.get("environments"))
    if not isinstance(environments, list) or not all(isinstance(each, str) for each in environments):
        reader.refuse(MANIFEST, "it names no environments")
        environments = []
    stacks = {each: stack for each in environments if (stack := reader.read_stack(each))}
    archives = {each: reader.read_archive(each) for each in _ARCHIVES if each in files}
    if reader.faults:
        raise CompileError(reader.faults)
    facts = {each: manifest[each] for each in _FACTS if each in manifest}
    return Side(name, stacks, archives, facts)


class _BundleReader:
    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.faults: list[Diagnostic] = []

    def read_stack(self, environment: str) -> SideStack | None:
        file = f"{environment}/template.json"
        template = self._read_json(file)
        for _, what in find_misshapen(template):
            self.refuse(file, f"it is no template: {what}")
            return None
        parameters = dict(self._read_parameters(f"{environment}/parameters.json"))
        told = list(self._read_origins(f"{environment}/origins.json", template))
        origins = {path: origin for path, origin, _ in told}
        settings = {path: given for path, _, given in told if given}
        return SideStack(file, template, parameters, origins, settings=settings)

    def read_archive(self, key: str) -> dict[str, RepositoryFile]:
        try:
            return {file.path: file for file in read_archive(self.files[key], max_bytes=_MAX_ARCHIVE)}
        except ArchiveRefused as refused:
            self.refuse(key, f"it {refused}")
            return {}

    def refuse(self, file: str, reason: str) -> None:
        message = f"`{file}` of `{self.name}` is not what Flagstone writes: {reason}"
        self.faults.append(Diagnostic("D902", message, hint="compile or publish it again"))

    def _read_json(self, file: str) -> Json:
        try:
            data = json.loads(self.files[file])
        except KeyError:
            self.refuse(file, "it is not there")
        except (ValueError, RecursionError):
            self.refuse(file, "it is not JSON")
        else:
            if _is_shallow(data, _MAX_DEPTH):
                return data
            self.refuse(file, f"it is nested deeper than {_MAX_DEPTH} levels")
        return None

    def _read_parameters(self, file: str) -> Iterator[tuple[str, str]]:
        listed = self._read_json(file)
        for entry in listed if isinstance(listed, list) else (None,):
            match entry:
                case {"ParameterKey": str(name), "ParameterValue": str(value)}:
                    yield name, value
                case _:
                    self.refuse(file, "it is no list of parameters with their values")
                    return

    def _read_origins(self, file: str, template: Json) -> Iterator[tuple[Path, Origin, tuple[Given, ...]]]:
        """Yield who had the last word on each place, and the settings of the service that it was computed from.

        What leads nowhere in the template is passed over.
        """
        told = self._read_json(file)
        if not isinstance(told, dict):
            self.refuse(file, "it is no map of pointers")
            return
        sources: dict[str, Source] = {}
        for pointer, story in told.items():
            path = _follow_pointer(pointer, template)
            last = story[-1] if isinstance(story, list) and story else None
            origin = _read_origin(last, sources)
            if path is not None and origin is not None:
                yield path, origin, tuple(_read_given(last, sources))


def _read_origin(said: Json, sources: dict[str, Source]) -> Origin | None:
    match said:
        case {"layer": str(layer), "file": str(name), "line": int(line), "column": int(column)} if layer in _LAYERS:
            line, column = max(1, line), max(1, column)
            return Origin(layer, Span(sources.setdefault(name, Source(name)), line, column, line, column))
    return None


def _read_given(said: Json, sources: dict[str, Source]) -> Iterator[Given]:
    fed_by = said.get("fedBy")
    for each in fed_by if isinstance(fed_by, list) else ():
        match each:
            case {"layer": "service", "pointer": str(pointer), "value": value}:
                origin = _read_origin(each, sources)
                if origin is not None:
                    yield Given(pointer, value, origin)


def _follow_pointer(pointer: str, template: Json) -> Path | None:
    """Read a JSON Pointer as the path that it is in a template; None where it leads nowhere."""
    path: list[str | int] = []
    value = template
    for word in pointer.split("/")[1:]:
        step: str | int = word.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            step = int(word) if word.isdecimal() and word.isascii() and len(word) < 10 else -1
            if not 0 <= step < len(value):
                return None
        elif not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
        path.append(step)
    return tuple(path)


def _is_shallow(data: Json, depth: int) -> bool:
    if not isinstance(data, (dict, list)):
        return True
    items = data.values() if isinstance(data, dict) else data
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in items)
