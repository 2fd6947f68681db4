// Queue: what waits, and live control over it.

import { acting } from "./acting.js";
import { choice, element, facts, field, panel, table } from "./elements.js";
import { question } from "./question.js";
import { get, piece, post, remove } from "./requests.js";
import { Refresh } from "./refresh.js";
import { state } from "./states.js";
import { storyLink } from "./traces.js";
import { count, due, number, octets, when } from "./words.js";

const PAGE = 100;
const ACTS = {
  hold: ["Hold", "set aside", (id) => post(`messages/${id}/hold`)],
  release: ["Release", "released", (id) => post(`messages/${id}/release`)],
  bounce: ["Bounce", "given up; senders that are proven get a notice", (id) => post(`messages/${id}/bounce`)],
  delete: ["Delete", "deleted; nobody is told", (id) => remove(`messages/${id}`)],
};

export const queue = {
  name: "queue",
  title: "Queue",
  open(main, node, [domain, id]) {
    return id ? one(main, node, id) : all(main, node, domain ?? "");
  },
};

export function messageLink(row) {
  return element(
    "a",
    { href: `#/queue/${piece(row.domain)}/${piece(row.id)}`, "data-key": `message ${row.id}` },
    row.id,
  );
}

function all(main, node, domain) {
  const chosen = new Set();
  let pages = 1;
  const names = (node.status?.domains ?? []).map((each) => each.domain);
  const wanted = choice(
    "domain",
    [["", node.limited ? "your domain" : "all domains"], ...names.map((each) => [each, each])],
    domain,
  );
  wanted.addEventListener("change", () => {
    location.hash = wanted.value ? `#/queue/${piece(wanted.value)}` : "#/queue";
  });
  const load = async () => {
    let page = { messages: [], after: null, total: 0 };
    let after = "";
    const messages = [];
    for (let number = 0; number < pages; number += 1) {
      page = await get("queue", { domain, limit: PAGE, after });
      messages.push(...page.messages);
      after = page.after;
      if (!after) break;
    }
    return { messages, total: page.total, more: Boolean(page.after) };
  };
  const list = new Refresh(
    4,
    load,
    ({ messages, total, more }) => {
      for (const id of chosen) if (!messages.some((each) => each.id === id)) chosen.delete(id);
      return [
        table(
          [
            ...(node.may("operate") ? [["Choose", "", (row) => tick(row, chosen)]] : []),
            ["Message", "name", messageLink],
            ["State", "", (row) => state(row.state)],
            ["Arrived", "", (row) => when(row.arrived)],
            ["Next attempt", "", (row) => (row.state === "waiting" ? due(row.due) : "–")],
            ["Sender", "", (row) => row.sender || "<>"],
            [
              "Recipients",
              "",
              (row) =>
                `${row.recipients.slice(0, 3).join(", ")}${row.recipients.length > 3 ? ` and ${row.recipients.length - 3} more` : ""}`,
            ],
            ["Size", "number", (row) => octets(row.size)],
            [
              "Why it waits",
              "",
              (row) =>
                row.reason
                  ? `${row.reason} (${count(row.attempts, "attempt")})`
                  : row.attempts
                    ? count(row.attempts, "attempt")
                    : "not tried yet",
            ],
          ],
          messages,
          "Nothing waits. Mail goes straight through.",
          total > messages.length ? `${number(messages.length)} of about ${number(total)} messages` : "",
        ),
        more &&
          element(
            "button",
            {
              type: "button",
              class: "plain",
              "data-key": "more",
              onclick: () => {
                pages += 1;
                list.now();
              },
            },
            "More",
          ),
      ];
    },
    "The queue cannot be shown.",
  );
  const acts = Object.entries(ACTS).map(([name, [words]]) =>
    acting(
      `${words} chosen`,
      "Not all was done",
      () =>
        many(name, [...chosen], () => {
          chosen.clear();
          list.now();
        }),
      { class: name === "bounce" || name === "delete" ? "harm" : "plain" },
    ),
  );
  const flush =
    domain &&
    acting(`Try all of ${domain} now`, "It was not done", async () => {
      const done = await post(`domains/${piece(domain)}/flush`);
      list.now();
      return `${count(done.due, "message")} of ${done.domain} are due now.`;
    });
  main.append(
    panel(
      "What is shown",
      element("div", { class: "fields actions" }, field("Domain", wanted), node.may("operate") && flush),
      node.may("operate") &&
        element("div", { class: "actions", role: "group", "aria-label": "With the chosen messages" }, acts),
    ),
    panel("Messages", list.place),
  );
  return { close: () => list.close() };
}

