// Domains: health at a glance, and all about one: attack, list, next hops, held mail.

import { acting } from "./acting.js";
import { badge, drawing, element, facts, fill, field, panel, table } from "./elements.js";
import { happening } from "./happenings.js";
import { question } from "./question.js";
import { get, piece, post } from "./requests.js";
import { Refresh } from "./refresh.js";
import { state } from "./states.js";
import { sourceLink } from "./page_sources.js";
import { absolute, count, lasting, now, number, octets, relative, span, when } from "./words.js";

const WINDOW = 3600;
const ATTACK = "harvest_shield,harvest_box,would_refuse";
const ABOUT = "harvest_shield,breaker,bounce_guard,drill,next_hop_fault,alarm,alarm_over,list_adopted,list_refused,list_stale,list_fresh,list_enforced,list_import_failed,list_contradicted,flushed,expired";

export const domains = {
  name: "domains", title: "Domains",
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
      fill(place, status.domains, () => table([
        ["Domain", "name", (row) => link(row.domain)],
        ["Attack", "", (row) => [state(row.shield), row.shield_since && element("div", {}, lasting(row.shield_since))]],
        ["Next hops", "", (row) => [state(row.breaker), row.breaker !== "closed" && element("div", {}, lasting(row.since), row.reason ? `: ${row.reason}` : "")]],
        ["List", "", (row) => [state(row.recipients), row.recipients_trouble && element("div", {}, row.recipients_trouble)]],
        ["Queued", "number", (row) => number(row.queued)],
        ["Oldest", "", (row) => when(row.oldest, "none")],
        ["On hold", "number", (row) => number(row.held)],
        ["Drained in", "", drained],
      ], status.domains, "No domain is protected yet. Put one into the configuration's domains.d/ and reload."));
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
  const shots = new Refresh(3, () => get("happenings", { events: ATTACK, limit: 2000 }), ({ happenings }) => timeline(happenings.filter((each) => each.domain === name)), "The attack's sources cannot be shown.");
  const list = new Refresh(8, () => get(`recipients/${piece(name)}`), (found) => listPart(found, operate, () => list.now()), "The list of recipients cannot be shown.");
  const would = new Refresh(8, () => get("happenings", { events: "would_refuse", limit: 2000 }), ({ happenings }) => {
    const own = happenings.filter((each) => each.domain === name);
    return table([["When", "when", (row) => when(row.at)], ["Source", "name", (row) => sourceOf(row.fields.peer, node)], ["What", "", (row) => row.fields.reason ?? ""]], own.slice(0, 50), "Nothing: either all enforces, or nothing was out of order.");
  }, "This cannot be shown.");
  const lately = new Refresh(5, () => get("happenings", { events: ABOUT, limit: 1000 }), ({ happenings }) => table([["When", "when", (row) => when(row.at)], ["What", "", happening]],
    happenings.filter((each) => each.domain === name).slice(0, 40), "Nothing has happened since the node started."), "What happened lately cannot be shown.");
  main.append(element("p", {}, element("a", { href: "#/domains" }, "All domains"), " · ", element("a", { href: `#/queue/${piece(name)}` }, "Its queue")),
    element("div", { class: "columns" }, panel("Delivery", delivery), panel("Recipients", list.place)),
    panel("Harvest attack", attack, shots.place), panel("What would have been refused", would.place), panel("Lately", lately.place));
  return {
    update(status) {
      const row = status.domains.find((each) => each.domain === name);
      fill(attack, row && [row.shield, row.shield_since, row.shield_reason], () => (row ? attackPart(row) : element("p", { class: "error" }, `${name} is not protected here, or not yours to see.`)));
      fill(delivery, row ?? null, () => (row ? deliveryPart(row, operate) : element("p", { class: "empty" }, "Nothing is known.")));
    },
    changed(change) {
      if (change.domain === name) [shots, list, lately].forEach((each) => each.now());
    },
    close: () => [shots, list, would, lately].forEach((each) => each.close()),
  };
}

function sourceOf(address, node) {
  return !address ? "–" : node.limited ? address : sourceLink(address);
}

function attackPart(row) {
  const words = { calm: "Nobody tries out who exists here.", wary: "More unknown recipients than usual are asked for.", shield: "Somebody tries out who exists here: strangers hear nothing until they ask again." }[row.shield];
  return [element("p", {}, state(row.shield), " ", words, row.shield_since && [" It has been so ", lasting(row.shield_since), "."]), row.shield_reason && element("p", { class: "dim" }, row.shield_reason)];
}

// Each source with the moments at which it was cut off, on a strip of the last hour.
function timeline(happenings) {
  const by = new Map();
  for (const each of happenings) {
    const peer = each.fields.peer;
    if (!peer || each.event === "harvest_shield" || (each.event === "would_refuse" && each.fields.defence !== "harvest")) continue;
    if (!by.has(peer)) by.set(peer, []);
    by.get(peer).push(each);
  }
  const rows = [...by].map(([peer, found]) => ({ peer, found, first: found.at(-1).at, last: found[0].at, reason: found[0].fields.reason ?? "", event: found[0].event }));
  rows.sort((one, other) => other.last - one.last);
  return table([
    ["Source", "name", (row) => sourceLink(row.peer)],
    ["The last hour", "", (row) => strip(row.found)],
    ["First", "", (row) => when(row.first)],
    ["Last", "", (row) => when(row.last)],
    ["Why", "", (row) => (row.event === "would_refuse" ? `only observed: ${row.reason}` : row.reason)],
  ], rows.slice(0, 100), "No source was cut off here since the node started.", rows.length > 100 ? `100 of ${number(rows.length)} sources` : "");
}

