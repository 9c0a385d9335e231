"""Write the catalog as markdown: `python -m compiler.catalog > docs/diagnostics.md`."""

import sys

from compiler.catalog import render_catalog

sys.stdout.write(render_catalog())
