// Asks for something again and again while a page is open and seen, and shows what is wrong when it cannot be had.

import { element, fill, trouble } from "./elements.js";

export class Refresh {
  constructor(seconds, load, show, what) {
    Object.assign(this, { seconds, load, show, what, closed: false, timer: 0, asked: 0 });
    this.place = element("div", {}, element("p", { class: "empty" }, "Loading …"));
    this.now();
  }

  async now() {
    clearTimeout(this.timer);
    const mine = ++this.asked;
    try {
      const value = await this.load();
      if (!this.closed && mine === this.asked) fill(this.place, value, () => this.show(value));
    } catch (fault) {
      if (!this.closed && mine === this.asked)
        fill(this.place, { fault: fault.message }, () => trouble(fault, this.what));
    }
    if (!this.closed && mine === this.asked)
      this.timer = setTimeout(() => (document.hidden ? this.later() : this.now()), this.seconds * 1000);
  }

  later() {
    this.timer = setTimeout(() => (document.hidden ? this.later() : this.now()), 1000);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
