"""Site: the page on which guests book. The form talks to `api`, which is at `/api` of the same name."""

from __future__ import annotations

import html
import os

from bookings.endpoint import Answer, as_json, serve

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{name}</title>
<h1>{name}</h1>
<form method="post" action="/api/bookings" enctype="text/plain">
  <label>Your name <input name="guest" required></label>
  <label>Guests <input name="seats" type="number" min="1" max="12" value="2" required></label>
  <label>When <input name="time" type="datetime-local" required></label>
  <button>Book one of our {tables} tables</button>
</form>
</html>
"""


def show_page(_: bytes) -> Answer:
    name = html.escape(os.environ.get("RESTAURANT", "Restaurant"))
    text = PAGE.format(name=name, tables=int(os.environ.get("TABLES", "1")))
    return 200, "text/html; charset=utf-8", text.encode()


def main() -> None:
    serve({("GET", "/"): show_page, ("GET", "/ping"): lambda _: as_json(200, {"status": "ok"})})


if __name__ == "__main__":
    main()
