// The live events of the node: its status each second, and what has changed. Keeps the rates of the last minutes. A page
// that is not seen listens to nothing: browsers open six connections to a node, and more tabs than that must work.

import { get } from "./requests.js";
import { setClock } from "./words.js";

const KEPT = 1200;
const SILENCE = 7000;
const POLL = 5000;

export class Stream {
  constructor(told) {
    this.told = told;
    this.status = null;
    this.times = [];
    this.rates = new Map(); // name -> numbers, one for each time
    this.live = false;
    this.source = null;
    this.watching = setInterval(() => this.watch(), 1000);
    this.seen = () => this.look();
    document.addEventListener("visibilitychange", this.seen);
    this.look();
    this.remember();
  }

  look() {
    this.heard = Date.now();
    if (document.hidden) this.source?.close();
    else this.connect();
  }

  // What was before this page was opened, in coarser steps.
  async remember() {
    const { steps } = await get("counted").catch(() => ({ steps: [] }));
    const past = steps.filter((step) => step.at < (this.times[0] ?? Infinity));
    const names = new Set([...this.rates.keys(), "accepted", "turned_down", "delivered", "deferred"]);
    for (const step of past) for (const defence of Object.keys(step.refused)) names.add(`refused ${defence}`);
    for (const name of names) {
      const known = this.rates.get(name) ?? new Array(this.times.length).fill(0);
      this.rates.set(name, [...past.map((step) => rateOf(step, name)), ...known]);
    }
    this.times = [...past.map((step) => step.at), ...this.times];
  }

  connect() {
    this.source?.close();
    this.source = new EventSource("/api/v1/events");
    this.source.addEventListener("status", (event) => this.take(JSON.parse(event.data), true));
    this.source.addEventListener("change", (event) => this.told("change", JSON.parse(event.data)));
    this.source.addEventListener("trouble", (event) => this.told("trouble", JSON.parse(event.data).message));
  }

  // Where nothing comes, the status is asked for instead, and the stream is tried again.
  watch() {
    if (Date.now() - this.heard < SILENCE || document.hidden) return;
    this.heard = Date.now() - SILENCE + POLL;
    this.live = false;
    this.told("live", false);
    get("status").then(
      (status) => this.take(status, false),
      (fault) => this.told("trouble", fault.message),
    );
    if (this.source.readyState === EventSource.CLOSED) this.connect();
  }

  take(status, live) {
    if (live) {
      this.heard = Date.now();
      this.live = true;
    }
    setClock(status.now);
    if (this.status) this.note(this.status, status);
    this.status = status;
    this.told("live", this.live);
    this.told("status", status);
  }

  note(before, after) {
    const seconds = after.now - before.now;
    if (seconds <= 0.2) return;
    this.times.push(after.now);
    const known = this.times.length - 1;
    for (const [name, value] of counted(after)) {
      const old = counted(before).get(name) ?? 0;
      if (!this.rates.has(name)) this.rates.set(name, new Array(known).fill(0));
      this.rates.get(name).push(Math.max(0, value - old) / seconds);
    }
    for (const rates of this.rates.values()) if (rates.length < this.times.length) rates.push(0);
    if (this.times.length > KEPT) {
      this.times.shift();
      for (const rates of this.rates.values()) rates.shift();
    }
  }

  close() {
    document.removeEventListener("visibilitychange", this.seen);
    this.source?.close();
    clearInterval(this.watching);
  }
}

function counted(status) {
  const counts = status.counts ?? {};
  const found = new Map();
  for (const name of ["accepted", "turned_down", "delivered", "deferred"]) found.set(name, counts[name] ?? 0);
  for (const [defence, value] of Object.entries(counts.refused ?? {})) found.set(`refused ${defence}`, value);
  return found;
}

function rateOf(step, name) {
  const value = name.startsWith("refused ") ? step.refused[name.slice(8)] : step[name];
  return (value ?? 0) / step.seconds;
}
