"""How many processes a node has, and what of the configuration each of them goes by.

`as_worker` gives one worker its place in the spool, its control socket and its part of what the node has once. Knows no
process: `workers` starts them, each of which reads the configuration by `read_again`.
"""

from __future__ import annotations

from shieldrelay.config.pushed import NOTHING, Beside
from shieldrelay.config.reader import read
from shieldrelay.config.schema import Configuration
from shieldrelay.config.setting import changed
from shieldrelay.config.worker_count import AUTO, WORKERS_MOST


def worker_count(configuration: Configuration, cores: int) -> int:
    """Say how many processes the node is to have.

    :param cores: that it may use; ``auto`` is as many, and 1 with a hub that processes cannot share.
    """
    wanted = configuration.node.workers
    if wanted != AUTO:
        return wanted
    return 1 if configuration.cluster.hub.alone else max(1, min(cores, WORKERS_MOST))


def as_worker(configuration: Configuration, worker: int, workers: int) -> Configuration:
    """Give what one worker goes by.

    The first has the node's own directory in the spool, so that a node finds its mail again when it gets more
    processes; sessions and memory are divided.

    :param worker: from 1.
    :param workers: how many there are.
    """
    node, smtp = configuration.node, configuration.smtp
    return changed(
        configuration,
        node=changed(
            node,
            member=member_of(configuration, worker),
            control=control_of(node.control, worker),
        ),
        smtp=changed(
            smtp,
            max_sessions=-(-smtp.max_sessions // workers),
            memory=max(smtp.memory // workers, smtp.memory_per_message),
        ),
        worker=worker,
        workers=workers,
    )


def read_again(before: Configuration, beside: Beside = NOTHING) -> Configuration:
    """Read the files of a configuration anew, for the same worker.

    :param beside: what is to be pushed.
    :raises ConfigurationFaults: with everything that is wrong.
    """
    fresh = read(before.path, beside)
    return as_worker(fresh, before.worker, before.workers) if before.worker else fresh


def kept_apart(configuration: Configuration, name: str) -> str:
    """Name what each worker keeps for itself in the state directory; the first has what a node of one process has."""
    return name if configuration.worker < 2 else f"{name}.{configuration.worker}"


def member_of(configuration: Configuration, worker: int) -> str:
    """Name a worker's directory in the spool; ``configuration`` is the node's."""
    return configuration.member if worker == 1 else f"{configuration.member}.{worker}"


def control_of(control: str, worker: int) -> str:
    """Name a worker's control socket."""
    return f"{control}.{worker}"
