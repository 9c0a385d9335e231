"""Refusals: settings that agree with each other, and that AWS or an instance would refuse all the same.

In: the Settings of one environment, the files of `src/` and `ansible/`.    Out: Diagnostics.
Faults: D323 to D329, D339, D367, D381.
Never: looks at what the platform makes of a setting; what only the stack shows is `limits`.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any

from compiler.blame import fault_at, is_from_service, map_at, number_at, span_of
from compiler.diagnostics import Diagnostic, Related, Source, Span, suggest
from compiler.hours import first_outside, first_together
from compiler.model import Library, Repository, RepositoryFile, Settings
from compiler.playbooks import check_playbooks
from compiler.trace import plain

# A path of its own; what a shell works out first is not looked into.
_STARTED = re.compile(r"(\./[^\s$`'\"\\*?;&|<>(){}\[\]]+)(?=\s|$)")
# The five fields of a time: what each is called, its numbers, and the words that stand for some of them.
_FIELDS = (
    ("minute", range(60), ()),
    ("hour", range(24), ()),
    ("day of the month", range(1, 32), ()),
    ("month", range(1, 13), ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", range(8), ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of each month, once in four years
# What the unit of a process does not let it see, and what is in memory.
_HIDDEN = ("/tmp", "/var/tmp", "/home", "/root", "/run", "/var/run", "/dev", "/proc", "/sys")  # noqa: S108
# What the roles and the unit make a folder of, and names that they, nginx and the journal have in /var/log.
_FOLDERS = ("/var/log/{service}", "/srv/{service}/src", "/etc/platform", "/opt/platform", "/var/lib/service")
_TAKEN = ("journal", "nginx", "platform")
# Where the platform writes what a process prints that has no log `app`.
_OUTPUT = "/var/log/{service}/output.log"
_REFERENCE = re.compile(r"\{\{resolve:[^{}]*\}\}")
_BRACES = re.compile(r"\{\{.*\}\}", re.DOTALL)


def check_refusals(settings: Settings) -> Iterator[Diagnostic]:
    """Check the settings of one environment against what they are made for."""
    for name, process in map_at(settings.data, "processes").items():
        yield from _check_empty_group(name, process)
        yield from _check_log_paths(name, process, settings.data.get("service"))
        yield from _check_times(name, process)
        yield from _check_hours(name, process, map_at(settings.environment, "businessHours"))
        yield from _check_order(name, process, map_at(settings.environment, "businessHours"))
    yield from _check_name(settings.data.get("service"))
    yield from _check_braces(settings)
    yield from _check_secrets(settings)


def check_instances(settings: Settings, repository: Repository, library: Library) -> Iterator[Diagnostic]:
    """Check what instances are going to run: the commands of one environment, and the roles."""
    yield from _check_commands(settings, repository)
    yield from _check_roles(repository, library)
    yield from check_playbooks(repository.ansible, library.ansible)


def _check_commands(settings: Settings, repository: Repository) -> Iterator[Diagnostic]:
    """Check that `src/`, where commands run, holds what they start.

    A service with roles of its own may make the file on the instance; an empty `src/` fails there all the same.
    """
    executable = {file.path: file.is_executable or file.link is not None for file in repository.src}
    for name, process in map_at(settings.data, "processes").items():
        command = process.get("command") if isinstance(process, dict) else None
        started = _STARTED.match(command) if isinstance(command, str) else None
        if command is None or (executable and (started is None or repository.ansible)):
            continue
        path = posixpath.normpath(started[1]) if started else ""
        if not executable:
            message = f"`src/` is empty, and `processes.{name}` runs there"
            yield fault_at("D327", message, command, "put into `src/` what the command runs, and commit it", "warning")
        elif path not in executable:
            message = f"`src/` holds no `{path}`, which `processes.{name}` runs"
            hint = suggest(path, executable) or "write the path from `src/`, and commit the file"
            yield fault_at("D327", message, command, hint, "warning")
        elif not executable[path]:
            message = f"`src/{path}`, which `processes.{name}` runs, is not executable"
            yield fault_at("D327", message, command, f"run `chmod +x src/{path}` and commit that", "warning")


def _check_roles(repository: Repository, library: Library) -> Iterator[Diagnostic]:
    """Say in place of which roles of the platform a service brings its own: where there is such a folder, it runs."""
    platforms, own = _list_roles(library.ansible), _list_roles(repository.ansible)
    for name in sorted(platforms.keys() & own):
        message = f"the role `{name}` takes the place of the platform's on every instance"
        hint = "give it another name and list it in `ansible/playbook.yml`, unless the platform's is not to run"
        span = Span(Source(f"ansible/{own[name]}"), 1, 1, 1, 1)
        yield Diagnostic("D328", message, span, hint, "notice")


def _list_roles(files: Sequence[RepositoryFile]) -> dict[str, str]:
    """Map the roles that have a folder, or a link to one, to the file where a reader begins: their tasks, if any."""
    links = {file.path: file.link for file in files if file.link is not None}
    folder = posixpath.normpath(links.get("roles", "roles"))
    found: dict[str, list[str]] = {}
    for file in files:
        name, _, rest = file.path.removeprefix(f"{folder}/").partition("/")
        if file.path.startswith(f"{folder}/") and (rest or file.path in links):
            found.setdefault(name, []).append(file.path)
    return {name: min(paths, key=lambda path: ("/tasks/main." not in path, path)) for name, paths in found.items()}


def _check_empty_group(name: str, process: Any) -> Iterator[Diagnostic]:
    scaling = map_at(process, "scaling")
    low, targets = number_at(scaling, "min"), map_at(scaling, "target")
    if low != 0 or not targets or "queueAge" in targets:
        return
    said = low if is_from_service(low) else next(iter(targets.values()))
    message = f"once `processes.{name}` has no instance left it never gets one: what has none has no metric"
    yield fault_at("D324", message, said, "raise `min` to 1, or scale on `queueAge`", "warning")


def _check_log_paths(name: str, process: Any, service: Any) -> Iterator[Diagnostic]:
    logs = [log.get("path") for log in map_at(process, "logs").values() if isinstance(log, dict)]
    logs = [path for path in logs if isinstance(path, str)]
    seen: dict[str, Any] = {}
    for path in sorted(logs, key=lambda path: (span_of(path).path, span_of(path).line, span_of(path).column)):
        first = seen.setdefault(plain(path), path)
        if first is not path:
            related = (Related("first named here", span_of(first)),)
            message = f"two logs of `processes.{name}` have the path `{path}`"
            hint = "keep one of them; a log may have several filters"
            yield Diagnostic("D325", message, span_of(path), hint, related=related)
    for text, path in seen.items():
        within = [other for other in seen if other.startswith(f"{text}/")]
        folders = [folder.format(service=plain(service)) for folder in _FOLDERS]
        if within:
            related = (Related("a log in it", span_of(seen[within[0]])),)
            message = f"`{path}` is a log of `processes.{name}`, and the folder of another"
            yield Diagnostic("D325", message, span_of(path), "give one of them another path", related=related)
        elif any(f"{folder}/".startswith(f"{text}/") for folder in folders):
            message = f"`{path}`, a log of `processes.{name}`, is a folder on instances"
            yield fault_at("D329", message, path, "name a file in it")
        elif text == _OUTPUT.format(service=plain(service)) and "app" not in map_at(process, "logs"):
            message = f"`{path}`, a log of `processes.{name}`, is where instances write what it prints"
            yield fault_at("D329", message, path, "call the log `app` if that is meant, or name another file")
        elif hidden := [folder for folder in _HIDDEN if text.startswith(f"{folder}/")]:
            message = f"`processes.{name}` has a log in `{hidden[0]}`, which instances hide from it or empty"
            own = f"/var/log/{plain(service)}/{posixpath.basename(text)}"
            yield fault_at("D329", message, path, f"name a file that stays, such as `{own}`")


def _check_name(service: Any) -> Iterator[Diagnostic]:
    """Its logs are in a folder of its name, its units begin with it: some names are taken on every instance."""
    if isinstance(service, str) and plain(service) in _TAKEN:
        message = f"`{service}` is a name that instances have for something of their own"
        yield fault_at("D329", message, service, "give the service another name")


def _check_times(name: str, process: Any) -> Iterator[Diagnostic]:
    for key, each in map_at(map_at(process, "scaling"), "schedule").items():
        at = each.get("at") if isinstance(each, dict) else None
        for message, hint in find_no_time(at) if isinstance(at, str) else ():
            yield fault_at("D339", f"{message} of `processes.{name}.scaling.schedule.{key}`", at, hint)


def _check_hours(name: str, process: Any, hours: dict[str, Any]) -> Iterator[Diagnostic]:
    """Check that the schedule of a process starts nothing while the process is off."""
    availability, scaling = process.get("availability"), map_at(process, "scaling")
    start, stop = hours.get("start"), hours.get("stop")
    if not isinstance(availability, str) or plain(availability) != "businessHours":
        return
    for key, each in map_at(scaling, "schedule").items():
        times = [each.get("at") if isinstance(each, dict) else None, start, stop]
        most = number_at(each, "max") if number_at(each, "max") is not None else number_at(scaling, "max")
        if most == 0 or not all(isinstance(at, str) and not list(find_no_time(at)) for at in times):
            continue
        outside = first_outside(*map(plain, times))
        if outside is not None:
            message = f"`processes.{name}.scaling.schedule.{key}` starts instances outside of business hours, {outside}"
            hint = f"choose times from `{start}` to `{stop}`, set `max: 0`, or use `availability: alwaysOn`"
            related = (Related("`availability` is businessHours here", span_of(availability)),)
            yield Diagnostic("D367", message, span_of(times[0]), hint, related=related)


def _check_order(name: str, process: Any, hours: dict[str, Any]) -> Iterator[Diagnostic]:
    """Check that no two changes of a group come at one time, of which nobody knows which is the last."""
    schedule = map_at(map_at(process, "scaling"), "schedule")
    times = [(f"`{key}`", each.get("at")) for key, each in schedule.items() if isinstance(each, dict)]
    availability = process.get("availability") if isinstance(process, dict) else None
    if times and isinstance(availability, str) and plain(availability) == "businessHours":
        times = [(f"the {word} of business hours", hours.get(word)) for word in ("start", "stop")] + times
    known = [(what, at) for what, at in times if isinstance(at, str) and not list(find_no_time(at))]
    for index, (second, again) in enumerate(known):
        meetings = ((first, at, first_together(plain(at), plain(again))) for first, at in known[:index])
        for first, at, when in itertools.islice((each for each in meetings if each[2]), 1):
            message = f"{first} and {second} of `processes.{name}` change its group at one time, {when}"
            related = (Related("the other one", span_of(at)),)
            yield Diagnostic("D381", message, span_of(again), "let one of them come a minute later", related=related)


def find_no_time(at: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with each field of a time that no clock shows, and what to write."""
    read = [(text, field, _choose(text, field)) for text, field in zip(plain(at).split(" "), _FIELDS, strict=False)]
    for text, (what, numbers, _), chosen in read:
        if not chosen:
            example = f"`{numbers[1]}`, `{numbers[1]}-{numbers[4]}` or `*`"
            yield f"`{text}` is no {what}", f"write numbers from {numbers[0]} to {numbers[-1]}, such as {example}"
    if len(read) < len(_FIELDS) or not all(chosen for _, _, chosen in read):
        return
    (day, _, days), (month, _, months), (weekday, _, _) = read[2:]
    longest = max(_LENGTHS[each - 1] for each in months)
    # Where days of the week are named as well, one of the two is enough.
    if weekday == "*" and min(days) > longest:
        yield f"there is no day `{day}` in month `{month}`", f"write a day up to `{longest}`, or another month"