function tick(row, chosen) {
  const box = element("input", { type: "checkbox", "aria-label": `Choose ${row.id}`, "data-key": `choose ${row.id}` });
  box.checked = chosen.has(row.id);
  box.addEventListener("change", () => (box.checked ? chosen.add(row.id) : chosen.delete(row.id)));
  return box;
}

async function many(name, ids, again) {
  const [words, done, act] = ACTS[name];
  if (!ids.length) return "Choose messages first.";
  if (name === "bounce" || name === "delete") {
    const sure = await question(
      `${words} ${count(ids.length, "message")}?`,
      name === "delete"
        ? "It cannot be undone, and the senders are not told."
        : "They are given up now. Senders that SPF proves get a failure notice; the others hear nothing.",
      [],
      words,
      true,
    );
    if (!sure) return "";
  }
  const failed = [];
  for (const id of ids) await act(piece(id)).catch((fault) => failed.push(fault.message));
  again();
  return failed.length
    ? `${failed.length} of ${ids.length} failed: ${failed[0]}`
    : `${count(ids.length, "message")} ${done}.`;
}

function one(main, node, id) {
  main.querySelector("h1").textContent = `Message ${id}`;
  const back = () => {
    location.hash = "#/queue";
  };
  const picture = new Refresh(
    4,
    () => get(`messages/${piece(id)}`),
    (found) => [
      panel(
        "Message",
        facts([
          ["State", state(found.state)],
          ["Domain", element("a", { href: `#/domains/${piece(found.domain)}` }, found.domain)],
          ["Sender", found.sender || "<>"],
          ["Recipients", found.recipients.map((each) => element("div", {}, `${each.address}: ${each.state}`))],
          ["From", found.client],
          ["Size", octets(found.size)],
          ["Arrived", when(found.arrived)],
          ["Next attempt", found.state === "waiting" ? due(found.due) : ""],
          ["Attempts", number(found.attempts)],
          ["Last attempt", found.last_attempt && when(found.last_attempt)],
          ["Why it waits", found.reason],
          ["Given up", found.expires && when(found.expires)],
          ["Trace", storyLink(found.id)],
        ]),
        node.may("operate") &&
          element(
            "div",
            { class: "actions" },
            Object.entries(ACTS)
              .filter(([name]) => (found.state === "held" ? name !== "hold" : name !== "release"))
              .map(([name, [words]]) =>
                acting(
                  words,
                  "It was not done",
                  () => many(name, [id], name === "bounce" || name === "delete" ? back : () => picture.now()),
                  { class: name === "bounce" || name === "delete" ? "harm" : "plain", "data-key": name },
                ),
              ),
            element(
              "a",
              { class: "button plain", href: `/api/v1/messages/${piece(id)}/eml`, download: `${id}.eml` },
              "Download .eml",
            ),
          ),
      ),
      panel(
        "Header",
        element("pre", { tabindex: 0, "aria-label": "Header of the message" }, found.header || "It has none."),
      ),
    ],
    "It is not in the spool any more: delivered, given up or deleted.",
  );
  main.append(
    element(
      "p",
      {},
      element("a", { href: "#/queue" }, "Queue"),
      " · ",
      element("a", { href: `#/trace/${piece(id)}` }, "What became of it"),
    ),
    picture.place,
  );
  return { close: () => picture.close() };
}
