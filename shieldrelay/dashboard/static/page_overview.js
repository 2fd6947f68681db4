// Overview: what is happening now.

import { Chart } from "./chart.js";
import { element, fill, panel, table } from "./elements.js";
import { happening } from "./happenings.js";
import { get } from "./requests.js";
import { Refresh } from "./refresh.js";
import { defence, state } from "./states.js";
import { count, number, octets, rate, relative, span, when } from "./words.js";

const LATELY =
  "harvest_shield,breaker,bounce_guard,stress,hub_state,member_joined,member_left,ban,alarm,alarm_over,list_refused,list_stale," +
  "list_adopted,list_enforced,reload,reload_refused,drain,worker_ended,headroom,list_changed,released_source";

export const overview = {
  name: "overview",
  title: "Overview",
  open(main, node) {
    const alarms = element("div");
    const stats = element("dl", { class: "stats" });
    const mail = new Chart("Messages per second: accepted, turned down, put off, delivered");
    const refused = new Chart("Refusals per second by reason");
    const parts = element("div");
    const members = node.limited
      ? null
      : new Refresh(10, () => get("members"), memberTable, "The members cannot be shown.");
    const lately = new Refresh(
      5,
      () => get("happenings", { events: LATELY, limit: node.limited ? 500 : 30 }),
      (value) =>
        table(
          [
            ["When", "when", (row) => when(row.at)],
            ["What", "", happening],
          ],
          value.happenings,
          "Nothing has happened since the node started.",
        ),
      "What happened lately cannot be shown.",
    );
    const open = new Refresh(
      5,
      () =>
        get("alarms", { open: "yes" }).catch((fault) => {
          if (fault.status === 404) return { alarms: null };
          throw fault;
        }),
      (value) => alarmList(value.alarms ?? (node.status?.alarms ?? []).map((words) => ({ words, level: "error" }))),
      "The alarms cannot be shown.",
    );
    main.append(
      alarms,
      stats,
      element("div", { class: "columns" }, panel("Mail", mail.place), panel("Refused", refused.place)),
      element("div", { class: "columns" }, panel("Open alarms", open.place), panel("Lately", lately.place)),
      ...(members ? [panel("Members of the cluster", members.place)] : []),
      parts,
    );
    return {
      update(status) {
        fill(stats, figures(status, node.stream), () => figures(status, node.stream).map(stat));
        fill(parts, status.workers, () =>
          status.workers.length ? panel("Processes of this node", workerTable(status.workers)) : [],
        );
        const { times, rates } = node.stream;
        mail.show(
          times,
          [
            ["accepted", "Accepted"],
            ["turned_down", "Turned down after the content"],
            ["deferred", "Put off"],
            ["delivered", "Delivered"],
          ].map(([name, words]) => [name, words, rates.get(name) ?? []]),
        );
        const reasons = [...rates.keys()].filter((name) => name.startsWith("refused ")).sort();
        const shown = reasons.length ? reasons : ["refused"];
        refused.show(
          times,
          shown.map((name) => [
            name,
            reasons.length ? defence(name.slice(8)) : "Refused",
            rates.get(name) ?? times.map(() => 0),
          ]),
        );
      },
      changed() {
        lately.now();
        open.now();
      },
      close() {
        [mail, refused, members, lately, open].forEach((each) => each?.close());
      },
    };
  },
};

function latest(stream, name) {
  const rates = stream.rates.get(name) ?? [];
  const last = rates.slice(-5);
  return last.length ? last.reduce((sum, each) => sum + each, 0) / last.length : null;
}

