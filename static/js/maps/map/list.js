// The list beside the map: its filters, its count, and the links that follow what the map shows.
import { boxInView } from "gmm/basemap";
import { formatNumber, interpolate, ngettext } from "gmm/words";

/**
 * find(code): the alert on the map, where it is loaded; onPick(feature): a card of the list was pressed.
 * Returns { select(code, scroll), update(alerts) }.
 */
export function setUpList({ query, remember, find, onPick }) {
  const cards = [...document.querySelectorAll("[data-alert-code]")];
  const form = document.getElementById("filters");
  let alerts = /** @type {Awaited<ReturnType<typeof import("gmm/marks").addAlerts>>} */ (/** @type {unknown} */ (null));

  /** Adds the values there are to a choice; all: [value, label] of every place. */
  function fill(name, all) {
    const select = form.elements[name];
    const known = new Set([...select.options].map((option) => option.value));
    const choices = new Map(all.filter(([value]) => !known.has(value)));
    select.append(...[...choices].map(([value, label]) => new Option(label, value)));
    if (choices.has(query.get(name))) select.value = query.get(name);
  }

  function filter() {
    const { kind, state } = form.elements;
    const fits = (one) => (!kind.value || one.kind === kind.value) && (!state.value || one.state === state.value);
    for (const card of cards) card.closest("li").hidden = !fits(card.dataset);
    const listed = cards.filter((card) => fits(card.dataset)).length;
    document.getElementById("no-match").hidden = listed > 0;
    if (alerts) {
      alerts.filter(fits);
      const moves = (one) => state.value || one.state !== "finished"; // a place at rest counts where it is asked for
      const count = alerts.properties().filter((one) => fits(one) && moves(one)).length;
      const places = ngettext("%(n)s place", "%(n)s places", count);
      document.getElementById("count").textContent = interpolate(places, { n: formatNumber(count) });
    }
    remember({ kind: kind.value, state: state.value });
  }

  if (form) {
    for (const name of ["kind", "state"])
      fill(
        name,
        cards.map((card) => [card.dataset[name], card.dataset[`${name}Label`]]),
      );
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", filter);
    for (const card of cards) {
      const light = (code) => () => alerts?.light(code);
      for (const event of ["pointerenter", "focusin"]) card.addEventListener(event, light(card.dataset.alertCode));
      for (const event of ["pointerleave", "focusout"]) card.addEventListener(event, light(null));
      card.querySelector("a").addEventListener("click", (event) => {
        const feature = find(card.dataset.alertCode);
        if (!feature || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        onPick(feature);
      });
    }
    filter();
    document.getElementById("list-more").open = ["kind", "state"].some((name) => query.has(name));
  }

  return {
    select(code, scroll) {
      for (const card of cards) card.toggleAttribute("data-selected", card.dataset.alertCode === code);
      if (scroll) cards.find((card) => card.dataset.alertCode === code)?.scrollIntoView({ block: "nearest" });
    },
    /** All alerts are there: the list holds the first of them only. */
    update(loaded) {
      alerts = loaded;
      if (!form) return;
      for (const name of ["kind", "state"])
        fill(
          name,
          alerts.properties().map((one) => [one[name], one[`${name}_label`]]),
        );
      filter();
    },
  };
}

/** The links that subscribe to what the map shows, that list it, and that open the workbench on it. */
export function setUpViewLinks(map, layerName) {
  const mail = document.getElementById("mail-view");
  const list = document.getElementById("list-view");
  const desk = document.getElementById("desk-view");
  if (!mail) return;
  const address = (box) => new URLSearchParams({ bbox: box.map((degrees) => degrees.toFixed(4)).join(",") });
  const follow = () => {
    mail.search = address(map.getBounds().toArray().flat());
    const shown = address(boxInView(map));
    list.search = shown;
    if (!desk) return;
    shown.set("layer", layerName());
    desk.search = shown;
  };
  map.on("moveend", follow);
  desk?.addEventListener("click", follow); // the layer may have changed since
  follow();
}
