// Numbers with their units, and times relative to now with the moment in their title.

import { element } from "./elements.js";

const NUMBER = new Intl.NumberFormat("en");
const SPANS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];
let ahead = 0; // seconds by which the node's clock is ahead of ours

export function setClock(nodeNow) {
  ahead = nodeNow - Date.now() / 1000;
}

export function now() {
  return Date.now() / 1000 + ahead;
}

export function number(value) {
  return value === null || value === undefined ? "–" : NUMBER.format(value);
}

export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

export function rate(value) {
  if (value === null || value === undefined) return "–";
  return `${value >= 100 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)}/s`;
}

export function octets(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  while (value >= 1024 && place < units.length - 1) [value, place] = [value / 1024, place + 1];
  return `${place && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[place]}`;
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const first = SPANS.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  const [size, unit] = SPANS[first];
  const rest = Math.floor((whole % size) / (SPANS[first + 1]?.[0] ?? 1));
  const more = SPANS[first + 1] && rest && Math.floor(whole / size) < 10 ? ` ${rest} ${SPANS[first + 1][1]}` : "";
  return `${Math.floor(whole / size)} ${unit}${more}`;
}

export function relative(moment) {
  const away = now() - moment;
  if (Math.abs(away) < 1.5) return "now";
  return away >= 0 ? `${span(away)} ago` : `in ${span(-away)}`;
}

// A moment to come; once it is over, what was to happen has to happen any time.
export function due(moment) {
  return moment <= now() ? "due now" : when(moment);
}

export function absolute(moment) {
  return `${new Date(moment * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// A time element; all of them are brought up to date by `tick`.
export function when(moment, never = "–") {
  if (moment === null || moment === undefined) return never;
  const date = new Date(moment * 1000);
  if (Number.isNaN(date.getTime())) return never;
  return element(
    "time",
    { datetime: date.toISOString(), title: absolute(moment), "data-at": moment },
    relative(moment),
  );
}

// For how long something has been so.
export function lasting(moment) {
  if (moment === null || moment === undefined) return "";
  return element(
    "time",
    { datetime: new Date(moment * 1000).toISOString(), title: `since ${absolute(moment)}`, "data-since": moment },
    `for ${span(now() - moment)}`,
  );
}

export function tick() {
  for (const each of document.querySelectorAll("time[data-since]")) {
    const words = `for ${span(now() - Number(each.dataset.since))}`;
    if (each.textContent !== words) each.textContent = words;
  }

  for (const each of document.querySelectorAll("time[data-at]")) {
    const words = relative(Number(each.dataset.at));
    if (each.textContent !== words) each.textContent = words;
  }
}
