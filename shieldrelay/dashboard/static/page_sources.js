// Sources: who weighs most, why they are treated as they are, and what an operator can do about it.

import { badge, choice, element, facts, field, panel, table } from "./elements.js";
import { acting } from "./acting.js";
import { happening } from "./happenings.js";
import { question } from "./question.js";
import { get, piece, post, remove } from "./requests.js";
import { Refresh } from "./refresh.js";
import { defence, state } from "./states.js";
import { storyLink, traceTable } from "./traces.js";
import { number, span, when } from "./words.js";

const SPANS = [
  ["", "until it is revoked"],
  ["3600", "an hour"],
  ["86400", "a day"],
  ["604800", "a week"],
  ["2592000", "30 days"],
];
const ABOUT = "harvest_box,ban,sentence,exploit,connection_refused,would_refuse,released_source,list_changed";

export const sources = {
  name: "sources",
  title: "Sources",
  whole: true,
  open(main, node, [address]) {
    return address ? one(main, node, address) : all(main, node);
  },
};

export function sourceLink(address, words = address) {
  return element("a", { href: `#/sources/${piece(address.split("/")[0])}`, "data-key": `source ${address}` }, words);
}

// The same for who may not open the page of a source.
export function sourceOf(address, node) {
  return !address ? "–" : node.limited ? address : sourceLink(address);
}

function all(main, node) {
  const wanted = element("input", {
    name: "address",
    placeholder: "192.0.2.1",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
  });
  const search = element(
    "form",
    { class: "fields" },
    field("Why is this address treated as it is?", wanted),
    element("div", {}, element("button", { type: "submit" }, "Explain")),
  );
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = `#/sources/${piece(wanted.value.trim())}`;
  });
  const worst = new Refresh(
    3,
    () => get("sources", { limit: 50 }),
    ({ sources: rows }) =>
      table(
        [
          ["Source", "name", (row) => sourceLink(row.source)],
          ["Now", "", (row) => state(row.state)],
          ["Why", "", (row) => row.why || "nothing is held against it"],
          ["Until", "", (row) => when(row.until, row.state === "served" ? "–" : "as long as it goes on")],
          ["Sessions", "number", (row) => number(row.sessions)],
          ["Connections/min", "number", (row) => number(Math.round(row.connections))],
          [
            "Do",
            "",
            (row) =>
              node.may("operate")
                ? element(
                    "div",
                    { class: "actions" },
                    doRelease(row.source, () => worst.now()),
                    doAllow(row.source, () => [worst.now(), entries.now()]),
                  )
                : "look only",
          ],
        ],
        rows,
        "No source stands out now. Who is refused, slowed or has many sessions appears here.",
      ),
    "The sources cannot be shown.",
  );
  const entries = new Refresh(
    10,
    () => get("entries", { limit: 200 }),
    ({ entries: rows, total }) =>
      table(
        [
          ["Network", "name", (row) => sourceLink(row.network)],
          ["Kind", "", (row) => state(row.kind)],
          ["Reason", "", (row) => row.reason || (row.configured ? "stands in the configuration" : "none given")],
          ["By", "", (row) => row.by],
          ["Since", "", (row) => when(row.since)],
          ["Until", "", (row) => when(row.until, "revoked")],
          [
            "Do",
            "",
            (row) =>
              node.may("operate") && !row.configured
                ? undo(row, () => entries.now())
                : row.configured
                  ? "change the file"
                  : "look only",
          ],
        ],
        rows,
        "No network is allowed, denied or banned.",
        total > rows.length ? `The first ${rows.length} of ${total}` : "",
      ),
    "The lists cannot be shown.",
  );
  main.append(
    panel("Look one up", search),
    panel("Worst now", worst.place),
    panel(
      "Allowed, denied and banned",
      node.may("operate") &&
        element(
          "div",
          { class: "actions" },
          doAllow("", () => entries.now()),
          doDeny("", () => entries.now()),
        ),
      entries.place,
    ),
  );
  return { close: () => [worst, entries].forEach((each) => each.close()) };
}

function one(main, node, address) {
  main.querySelector("h1").textContent = `Source ${address}`;
  const picture = new Refresh(
    4,
    () => get(`sources/${piece(address)}`),
    (found) => explanation(found, node, () => [picture.now(), lately.now()]),
    "This source cannot be explained.",
  );
  const lately = new Refresh(
    5,
    async () => {
      const value = await get("happenings", { events: ABOUT, about: address, limit: 50 });
      return value.happenings;
    },
    (rows) =>
      table(
        [
          ["When", "when", (row) => when(row.at)],
          ["What", "", happening],
        ],
        rows,
        "Nothing has happened about it lately on this node.",
      ),
    "Its history cannot be shown.",
  );
  const traced = new Refresh(
    15,
    () => get("trace", { source: address, limit: 50 }),
    (page) => traceTable(page, "The trace has nothing of it."),
    "The trace cannot be searched.",
  );
  main.append(
    element("p", {}, element("a", { href: "#/sources" }, "All sources")),
    picture.place,
    panel("History", lately.place),
    panel("Its sessions and messages", traced.place),
  );
  return { close: () => [picture, lately, traced].forEach((each) => each.close()) };
}

