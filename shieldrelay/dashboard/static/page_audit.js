// Audit: who did what.

import { badge, element, panel, table } from "./elements.js";
import { get } from "./requests.js";
import { Refresh } from "./refresh.js";
import { when } from "./words.js";

export const audit = {
  name: "audit",
  title: "Audit",
  needs: "operate",
  open(main) {
    let limit = 100;
    const list = new Refresh(
      5,
      () => get("audit", { limit }),
      ({ entries, after }) => [
        table(
          [
            ["When", "when", (row) => when(row.at)],
            ["Who", "name", (row) => row.who || "somebody"],
            ["Role", "", (row) => row.role || "none"],
            [
              "By",
              "",
              (row) => [row.way === "none" ? "not let in" : row.way, row.source].filter(Boolean).join(" from "),
            ],
            ["Did", "", (row) => element("code", {}, row.action)],
            ["Domain", "", (row) => row.domain || "the node"],
            [
              "Came to",
              "",
              (row) => (row.status < 400 ? badge("good", "done") : badge("bad", `${row.status} ${row.code}`)),
            ],
          ],
          entries,
          "Nobody has done anything yet.",
        ),
        after &&
          limit < 1000 &&
          element(
            "button",
            {
              type: "button",
              class: "plain",
              "data-key": "more",
              onclick: () => {
                limit = Math.min(1000, limit * 2);
                list.now();
              },
            },
            "More",
          ),
      ],
      "The audit log cannot be shown.",
    );
    main.append(
      element("p", { class: "lead" }, "Every change, every log-in, and what was not granted."),
      panel("Newest first", list.place),
    );
    return { close: () => list.close() };
  },
};
