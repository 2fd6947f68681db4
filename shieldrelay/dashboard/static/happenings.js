// Events of the journal in words.

import { span } from "./words.js";

const WORDS = {
  harvest_shield: (of) => `${of.domain}: protection against harvesting went from ${of.before} to ${of.shield}`,
  harvest_box: (of) => `${of.peer} was cut off at ${of.domain || "all domains"}: ${of.reason ?? ""}`,
  breaker: (of) =>
    `${of.domain}: its next hops are ${{ open: "taken to be down", closed: "up", probing: "being tried", ramping: "coming back" }[of.state] ?? of.state}${of.reason ? `: ${of.reason}` : ""}`,
  bounce_guard: (of) => `${of.domain}: refusals are ${of.state}: ${of.reason ?? ""}`,
  stress: (of) => `stress ${of.state}: ${of.reason ?? ""}`,
  hub_state: (of) => `the hub is ${of.state}${of.reason ? `: ${of.reason}` : ""}`,
  ban: (of) => `${of.source} is banned by ${of.by}: ${of.reason ?? ""}`,
  released_source: (of) => `${of.source} was released by ${of.by}`,
  list_changed: (of) => `${of.network}: ${of.change} by ${of.by}${of.reason ? `: ${of.reason}` : ""}`,
  member_joined: (of) => `${of.peer ?? of.member} has joined the cluster`,
  member_left: (of) => `${of.peer ?? of.member} is gone: ${of.state}`,
  alarm: (of) => `${of.domain ? `${of.domain}: ` : ""}${of.alarm}: ${of.reason ?? ""}`,
  alarm_over: (of) => `${of.domain ? `${of.domain}: ` : ""}${of.alarm} is over`,
  next_hop_fault: (of) => `${of.domain}: ${of.next_hop}: ${of.reason ?? ""}`,
  would_refuse: (of) => `${of.peer} would have been refused: ${of.reason ?? ""}`,
  connection_refused: (of) => `${of.peer} was turned away: ${of.reason ?? ""}`,
  sentence: (of) => `${of.peer}: ${of.step}: ${of.reason ?? ""}`,
  exploit: (of) => `${of.peer} sent an exploit: ${of.signature ?? ""}`,
  drill: (of) => `${of.domain}: ${of.minutes ? `a drill of ${span(of.minutes * 60)}` : "the drill is over"}`,
  list_adopted: (of) => `${of.domain}: version ${of.version} of its list is in force`,
  list_refused: (of) => `${of.domain}: a new list is not taken: ${of.reason ?? ""}`,
  list_enforced: (of) => `${of.domain}: its list is ${of.state} from now on`,
  list_stale: (of) => `${of.domain}: its list is ${of.state}: ${of.reason ?? ""}`,
  reload: (of) => `a new configuration is in force: ${[of.changed ?? []].flat().join("; ")}`,
  reload_refused: (of) => `a new configuration was refused: ${[of.reason ?? ""].flat().join("; ")}`,
  flushed: (of) => `${of.domain}: everything is tried now`,
  drain: (of) => `the node is ${of.state}`,
  headroom: (of) => `the spool's disk is ${of.state}: ${of.reason ?? ""}`,
  worker_ended: (of) => `process ${of.worker} has ended: ${of.reason ?? ""}`,
};

export function happening({ event, fields }) {
  const words = WORDS[event];
  return words
    ? words(fields)
    : `${event.replaceAll("_", " ")} ${Object.values(fields)
        .filter((each) => typeof each === "string")
        .join(" ")}`;
}
