// The node's words for states, as badges and for people.

import { badge } from "./elements.js";

const KINDS = {
  served: "good",
  slowed: "warn",
  "answered alike": "warn",
  refused: "bad",
  "refused for good": "bad",
  closed: "good",
  open: "bad",
  probing: "warn",
  ramping: "warn",
  up: "good",
  down: "bad",
  untried: "",
  calm: "good",
  wary: "warn",
  shield: "bad",
  enforced: "good",
  observed: "warn",
  any: "warn",
  missing: "bad",
  fresh: "good",
  stale: "warn",
  old: "bad",
  ok: "good",
  low: "warn",
  refusing: "bad",
  local: "",
  shared: "good",
  degraded: "bad",
  draining: "warn",
  leaving: "warn",
  lost: "bad",
  left: "",
  silent: "bad",
  starting: "warn",
  waiting: "",
  "in flight": "good",
  held: "warn",
  enforce: "good",
  observe: "warn",
  off: "",
  allow: "good",
  deny: "bad",
  ban: "bad",
};
const WORDS = {
  closed: "takes mail",
  open: "down",
  probing: "being tried",
  ramping: "coming back",
  calm: "calm",
  shield: "under attack",
  any: "takes anybody",
  missing: "no list yet",
  shared: "shared",
  local: "alone",
  degraded: "hub away",
};
export const DEFENCES = {
  connections: "Connection limits",
  greeting: "Greeting delay",
  analysis: "Protocol analysis",
  harvest: "Address harvesting",
  lawful: "Senders that cannot exist",
  reputation: "Reputation",
  recipients: "Unknown recipients",
  next_hop: "Next hop refused",
  other: "Other reasons",
  smtp: "Protocol",
  lists: "Allow and deny lists",
  deny: "Denied networks",
  ban: "Banned",
  register: "Banned or denied",
  history: "Memory",
  protocol: "Protocol",
  descriptors: "No room",
  capacity: "No room",
  content: "Content checks",
};

export function state(word, words = WORDS[word] ?? word) {
  return badge(KINDS[word] ?? "", words);
}

export function defence(name) {
  return DEFENCES[name] ?? name;
}
