"""The parent of a node's workers: it keeps the listening sockets, starts and watches the processes, and asks them all.

A worker is a whole node of its own beside the others (`assembly`), and a member of the cluster; the parent relays no
mail and holds none. Called by `tap` where ``[node] workers`` come to more than one.
"""

from shieldrelay.workers.service import parent

__all__ = ["parent"]
