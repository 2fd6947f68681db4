// The frame of the page: who is logged in, which page is open, and the live stream that all pages share.

import { element, say, trouble } from "./elements.js";
import { openLogin } from "./login.js";
import { audit } from "./page_audit.js";
import { defences } from "./page_defences.js";
import { domains } from "./page_domains.js";
import { overview } from "./page_overview.js";
import { queue } from "./page_queue.js";
import { sources } from "./page_sources.js";
import { trace } from "./page_trace.js";
import { get, remove, setSession } from "./requests.js";
import { Stream } from "./stream.js";
import { tick } from "./words.js";

const PAGES = [overview, sources, domains, queue, trace, defences, audit];
const RANKS = ["view", "operate", "admin"];
const main = document.getElementById("main");
const [top, nav, live] = ["top", "nav", "live"].map((id) => document.getElementById(id));

let session = null;
let stream = null;
let open = null;

const node = {
  get status() {
    return stream?.status ?? null;
  },
  get stream() {
    return stream;
  },
  may: (role) => RANKS.indexOf(session.role) >= RANKS.indexOf(role),
  get limited() {
    return session.domains !== null;
  },
};

function visible(page) {
  return node.may(page.needs ?? "view") && !(page.whole && node.limited);
}

function place() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const page = PAGES.find((each) => each.name === name && visible(each)) ?? overview;
  return [
    page,
    rest.map((each) => {
      try {
        return decodeURIComponent(each);
      } catch {
        return "";
      }
    }),
  ];
}

function show() {
  if (!session) return;
  const [page, rest] = place();
  open?.close?.();
  nav.replaceChildren(
    ...PAGES.filter(visible).map((each) =>
      element("a", { href: `#/${each.name}`, "aria-current": each === page ? "page" : null }, each.title),
    ),
  );
  document.title = `${page.title} – ${node.status?.node ?? "shieldrelay"}`;
  main.replaceChildren(element("h1", {}, page.title));
  open = page.open(main, node, rest);
  if (node.status) open.update?.(node.status);
}

function told(what, value) {
  if (what === "status") {
    document.getElementById("node").textContent = value.node;
    document.title = `${place()[0].title} – ${value.node}`;
    open?.update?.(value);
  } else if (what === "live") {
    live.className = `badge ${value ? "good" : "warn"}`;
    const words = value ? "live" : "not live: asking every 5 s";
    if (live.textContent !== words) live.textContent = words;
  } else if (what === "change") {
    open?.changed?.(value);
  } else if (what === "trouble") {
    live.className = "badge bad";
    live.textContent = "the node does not answer";
  }
}

function toContent() {
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function loggedIn(value) {
  session = value;
  setSession(session, () => loggedOut("Your log-in has ended. Log in again."));
  top.hidden = false;
  document.getElementById("who").textContent = `${session.user} (${session.role})`;
  stream?.close();
  stream = new Stream(told);
  show();
  toContent();
}

function loggedOut(words = "") {
  if (!session && main.querySelector(".login")) return;
  session = null;
  stream?.close();
  open?.close?.();
  [stream, open] = [null, null];
  setSession(null, () => {});
  top.hidden = true;
  document.title = "Log in – shieldrelay";
  openLogin(main, words, loggedIn);
}

function dress() {
  const wished = localStorage.getItem("theme");
  const dark = wished ? wished === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.getElementById("theme").textContent = dark ? "Light" : "Dark";
}

document.getElementById("theme").addEventListener("click", () => {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  dress();
  if (node.status) open?.update?.(node.status);
});
document.getElementById("leave").addEventListener("click", async () => {
  await remove("session").catch(() => {});
  loggedOut("You are logged out.");
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
addEventListener("hashchange", () => {
  show();
  toContent();
});
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.message) say(event.reason.message);
});
setInterval(tick, 1000);
dress();
get("session").then(loggedIn, (fault) => {
  if (fault.status === 401) loggedOut();
  else main.replaceChildren(trouble(fault, "The dashboard cannot begin."));
});
