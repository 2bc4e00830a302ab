// <copy-button value="text" done="Copied"><button>…</button></copy-button>
class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.copy());
  }

  async copy() {
    const button = this.querySelector("button");
    if (!(await write(this.getAttribute("value") ?? ""))) return;
    const name = button.getAttribute("aria-label");
    this.dataset.done = "";
    button.setAttribute("aria-label", this.getAttribute("done"));
    setTimeout(() => {
      delete this.dataset.done;
      button.setAttribute("aria-label", name);
    }, 1600);
  }
}

// The clipboard API needs https or localhost; a hub on a school network often has neither.
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr-only";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

customElements.define("copy-button", CopyButton);