function explanation(found, node, again) {
  const known =
    {
      "known good": "known good: it has delivered wanted mail",
      neighbour: "a neighbour of a known good one",
      stranger: "a stranger",
    }[found.acquaintance] ?? found.acquaintance;
  const now = panel(
    "Now",
    element(
      "p",
      {},
      "A connection from here is ",
      state(found.now),
      found.why ? `: ${found.why}.` : ".",
      found.until && [" Ends by itself ", when(found.until), "."],
    ),
    facts([
      ["Counts as", `${found.source}, in ${found.network}`],
      ["Known as", known],
      ["Sessions open", number(found.sessions)],
      ["Greeting waits", found.greeting_delay ? span(found.greeting_delay) : ""],
      ["Node", found.stressed ? "under stress: strangers get less" : ""],
      [
        "In force",
        found.entry &&
          element(
            "span",
            {},
            state(found.entry.kind),
            ` ${found.entry.network} by ${found.entry.by}${found.entry.reason ? `: ${found.entry.reason}` : ""}`,
          ),
      ],
    ]),
    node.may("operate") &&
      element(
        "div",
        { class: "actions" },
        doRelease(found.address, again),
        doAllow(found.address, again),
        doDeny(found.address, again),
        found.entry && !found.entry.configured && undo(found.entry, again),
      ),
  );
  const known_by = table(
    [
      ["Defence", "name", (row) => defence(row.name)],
      ["Mode", "", (row) => (row.mode ? state(row.mode) : badge("", "remembers"))],
      ["Refuses it", "", (row) => row.refuses || "no"],
      ["Until", "", (row) => when(row.until)],
      [
        "What it has seen",
        "",
        (row) => (row.told.length ? row.told.map((words) => element("div", {}, words)) : "nothing"),
      ],
    ],
    found.defences,
    "No defence knows it.",
  );
  const refusals = table(
    [
      ["When", "when", (row) => when(row.at)],
      ["Defence", "", (row) => defence(row.defence)],
      ["Times", "number", (row) => number(row.count)],
      ["Reference", "", (row) => storyLink(row.reference)],
    ],
    found.refusals,
    "No connection of it was turned away lately.",
  );
  return [now, panel("What the defences know of it", known_by), panel("Connections that were turned away", refusals)];
}

function doRelease(source, again) {
  return acting(
    "Release",
    "It was not released",
    async () => {
      const done = await post(`sources/${piece(source)}/release`);
      again();
      return done.released
        ? `${done.network} is released, on all members.`
        : `Nothing was held against ${done.network}.`;
    },
    { "data-key": `release ${source}`, "aria-label": `Release ${source}` },
  );
}

function listed(kind, words, source, again, attributes) {
  return acting(
    words,
    "It was not done",
    async () => {
      const answer = await question(
        `${words.replace(" …", "")} ${source || "a network"}`,
        kind === "allow"
          ? "No score, limit or ban holds up who is allowed. It holds on all members."
          : "Connections from there are refused for good. It holds on all members.",
        [
          source
            ? element("input", { type: "hidden", name: "network", value: source })
            : field(
                "Network or address",
                element("input", { name: "network", required: true, placeholder: "192.0.2.0/24" }),
              ),
          field("Reason, for other operators", element("input", { name: "reason", required: true, maxlength: 200 })),
          field("For how long", choice("seconds", SPANS)),
        ],
        words.replace(" …", ""),
        kind === "deny",
      );
      if (!answer) return "";
      const made = await post("entries", {
        kind,
        network: answer.network.trim(),
        reason: answer.reason,
        ...(answer.seconds ? { seconds: Number(answer.seconds) } : {}),
      });
      again();
      return made.overruled || `${made.network} is ${kind === "allow" ? "allowed" : "denied"}.`;
    },
    {
      ...attributes,
      "data-key": `${kind} ${source}`,
      "aria-label": `${words.replace(" …", "")} ${source || "a network"}`,
    },
  );
}

const doAllow = (source, again) => listed("allow", "Allow …", source, again, { class: "plain" });
const doDeny = (source, again) => listed("deny", "Deny …", source, again, { class: "harm" });

function undo(entry, again) {
  if (entry.kind === "ban") return doRelease(entry.network, again);
  return acting(
    "Revoke",
    "It was not revoked",
    async () => {
      const done = await remove(`entries/${piece(entry.network)}`, {});
      again();
      return done.revoked
        ? `${done.network} is not ${entry.kind === "allow" ? "allowed" : "denied"} any more.`
        : "Somebody has revoked it already.";
    },
    { class: "plain", "data-key": `revoke ${entry.network}`, "aria-label": `Revoke ${entry.network}` },
  );
}
