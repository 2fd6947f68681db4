// The log-in.

import { element, field } from "./elements.js";
import { post } from "./requests.js";

export function openLogin(main, words, loggedIn) {
  const fault = element("p", { class: "error", role: "alert", hidden: true });
  const user = element("input", {
    name: "user",
    autocomplete: "username",
    required: true,
    autocapitalize: "none",
    spellcheck: "false",
  });
  const password = element("input", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
  });
  const enter = element("button", { type: "submit" }, "Log in");
  const form = element("form", {}, fault, field("User", user), field("Password", password), enter);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    enter.disabled = true;
    try {
      loggedIn(await post("session", { user: user.value, password: password.value }));
    } catch (refused) {
      fault.textContent = refused.status === 401 ? "User and password do not fit. Try again." : refused.message;
      fault.hidden = false;
      password.value = "";
      password.focus();
    } finally {
      enter.disabled = false;
    }
  });
  main.replaceChildren(
    element(
      "section",
      { class: "panel login" },
      element("h1", {}, "Log in to this node"),
      words && element("p", { class: "note", role: "status" }, words),
      form,
      element(
        "p",
        { class: "dim" },
        "Users stand in the node's configuration under [admin.users]; `shieldrelayctl password` makes the hash of a password.",
      ),
    ),
  );
  user.focus();
}
