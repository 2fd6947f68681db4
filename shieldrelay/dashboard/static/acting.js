// Buttons that do something at the node, say what came of it, and cannot be pressed twice meanwhile.

import { button, say } from "./elements.js";

export function acting(words, fails, act, attributes = {}) {
  return button(
    words,
    async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      try {
        const said = await act();
        if (said) say(said);
      } catch (fault) {
        say(`${fails}: ${fault.message}${fault.hints?.length ? ` ${fault.hints.join("; ")}` : ""}`);
      } finally {
        pressed.disabled = false;
      }
    },
    attributes,
  );
}
