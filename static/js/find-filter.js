// <find-filter>: typing shows the filters whose names have these letters, folded ones too.
class FindFilter extends HTMLElement {
  connectedCallback() {
    const box = this.querySelector(".filters__find");
    if (!box) return;
    box.hidden = false;
    const field = box.querySelector("input");
    field.addEventListener("input", () => this.narrow(field.value));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") event.preventDefault();
    });
  }

  narrow(typed) {
    const wanted = plain(typed.trim());
    let found = 0;
    for (const filter of this.querySelectorAll(".filter")) {
      const named = plain(filter.textContent + " " + filter.querySelector("input").value);
      filter.hidden = !named.includes(wanted);
      found += !filter.hidden;
    }
    const rest = this.querySelector(".filters__rest");
    if (rest && wanted) rest.open = true;
    this.querySelector(".filters__none").hidden = found > 0;
  }
}

function plain(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

customElements.define("find-filter", FindFilter);
