// Choosing an area or a line: drawn on the map, or typed.
import { element as h } from "gmm/dom";
import * as panel from "gmm/panel";
import { gettext } from "gmm/words";

/** A decimal number as people type it; NaN for anything else. */
export const numberOf = (text) =>
  text.trim() === "" ? NaN : Number(text.trim().replace(/°$/, "").replace("−", "-").replace(",", "."));

/** Fields with labels: [[name, label, value]]; values(): their numbers, or null where one is none. */
export function numberFields(fields) {
  const inputs = fields.map(([name, label, value]) =>
    h(
      "label",
      { class: "field" },
      label,
      h("input", { type: "text", inputmode: "text", name, autocomplete: "off", value: value ?? "" }),
    ),
  );
  return {
    nodes: inputs,
    values() {
      const numbers = inputs.map((label) => numberOf(label.querySelector("input").value));
      return numbers.every(Number.isFinite) ? numbers : null;
    },
    fill(numbers) {
      inputs.forEach((label, i) => (label.querySelector("input").value = numbers[i].toFixed(5)));
    },
  };
}

function form(fields, button, wrong, use, ...more) {
  const fault = h("p", { class: "fault", role: "alert", hidden: true }, wrong);
  return h(
    "form",
    {
      class: "numbers",
      onsubmit(event) {
        event.preventDefault();
        const numbers = fields.values();
        fault.hidden = numbers !== null;
        if (numbers) use(numbers);
      },
    },
    ...fields.nodes,
    fault,
    h("p", { class: "buttons" }, h("button", { type: "submit", class: "button button--main" }, button), ...more),
  );
}

export function areaForm({ map, onPlace }) {
  const fields = numberFields([
    ["west", gettext("West, degrees")],
    ["south", gettext("South, degrees")],
    ["east", gettext("East, degrees")],
    ["north", gettext("North, degrees")],
  ]);
  const middle = () => {
    const [[west, south], [east, north]] = map.getBounds().toArray();
    const part = (low, high) => [low + 0.35 * (high - low), high - 0.35 * (high - low)];
    const [[w, e], [s, n]] = [part(west, east), part(south, north)];
    fields.fill([w, s, e, n]);
  };
  panel.open(
    gettext("Mean of an area"),
    h(
      "p",
      { class: "verdict" },
      gettext("Draw the area on the map: press its corners one by one, and the first one again to close it."),
    ),
    h("p", {}, gettext("Or type the edges of a rectangle. At most 100 km².")),
    form(
      fields,
      gettext("Show the mean of this area"),
      gettext("Type four numbers, such as 46.99."),
      (numbers) => onPlace(numbers.map((value) => value.toFixed(6)).join(",")),
      h("button", { type: "button", class: "button", onclick: middle }, gettext("Middle of the map")),
    ),
  );
}

export function lineForm({ map, onPlace }) {
  const fields = numberFields([
    ["longitude-a", gettext("From: longitude")],
    ["latitude-a", gettext("From: latitude")],
    ["longitude-b", gettext("To: longitude")],
    ["latitude-b", gettext("To: latitude")],
  ]);
  const across = () => {
    const { lng, lat } = map.getCenter().wrap();
    const [[west], [east]] = map.getBounds().toArray();
    fields.fill([lng - 0.3 * (east - west), lat, lng + 0.3 * (east - west), lat]);
  };
  panel.open(
    gettext("Profile along a line"),
    h(
      "p",
      { class: "verdict" },
      gettext("Draw the line on the map: press its corners one by one, and the last one again to end it."),
    ),
    h("p", {}, gettext("Or type where it begins and ends. At most 100 km long.")),
    form(
      fields,
      gettext("Show the profile"),
      gettext("Type four numbers, such as 46.99."),
      ([x0, y0, x1, y1]) => onPlace([`${x0},${y0}`, `${x1},${y1}`].join(";")),
      h("button", { type: "button", class: "button", onclick: across }, gettext("Across the map, west to east")),
    ),
  );
}
