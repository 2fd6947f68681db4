"""Where the rooms meet: the one place that builds long-lived objects, starts them, and changes their configuration.

`appliance` is the bill of materials. Nothing below imports this.
"""

from shieldrelay.assembly.bill import appliance

__all__ = ["appliance"]
