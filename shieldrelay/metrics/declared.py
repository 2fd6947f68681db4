"""Every metric, declared once. `docs/metrics.md` is rendered from these tables.

Prometheus' conventions: the prefix ``shieldrelay_``, ``_total`` for what only grows, base units in the name, labels
with few values: protected domains, words of ours, never an address, an IP or anything that a peer said.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

PREFIX = "shieldrelay_"


class Kind(Enum):
    """The types of the text format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Whose(Enum):
    """Who of a node's processes says it."""

    PROCESS = "process"
    """Each for itself, with the label ``worker`` where there are several: add them up."""
    NODE = "node"
    """The one that leads, for all."""


@frozen
class Metric:
    """One metric.

    :ivar name: without the prefix.
    :ivar labels: their names, in order.
    :ivar event: of counters of the journal: which event is counted; its label is the first of ``labels``.
    :ivar bounds: of histograms: upper bounds of the buckets, but the last, which has none.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    whose: Whose = Whose.PROCESS
    event: str = ""
    bounds: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """As it is exposed."""
        return PREFIX + self.name


def _counted(name: str, event: str, help: str, label: str = "") -> Metric:
    return Metric(name, Kind.COUNTER, help, (label,) if label else (), event=event)


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels)


def _of_node(name: str, help: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, help, labels, Whose.NODE)


def _measured(name: str, help: str, bounds: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, help, labels, bounds=bounds)


SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
OCTETS = (1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0, 67108864.0)

COUNTED: tuple[Metric, ...] = (
    _counted("smtp_sessions_total", "session", "Sessions of clients that have ended, by how.", "end"),
    _counted("smtp_transactions_total", "transaction", "Mail transactions that were answered after their content.",
             "result"),
    _counted("smtp_refusals_total", "refused", "Commands of clients that were refused, by defence.", "defence"),
    _counted("smtp_connections_refused_total", "connection_refused",
             "Connections that were turned away before a session began, by defence.", "defence"),
    _counted("would_refuse_total", "would_refuse", "What defences that only observe would have refused.", "defence"),
    _counted("smtp_violations_total", "violation", "What was not lawful SMTP, by kind.", "kind"),
    _counted("smtp_early_talkers_total", "early_talk", "Clients that talked before they were greeted."),
    _counted("smtp_tls_failures_total", "tls_failed", "TLS handshakes with clients that failed."),
    _counted("content_refused_total", "content_refused", "Messages that a check of the content has refused, or would.",
             "check"),
    _counted("content_check_failures_total", "plugin_failed", "Checks of the content that gave no answer.", "check"),
    _counted("harvest_level_changes_total", "harvest_shield", "Changes of domains' shields against harvesting.",
             "level"),
    _counted("harvest_boxed_total", "harvest_box", "Sources that used up their unknown recipients."),
    _counted("exploits_total", "exploit", "Exploit strings in commands, paths and header fields.", "signature"),
    _counted("sentences_total", "sentence", "What came of what sources did wrong, by step.", "step"),
    _counted("bans_total", "ban", "Sources that were banned."),
    _counted("delivery_attempts_total", "attempt", "Messages that were offered to next hops, by what came of it.",
             "result"),
    _counted("next_hop_faults_total", "next_hop_fault", "Failures of next hops, whatever the message."),
    _counted("breaker_changes_total", "breaker", "Changes of domains' breakers.", "state"),
    _counted("bounce_guard_changes_total", "bounce_guard", "Changes of what is thought of domains' refusals (R5).",
             "state"),
    _counted("spool_stored_total", "spooled", "Messages that became durable in the spool."),
    _counted("spool_deferred_total", "deferred", "Spooled messages that were put off after an attempt."),
    _counted("spool_delivered_total", "delivered", "Spooled messages whose last recipient is done."),
    _counted("spool_expired_total", "expired", "Messages that reached the end of their lifetime."),
    _counted("spool_damaged_total", "damaged", "Files of the spool that cannot be read."),
    _counted("notices_sent_total", "notice", "Failure notices, alarms and reports that a server took."),
    _counted("notices_withheld_total", "notice_withheld", "Failure notices that were not sent (R8)."),
    _counted("list_imports_total", "list_import", "Lists of recipients that were read from their sources.", "result"),
    _counted("list_import_failures_total", "list_import_failed", "Lists that could not be read, by kind of failure.",
             "kind"),
    _counted("list_refused_total", "list_refused", "New lists that were not taken, by guard.", "guard"),
    _counted("list_contradictions_total", "list_contradicted", "Times that a next hop and the list disagreed."),
    _counted("bugs_total", "bug", "What went wrong that must not.", "where"),
    _counted("logged_total", "log", "What Twisted and libraries reported, by severity.", "severity"),
    _counted("alarms_total", "alarm_opened", "Alarms that were opened, by kind.", "kind"),
    _counted("alarms_undelivered_total", "alarm_undelivered", "Alarms that could not be sent on."),
    _counted("admin_requests_audited_total", "audit", "Changes, log-ins and refusals of the administration, by status.",
             "code"),
)  # fmt: skip
"""What the journal counts."""

HEARD: tuple[Metric, ...] = (
    _measured("smtp_transaction_seconds", "How long the answer to a message took, from the end of its content.",
              SECONDS, "result"),
    _measured("message_size_bytes", "Sizes of messages that came in.", OCTETS),
    _measured("delivery_seconds", "How long an offer of a message to a next hop took, by what came of it.", SECONDS,
              "result"),
    _measured("spool_store_seconds", "How long it took to make a message durable, fsync and the wait for it included.",
              SECONDS),
)  # fmt: skip
"""What is measured from events."""

GAUGES: tuple[Metric, ...] = (
    _of_node("build_info", "Always 1; the version in its label.", "version"),
    _gauge("start_time_seconds", "When the process started, since the epoch."),
    _gauge("smtp_sessions", "SMTP sessions that are open."),
    _gauge("smtp_sessions_in_transaction", "Those of them that send a message."),
    _counter("smtp_connections_accepted_total", "Connections that were accepted."),
    _gauge("content_memory_bytes", "Memory that messages under way take."),
    _gauge("content_memory_limit_bytes", "The most that they may take."),
    _gauge("stress", "1 while the process is under stress."),
    _gauge("queue_messages", "Messages in the spool that wait or are tried, by domain.", "domain"),
    _gauge("queue_bytes", "Their octets.", "domain"),
    _gauge("queue_oldest_seconds", "How long the oldest of them waits; 0 when there is none.", "domain"),
    _gauge("queue_in_flight", "Attempts under way, by domain.", "domain"),
    _gauge("queue_notices", "Failure notices, alarms and reports that wait to be sent."),
    _gauge("next_hop_up", "Whether a domain's next hops take mail: 0 while its breaker is open.", "domain"),
    _gauge("next_hop_connections", "Connections to a domain's next hops.", "domain"),
    _gauge("bounce_guard_holding", "1 while a domain's refusals are held back (R5).", "domain"),
    _of_node("harvest_shield_level", "How far a domain is shielded: 0 calm, 1 wary, 2 shield.", "domain"),
    _of_node("recipients_listed", "Entries of a domain's list; absent where everybody is taken.", "domain"),
    _of_node("recipients_confirmed_timestamp_seconds", "When the source of a domain's list confirmed it last.",
             "domain"),
    _of_node("recipients_state", "1 for how a domain's list stands: enforced, observed, any or missing.", "domain",
             "state"),
    _of_node("recipients_stale", "1 while a domain's list is not confirmed for longer than it should be.", "domain"),
    _of_node("spool_free_bytes", "Free space of the spool's disk."),
    _of_node("spool_free_inodes", "Free inodes of the spool's disk."),
    _of_node("spool_state", "The spool's disk: 0 ok, 1 low, 2 refusing mail."),
    _gauge("hub_state", "What is shared: 0 local (there is no hub), 1 shared, 2 degraded (the hub is away)."),
    _of_node("cluster_members", "Processes of the cluster that live, as this node sees it."),
    _counter("hub_nonsense_total", "What other processes of the cluster told that cannot be, and was left out."),
    _gauge("lookups_under_way", "Questions to DNS about senders and clients that are under way."),
    _counter("lookup_questions_total", "Those that were asked."),
    _counter("lookup_senders_skipped_total", "Senders that were not looked up: there were too many in a second."),
    _counter("lookup_senders_late_total", "Senders of which not all was known when their time was over."),
    _counter("spf_turned_away_total", "Evaluations of SPF that were not begun: too many were under way."),
    _gauge("clock_skew_seconds", "By how much the node's clock is ahead of the hub's."),
    _of_node("tls_certificate_expiry_timestamp_seconds", "When the first of the node's certificates ends."),
    _gauge("alarms_open", "Alarms that are open, by level.", "level"),
    _counter("alarms_untold_total", "Alarms that were not opened: too many are open."),
    _counter("journal_lines_lost_total", "Lines of the journal that were lost."),
    _gauge("process_resident_memory_bytes", "Memory of the process."),
    _counter("process_cpu_seconds_total", "CPU time of the process."),
    _gauge("process_open_fds", "Descriptors that the process has open."),
    _gauge("process_max_fds", "The most that it may have open."),
)  # fmt: skip
"""What is read when somebody asks."""

PARENT: tuple[Metric, ...] = (
    _gauge("worker_up", "Whether a process of the node answers; of a node that has several.", "worker"),
    _counter("worker_starts_total", "How often it was started.", "worker"),
)  # fmt: skip
"""What the parent of several processes says."""

METRICS: dict[str, Metric] = {one.name: one for one in (*COUNTED, *HEARD, *GAUGES, *PARENT)}
"""All of them, by name without the prefix."""
