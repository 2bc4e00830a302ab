// <live-list><form>…</form></live-list>: a filter works as soon as it is chosen, without a new page.
const WAIT = 250;

class LiveList extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", (event) => event.target.name && this.ask());
    this.addEventListener("input", (event) => {
      if (event.target.name !== "search") return;
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask(), WAIT);
    });
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.addEventListener("click", (event) => this.follow(event));
    this.shown = location.search;
    this.back = () => location.search !== this.shown && this.show(location.href);
    addEventListener("popstate", this.back);
  }

  disconnectedCallback() {
    removeEventListener("popstate", this.back);
  }

  follow(event) {
    const link = event.target.closest("a");
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!plain || !link || new URL(link.href).pathname !== location.pathname) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    this.show(link.href, link.rel === "next" || link.rel === "prev");
  }

  ask() {
    clearTimeout(this.typing);
    const form = this.querySelector("form");
    const data = new FormData(form);
    for (const choice of form.querySelectorAll("select")) {
      if (choice.selectedIndex === 0) data.delete(choice.name); // as without asking
    }
    const fields = [...data].filter(([, value]) => value !== "");
    const query = new URLSearchParams(fields).toString();
    const address = form.getAttribute("action") + (query && `?${query}`);
    history.pushState(null, "", address);
    this.show(address);
  }

  async show(address, upwards = false) {
    this.shown = location.search;
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(address, { signal: asking.signal, headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("live-list > form");
      if (!answer.ok || !fresh) throw new Error(`no list at ${address}`);
      this.swap(document.importNode(fresh, true));
      this.removeAttribute("aria-busy");
      if (upwards) this.scrollIntoView();
    } catch (failure) {
      if (failure.name !== "AbortError") location.assign(address);
    }
  }

  // What is typed, folded or in focus stays as it is.
  swap(fresh) {
    const old = this.querySelector("form");
    const focus = this.contains(document.activeElement) ? document.activeElement : null;
    for (const fold of old.querySelectorAll("details[data-keep]")) {
      const same = fresh.querySelector(`details[data-keep="${CSS.escape(fold.dataset.keep)}"]`);
      if (same) same.open = fold.open;
    }
    const part = (form, name) => form.querySelector(`:scope > ${name}`);
    part(old, "aside").replaceChildren(...part(fresh, "aside").childNodes);
    this.replaceResults(part(old, "section"), part(fresh, "section"), focus);
    this.refocus(old, focus);
  }

  // The field one types in is kept, so that neither letters nor a composition are lost.
  replaceResults(was, is, focus) {
    if (focus?.name !== "search" || !was.contains(focus)) return was.replaceChildren(...is.childNodes);
    const [tools, ...rest] = is.children;
    while (was.children.length > 1) was.lastElementChild.remove();
    was.querySelector("select").replaceWith(tools.querySelector("select"));
    was.append(...rest);
  }

  refocus(form, focus) {
    if (!focus || focus.isConnected) return;
    const same = [...form.querySelectorAll("input, select")].find(
      (each) => each.name === focus.name && (each.type !== "checkbox" || each.value === focus.value),
    );
    (same ?? form.querySelector("[data-count]")).focus();
  }
}

customElements.define("live-list", LiveList);
