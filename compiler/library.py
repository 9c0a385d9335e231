"""Library: read a folder of the platform team into a Library.

In: a folder such as `platform/`.    Out: a Library; the code of its templates is loaded when asked for.
Faults: D403 a file is missing or is not what it should be, D404 made for another compiler, and those of `load`.
Never: needs the folder to be a Python package, loads code before everything else was read, or other code than was read.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import re
import stat
import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler import __version__
from compiler.diagnostics import CompileError, Diagnostic, Related, Source, Span, suggest
from compiler.guardrails import read_guardrails
from compiler.layers import BRANCH_ENVIRONMENT, list_names
from compiler.load import load_document
from compiler.model import (
    Document,
    Guardrail,
    Identity,
    Json,
    Library,
    Rename,
    RepositoryFile,
    RuleModule,
    TemplateModule,
)
from compiler.renames import explain_fault
from compiler.suppressions import read_suppressions
from compiler.tree import read_tree
from compiler.versions import is_in_range

_SCOPE = re.compile(r'^SCOPE = "(service|environment)"$', re.MULTILINE)
_CONTENT = set(
    "platform.yml CHANGELOG.md environments bases templates files guardrails.yml rules identities.yml renames.yml"
    " prices.yml suppressions.yml ansible standards".split()
)
_RULE_ID = re.compile(r'^    id(?:: str)? = "(?P<id>[^"]*)"$', re.MULTILINE)
_OWN_RULE_ID = re.compile(r"[EW]9\d{3}")  # what cfn-lint leaves to its users


def find_content(name: str) -> Path:
    """Return the folder of packaged content: inside the installed package, else beside it in a checkout."""
    here = Path(__file__).parent
    for candidate in (here / "_content" / name, here.parent / name):
        if candidate.is_dir():
            return candidate
    raise CompileError([Diagnostic("D403", f"the installation lacks its `{name}` folder", hint="install it again")])


def load_schema(name: str) -> Mapping[str, Json]:
    """Load one of the published JSON Schemas, such as `service.v1`."""
    schema: Mapping[str, Json] = json.loads((find_content("service_schema") / f"{name}.schema.json").read_bytes())
    return schema


def load_library(root: Path) -> Library:
    """Read a library. Raises CompileError with every fault that its files have."""
    try:
        is_library = stat.S_ISREG(os.stat(root / "platform.yml").st_mode)
    except PermissionError as error:
        message = f"`{root}` cannot be read: {error.strerror}"
        raise CompileError([Diagnostic("D403", message, hint="make it readable")]) from None
    except (OSError, ValueError):
        is_library = False
    if not is_library:
        hint = "name the folder that holds `platform.yml`"
        raise CompileError([Diagnostic("D403", f"`{root}` is not a platform library", hint=hint)])
    files, faults = read_content(root)
    content = {file.path: file.content for file in files}
    reader = _LibraryReader(content, list(faults))
    defaults = reader.load("platform.yml")
    if defaults is not None:
        _check_compiler(defaults)  # what a newer library says is not to be judged by the rules of an older compiler
    environments = reader.load_folder("environments")
    bases = reader.load_folder("bases")
    identities = tuple(reader.identities())
    guardrails = reader.guardrails(str(defaults.data.get("version", "")) if defaults else "")
    renames = tuple(reader.renames())
    prices = reader.load("prices.yml")
    suppressions = reader.suppressions()
    templates = tuple(reader.templates())
    rules = tuple(reader.rules())
    if defaults is not None:
        reader.check_promotion(defaults, environments)
    if defaults is None or reader.faults:
        raise CompileError(reader.faults)
    digest = digest_library(files)
    modules = {str(root / file.path): file.content for file in files if file.link is None}
    return Library(
        name=str(defaults.data.get("name", "")),
        version=str(defaults.data.get("version", "")),
        digest=digest,
        root=root,
        defaults=defaults,
        environments=environments,
        bases=bases,
        templates=templates,
        schema=load_schema("service.v1"),
        identities=identities,
        guardrails=guardrails,
        ansible=tuple(_below("ansible/", files)),
        load_template=_ModuleLoader(root / "templates", digest, modules),
        renames=renames,
        prices=prices,
        rules=rules,
        load_rule=_ModuleLoader(root / "rules", digest, modules),
        files=files,
        compiler=defaults.data.get("compiler"),
        suppressions=suppressions,
    )


def read_content(root: Path) -> tuple[tuple[RepositoryFile, ...], tuple[Diagnostic, ...]]:
    """Read the files of a library, in the order of their paths, without a look at what they say."""
    files, faults = read_tree(root, "platform")
    # What else lies there, such as notes or the caches of a tool, is no part of the library and not of its digest.
    return tuple(file for file in files if file.path.partition("/")[0] in _CONTENT), faults


def digest_library(files: Iterable[RepositoryFile]) -> str:
    """Digest the paths, kinds and bytes of a library's files, whatever folder they lie in."""
    total = hashlib.sha256()
    for file in files:
        kind = f"link {file.link}" if file.link is not None else "executable" if file.is_executable else "file"
        total.update(f"{file.path}\0{kind}\0{hashlib.sha256(file.content).hexdigest()}\n".encode())
    return total.hexdigest()


