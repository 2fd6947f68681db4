"""`Files`: what a plan comes to in files, tried as a whole and then written; what is there is never lost.

A file that says the same already is left alone. One that says something else is replaced only with leave, and its
former text stays beside it. The configuration is tried as ``--check`` does it, in a directory aside, before anything
is written.
"""

from __future__ import annotations

import difflib
import grp
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from shieldrelay.config.render import main_file
from shieldrelay.setup.looks import GROUP
from shieldrelay.setup.plan import Plan
from shieldrelay.setup.text import domain_text, list_text, with_settings
from shieldrelay.tap.examination import try_configuration


@frozen
class Written:
    """One file as it is to be.

    :ivar private: readable for the node's group, not for everybody.
    """

    file: Path
    text: str
    private: bool = False

    @property
    def former(self) -> str | None:
        """What is there; ``None``: nothing.

        :raises OSError: it cannot be read.
        """
        try:
            return self.file.read_text("utf-8")
        except FileNotFoundError:
            return None

    @property
    def difference(self) -> str:
        """What would change, as lines with ``-`` and ``+``."""
        former, wanted = (self.former or "").splitlines(), self.text.splitlines()
        return "\n".join(difflib.unified_diff(former, wanted, str(self.file), "as it would be", n=1, lineterm=""))


class Files:
    """The files of a plan.

    :param main: the configuration file.
    """

    def __init__(self, plan: Plan, main: Path) -> None:
        self._plan = plan
        self._main = main
        self.domain_file = main.parent / "domains.d" / f"{plan.domain}.toml"

    @property
    def protects(self) -> bool:
        """Whether any domain has a file, or stands in the main file."""
        if any((self._main.parent / "domains.d").glob("*.toml")):
            return True
        return "[[domain]]" in (Written(self._main, "").former or "")

    def all(self) -> list[Written]:
        """Give every file that the plan wants, whether or not it is so already.

        :raises OSError: one that is there cannot be read.
        """
        found = [
            Written(self._main, self._main_text()),
            Written(self.domain_file, self._domain_text(str(self._plan.recipients))),
        ]
        if self._plan.new_list is not None:
            found.append(Written(self._plan.new_list, list_text(self._plan), private=True))
        return found

    def _main_text(self) -> str:
        text = Written(self._main, "").former
        text = with_settings(main_file() if text is None else text, "node", {"hostname": self._plan.hostname})
        if self._plan.certificate is not None:
            certificate, key = map(str, self._plan.certificate)
            text = with_settings(text, "tls", {"certificate": certificate, "private_key": key})
        return text

    def _domain_text(self, recipients: str) -> str:
        return domain_text(self._plan, recipients, Written(self.domain_file, "").former)

    def faults(self) -> str:
        """Try everything as it would be; give what is wrong, ``""`` when nothing is."""
        with tempfile.TemporaryDirectory() as name:
            aside = Path(name)
            shutil.copytree(self._main.parent / "domains.d", aside / "domains.d") if self._has_domains() else None
            (aside / "domains.d").mkdir(exist_ok=True)
            recipients = str(self._plan.recipients)
            if self._plan.new_list is not None:
                (aside / "list").write_text(list_text(self._plan), "utf-8")
                recipients = f"file:{aside / 'list'}"
            (aside / self._main.name).write_text(self._main_text(), "utf-8")
            (aside / "domains.d" / self.domain_file.name).write_text(self._domain_text(recipients), "utf-8")
            told = io.StringIO()
            status = try_configuration(str(aside / self._main.name), io.StringIO(), told)
            return told.getvalue().replace(f"{aside}/", f"{self._main.parent}/") if status else ""

    def _has_domains(self) -> bool:
        return (self._main.parent / "domains.d").is_dir()


def write(wanted: Written, now: Callable[[], float] = time.time) -> Path | None:
    """Write one file whole, or nothing; give where its former text went, ``None`` when there was none.

    :raises OSError: it cannot be written.
    """
    wanted.file.parent.mkdir(mode=0o750 if wanted.private else 0o755, parents=True, exist_ok=True)
    _own(wanted.file.parent, wanted.private)
    kept = None
    if wanted.former is not None:
        kept = wanted.file.with_name(f"{wanted.file.name}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now()))}")
        shutil.copy2(wanted.file, kept)
    aside = wanted.file.with_name(f".{wanted.file.name}.new")
    with open(aside, "w", encoding="utf-8", opener=_opener) as opened:
        opened.write(wanted.text)
        opened.flush()
        os.fsync(opened.fileno())
    if kept is None:
        aside.chmod(0o640 if wanted.private else 0o644)
        _own(aside, wanted.private)
    else:
        status = wanted.file.stat()
        aside.chmod(status.st_mode & 0o7777)
        os.chown(aside, status.st_uid, status.st_gid)
    aside.rename(wanted.file)
    return kept


def _own(path: Path, private: bool) -> None:
    """Give what is private to the node's group, where there is one and this is root."""
    if not private or os.geteuid() != 0:
        return
    try:
        gid = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return
    os.chown(path, 0, gid)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
