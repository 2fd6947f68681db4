// Lines of the trace: as a table, and as the story of a session or a message.

import { element, table } from "./elements.js";
import { number, when } from "./words.js";

export function storyLink(id) {
  return id ? element("a", { href: `#/trace/${encodeURIComponent(id)}` }, id) : "–";
}

export function standing(index) {
  const words = {
    off: "This node keeps no trace: [trace] is off.",
    behind: `The index is ${Math.round(index.behind_seconds)} s behind the mail.`,
    shedding: "The index is so far behind that it takes samples: not every line will be found.",
    stopped: "The index does not run; what is new is not found.",
    full: "The index has no room on its disk; what is new is not found.",
  }[index.state];
  return words ? element("p", { class: "note" }, words, index.reason ? ` ${index.reason}` : "") : null;
}

export function traceTable(page, empty) {
  return [
    standing(page.index),
    page.silent.length ? element("p", { class: "note" }, `Not asked: ${page.silent.join("; ")}`) : null,
    table(
      [
        ["When", "when", (row) => when(row.at)],
        [
          "What",
          "",
          (row) =>
            `${row.event.replaceAll("_", " ")}${row.result ? `: ${row.result}` : ""}${row.count > 1 ? ` (${number(row.count)} times)` : ""}`,
        ],
        [
          "Source",
          "",
          (row) =>
            row.source ? element("a", { href: `#/sources/${encodeURIComponent(row.source)}` }, row.source) : "–",
        ],
        ["Sender", "", (row) => row.sender || "–"],
        ["Recipients", "", (row) => row.recipients.join(", ") || "–"],
        ["Why", "", (row) => [row.code, row.defence, row.reason].filter(Boolean).join(" ") || "–"],
        ["Story", "", (row) => storyLink(row.message || row.session)],
      ],
      page.lines,
      empty,
    ),
  ];
}

export function told(line) {
  const rest = Object.entries(line.fields)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
  return element(
    "li",
    {},
    element("strong", {}, line.event.replaceAll("_", " "), line.result ? `: ${line.result}` : ""),
    " ",
    when(line.at),
    ` on ${line.node}`,
    element(
      "div",
      {},
      [
        line.source && `from ${line.source}`,
        line.sender && `sender ${line.sender}`,
        line.recipients.length && `to ${line.recipients.join(", ")}`,
        line.code && `answered ${line.code}`,
        line.defence && `by ${line.defence}`,
        line.reason,
      ]
        .filter(Boolean)
        .join(", "),
    ),
    rest && element("div", { class: "dim" }, rest),
  );
}
