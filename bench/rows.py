"""The table of all rows, by the names that ``--only`` takes, in the order in which they are run."""

from __future__ import annotations

from bench import attacks, hub_rows, lists, passing, rows_mail, siege, sources, watched, workers
from bench.paired import Pair
from bench.row import Row

ROWS: dict[str, Row | Pair] = {
    **rows_mail.ROWS,
    **attacks.ROWS,
    **passing.ROWS,
    **siege.ROWS,
    **lists.ROWS,
    **sources.ROWS,
    **hub_rows.ROWS,
    **workers.ROWS,
    **watched.ROWS,
}