def _check_compiler(defaults: Document) -> None:
    """Raise CompileError where the library asks for another compiler than this one."""
    bounds = defaults.value_at(("compiler",))
    if not isinstance(bounds, str):
        return  # none is asked for, or the schema finds the fault
    span = defaults.value_span(("compiler",))
    try:
        if is_in_range(__version__, bounds):
            return
    except ValueError as error:
        raise CompileError([Diagnostic("D403", str(error), span)]) from None
    name, version = defaults.value_at(("name",)), defaults.value_at(("version",))
    message = f"library {name} {version} asks for flagstone `{bounds}`, and this is {__version__}"
    hint = "install a flagstone of that range, or choose another version of the library"
    raise CompileError([Diagnostic("D404", message, span, hint)])


def _below(prefix: str, files: tuple[RepositoryFile, ...]) -> Iterator[RepositoryFile]:
    for file in files:
        if file.path.startswith(prefix):
            yield RepositoryFile(file.path.removeprefix(prefix), file.content, file.is_executable, file.link)


class _ModuleLoader:
    """Load the code of a folder under a private package name, so that `platform` never becomes a package itself."""

    def __init__(self, folder: Path, digest: str, sources: Mapping[str, bytes]) -> None:
        self.folder = folder
        self.package = f"_flagstone_{folder.name}_{digest[:16]}"
        self.finder = _SourceFinder(self.package, folder, sources)

    def __call__(self, module: TemplateModule | RuleModule) -> Any:
        if self.package not in sys.modules:
            sys.modules[self.package] = types.ModuleType(self.package)
        # A library of the same digest may have been loaded from a folder that is gone by now.
        sys.modules[self.package].__path__ = [str(self.folder)]
        if self.finder not in sys.meta_path:
            others = [each for each in sys.meta_path if getattr(each, "package", None) != self.package]
            sys.meta_path[:] = [self.finder, *others]
        return importlib.import_module(f"{self.package}.{module.name}")


class _SourceFinder(importlib.abc.SourceLoader):
    """Find the modules of one package in the bytes that the digest of a library is of.

    Not on the disk, where they may have changed since, and where Python takes compiled files without a look at their
    source: those are no part of a digest. `sources` are keyed by path.
    """

    def __init__(self, package: str, folder: Path, sources: Mapping[str, bytes]) -> None:
        self.package = package
        self.folder = folder
        self.sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname.rpartition(".")[0] != self.package:
            return None
        file = self.get_filename(fullname)
        return importlib.util.spec_from_file_location(fullname, file, loader=self) if file in self.sources else None

    def get_filename(self, fullname: str) -> str:
        return str(self.folder / f"{fullname.rpartition('.')[2]}.py")

    def get_data(self, path: str | bytes) -> bytes:
        return self.sources[str(path)]


