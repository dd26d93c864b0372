// The search field on the map: a list of places unfolds below it (ARIA combobox).
// Without this script the form works by itself.
import { ask } from "gmm/ask";
import { element } from "gmm/dom";
import { gettext, interpolate, ngettext } from "gmm/words";

const WAIT_MS = 200;

/** `go(hit)` moves the map; hit: {name, detail, bounds: [west, south, east, north]}. */
export function setUpSearch(go) {
  const form = document.getElementById("search");
  if (!form) return;
  const input = form.querySelector("input");
  const [results, list, note, status] = ["search-results", "search-hits", "search-note", "search-status"].map((id) =>
    document.getElementById(id),
  );
  let hits = [];
  let active = -1;
  let answered = "";
  let isElsewhere = false;
  let timer = 0;
  let running = /** @type {AbortController | null} */ (null);

  const attributes = {
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": list.id,
    "aria-expanded": "false",
  };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

  function open(wanted) {
    results.hidden = !wanted;
    input.setAttribute("aria-expanded", String(wanted && hits.length > 0));
    if (!wanted) mark(-1);
  }

  function mark(index) {
    active = index;
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", list.children[index].id);
      list.children[index].scrollIntoView({ block: "nearest" });
    }
  }

  function show(answer) {
    hits = answer.hits;
    answered = answer.text;
    isElsewhere = Boolean(answer.by);
    list.replaceChildren(
      ...hits.map((hit, i) =>
        element(
          "li",
          { role: "option", id: `search-hit-${i}`, "aria-selected": "false" },
          hit.name,
          element("span", {}, hit.detail),
        ),
      ),
    );
    note.textContent = answer.note;
    note.hidden = !answer.note;
    active = -1;
    open(hits.length > 0 || Boolean(answer.note));
    const n = hits.length;
    status.textContent = n ? interpolate(ngettext("%(n)s place found.", "%(n)s places found.", n), { n }) : answer.note;
  }

  /** Resolves when the list answers what stands in the field; a newer question takes an older one's place.
   * addresses: also those that another service knows. */
  async function find(addresses = false) {
    clearTimeout(timer);
    running?.abort();
    const text = input.value.trim();
    if (text.length < 2) {
      hits = [];
      answered = "";
      open(false);
      return;
    }
    running = new AbortController();
    const wanted = new URLSearchParams({ q: text, ...(addresses && { addresses: "1" }) });
    const response = await ask(`${form.dataset.url}?${wanted}`, { signal: running.signal });
    if (!response.ok) throw new Error(`places: HTTP ${response.status}`);
    show(await response.json());
  }

  const quietly = (promise) => promise.catch((error) => error.name === "AbortError" || console.warn(error.message));

  function pick(hit) {
    input.value = hit.name;
    answered = hit.name;
    open(false);
    status.textContent = interpolate(gettext("The map shows %(place)s."), { place: hit.name });
    go(hit);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => quietly(find()), WAIT_MS);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      event.preventDefault();
      const closed = results.hidden;
      open(true);
      mark(closed && step > 0 ? 0 : (active + step + hits.length) % hits.length);
    } else if (event.key === "Escape" && !results.hidden) {
      event.preventDefault();
      open(false);
    }
  });
  input.addEventListener("focus", () => hits.length && input.value.trim() === answered && open(true));
  form.addEventListener("focusout", (event) => form.contains(/** @type {Node} */ (event.relatedTarget)) || open(false));
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const option = /** @type {PageElement} */ (event.target).closest("[role=option]");
    if (option) pick(hits[[...list.children].indexOf(option)]);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (active >= 0) {
      pick(hits[active]);
      return;
    }
    try {
      if (input.value.trim() !== answered || !hits.length) {
        await find(true);
        if (isElsewhere) return; // addresses are many and alike: the list stays, with whom to thank
      }
      if (hits.length) pick(hits[0]);
    } catch (error) {
      if (error.name !== "AbortError") form.submit(); // the page of results says what is wrong
    }
  });
}
