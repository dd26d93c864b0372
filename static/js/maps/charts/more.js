// What can be added to a chart: points by coordinates, an area, other directions, a reference.
import { element as h } from "gmm/dom";
import { numberFields } from "gmm/places";
import { gettext, interpolate } from "gmm/words";

const REFERENCES_M = [50, 100, 250, 500, 1000];

/** actions: of gmm/inspect; fail(text) says what went wrong. Returns { nodes, update(body or null) }. */
export function moreOf(actions, fail) {
  const at = numberFields([
    ["latitude", gettext("Latitude, degrees")],
    ["longitude", gettext("Longitude, degrees")],
  ]);
  const place = () => {
    const values = at.values();
    if (!values) fail(gettext("Type two numbers, such as 46.99 and −12.01."));
    return values;
  };
  const button = (text, onclick) => h("button", { type: "button", class: "button", onclick }, text);

  async function addNear(all) {
    const values = place();
    if (!values) return;
    try {
      const found = await actions.near(values[1], values[0]);
      await actions.compare((all ? found : found.slice(0, 1)).map((one) => one.key));
    } catch (error) {
      if (error.name !== "AbortError") fail(error.message);
    }
  }

  const around = (metres) => interpolate(gettext("%(metres)s m around"), { metres });
  const radius = h("select", {}, ...REFERENCES_M.map((metres) => h("option", { value: metres }, around(metres))));
  radius.value = "100";
  const drop = button(gettext("No reference of its own"), () => actions.change({ reference: null }));
  const fillCentre = () => {
    const { lng, lat } = actions.centre();
    at.fill([lat, lng]);
  };
  const details = h(
    "details",
    { open: true },
    h("summary", {}, gettext("Add a place, or choose the reference")),
    h("p", {}, gettext("Press points on the map, or type a place: the nearest point is used.")),
    h("div", { class: "numbers" }, ...at.nodes),
    h(
      "p",
      { class: "buttons" },
      button(gettext("Middle of the map"), fillCentre),
      button(gettext("Add the nearest point"), () => addNear(false)),
      button(gettext("Add all directions there"), () => addNear(true)),
      button(gettext("Add an area"), actions.area),
    ),
    h(
      "p",
      { class: "buttons" },
      h("label", { class: "field" }, gettext("Reference"), radius),
      button(gettext("Make this place the reference"), () => {
        const values = place();
        if (values) actions.reference(values[1], values[0], Number(radius.value));
      }),
      drop,
    ),
  );
  return {
    nodes: [details],
    update(body) {
      drop.hidden = !body?.reference;
      if (body && details.dataset.known !== "yes") {
        details.open = false; // the first chart needs the room
        details.dataset.known = "yes";
      }
    },
  };
}
