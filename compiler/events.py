"""Events: what a service says under `messages`, in whichever form it is said there.

In: the data of Settings, of any shape.    Out: names of events, traced where the data is, and whether each keeps order.
Never: judges.
"""

from __future__ import annotations

from typing import Any

from compiler.model import Json


def published_events(data: Json) -> dict[str, bool]:
    """Say of each event that a service publishes whether it is ordered: a list says only which events there are.

    >>> published_events({"messages": {"publish": {"order-placed": {}, "stock-moved": {"ordered": True}}}})
    {'order-placed': False, 'stock-moved': True}
    >>> published_events({"messages": {"publish": ["order-placed"]}})
    {'order-placed': False}
    """
    return {event: is_ordered(said) for event, said in said_of_published(data).items()}


def said_of_published(data: Json) -> dict[str, Json]:
    """Return what is said of each event that a service publishes; nothing where there is a list of them."""
    published = _messages(data).get("publish")
    if isinstance(published, list):
        return {event: None for event in published if isinstance(event, str)}
    return published if isinstance(published, dict) else {}


def consumed_events(data: Json) -> dict[str, dict[str, Any]]:
    """Return what is said of each event that a service consumes, by `<service>.<event>`."""
    consumed = _messages(data).get("consume")
    return (
        {name: said for name, said in consumed.items() if isinstance(said, dict)} if isinstance(consumed, dict) else {}
    )


def is_ordered(said: Json) -> bool:
    """Tell whether what is said of an event asks for its messages in order."""
    return isinstance(said, dict) and said.get("ordered") is True


def _messages(data: Json) -> dict[str, Any]:
    messages = data.get("messages") if isinstance(data, dict) else None
    return messages if isinstance(messages, dict) else {}
