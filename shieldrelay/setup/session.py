"""`set_up`: from questions to files, and what is left to be done elsewhere."""

from __future__ import annotations

from pathlib import Path

from shieldrelay.check.names import Names, NoAnswer
from shieldrelay.config.faults import ConfigurationFaults
from shieldrelay.config.reader import read
from shieldrelay.setup.asking import GivenUp, Terminal
from shieldrelay.setup.files import Files, Written, write
from shieldrelay.setup.outside import any_firewall, dns_records, nftables_rule
from shieldrelay.setup.plan import Plan
from shieldrelay.setup.questions import Given, Questions

DONE, REFUSED = 0, 1


def set_up(terminal: Terminal, given: Given, main: Path, names: Names, *, force: bool = False) -> int:
    """Ask, look, write, and tell what comes next.

    :param main: the configuration file.
    :param force: replace files that say something else, without asking.
    :returns: the exit status.
    """
    try:
        hostname = _hostname_now(main)
        plan = Questions(terminal, given, names, hostname, main.parent).plan()
        files = Files(plan, main)
        faults = files.faults()
        if faults:
            raise GivenUp(f"so the configuration would not be valid:\n{faults}")
        written = _write_all(terminal, files.all(), may={main} if not files.protects else set(), force=force)
    except OSError as error:
        raise GivenUp(f"{error.filename or main}: {(error.strerror or str(error)).lower()}") from error
    _tell_outside(terminal, plan, names)
    _tell_next(terminal, plan, written=written, renamed=plan.hostname != hostname)
    return DONE


def _hostname_now(main: Path) -> str:
    """Give the node's name that is configured; ``""``: none, or nobody can tell."""
    try:
        return read(str(main)).node.hostname
    except ConfigurationFaults:
        return ""


def _write_all(terminal: Terminal, wanted: list[Written], *, may: set[Path], force: bool) -> bool:
    """Write what is not so already; give whether anything was. Everything is allowed before anything is written.

    :param may: what may be replaced without asking: the main file of a node that protects nothing yet, whose name the
        package took from the machine, and which nobody knows by it.
    :raises GivenUp: a file says something else and may not be replaced.
    """
    changes = [each for each in wanted if each.former != each.text]
    for each in changes:
        if each.former is not None and not force and each.file not in may:
            terminal.say(each.difference)
            if not terminal.yes(f"Replace {each.file}? Its present text is kept beside it."):
                raise GivenUp(f"{each.file} says something else, and nothing was written; --force replaces it")
    terminal.say()
    for each in wanted:
        kept = write(each) if each in changes else None
        how = "written" if each in changes else "was so already"
        terminal.say(f"{each.file}: {how}{f', the former text is in {kept.name}' if kept else ''}")
    return bool(changes)


def _tell_outside(terminal: Terminal, plan: Plan, names: Names) -> None:
    nodes = {plan.hostname: plan.addresses or _addresses(plan.hostname, names)}
    nodes |= {each: _addresses(each, names) for each in plan.nodes}
    terminal.say(f"\nDNS, last of all, when mail has been tried (at {plan.domain} and at the nodes' domain):\n")
    terminal.say(dns_records(plan.domain, nodes))
    lacking = [name for name, addresses in nodes.items() if not addresses]
    if lacking:
        known = f"The firewall's rule needs the addresses of {', '.join(lacking)}"
        terminal.say(f"{known}: run this again when DNS has them, or with --address.\n")
        return
    terminal.say("The customer's firewall, once the old MX records' TTL is over. With nftables, on the mail server:\n")
    terminal.say(nftables_rule(nodes, plan.next_hops))
    terminal.say("On any other firewall before it:\n")
    terminal.say(any_firewall(nodes, plan.next_hops))


def _addresses(name: str, names: Names) -> tuple[str, ...]:
    try:
        return names.addresses(name)
    except NoAnswer:
        return ()


def _tell_next(terminal: Terminal, plan: Plan, *, written: bool, renamed: bool) -> None:
    terminal.say("Next:\n")
    if renamed:
        terminal.say("  systemctl restart shieldrelay        # the node's name changed; otherwise a reload is enough")
    elif written:
        terminal.say("  shieldrelayctl reload")
    terminal.say("  shieldrelayctl status")
    terminal.say(f"  shieldrelayctl recipients {plan.domain}")