class _LibraryReader:
    def __init__(self, content: Mapping[str, bytes], faults: list[Diagnostic]) -> None:
        self.content = content
        self.faults = faults
        self.strays: set[str] = set()  # what files would be called that have another suffix

    def load(self, path: str) -> Document | None:
        if path not in self.content:
            return None  # it cannot be read, which was said when that was tried
        try:
            document, faults = load_document(self.content[path], f"platform/{path}", dialect="plain")
        except CompileError as error:
            self.faults.extend(error.diagnostics)
            return None
        self.faults.extend(faults)
        if not isinstance(document.data, dict):
            self._fault("is not a map", document.value_span(()))
            return None
        return document

    def load_folder(self, folder: str) -> dict[str, Document]:
        """Load every document of a folder, keyed by its name without the suffix."""
        paths = [path for path in self.content if re.fullmatch(rf"{folder}/[^/]+\.yml", path)]
        for path in sorted(self.content.keys() - set(paths)):
            name = path.removeprefix(f"{folder}/")
            if path.startswith(f"{folder}/") and not name.startswith(".") and not name.endswith(".md"):
                hint = f"rename it to `{folder}/{Path(name).stem}.yml`, or move it away"
                self._fault("is read by nothing", Span(Source(f"platform/{path}"), 1, 1, 1, 1), hint=hint)
                self.strays.add(Path(name).stem)
        return {Path(path).stem: document for path in paths if (document := self.load(path))}

    def check_promotion(self, defaults: Document, environments: Mapping[str, Document]) -> None:
        """Find names in the order of environments that would never hold a release back."""
        order = defaults.data.get("promotion")
        for index, name in enumerate(order if isinstance(order, list) else ()):
            # What is no text at all, the schema says.
            known = [each for each in list_names(environments) if each != BRANCH_ENVIRONMENT]
            if isinstance(name, str) and name not in known and name not in self.strays:
                fault = f"orders `{name}`, which is no environment that releases are promoted through"
                span = defaults.value_span(("promotion", index))
                self._fault(fault, span, hint=suggest(name, known) or f"known here: {', '.join(known)}")

    def templates(self) -> Iterator[TemplateModule]:
        for name, source in self._modules("templates"):
            scope = _SCOPE.search("\n".join(source.lines))
            if scope:
                yield TemplateModule(name, scope.group(1), source)
                continue
            try:
                ast.parse("\n".join(source.lines))
            except SyntaxError as error:
                line, column = error.lineno or 1, error.offset or 1
                self._fault(f"is not valid Python: {error.msg}", Span(source, line, column, line, column + 1))
            except ValueError:  # a character that no source has
                self._fault("is not valid Python", Span(source, 1, 1, 1, 1))
            else:
                self._fault('has no line `SCOPE = "service"` or `SCOPE = "environment"`', Span(source, 1, 1, 1, 1))

    def rules(self) -> Iterator[RuleModule]:
        known: dict[str, Span] = {}
        for name, source in self._modules("rules"):
            text = "\n".join(source.lines)
            ids: dict[str, Span] = {}
            for match in _RULE_ID.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                column = match.start("id") - match.start() + 1
                span = Span(source, line, column, line, column + len(match["id"]))
                if not _OWN_RULE_ID.fullmatch(match["id"]):
                    self._fault(f"has a rule `{match['id']}`, whose id is not E9 or W9 and three digits", span)
                elif match["id"] in known:
                    self._fault(f"has a second rule `{match['id']}`", span, (Related("the first", known[match["id"]]),))
                else:
                    ids[match["id"]] = known[match["id"]] = span
            if not _RULE_ID.search(text):
                self._fault('has no line `    id = "E9..."`', Span(source, 1, 1, 1, 1))
            yield RuleModule(name, ids)

    def _modules(self, folder: str) -> Iterator[tuple[str, Source]]:
        """Yield the modules of a folder by their names; a name with an underscore in front is shared code."""
        for path, content in self.content.items():
            name = re.fullmatch(rf"{folder}/([a-z][a-z0-9_]*)\.py", path)
            if name:
                yield name.group(1), Source(f"platform/{path}", tuple(content.decode(errors="replace").splitlines()))

    def identities(self) -> Iterator[Identity]:
        document = self.load("identities.yml") if "identities.yml" in self.content else None
        for type_name, paths in (document.data if document else {}).items():
            assert document is not None
            if not isinstance(paths, dict | None):
                self._fault(f"names no paths for `{type_name}`", document.key_span((type_name,)))
                continue
            for path, keys in (paths or {}).items():
                span = document.key_span((type_name, path))
                keys = [keys] if isinstance(keys, str) else keys
                if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
                    self._fault(f"names no keys for `{path}`", span)
                    continue
                yield Identity(type_name, tuple(path.split(".")), tuple(keys), span)

    def suppressions(self) -> Document | None:
        document = self.load("suppressions.yml") if "suppressions.yml" in self.content else None
        self.faults.extend(read_suppressions(document)[1] if document else ())
        return document

    def guardrails(self, version: str) -> tuple[Guardrail, ...]:
        document = self.load("guardrails.yml") if "guardrails.yml" in self.content else None
        guardrails, faults = read_guardrails(document, version) if document else ((), ())
        self.faults.extend(faults)
        return guardrails

    def renames(self) -> Iterator[Rename]:
        document = self.load("renames.yml") if "renames.yml" in self.content else None
        for old, entry in (document.data if document else {}).items():
            assert document is not None
            span = document.key_span((old,))
            new, since = (entry.get("to"), entry.get("since")) if isinstance(entry, dict) else (None, None)
            if not isinstance(new, str) or not isinstance(since, str) or not re.fullmatch(r"\d+\.\d+\.\d+", since):
                self._fault(f"rename of `{old}` needs `to`, a logical id, and `since`, a version such as 1.1.0", span)
            elif fault := explain_fault(old, new):
                self._fault(f"rename of `{old}` {fault}", span)
            else:
                yield Rename(old, new, since, span)

    def _fault(self, what: str, span: Span, related: tuple[Related, ...] = (), hint: str | None = None) -> None:
        self.faults.append(Diagnostic("D403", f"`{span.path}` {what}", span, hint, related=related))