function figures(status, stream) {
  const queued = status.domains.reduce((sum, each) => sum + each.queued, 0);
  const held = status.domains.reduce((sum, each) => sum + each.held, 0);
  const oldest = Math.min(...status.domains.map((each) => each.oldest ?? Infinity));
  const refusals = [...stream.rates.keys()]
    .filter((name) => name.startsWith("refused "))
    .reduce((sum, name) => sum + latest(stream, name), 0);
  const attacked = status.domains.filter((each) => each.shield === "shield").length;
  const down = status.domains.filter((each) => each.breaker === "open").length;
  return [
    ["Accepted", rate(latest(stream, "accepted")), `${number(status.counts?.accepted)} since the start`, ""],
    [
      "Refused",
      rate(refusals),
      `${number(Object.values(status.counts?.refused ?? {}).reduce((sum, each) => sum + each, 0))} since the start`,
      "",
    ],
    ["Sessions", number(status.sessions), `${number(status.in_content)} receiving content`, ""],
    [
      "Stress",
      status.stress.on ? "yes" : "no",
      status.stress.on ? status.stress.reason : "declared limits hold",
      status.stress.on ? "bad" : "good",
    ],
    [
      "Queued messages",
      number(queued),
      oldest < Infinity ? `oldest ${relative(oldest)}` : "nothing waits",
      queued ? "warn" : "good",
    ],
    ["Messages on hold", number(held), "set aside by operators", held ? "warn" : ""],
    [
      "Protected domains",
      number(status.domains.length),
      attacked || down ? `${attacked} under attack, ${down} down` : "all in good health",
      attacked || down ? "bad" : "good",
    ],
    [
      "Spool disk",
      status.spool.state,
      status.spool.octets_free ? `${octets(status.spool.octets_free)} free` : status.spool.reason,
      { ok: "good", low: "warn", refusing: "bad" }[status.spool.state],
    ],
    [
      "Cluster",
      { local: "alone", shared: "shared", degraded: "hub away" }[status.hub.state] ?? status.hub.state,
      status.hub.reason || count(status.hub.members, "member"),
      { shared: "good", degraded: "bad" }[status.hub.state] ?? "",
    ],
    ["Up for", span(status.now - status.started), `version ${status.version}`, ""],
  ];
}

function stat([name, value, more, kind]) {
  return element(
    "div",
    { class: `stat ${kind}` },
    element("dt", {}, name),
    element("dd", {}, value),
    element("dd", { class: "more" }, more),
  );
}

function alarmList(alarms) {
  if (!alarms.length) return element("p", { class: "empty" }, "No alarm is open.");
  return element(
    "ul",
    { class: "alarms" },
    alarms.map((each) =>
      element(
        "li",
        { class: each.level === "warn" ? "warn" : null },
        element(
          "strong",
          {},
          [each.domain, each.about].filter((word, place, all) => word && all.indexOf(word) === place).join(" "),
        ),
        " ",
        each.meaning ? `${each.meaning} ` : "",
        each.words,
        each.since && element("span", {}, " (", when(each.since), ")"),
        each.todo && element("div", {}, each.todo),
      ),
    ),
  );
}

function memberTable({ members }) {
  return table(
    [
      ["Node", "name", (row) => `${row.node}${row.worker ? ` / ${row.worker}` : ""}${row.ours ? " (this one)" : ""}`],
      ["State", "", (row) => state(row.state)],
      ["Hub", "", (row) => (row.hub ? state(row.hub) : "not asked")],
      ["Sessions", "number", (row) => number(row.sessions)],
      ["Queued", "number", (row) => number(row.queued)],
      ["Heard", "", (row) => when(row.heard)],
      [
        "Trouble",
        "",
        (row) =>
          [
            row.trouble,
            row.stressed && "under stress",
            row.differs.length && `its configuration differs: ${row.differs.join(", ")}`,
            Math.abs(row.skew) > 1 && `its clock is ${span(Math.abs(row.skew))} ${row.skew > 0 ? "ahead" : "behind"}`,
          ]
            .filter(Boolean)
            .join("; ") || "none",
      ],
    ],
    members,
    "This node is no member of a cluster.",
  );
}

function workerTable(workers) {
  return table(
    [
      ["Process", "", (row) => `${row.number}${row.leads ? " (leads)" : ""}`],
      ["State", "", (row) => state(row.state)],
      ["Sessions", "number", (row) => number(row.sessions)],
      ["Queued", "number", (row) => number(row.queued)],
      ["Since", "", (row) => when(row.since)],
      ["Starts", "number", (row) => number(row.starts)],
    ],
    workers,
    "There is one process.",
  );
}
