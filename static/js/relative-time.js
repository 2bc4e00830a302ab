// <relative-time><time datetime>2 days ago</time></relative-time>: the server's words, kept fresh,
// and the exact time in the reader's own zone as the title.
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 7],
  ["week", 4.4],
];
const MONTH = 30 * 24 * 3600;

class RelativeTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    if (!time) return;
    const moment = new Date(time.dateTime);
    const language = document.documentElement.lang;
    const exact = { dateStyle: "long", timeStyle: "short" };
    time.title = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, exact).format(moment);
    this.timer = setInterval(() => this.refresh(time, moment, language), 60000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  refresh(time, moment, language) {
    let amount = (moment - Date.now()) / 1000;
    if (Math.abs(amount) > MONTH || Math.abs(amount) < 45) return;
    for (const [unit, size] of STEPS) {
      if (Math.abs(amount) < size * 0.9) {
        time.textContent = new Intl.RelativeTimeFormat(language).format(Math.round(amount), unit);
        return;
      }
      amount /= size;
    }
  }
}

customElements.define("relative-time", RelativeTime);
