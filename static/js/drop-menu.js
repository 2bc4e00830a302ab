// <drop-menu><details class="menu">…</details></drop-menu>: Escape and a click elsewhere close it.
class DropMenu extends HTMLElement {
  connectedCallback() {
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close(true);
      if (event.key === "ArrowDown" || event.key === "ArrowUp") this.move(event);
    });
    this.leave = (event) => {
      if (!this.contains(event.target)) this.close(false);
    };
    document.addEventListener("pointerdown", this.leave);
    this.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.contains(event.relatedTarget)) this.close(false);
    });
  }

  disconnectedCallback() {
    document.removeEventListener("pointerdown", this.leave);
  }

  close(refocus) {
    const details = this.querySelector("details");
    if (!details.open) return;
    details.open = false;
    if (refocus) details.querySelector("summary").focus();
  }

  move(event) {
    const items = [...this.querySelectorAll(".menu__item")];
    if (!this.querySelector("details").open || !items.length) return;
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = items.indexOf(document.activeElement) + step;
    items[(next + items.length) % items.length].focus();
    event.preventDefault();
  }
}

customElements.define("drop-menu", DropMenu);
