// One live chart over uPlot (a global of its own file), with a legend in words that screen readers can read.

/* global uPlot */

import { drawing, element } from "./elements.js";
import { absolute, now, rate } from "./words.js";

const COLOURS = ["--s1", "--s2", "--s3", "--s4", "--s5", "--s6", "--s7", "--s8"];
const HEIGHT = 190;
const SHOWN = 900; // seconds

export class Chart {
  constructor(title) {
    this.title = title;
    this.canvas = element("div", { class: "chart", role: "img", "aria-label": title });
    this.legend = element("ul", { class: "legend" });
    this.place = element("div", {}, this.canvas, this.legend);
    this.names = null;
    this.plot = null;
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(this.canvas);
  }

  // series: [name, words, numbers] each
  show(times, series) {
    const names = series.map(([name]) => name).join("\n");
    const theme = document.documentElement.dataset.theme;
    if (names !== this.names || theme !== this.theme) this.begin(series, names, theme);
    this.plot?.setData([times, ...series.map(([, , numbers]) => numbers)]);
    const latest = series.map(([, words, numbers]) => [words, numbers.at(-1) ?? 0]);
    latest.forEach(([words, value], place) => {
      const text = `${words} ${rate(value)}`;
      if (this.labels[place].textContent !== text) this.labels[place].textContent = text;
    });
  }

  begin(series, names, theme) {
    this.plot?.destroy();
    [this.names, this.theme] = [names, theme];
    const style = getComputedStyle(document.documentElement);
    const colour = (place) => style.getPropertyValue(COLOURS[place % COLOURS.length]).trim();
    const [dim, line] = [style.getPropertyValue("--dim").trim(), style.getPropertyValue("--line").trim()];
    const axis = {
      stroke: dim,
      grid: { stroke: line, width: 0.5 },
      ticks: { stroke: line, width: 0.5 },
      font: "12px system-ui",
    };
    this.labels = [];
    this.legend.replaceChildren(
      ...series.map((_, place) => {
        const label = element("span");
        this.labels.push(label);
        const swatch = drawing(
          "svg",
          { width: 18, height: 10, "aria-hidden": "true" },
          drawing("line", {
            x1: 0,
            y1: 5,
            x2: 18,
            y2: 5,
            stroke: colour(place),
            "stroke-width": 3,
            "stroke-dasharray": dash(place).join(" ") || null,
          }),
        );
        return element("li", {}, swatch, label);
      }),
    );
    this.plot = new uPlot(
      {
        width: this.canvas.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [10, 28, 0, 0],
        scales: {
          x: { time: true, range: (_, __, last) => [(last ?? now()) - SHOWN, last ?? now()] },
          y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
        },
        axes: [
          {
            ...axis,
            space: 80,
            incrs: [1, 5, 15, 30, 60, 120, 300],
            values: (_, ticks) => ticks.map((each) => absolute(each).slice(11, 19)),
          },
          { ...axis, size: 52, values: (_, ticks) => ticks.map((each) => `${each}/s`) },
        ],
        series: [
          {},
          ...series.map((_, place) => ({
            stroke: colour(place),
            width: 2,
            dash: dash(place),
            points: { show: false },
          })),
        ],
      },
      [[], ...series.map(() => [])],
      this.canvas,
    );
  }

  resize() {
    if (this.plot && this.canvas.clientWidth) this.plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
  }

  close() {
    this.watcher.disconnect();
    this.plot?.destroy();
  }
}

// Beyond colour: every second series is dashed.
function dash(place) {
  return place % 2 ? [6, 4] : [];
}
