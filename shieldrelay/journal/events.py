"""Every event of the journal, declared by name. `docs/journal.md` is rendered from this table.

To add one, add a row: name, level, help, and the fields that a reader may count on. A row may name one of its fields as
its label: the journal counts by it, so it must have few values.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

RESERVED = ("ts", "level", "event", "node")
"""Fields that every line has; no event declares them."""


class Level(Enum):
    """How much an event matters to an operator."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@frozen
class Event:
    """One kind of event.

    :ivar help: when it is told, in a sentence.
    :ivar fields: the names of its fields; an event may leave out what it does not know.
    :ivar label: the field by which it is counted, or ``""``.
    """

    level: Level
    help: str
    fields: tuple[str, ...] = ()
    label: str = ""


def _info(help: str, fields: str = "", label: str = "") -> Event:
    return Event(Level.INFO, help, tuple(fields.split()), label)


def _warn(help: str, fields: str = "", label: str = "") -> Event:
    return Event(Level.WARN, help, tuple(fields.split()), label)


def _error(help: str, fields: str = "", label: str = "") -> Event:
    return Event(Level.ERROR, help, tuple(fields.split()), label)


EVENTS: dict[str, Event] = {
    # the node
    "started": _info("The node listens.", "version listen domains fingerprint spooled"),
    "stopping": _info("The node has been asked to stop and takes no more connections.", "sessions attempts"),
    "stopped": _info("The node has stopped.", "seconds broken_off"),
    "reload": _info("A new configuration is in force.", "fingerprint domains changed"),
    "reload_refused": _error("A new configuration is faulty and the old one stays.", "faults reason"),
    "certificate": _info("A certificate was loaded or made.", "file names expires reason"),
    "alarm": _error("Somebody should look.", "alarm domain reason", "alarm"),
    "alarm_over": _info("The reason for an alarm is gone.", "alarm domain reason", "alarm"),
    "alarm_opened": _warn("An alarm is open from now on; docs/alarms.md has them.", "kind about reason", "kind"),
    "alarm_ended": _info("An alarm is over.", "kind about reason seconds", "kind"),
    "alarm_undelivered": _warn("An alarm, or a report, could not be sent on.", "to alarm reason"),
    "letter_stored": _info("An alarm or a report waits to be sent by mail.", "message to subject"),
    "state_unwritten": _warn("A small file of the state directory cannot be written.", "file reason"),
    "parent_started": _info("The parent of the node's workers runs, and starts them.", "version workers"),
    "worker_started": _info("One of the node's processes was started.", "worker pid starts"),
    "worker_up": _info("One of the node's processes listens.", "worker pid seconds leads"),
    "worker_ended": _warn(
        "One of the node's processes has ended; it is started again, unless the node stops.",
        "worker pid status reason seconds again",
    ),
    "log": _warn("Twisted or a library reported trouble.", "severity namespace text traceback", "severity"),
    "bug": _error(
        "Something went wrong that must not; the peer was answered 451.",
        "where session message domain error traceback",
        "where",
    ),
    "journal_lost": _error("The journal could not be written for a while.", "lines reason"),
    "headroom": _warn("The spool's disk has come to another state.", "state reason free inodes_free", "state"),
    # incoming
    "session": _info(
        "A client's session has ended.",
        "session peer port helo tls seconds end commands errors messages refused received",
        "end",
    ),
    "transaction": _info(
        "A mail transaction has been answered after its content.",
        "session message others peer helo reverse_path domain recipients size code status result reason seconds",
        "result",
    ),
    "refused": _info(
        "A client's command has been refused.",
        "session peer stage code status defence reason reverse_path recipient",
        "defence",
    ),
    "content_refused": _info(
        "A plugin has refused a message, or a command before it, or would have.",
        "session message peer domain check stage mode code status reason",
        "check",
    ),
    "plugin_failed": _error(
        "A plugin gave no answer.", "session message check stage result reason traceback", "check"
    ),
    "plugin_left_alone": _error(
        "A plugin keeps failing: for a while it counts as failed without being asked.",
        "check failures seconds reason",
        "check",
    ),
    "plugin_back": _info("A plugin that was left alone answers again.", "check seconds", "check"),
    "plugin_counts": _info(
        "What a plugin was asked, and how long that took, since this was last told; at most once a minute.",
        "check asked accepted annotated refused failed seconds longest period",
        "check",
    ),
    "violation": _warn("A client spoke something else than lawful SMTP.", "session peer kind evidence", "kind"),
    "connection_refused": _info(
        "Connections of a source were turned away before a session began; the first of a minute is told.",
        "peer defence reason reference before",
        "defence",
    ),
    "would_refuse": _info(
        "A defence that only observes would have refused something.",
        "session peer defence reason domain recipient before",
        "defence",
    ),
    "early_talk": _info("A client talked before it was greeted.", "session peer reason evidence"),
    "proxy_refused": _warn(
        "A connection brought no PROXY header where one is due, or one that is not lawful.",
        "peer reason evidence",
    ),
    "tls_failed": _info("A TLS handshake with a client failed.", "session peer reason"),
    # the defences
    "harvest_shield": _warn(
        "A domain's shield against harvesting has changed its level.",
        "domain before shield unknown threshold slow_unknown slow_threshold baseline patience",
        "shield",
    ),
    "harvest_box": _warn(
        "A source has used up its unknown recipients: for a while it gets no answer.",
        "session peer domain reason seconds offences",
    ),
    "exploit": _warn(
        "A client sent an exploit string in a command, a path, or a header field.",
        "session peer kind signature sources evidence",
        "signature",
    ),
    "sentence": _warn(
        "What a source did wrong has come to something: slower answers, refusals, a ban.",
        "session peer step kind score seconds reason",
        "step",
    ),
    "stress": _warn("The node has come under stress, or out of it.", "state reason seconds", "state"),
    "ban": _warn("A source is banned.", "source until seconds reason by member", "by"),
    "released_source": _info("What is held against a source was forgotten.", "source by member", "by"),
    "list_changed": _info(
        "An operator has allowed or denied a network, or revoked that.",
        "change network until reason by member",
        "change",
    ),
    # reputation
    "name_list": _warn(
        "A DNS list is used, or not any more: its test points are right, or not.", "list state reason", "state"
    ),
    "feed_read": _info("A feed of active spammers is in force.", "feed source networks skipped seconds"),
    "feed_failed": _error("A feed could not be read; the last good one stays.", "feed source kind reason next", "kind"),
    "reputation_report": _info("A reader has reported a message.", "domain peer opinion", "opinion"),
    "export_failed": _error("The list of our worst sources could not be written.", "file reason"),
    "learned": _info("The reputation has learned enough: it begins to act.", "days messages"),
    # the shared view
    "hub_state": _warn(
        "What the node shares with others has changed its state.",
        "state before members interval waiting reason",
        "state",
    ),
    "member_joined": _info("Another member has come into the cluster.", "member peer process version address"),
    "member_left": _warn(
        "A member is gone: it left, or was lost and tells nothing any more.",
        "member peer process version address state",
        "state",
    ),
    "clock_skew": _warn("This node's clock differs from the hub's, or no more.", "state seconds", "state"),
    "configuration_drift": _warn(
        "The members' configurations differ, or no more.", "state sections nodes", "state"
    ),
    "hub_refused": _error("This member may not meet the others; it goes on alone and asks again.", "reason"),
    "snapshot": _info(
        "What the node remembers was written, or read at the start.",
        "file action rows octets seconds",
        "action",
    ),
    "snapshot_failed": _error("What the node remembers could not be written.", "file reason"),
    "snapshot_unreadable": _error("What the node remembered cannot be read and was set aside.", "file aside reason"),
    # the lists of recipients
    "list_import": _info(
        "A list of recipients was read from its source.",
        "domain source result entries elsewhere others faults fault seconds by",
        "result",
    ),
    "list_import_failed": _error(
        "A list of recipients could not be read; what is in force stays.",
        "domain source kind reason seconds next by",
        "kind",
    ),
    "list_adopted": _info(
        "A version of a list of recipients is in force.",
        "domain version entries listed faults source by",
        "by",
    ),
    "list_pushed": _info("Single recipients were pushed into a list.", "domain changes waiting by", "by"),
    "list_refused": _error(
        "A new list of recipients is not taken; what is in force stays.",
        "domain guard reason entries faults source by",
        "guard",
    ),
    "list_stale": _warn(
        "A list of recipients has not been confirmed by its source for long.",
        "domain state age confirmed reason",
        "state",
    ),
    "list_fresh": _info("A list of recipients is confirmed again.", "domain age"),
    "list_enforced": _info("A list of recipients begins to refuse, or to observe only.", "domain state by", "state"),
    "list_damaged": _error(
        "A version of a list of recipients cannot be read; another is used.",
        "domain version file reason",
    ),
    "list_contradicted": _warn(
        "A next hop and the list of recipients disagree; the list stays as it is.",
        "domain recipient reply message",
    ),
    # outgoing
    "attempt": _info(
        "A message was offered to a next hop.",
        "message domain use next_hop result health recipients taken reply reason tls size seconds",
        "result",
    ),
    "next_hop_fault": _warn("A next hop failed, whatever the message.", "domain next_hop reason"),
    "breaker": _warn(
        "A domain's breaker has changed its state.", "domain state reason down_seconds", "state"
    ),
    "bounce_guard": _error(
        "Refusals of a domain's own recipients are doubted (R5), or no more.",
        "domain before state alarm reason",
        "state",
    ),
    "drill": _warn("An operator has a next hop treated as down.", "domain minutes"),
    # the spool
    "spooled": _info("A message has become durable in the spool.", "message domain size due reason seconds", "reason"),
    "deferred": _info("A spooled message waits for its next attempt.", "message domain attempts next reason"),
    "delivered": _info("The last recipient of a spooled message is done.", "message domain attempts seconds"),
    "expired": _warn("A message has reached the end of its lifetime.", "message domain attempts recipients"),
    "damaged": _error("A file of the spool cannot be read and was set aside.", "domain file reason"),
    "swept": _info("Leftovers of a crash were removed at the start.", "domain unfinished doubled orphans"),
    "adoption_begun": _warn("This node has taken a lost node's part of the spool.", "member"),
    "adopting": _info("A takeover is under way.", "member messages octets held damaged aside stuck seconds"),
    "adopted": _warn(
        "What could be brought over of a lost node's part is this node's now.",
        "member messages octets held damaged aside stuck seconds",
    ),
    "adoption_failed": _error("A takeover could not begin or go on; it is tried again.", "member error"),
    "spool_taken_over": _error("Another node has taken this node's part of the spool.", "reason"),
    "spool_begun_anew": _warn("This node has a new part of the spool.", "domains"),
    "already_gone": _warn(
        "A message was done with, and its file had gone already: another node has it, and may deliver it again.",
        "message domain",
    ),
    "ledger_failed": _error("A domain's down-time could not be written to its ledger.", "domain change error"),
    "held": _info("An operator holds a message.", "message domain"),
    "bounced": _warn(
        "An operator has had a message given up; its sender is told.", "message domain attempts recipients"
    ),
    "released": _info("An operator has released a message.", "message domain"),
    "deleted": _warn("An operator has deleted a message.", "message domain"),
    "flushed": _info("An operator wants a domain's messages tried now.", "domain messages"),
    "spool_failed": _error("The spool could not do what was asked; a sender was answered 451.", "message domain error"),
    "discard_failed": _warn("A draft could not be removed; the next start removes it.", "message session error"),
    "remove_failed": _error("A delivered message could not be removed and will come again.", "message domain error"),
    # notices
    "notice": _info(
        "A failure notice has been taken by its destination.", "message notice to next_hop attempts reason"
    ),
    "notice_stored": _info("A failure notice has been written.", "message notice to recipients"),
    "notice_withheld": _warn("A failure notice was not sent.", "message to recipients reason", "reason"),
    "notice_expired": _warn(
        "A notice could not be delivered within its lifetime.", "message notice to next_hop attempts reason"
    ),
    "notice_deferred": _info("A notice waits for its next attempt.", "message notice to next_hop attempts reason"),
    "notice_dropped": _warn(
        "A notice was given up: its destination takes none.", "message notice to next_hop attempts reason"
    ),
    "notice_trouble": _error("The notices could not be looked after for a while.", "error"),
    "notice_original_unreadable": _warn("A notice goes without the header of its original.", "message error"),
    # peers
    "peers_listening": _info("The other nodes of the cluster can reach this one.", "address"),
    "peer_refused": _warn("Somebody asked who is no node of this cluster, or whose clock is wrong.", "client reason"),
    "list_announced": _info("The other nodes are told of a list that was changed here.", "domain digest by"),
    "list_replicated": _info(
        "A list was taken over from another node.", "domain source entries pushed digest by", "by"
    ),
    "list_not_replicated": _warn("A list cannot be taken over from any node yet.", "domain digest reason"),
    "domain_pushed": _info(
        "A domain's settings were given or taken away at run time, here or on another node.",
        "domain state by source",
        "state",
    ),
    "domain_not_replicated": _warn("A domain that was pushed elsewhere cannot be put in force here.", "domain reason"),
    "drain": _warn(
        "This process is taken out of service, or back into it.", "state by hand_over left reason", "state"
    ),
    "handed_over": _info("A message of a drained node was given to another one.", "message domain peer"),
    "taken_over": _info("A message of a drained node was taken from it.", "message domain size"),
    # the administration
    "audit": _info(
        "Somebody has changed something, logged in, or was not granted something.",
        "who role way source action domain status code",
        "code",
    ),
    "audit_unwritten": _error("The file of the audit log cannot be written; its lines stand here.", "file reason"),
    "tokens_unreadable": _error("The file of tokens makes no sense and was set aside.", "file aside reason"),
    "password_unreadable": _error("The hash of a user's password cannot be read or used.", "user reason"),
    "admin_listening": _info("The administration, or the metrics, can be reached.", "use address tls"),
    "admin_connections": _warn("Somebody has too many connections to the administration.", "source connections"),
    "admin_stream_dropped": _warn("A client of live events read too slowly and was dropped.", "who source seconds"),
    # the trace
    "trace_started": _info("The process that indexes the journal was started.", "pid"),
    "trace_ended": _warn(
        "The process that indexes the journal has ended; it is started again.", "reason seconds again"
    ),
    "trace_state": _warn(
        "The index of the journal has fallen behind, takes samples, has no room, or is up again.",
        "state before behind_seconds behind_octets shed reason",
        "state",
    ),
    "trace_damaged": _error("A file of the index cannot be read and was set aside.", "file reason"),
    # the prompt inside the node
    "manhole_listening": _info("The prompt inside the node can be reached.", "address key"),
    "manhole_opened": _warn("Somebody has come in at the prompt inside the node.", "who"),
    "manhole_line": _warn("Somebody has typed a line there; it was told before it was run.", "who line"),
    "manhole_closed": _info("Somebody has left the prompt inside the node.", "who seconds lines"),
    "manhole_refused": _warn("Somebody was not let in at the prompt inside the node.", "who key reason"),
    "manhole_keys": _error("The file of keys for the prompt cannot be used, or a line of it.", "file reason"),
    # control
    "control_listening": _info("The control socket is open.", "path"),
    "control_request": _info("A request came over the control socket.", "method target status", "status"),
    "control_failed": _error("A control request or its socket failed.", "route error"),
}
"""Name to declaration."""
