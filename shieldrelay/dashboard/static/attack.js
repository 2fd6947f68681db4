// A harvest attack on a domain: how far it is shielded, and its sources on a timeline.

import { drawing, element, table } from "./elements.js";
import { sourceOf } from "./page_sources.js";
import { state } from "./states.js";
import { absolute, count, lasting, now, number, when } from "./words.js";

const WINDOW = 3600;

export function attackPart(row) {
  const words = {
    calm: "Nobody tries out who exists here.",
    wary: "More unknown recipients than usual are asked for.",
    shield: "Somebody tries out who exists here: strangers hear nothing until they ask again.",
  }[row.shield];
  return [
    element(
      "p",
      {},
      state(row.shield),
      " ",
      words,
      row.shield_since && [" It has been so ", lasting(row.shield_since), "."],
    ),
    row.shield_reason && element("p", { class: "dim" }, row.shield_reason),
  ];
}

// Each source with the moments at which it was cut off, on a strip of the last hour.
export function timeline(happenings, node) {
  const by = new Map();
  for (const each of happenings) {
    const peer = each.fields.peer;
    if (
      !peer ||
      each.event === "harvest_shield" ||
      (each.event === "would_refuse" && each.fields.defence !== "harvest")
    )
      continue;
    if (!by.has(peer)) by.set(peer, []);
    by.get(peer).push(each);
  }
  const rows = [...by].map(([peer, found]) => ({
    peer,
    found,
    first: found.at(-1).at,
    last: found[0].at,
    reason: found[0].fields.reason ?? "",
    event: found[0].event,
  }));
  rows.sort((one, other) => other.last - one.last);
  return table(
    [
      ["Source", "name", (row) => sourceOf(row.peer, node)],
      ["The last hour", "", (row) => strip(row.found)],
      ["First", "", (row) => when(row.first)],
      ["Last", "", (row) => when(row.last)],
      ["Why", "", (row) => (row.event === "would_refuse" ? `only observed: ${row.reason}` : row.reason)],
    ],
    rows.slice(0, 100),
    "No source was cut off here since the node started.",
    rows.length > 100 ? `100 of ${number(rows.length)} sources` : "",
  );
}

function strip(found) {
  const end = now();
  const words = found
    .map((each) => absolute(each.at))
    .slice(0, 20)
    .join(", ");
  const dots = found
    .filter((each) => end - each.at < WINDOW)
    .map((each) => drawing("rect", { x: 196 * (1 - (end - each.at) / WINDOW), y: 3, width: 4, height: 14 }));
  return drawing(
    "svg",
    {
      class: "strip",
      viewBox: "0 0 200 20",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${count(found.length, "time")}: ${words}`,
    },
    drawing("line", { x1: 0, y1: 10, x2: 200, y2: 10 }),
    dots,
  );
}