def _choose(text: str, field: tuple[str, range, tuple[str, ...]]) -> set[int]:
    """Return the numbers that a field stands for: none where it is no time."""
    _, numbers, words = field
    parts = [_read_part(part, numbers, words) for part in text.lower().split(",")]
    return set() if None in parts else {number for part in parts for number in part or ()}


def _read_part(text: str, numbers: range, words: Sequence[str]) -> range | None:
    """Read a part of a field: `*`, a number, a range of two, or one of those with a step; None where it is no time."""
    whole, slash, step = text.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0 and (whole == "*" or "-" in whole)):
        return None
    ends = [
        numbers[0] + words.index(end) if end in words else int(end) if end.isdecimal() else -1
        for end in (whole.split("-") if whole != "*" else (str(numbers[0]), str(numbers[-1])))
    ]
    if len(ends) > 2 or ends != sorted(ends) or any(end not in numbers for end in ends):
        return None
    return range(ends[0], ends[-1] + 1, int(step or 1))


def _check_braces(settings: Settings) -> Iterator[Diagnostic]:
    for name, value in map_at(settings.data, "config").items():
        if isinstance(value, str) and _BRACES.search(_REFERENCE.sub("", plain(value))):
            message = f"`{name}` in `config` has braces in pairs, which SSM takes in no parameter"
            yield fault_at("D323", message, value, "write it without `{{` and `}}`, or keep it in a file of `src/`")


def _check_secrets(settings: Settings) -> Iterator[Diagnostic]:
    own = f"/service/{settings.environment_name}/{plain(settings.data.get('service'))}/"
    for name, path in map_at(settings.data, "secrets").items():
        if isinstance(path, str) and path.startswith(("/platform/", "/service/")) and not path.startswith(own):
            whose = "the platform" if path.startswith("/platform/") else "another service or environment"
            message = f"`{name}` in `secrets` is a parameter of {whose}"
            yield fault_at("D326", message, path, "keep the secret under a path of the service, and name that")
