// A domain's list of recipients: how it stands, and what can be done about it.

import { acting } from "./acting.js";
import { badge, element, facts, table } from "./elements.js";
import { piece, post } from "./requests.js";
import { state } from "./states.js";
import { count, number, when } from "./words.js";

export function listPart(found, operate, again) {
  const at = `recipients/${piece(found.domain)}`;
  const act = (words, path, body, done, attributes = {}) =>
    acting(
      words,
      "It was not done",
      async () => {
        const answer = await post(`${at}/${path}`, body);
        again();
        return answer.words || done;
      },
      { class: "plain", "data-key": words, ...attributes },
    );
  const importing = found.importing;
  return [
    element(
      "p",
      {},
      state(found.state),
      " ",
      found.freshness && state(found.freshness),
      found.state === "observed" && [
        " Who is not listed is taken, and written down",
        found.observing_until ? [" until ", when(found.observing_until)] : "",
        ".",
      ],
      found.state === "any" && " It takes anybody: no list was configured, and nobody can be refused for not existing.",
    ),
    found.trouble && element("p", { class: "error" }, found.trouble),
    found.refused &&
      element(
        "p",
        { class: "note" },
        `A new version with ${count(found.refused.entries, "recipient")} was not taken: ${found.refused_why}`,
      ),
    facts([
      ["From", found.source || found.kind],
      ["Recipients", found.entries === null ? "" : number(found.entries)],
      ["Confirmed", found.confirmed && when(found.confirmed)],
      ["Pushed, not yet in a version", found.waiting ? number(found.waiting) : ""],
      [
        "Import",
        importing &&
          (importing.running
            ? `${importing.stage}, ${number(importing.done)} lines`
            : importing.outcome
              ? [
                  `${importing.outcome.result} `,
                  importing.ended && when(importing.ended),
                  importing.outcome.words ? `: ${importing.outcome.words}` : "",
                ]
              : "none yet"),
      ],
      ["Next import", importing?.next && when(importing.next)],
    ]),
    operate &&
      found.kind !== "any" &&
      element(
        "div",
        { class: "actions" },
        found.state === "observed" &&
          act("Enforce", "enforce", {}, "Who is not listed is refused from now on.", { class: null }),
        found.state === "enforced" &&
          act(
            "Observe for a day",
            "observe",
            { seconds: 86400 },
            "Who is not listed is taken for a day, and written down.",
          ),
        found.kind !== "push" && act("Read it now", "import", {}, "It is being read."),
        found.refused && act("Take the refused version", "accept", {}, "It is in force."),
        found.versions.length > 1 && act("Go back one version", "rollback", {}, "The version before is in force."),
      ),
    found.versions.length
      ? table(
          [
            ["Version", "number", (row) => number(row.number)],
            ["Made", "", (row) => when(row.made)],
            ["Recipients", "number", (row) => number(row.entries)],
            ["By", "", (row) => row.who],
            ["Stands", "", (row) => (row.in_force ? badge("good", "in force") : "")],
          ],
          found.versions.slice(0, 5),
          "",
        )
      : null,
    found.contradictions.length
      ? [
          element("h3", {}, "The next hop and the list disagree"),
          table(
            [
              ["Recipient", "name", (row) => row.address],
              ["How", "", (row) => row.sort],
              ["Reply", "", (row) => row.reply],
              ["Last", "", (row) => when(row.last)],
            ],
            found.contradictions.slice(0, 20),
            "",
          ),
        ]
      : null,
  ];
}
