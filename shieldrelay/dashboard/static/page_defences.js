// Defences: how each stands, what it refused, and what it would have refused before it is let to.

import { acting } from "./acting.js";
import { badge, element, panel, table } from "./elements.js";
import { happening } from "./happenings.js";
import { question } from "./question.js";
import { get, piece, post } from "./requests.js";
import { Refresh } from "./refresh.js";
import { defence, state } from "./states.js";
import { sourceLink } from "./page_sources.js";
import { number, when } from "./words.js";

export const defences = {
  name: "defences",
  title: "Defences",
  whole: true,
  open(main, node) {
    const list = new Refresh(
      4,
      () => get("defences"),
      ({ defences: rows }) =>
        table(
          [
            [
              "Defence",
              "name",
              (row) => [
                element("strong", {}, defence(row.defence)),
                element("div", { class: "dim" }, `against ${row.words}`),
              ],
            ],
            [
              "Mode",
              "",
              (row) => (row.mode ? state(row.mode) : element("a", { href: "#/domains" }, "each domain's own")),
            ],
            [
              "Set in",
              "",
              (row) => [row.origin || "–", row.steered && element("div", {}, badge("warn", "not from the files"))],
            ],
            ["Refused", "number", (row) => number(row.refused)],
            ["Would have refused", "number", (row) => [number(row.would_refuse), places(row)]],
            [
              "Do",
              "",
              (row) =>
                row.mode && node.may("admin")
                  ? element(
                      "div",
                      { class: "actions" },
                      modes(row).map(([mode, words]) => setting(row, mode, words, () => list.now())),
                    )
                  : row.mode
                    ? "needs the role admin"
                    : "see the domain",
            ],
          ],
          rows,
          "This node shows no defences.",
        ),
      "The defences cannot be shown.",
    );
    const would = new Refresh(
      5,
      () => get("happenings", { events: "would_refuse", limit: 100 }),
      ({ happenings }) =>
        table(
          [
            ["When", "when", (row) => when(row.at)],
            ["Source", "name", (row) => (row.fields.peer ? sourceLink(row.fields.peer) : "–")],
            ["Defence", "", (row) => defence(row.fields.defence)],
            ["What", "", happening],
            ["Domain", "", (row) => row.domain || "–"],
          ],
          happenings,
          "Nothing would have been refused. Have a defence observe to see here what it would do.",
        ),
      "What would have been refused cannot be shown.",
    );
    main.append(
      element(
        "p",
        { class: "lead" },
        "A defence that observes lets everything pass and writes down what it would have refused. Look at its list before you let it enforce. Counts are since the start of this node; a mode that is set here holds on this node, over restarts.",
      ),
      panel("How they stand", list.place),
      panel("What would have been refused lately", would.place),
    );
    return { close: () => [list, would].forEach((each) => each.close()) };
  },
};

function places(row) {
  return Object.entries(row.by_domain).map(([domain, times]) =>
    element("div", {}, element("a", { href: `#/domains/${piece(domain)}` }, domain), ` ${number(times)}`),
  );
}

function modes(row) {
  const others = [
    ["enforce", "Enforce"],
    ["observe", "Observe"],
    ["off", "Off"],
  ].filter(([mode]) => mode !== row.mode);
  return row.steered ? [...others, ["configured", "As in the files"]] : others;
}

function setting(row, mode, words, again) {
  return acting(
    words,
    "The mode was not changed",
    async () => {
      const sure =
        mode === "off"
          ? await question(
              `Switch off: ${defence(row.defence)}?`,
              "It neither refuses nor observes any more.",
              [],
              "Switch off",
              true,
            )
          : true;
      if (!sure) return "";
      await post(`defences/${piece(row.defence)}`, { mode });
      again();
      return mode === "configured" ? `${defence(row.defence)}: as the files say.` : `${defence(row.defence)}: ${mode}.`;
    },
    {
      class: mode === "enforce" ? null : "plain",
      "data-key": `${row.defence} ${mode}`,
      "aria-label": `${words}: ${defence(row.defence)}`,
    },
  );
}
