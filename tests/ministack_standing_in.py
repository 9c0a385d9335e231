"""Start MiniStack with stand-ins for resources that it does not know. Run by its own Python, not by ours.

In: FLAGSTONE_STAND_INS, a JSON object. Keys are types, or a type and a property (`AWS::SQS::Queue with Tags`);
values are the attributes that `Fn::GetAtt` may ask such a resource for.
Out: a server whose stacks make such a resource by name only; the service's own API knows nothing of it.
"""

import json
import os
import sys
from itertools import count
from typing import Any

_PREFIX = "stand-in-"
_numbers = count(1)


def _stand_in(attributes: list[str]) -> dict[str, Any]:
    def create(logical_id: str, properties: object, stack: str) -> tuple[str, dict[str, str]]:
        physical_id = f"{_PREFIX}{next(_numbers)}"
        return physical_id, {name: f"{physical_id}-{name}" for name in attributes}

    return {"create": create, "delete": lambda *_: None}


def _stand_in_where(name: str, real: dict[str, Any], stand_in: dict[str, Any]) -> dict[str, Any]:
    """Choose by a property of the resource who makes it, and by its physical id who deletes it.

    Without a way to update one, the server makes a new one and deletes the old.
    """

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return (stand_in if name in properties else real)["create"](logical_id, properties, stack)

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        (stand_in if physical_id.startswith(_PREFIX) else real)["delete"](physical_id, properties)

    return {"create": create, "delete": delete}


def _register(handlers: dict[str, Any], kind: str, attributes: list[str]) -> None:
    kind, _, name = kind.partition(" with ")
    if not name and kind in handlers:
        sys.exit(f"MiniStack makes {kind} itself: nothing has to stand in for it any more")
    made = _stand_in(attributes)
    handlers[kind] = _stand_in_where(name, handlers[kind], made) if name else made


def _main() -> int:
    from ministack.app import main  # type: ignore[import-not-found]
    from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found]

    for kind, attributes in json.loads(os.environ["FLAGSTONE_STAND_INS"]).items():
        _register(provisioners._RESOURCE_HANDLERS, kind, attributes)
    return int(main() or 0)


if __name__ == "__main__":
    sys.exit(_main())
