// Domains: health at a glance, and all about one: attack, list, next hops, held mail.

import { acting } from "./acting.js";
import { attackPart, timeline } from "./attack.js";
import { element, facts, field, fill, panel, table } from "./elements.js";
import { happening } from "./happenings.js";
import { question } from "./question.js";
import { get, piece, post } from "./requests.js";
import { listPart } from "./recipients.js";
import { Refresh } from "./refresh.js";
import { state } from "./states.js";
import { sourceOf } from "./page_sources.js";
import { count, lasting, number, octets, relative, span, when } from "./words.js";

const ATTACK = "harvest_shield,harvest_box,would_refuse";
const ABOUT =
  "harvest_shield,breaker,bounce_guard,drill,next_hop_fault,alarm,alarm_over,list_adopted,list_refused," +
  "list_stale,list_fresh,list_enforced,list_import_failed,list_contradicted,flushed,expired";

export const domains = {
  name: "domains",
  title: "Domains",
  open(main, node, [name]) {
    return name ? one(main, node, name) : all(main);
  },
};

function link(name) {
  return element("a", { href: `#/domains/${piece(name)}`, "data-key": name }, name);
}

function all(main) {
  const place = element("div");
  main.append(panel("Health at a glance", place));
  return {
    update(status) {
      fill(place, status.domains, () =>
        table(
          [
            ["Domain", "name", (row) => link(row.domain)],
            [
              "Attack",
              "",
              (row) => [state(row.shield), row.shield_since && element("div", {}, lasting(row.shield_since))],
            ],
            [
              "Next hops",
              "",
              (row) => [
                state(row.breaker),
                row.breaker !== "closed" && element("div", {}, lasting(row.since), row.reason ? `: ${row.reason}` : ""),
              ],
            ],
            [
              "List",
              "",
              (row) => [state(row.recipients), row.recipients_trouble && element("div", {}, row.recipients_trouble)],
            ],
            ["Queued", "number", (row) => number(row.queued)],
            ["Oldest", "", (row) => when(row.oldest, "none")],
            ["On hold", "number", (row) => number(row.held)],
            ["Drained in", "", drained],
          ],
          status.domains,
          "No domain is protected yet. Put one into the configuration's domains.d/ and reload.",
        ),
      );
    },
  };
}

function drained(row) {
  if (!row.queued) return "nothing waits";
  return row.drain === null ? "not while it is down" : `about ${span(row.drain)}`;
}

function one(main, node, name) {
  main.querySelector("h1").textContent = name;
  const operate = node.may("operate");
  const [attack, delivery] = [element("div"), element("div")];
  const shots = new Refresh(
    3,
    () => get("happenings", { events: ATTACK, about: name, limit: 500 }),
    ({ happenings }) => timeline(happenings, node),
    "The attack's sources cannot be shown.",
  );
  const list = new Refresh(
    8,
    () => get(`recipients/${piece(name)}`),
    (found) => listPart(found, operate, () => list.now()),
    "The list of recipients cannot be shown.",
  );
  const would = new Refresh(
    8,
    () => get("happenings", { events: "would_refuse", about: name, limit: 50 }),
    ({ happenings }) => {
      return table(
        [
          ["When", "when", (row) => when(row.at)],
          ["Source", "name", (row) => sourceOf(row.fields.peer, node)],
          ["What", "", (row) => row.fields.reason ?? ""],
        ],
        happenings,
        "Nothing: either all enforces, or nothing was out of order.",
      );
    },
    "This cannot be shown.",
  );
  const lately = new Refresh(
    5,
    () => get("happenings", { events: ABOUT, about: name, limit: 40 }),
    ({ happenings }) =>
      table(
        [
          ["When", "when", (row) => when(row.at)],
          ["What", "", happening],
        ],
        happenings,
        "Nothing has happened since the node started.",
      ),
    "What happened lately cannot be shown.",
  );
  main.append(
    element(
      "p",
      {},
      element("a", { href: "#/domains" }, "All domains"),
      " · ",
      element("a", { href: `#/queue/${piece(name)}` }, "Its queue"),
    ),
    element("div", { class: "columns" }, panel("Delivery", delivery), panel("Recipients", list.place)),
    panel("Harvest attack", attack, shots.place),
    panel("What would have been refused", would.place),
    panel("Lately", lately.place),
  );
  return {
    update(status) {
      const row = status.domains.find((each) => each.domain === name);
      fill(attack, row && [row.shield, row.shield_since, row.shield_reason], () =>
        row ? attackPart(row) : element("p", { class: "error" }, `${name} is not protected here, or not yours to see.`),
      );
      fill(delivery, row ?? null, () =>
        row ? deliveryPart(row, operate) : element("p", { class: "empty" }, "Nothing is known."),
      );
    },
    changed(change) {
      if (change.domain === name) [shots, list, lately].forEach((each) => each.now());
    },
    close: () => [shots, list, would, lately].forEach((each) => each.close()),
  };
}

function deliveryPart(row, operate) {
  const at = `domains/${piece(row.domain)}`;
  return [
    element("p", {}, state(row.breaker), " ", lasting(row.since), row.reason ? `: ${row.reason}` : ""),
    table(
      [
        ["Next hop", "name", (hop) => hop.name],
        ["State", "", (hop) => state(hop.state)],
        ["Connections", "number", (hop) => number(hop.connections)],
        ["TLS", "", (hop) => hop.tls || "–"],
        ["Why", "", (hop) => hop.reason || "–"],
      ],
      row.next_hops,
      "It has no next hop: check next_hops in its file.",
    ),
    facts([
      ["Queued", `${count(row.queued, "message")}, ${octets(row.octets)}`],
      ["Oldest", row.oldest && when(row.oldest)],
      ["On hold", row.held ? count(row.held, "message") : ""],
      ["Drained", drained(row)],
      ["Being delivered", number(row.in_flight)],
      ["Connections", `${row.ramp_limit} of ${row.pace_limit} may be open`],
      ["Drill", row.drill_until && ["until ", when(row.drill_until)]],
      [
        "Refusals doubted",
        row.suspicious_since && [lasting(row.suspicious_since), ": its server refuses recipients that it took before"],
      ],
    ]),
    operate &&
      element(
        "div",
        { class: "actions" },
        acting(
          "Try all now",
          "It was not done",
          async () => `${count((await post(`${at}/flush`)).due, "message")} due now.`,
          { class: "plain", "data-key": "flush" },
        ),
        row.suspicious_since &&
          acting(
            "Believe the refusals",
            "It was not done",
            async () => ((await post(`${at}/believe`)).believed ? "They count from now on." : "None was held back."),
            { class: "plain", "data-key": "believe" },
          ),
        acting(row.drill_until ? "End the drill" : "Drill …", "It was not done", () => drill(row, at), {
          class: "plain",
          "data-key": "drill",
        }),
      ),
  ];
}

async function drill(row, at) {
  if (row.drill_until) {
    await post(`${at}/drill`, { minutes: 0 });
    return "The drill is over.";
  }
  const answer = await question(
    `Drill: treat ${row.domain}'s next hops as down`,
    "Mail is taken and waits here until the drill ends.",
    [
      field(
        "Minutes",
        element("input", { name: "minutes", type: "number", min: 1, max: 1440, value: 10, required: true }),
      ),
    ],
    "Begin",
  );
  if (!answer) return "";
  const done = await post(`${at}/drill`, { minutes: Number(answer.minutes) });
  return `The drill ends ${relative(done.drill_until)}.`;
}