function strip(found) {
  const end = now();
  const words = found.map((each) => absolute(each.at)).slice(0, 20).join(", ");
  const dots = found.filter((each) => end - each.at < WINDOW).map((each) => drawing("rect", { x: 196 * (1 - (end - each.at) / WINDOW), y: 3, width: 4, height: 14 }));
  return drawing("svg", { class: "strip", viewBox: "0 0 200 20", preserveAspectRatio: "none", role: "img", "aria-label": `${count(found.length, "time")}: ${words}` },
    drawing("line", { x1: 0, y1: 10, x2: 200, y2: 10 }), dots);
}

function deliveryPart(row, operate) {
  const at = `domains/${piece(row.domain)}`;
  return [
    element("p", {}, state(row.breaker), " ", lasting(row.since), row.reason ? `: ${row.reason}` : ""),
    table([["Next hop", "name", (hop) => hop.name], ["State", "", (hop) => state(hop.state)], ["Connections", "number", (hop) => number(hop.connections)], ["TLS", "", (hop) => hop.tls || "–"], ["Why", "", (hop) => hop.reason || "–"]],
      row.next_hops, "It has no next hop: check next_hops in its file."),
    facts([["Queued", `${count(row.queued, "message")}, ${octets(row.octets)}`], ["Oldest", row.oldest && when(row.oldest)], ["On hold", row.held ? count(row.held, "message") : ""], ["Drained", drained(row)],
      ["Being delivered", number(row.in_flight)], ["Connections", `${row.ramp_limit} of ${row.pace_limit} may be open`], ["Drill", row.drill_until && ["until ", when(row.drill_until)]],
      ["Refusals doubted", row.suspicious_since && [lasting(row.suspicious_since), ": its server refuses recipients that it took before"]]]),
    operate && element("div", { class: "actions" },
      acting("Try all now", "It was not done", async () => `${count((await post(`${at}/flush`)).due, "message")} due now.`, { class: "plain", "data-key": "flush" }),
      row.suspicious_since && acting("Believe the refusals", "It was not done", async () => ((await post(`${at}/believe`)).believed ? "They count from now on." : "None was held back."), { class: "plain", "data-key": "believe" }),
      acting(row.drill_until ? "End the drill" : "Drill …", "It was not done", () => drill(row, at), { class: "plain", "data-key": "drill" })),
  ];
}

async function drill(row, at) {
  if (row.drill_until) {
    await post(`${at}/drill`, { minutes: 0 });
    return "The drill is over.";
  }
  const answer = await question(`Drill: treat ${row.domain}'s next hops as down`, "Mail is taken and waits here until the drill ends.", [field("Minutes", element("input", { name: "minutes", type: "number", min: 1, max: 1440, value: 10, required: true }))], "Begin");
  if (!answer) return "";
  const done = await post(`${at}/drill`, { minutes: Number(answer.minutes) });
  return `The drill ends ${relative(done.drill_until)}.`;
}

function listPart(found, operate, again) {
  const at = `recipients/${piece(found.domain)}`;
  const act = (words, path, body, done, attributes = {}) => acting(words, "It was not done", async () => {
    const answer = await post(`${at}/${path}`, body);
    again();
    return answer.words || done;
  }, { class: "plain", "data-key": words, ...attributes });
  const importing = found.importing;
  return [
    element("p", {}, state(found.state), " ", found.freshness && state(found.freshness), found.state === "observed" && [" Who is not listed is taken, and written down", found.observing_until ? [" until ", when(found.observing_until)] : "", "."],
      found.state === "any" && " It takes anybody: no list was configured, and nobody can be refused for not existing."),
    found.trouble && element("p", { class: "error" }, found.trouble),
    found.refused && element("p", { class: "note" }, `A new version with ${count(found.refused.entries, "recipient")} was not taken: ${found.refused_why}`),
    facts([["From", found.source || found.kind], ["Recipients", found.entries === null ? "" : number(found.entries)], ["Confirmed", found.confirmed && when(found.confirmed)],
      ["Pushed, not yet in a version", found.waiting ? number(found.waiting) : ""],
      ["Import", importing && (importing.running ? `${importing.stage}, ${number(importing.done)} lines` : importing.outcome ? [`${importing.outcome.result} `, importing.ended && when(importing.ended), importing.outcome.words ? `: ${importing.outcome.words}` : ""] : "none yet")],
      ["Next import", importing?.next && when(importing.next)]]),
    operate && found.kind !== "any" && element("div", { class: "actions" },
      found.state === "observed" && act("Enforce", "enforce", {}, "Who is not listed is refused from now on.", { class: null }),
      found.state === "enforced" && act("Observe for a day", "observe", { seconds: 86400 }, "Who is not listed is taken for a day, and written down."),
      found.kind !== "push" && act("Read it now", "import", {}, "It is being read."),
      found.refused && act("Take the refused version", "accept", {}, "It is in force."),
      found.versions.length > 1 && act("Go back one version", "rollback", {}, "The version before is in force.")),
    found.versions.length ? table([["Version", "number", (row) => number(row.number)], ["Made", "", (row) => when(row.made)], ["Recipients", "number", (row) => number(row.entries)], ["By", "", (row) => row.who], ["Stands", "", (row) => (row.in_force ? badge("good", "in force") : "")]], found.versions.slice(0, 5), "") : null,
    found.contradictions.length ? [element("h3", {}, "The next hop and the list disagree"), table([["Recipient", "name", (row) => row.address], ["How", "", (row) => row.sort], ["Reply", "", (row) => row.reply], ["Last", "", (row) => when(row.last)]], found.contradictions.slice(0, 20), "")] : null,
  ];
}
