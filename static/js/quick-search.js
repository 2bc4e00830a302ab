// <quick-search><form>…</form></quick-search>: what the typed letters may mean, as one types.
// Without it the form leads to a page of the same. `/` comes here from anywhere.
const WAIT = 150;
const PLACES = { models: "/", datasets: "/datasets/", spaces: "/spaces/", users: "/", orgs: "/" };

class QuickSearch extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("input");
    this.list = document.createElement("div");
    Object.assign(this.list, { id: "quick-search-list", className: "suggestions", hidden: true });
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", this.field.placeholder);
    this.append(this.list);
    const states = { role: "combobox", "aria-expanded": "false", "aria-controls": this.list.id, "aria-autocomplete": "list" };
    for (const [name, value] of Object.entries(states)) this.field.setAttribute(name, value);
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
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.field.select();
    this.field.focus();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    const typed = this.field.value.trim();
    this.asking?.abort();
    if (!typed) return this.close();
    this.asking = new AbortController();
    try {
      const query = new URLSearchParams({ q: typed, limit: 5 });
      const answer = await fetch(`${this.dataset.source}?${query}`, { signal: this.asking.signal });
      if (answer.ok) this.show(await answer.json(), typed);
    } catch {
      this.close(); // the form still works
    }
  }

  show(found, typed) {
    const parts = [];
    for (const [group, place] of Object.entries(PLACES)) {
      const named = (found[group] ?? []).map((each) => [each.id ?? each.user, each]);
      if (named.length) parts.push(this.group(group, named, place));
    }
    if (parts.length) {
      const query = new URLSearchParams({ q: typed });
      parts.push(this.option(this.dataset.all, `${this.querySelector("form").action}?${query}`));
    }
    this.list.replaceChildren(...parts);
    [...this.options].forEach((option, number) => (option.id = `quick-search-${number}`));
    this.open(parts.length > 0);
  }

  group(name, named, place) {
    const box = document.createElement("div");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", this.dataset[name]);
    const title = document.createElement("p");
    title.className = "suggestions__title";
    title.textContent = this.dataset[name];
    title.setAttribute("aria-hidden", "true");
    const path = (id) => this.dataset.root + place + id.split("/").map(encodeURIComponent).join("/");
    box.append(title, ...named.map(([id, each]) => this.option(id, path(id), each.private)));
    return box;
  }

  option(words, address, hidden = false) {
    const option = document.createElement("a");
    option.className = "suggestions__item";
    option.setAttribute("role", "option");
    option.tabIndex = -1;
    option.href = address;
    option.textContent = words;
    if (hidden) {
      const mark = document.createElement("span");
      mark.className = "quiet";
      mark.textContent = this.dataset.private;
      option.append(" ", mark);
    }
    return option;
  }

  get options() {
    return this.list.querySelectorAll('[role="option"]');
  }

  press(event) {
    const options = [...this.options];
    if (event.key === "Escape" && !this.list.hidden) {
      event.preventDefault();
      this.close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !this.list.hidden) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const from = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
      const next = from < 0 && step < 0 ? options.length - 1 : from + step;
      this.choose(options, next >= options.length ? -1 : next);
    } else if (event.key === "Enter") {
      const chosen = options.find((each) => each.getAttribute("aria-selected") === "true");
      if (!chosen || this.list.hidden) return;
      event.preventDefault();
      chosen.click();
    }
  }

  choose(options, number) {
    options.forEach((each, at) => each.setAttribute("aria-selected", String(at === number)));
    if (number < 0) this.field.removeAttribute("aria-activedescendant");
    else {
      this.field.setAttribute("aria-activedescendant", options[number].id);
      options[number].scrollIntoView({ block: "nearest" });
    }
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
