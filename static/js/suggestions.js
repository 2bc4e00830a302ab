// What /api/quicksearch found, as the options of a listbox.
const PLACES = { models: "", datasets: "datasets/", spaces: "spaces/", users: "", orgs: "" };

// `words` are the texts of the element (its dataset), `everything` the address of the whole page.
export function suggestions(found, words, everything) {
  const groups = Object.entries(PLACES).flatMap(([name, place]) => {
    const entries = found[name] ?? [];
    return entries.length ? [group(words, name, place, entries)] : [];
  });
  return groups.length ? [...groups, option(words.all, everything)] : [];
}

function group(words, name, place, entries) {
  const box = document.createElement("div");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", words[name]);
  const title = document.createElement("p");
  title.className = "suggestions__title";
  title.textContent = words[name];
  title.setAttribute("aria-hidden", "true");
  const options = entries.map((entry) => {
    const id = entry.id ?? entry.user;
    const path = id.split("/").map(encodeURIComponent).join("/");
    return option(id, words.root + place + path, entry.private ? words.private : "");
  });
  box.append(title, ...options);
  return box;
}

function option(text, address, mark = "") {
  const made = document.createElement("a");
  made.className = "suggestions__item";
  made.setAttribute("role", "option");
  made.tabIndex = -1;
  made.href = address;
  made.textContent = text;
  if (mark) {
    const note = document.createElement("span");
    note.className = "quiet";
    note.textContent = mark;
    made.append(" ", note);
  }
  return made;
}
