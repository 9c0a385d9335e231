"""Catalog, subscriptions: what services publish and consume."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_service

_CONSUME = "messages:\n  consume:\n    customer.moved: "

ENTRIES = (
    Entry(
        code="D346",
        title="Ordered here and not there",
        explanation="""
            The service publishes an event and consumes it, or lets a process publish it by a permission, and says
            `ordered: true` at one of the two places only. The name of the topic ends in `.fifo` where the event is
            ordered, so the other place would speak of a topic that does not exist. Say the same at both.
        """,
        wrong=in_service(
            "messages:\n  publish: {stock-moved: {ordered: true}}\n  consume:\n    shop.stock-moved: {process: web}"
        ),
        right=in_service(
            "messages:\n  publish: {stock-moved: {ordered: true}}\n"
            "  consume:\n    shop.stock-moved: {process: web, ordered: true}"
        ),
    ),
    Entry(
        code="D347",
        title="Ordered by one service and not by another",
        explanation="""
            One service publishes an event in order and another consumes it in none, or the other way round. The name of
            the topic ends in `.fifo` where the event is ordered, so the subscription would be to a topic that does not
            exist. A consumer says what the publisher says. A publisher that changes its mind publishes the event under
            another name, next to the old one until everybody has moved; with `--strict` this is an error.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D348",
        title="Message gone before anybody hears of it",
        explanation="""
            A queue keeps a message for `retention`. One that the process cannot handle comes back `maxReceiveCount`
            times, each time after six times `timeout`; if that takes longer, it is deleted before it is a dead letter,
            and no alarm tells. In the same way nothing ever reaches a `maxAge` of `retention` or more.
        """,
        wrong=in_service(_CONSUME + "{process: web, timeout: 7200, maxReceiveCount: 10}"),
        right=in_service(_CONSUME + "{process: web, timeout: 7200, maxReceiveCount: 3}"),
    ),
    Entry(
        code="D349",
        title="Filter that asks two things of one member",
        explanation="""
            In a filter on the body of a message a dot leads a level down: `address.country` is the member `country` of
            the member `address`. What has members has no value of its own, so a filter for both lets nothing in. Keep
            one of the two.
        """,
        wrong=in_service(_CONSUME + "{process: web, filterOn: body, filter: {address: GB, address.country: GB}}"),
        right=in_service(_CONSUME + "{process: web, filterOn: body, filter: {address.country: GB}}"),
    ),
)
