// Elements of the page. Text is set as text, never as markup: what strangers wrote stays words.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, attributes = {}, ...children) {
  return furnished(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return furnished(document.createElementNS(SVG, tag), attributes, children);
}

function furnished(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

// Fills a place anew when what it shows has changed; keyboard focus stays where it was.
export function fill(place, shown, build) {
  const known = JSON.stringify(shown);
  if (place.dataset.shown === known) return;
  const active = document.activeElement;
  const key = place.contains(active) ? active.dataset.key : undefined;
  place.dataset.shown = known;
  place.replaceChildren(
    ...[build()].flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false),
  );
  if (key !== undefined) [...place.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key)?.focus();
}

export function panel(title, ...children) {
  return element("section", { class: "panel" }, element("h2", {}, title), children);
}

export function badge(kind, words) {
  return element("span", { class: `badge ${kind}` }, words);
}

export function button(words, act, attributes = {}) {
  return element("button", { type: "button", onclick: act, ...attributes }, words);
}

export function facts(pairs) {
  const kept = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return element(
    "dl",
    { class: "facts" },
    kept.map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

export function field(label, input) {
  return element("label", {}, label, input);
}

export function choice(name, options, chosen = "") {
  const made = options.map(([value, words]) => element("option", { value, selected: value === chosen }, words));
  return element("select", { name }, made);
}

// A table whose rows become cards on a phone. Columns: [title, kind, cell of a row].
export function table(columns, rows, empty, caption = "") {
  if (!rows.length) return element("p", { class: "empty" }, empty);
  const head = columns.map(([title, kind]) =>
    element("th", { scope: "col", class: kind || null }, title || element("span", {}, "\u00a0")),
  );
  const body = rows.map((row) =>
    element(
      "tr",
      {},
      columns.map(([title, kind, cell]) =>
        element("td", { class: kind || null, "data-label": title }, element("div", {}, cell(row))),
      ),
    ),
  );
  return element(
    "div",
    { class: "wide" },
    element(
      "table",
      { class: "cards" },
      caption && element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, body),
    ),
  );
}

export function trouble(fault, what) {
  if (fault.code === "unknown_path" || fault.code === "unknown_method")
    return element(
      "p",
      { class: "empty" },
      `${what} This node does not have it: its version or its configuration leaves it out.`,
    );
  if (fault.code === "trace_unavailable") return element("p", { class: "note" }, fault.message);
  const hints = fault.hints?.length ? ` ${fault.hints.join("; ")}` : "";
  return element("p", { class: "error", role: "alert" }, `${what} ${fault.message}${hints}`);
}

let fading = 0;
export function say(words) {
  document.getElementById("said").replaceChildren(element("p", {}, words));
  clearTimeout(fading);
  fading = setTimeout(() => document.getElementById("said").replaceChildren(), 6000);
}
