// Trace: what became of a message, a session or a refusal.

import { choice, element, field, panel, trouble } from "./elements.js";
import { get, piece } from "./requests.js";
import { told, traceTable } from "./traces.js";

const SINCE = [
  ["3600", "the last hour"],
  ["86400", "the last day"],
  ["604800", "the last week"],
  ["", "all that is kept"],
];
const RESULTS = [
  ["", "any"],
  ["accepted", "accepted"],
  ["refused", "refused"],
  ["tempfailed", "asked to come later"],
  ["taken", "taken by the next hop"],
];

export const trace = {
  name: "trace",
  title: "Trace",
  open(main, node, [id]) {
    return id ? story(main, id) : search(main, node);
  },
};

function search(main, node) {
  const input = (name, placeholder) =>
    element("input", { name, placeholder, autocapitalize: "none", spellcheck: "false" });
  const domains = [["", "all"], ...(node.status?.domains ?? []).map((each) => [each.domain, each.domain])];
  const everywhere = element("input", { type: "checkbox", name: "everywhere" });
  const form = element(
    "form",
    { class: "fields" },
    field("Sender", input("sender", "ann@example.org, @example.org, <>")),
    field("Recipient", input("recipient", "bob@example.com")),
    field("Source", input("source", "192.0.2.1")),
    field("Message, session, or reference of a refusal", input("id", "")),
    field("Words of the reason", input("reason", "")),
    field("Result", choice("result", RESULTS)),
    field("Domain", choice("domain", domains)),
    field("When", choice("since", SINCE, "86400")),
    !node.limited && element("label", { class: "choice" }, everywhere, "ask all nodes"),
    element("div", {}, element("button", { type: "submit" }, "Search")),
  );
  const found = element(
    "div",
    { "aria-live": "polite" },
    element(
      "p",
      { class: "empty" },
      "Fill in what you know; everything that you give must fit. Search with nothing filled in shows the latest.",
    ),
  );
  let asked = null;
  let turn = 0; // what is answered to an earlier question is not shown
  const ask = async (after, lines) => {
    const mine = ++turn;
    if (!after) found.replaceChildren(element("p", { class: "empty" }, "Searching \u2026"));
    try {
      const page = await get("trace", { ...asked, after });
      if (mine !== turn) return;
      const whole = [...lines, ...page.lines];
      const more =
        page.after &&
        element("button", { type: "button", class: "plain", onclick: () => ask(page.after, whole) }, "More");
      found.replaceChildren(
        ...[traceTable({ ...page, lines: whole }, "Nothing fits. Take away a condition, or look further back.")]
          .flat()
          .filter(Boolean),
        ...(page.searched_to
          ? [element("p", { class: "note" }, "The search took too long and stopped early; \u201cMore\u201d goes on.")]
          : []),
        ...(more ? [more] : []),
      );
    } catch (fault) {
      if (mine !== turn) return;
      found.replaceChildren(trouble(fault, "The trace cannot be searched."));
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    asked = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
    asked.since = asked.since ? Math.floor(Date.now() / 1000 - Number(asked.since)) : "";
    asked.everywhere = everywhere.checked ? "true" : "";
    ask("", []);
  });
  main.append(panel("Search", form), panel("Found", found));
  return {};
}

function story(main, id) {
  main.querySelector("h1").textContent = `Story of ${id}`;
  const place = element("div", {}, element("p", { class: "empty" }, "Loading …"));
  main.append(element("p", {}, element("a", { href: "#/trace" }, "Search")), panel("What happened, in order", place));
  get(`trace/${piece(id)}`, { everywhere: "true" })
    .catch((fault) =>
      fault.status === 403 || fault.status === 400 ? get(`trace/${piece(id)}`) : Promise.reject(fault),
    )
    .then(
      (found) => {
        place.replaceChildren(
          ...[
            found.silent.length ? element("p", { class: "note" }, `Not asked: ${found.silent.join("; ")}`) : null,
            found.whole ? null : element("p", { class: "note" }, "There is more than is shown."),
            found.lines.length
              ? element("ol", { class: "story" }, found.lines.map(told))
              : element(
                  "p",
                  { class: "empty" },
                  "Nothing is known under this id. It may be older than what is kept, or of another node.",
                ),
          ].filter(Boolean),
        );
      },
      (fault) => place.replaceChildren(trouble(fault, "The story cannot be told.")),
    );
  return {};
}
