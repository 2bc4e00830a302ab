// <quick-search><form>…</form></quick-search>: what the typed letters may mean, as one types; the
// form leads to a page of the same. `/` comes here from anywhere.
import { suggestions } from "./suggestions.js";

const WAIT = 150;

class QuickSearch extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("input");
    this.list = document.createElement("div");
    Object.assign(this.list, { id: "quick-search-list", className: "suggestions", hidden: true });
    Object.assign(this.list, { role: "listbox", ariaLabel: this.field.placeholder });
    this.append(this.list);
    this.open(false);
    this.field.role = "combobox";
    this.field.ariaAutoComplete = "list";
    this.field.setAttribute("aria-controls", this.list.id);
    this.field.addEventListener("input", () => this.wait());
    this.field.addEventListener("keydown", (event) => this.press(event));
    this.addEventListener("focusout", (event) => {
      if (!this.contains(event.relatedTarget)) this.close();
    });
    this.slash = (event) => this.come(event);
    document.addEventListener("keydown", this.slash);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.slash);
  }

  come(event) {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.field.select();
    this.field.focus();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    const q = this.field.value.trim();
    this.asking?.abort();
    if (!q) return this.close();
    const query = new URLSearchParams({ q });
    this.asking = new AbortController();
    try {
      const answer = await fetch(`${this.dataset.source}?${query}&limit=5`, this.asking);
      const everything = `${this.querySelector("form").action}?${query}`;
      this.list.replaceChildren(...suggestions(await answer.json(), this.dataset, everything));
      this.options.forEach((option, number) => (option.id = `quick-search-${number}`));
      this.open(this.options.length > 0);
    } catch {
      this.close(); // the form still works
    }
  }

  get options() {
    return [...this.list.querySelectorAll('[role="option"]')];
  }

  press(event) {
    if (this.list.hidden) return;
    const options = this.options;
    const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
    const next = { ArrowDown: at + 1, ArrowUp: at < 0 ? options.length - 1 : at - 1 }[event.key];
    if (next !== undefined) this.choose(options, next);
    else if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && at >= 0) options[at].click();
    else return;
    event.preventDefault();
  }

  choose(options, number) {
    options.forEach((each, at) => each.setAttribute("aria-selected", String(at === number)));
    this.field.removeAttribute("aria-activedescendant");
    const chosen = options[number];
    if (!chosen) return;
    this.field.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  }

  open(any) {
    this.list.hidden = !any;
    this.field.setAttribute("aria-expanded", String(any));
    this.field.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.list.replaceChildren();
    this.open(false);
  }
}

customElements.define("quick-search", QuickSearch);
