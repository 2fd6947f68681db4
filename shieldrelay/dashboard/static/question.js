// A question before something is done: a dialog with fields, which gives what was answered, or nothing.

import { button, element } from "./elements.js";

export function question(title, words, fields, yes, harm = false) {
  return new Promise((answered) => {
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", { id: "question" }, title),
      words && element("p", {}, words),
      fields,
      element(
        "div",
        { class: "actions" },
        element("button", { type: "submit", class: harm ? "harm" : null }, yes),
        button("Cancel", () => dialog.close(), { class: "plain" }),
      ),
    );
    const dialog = element("dialog", { "aria-labelledby": "question" }, form);
    let answer = null;
    form.addEventListener("submit", () => {
      answer = Object.fromEntries(new FormData(form));
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      answered(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
