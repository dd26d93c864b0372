// Alerts on a map: the outline of each area, and a button in its middle. Shape, colour and symbol = kind, as the page's
// configuration has them from detection/kinds.py; fill = state, size = severity. Wide regions are dashed, below.
import { ask } from "gmm/ask";
import { element, jsonOf } from "gmm/dom";
import { longitudeNear, maplibre } from "gmm/basemap";
import { themed } from "gmm/ground";
import { formatNumber, interpolate, ngettext } from "gmm/words";

const APART = 30; // pixels; of marks that are closer the most important one stands for all

export function addOutlines(map, data) {
  map.addSource("alerts", { type: "geojson", data: cutSeam(data) });
  const byExtent = (region, place) => ["match", ["get", "extent"], "region", region, place];
  const [dashes, noDashes] = [["literal", [4, 3]], ["literal", [1, 0]]];
  const layer = (id, type, paint, layout) =>
    map.addLayer({
      id,
      type,
      source: "alerts",
      paint,
      layout,
      ...(type === "line" ? { filter: ["!", ["has", "seam"]] } : {}),
    });
  layer("alert-fill", "fill", { "fill-opacity": 0.06 }, { "fill-sort-key": byExtent(0, 1) });
  layer("alert-casing", "line", { "line-width": 4, "line-opacity": byExtent(0.4, 0.8) }, {});
  layer("alert-line", "line", { "line-width": 1.75, "line-dasharray": byExtent(dashes, noDashes) }, {});
  themed(map, "alert-fill", { "fill-color": "alert-line" });
  themed(map, "alert-casing", { "line-color": "alert-casing" });
  themed(map, "alert-line", { "line-color": "alert-line" });
}

/** Features with lines of their own where 180 degrees cuts them: their edges along it are not drawn. */
export function cutSeam(data) {
  const features = (data.features ?? [data]).flatMap((feature) => {
    const { geometry, properties } = feature;
    if (boundsOf(geometry)[2] <= 180) return [feature];
    const lines = geometry.coordinates.flat().flatMap((ring) => {
      const pieces = /** @type {number[][][]} */ ([[]]);
      ring.forEach((at, i) => {
        if (i && Math.abs(at[0]) === 180 && Math.abs(ring[i - 1][0]) === 180) pieces.push([at]);
        else pieces[pieces.length - 1].push(at);
      });
      return pieces.filter((piece) => piece.length > 1);
    });
    const edges = { type: "Feature", properties, geometry: { type: "MultiLineString", coordinates: lines } };
    return [{ ...feature, properties: { ...properties, seam: true } }, edges];
  });
  return { type: "FeatureCollection", features };
}

/** Draws the fastest parts of an alert; switches of the key add the area at half the top speed, and as first found. */
export function addLevels(map, data, switches) {
  map.addSource("levels", { type: "geojson", data });
  const byLevel = (half, core, before) => ["match", ["get", "level"], "core", core, "before", before, half];
  const layer = (id, paint) => map.addLayer({ id, type: "line", source: "levels", paint });
  layer("levels-casing", { "line-width": 3.5, "line-opacity": 0.6 });
  layer("levels", {
    "line-width": byLevel(1.5, 2.5, 2),
    "line-dasharray": byLevel(["literal", [3, 2]], ["literal", [1, 0]], ["literal", [1, 1.5]]),
  });
  themed(map, "levels-casing", { "line-color": "alert-casing" });
  themed(map, "levels", { "line-color": "alert-line" });
  const show = () => {
    const wanted = switches.filter((box) => box.checked).map((box) => box.dataset.level);
    for (const id of ["levels-casing", "levels"])
      map.setFilter(id, ["in", ["get", "level"], ["literal", ["core", ...wanted]]]);
  };
  for (const box of switches) box.addEventListener("change", show);
  show();
}

/** West, south, east, north of any GeoJSON geometry; one on both sides of 180 degrees has an east beyond it. */
export function boundsOf(geometry) {
  const flat = geometry.coordinates.flat(Infinity);
  const [xs, ys] = [flat.filter((_, i) => i % 2 === 0), flat.filter((_, i) => i % 2 === 1)];
  const turned = xs.map((x) => (x < 0 ? x + 360 : x));
  const width = (all) => Math.max(...all) - Math.min(...all);
  const narrower = width(turned) < width(xs) ? turned : xs;
  return [Math.min(...narrower), Math.min(...ys), Math.max(...narrower), Math.max(...ys)];
}

/** The mark of an alert, as templates/wording/cards/_mark.html has it. */
const markOf = (alert, mark) =>
  element("span", {
    class: `mark ${mark.classes} mark--${alert.state} mark--${alert.severity}`,
    "data-symbol": mark.symbol || null,
    "aria-hidden": "true",
  });

/** All alerts, the most important first: an answer holds some hundreds, and the address of the next ones. */
export async function fetchAlerts(url) {
  const features = [];
  for (let next = url; next; ) {
    const response = await ask(next);
    if (!response.ok) throw new Error(`alerts: HTTP ${response.status}`);
    const page = await response.json();
    features.push(...page.features);
    next = page.next;
  }
  return { type: "FeatureCollection", features };
}

/** Loads the alerts and puts them on the map. `onSelect(feature)` is called when a mark is pressed. */
export async function addAlerts(map, url, onSelect) {
  const data = await fetchAlerts(url);
  addOutlines(map, data);
  const nothing = ["==", ["get", "code"], ""];
  map.addLayer({ id: "alert-chosen", type: "line", source: "alerts", filter: nothing, paint: { "line-width": 4 } });
  themed(map, "alert-chosen", { "line-color": "accent" });

  const { marks } = jsonOf("map-config");
  const all = new Map();
  let [chosen, lit] = [null, null];
  for (const [place, feature] of data.features.entries()) {
    const alert = feature.properties;
    const button = element(
      "button",
      {
        type: "button",
        class: "map-mark",
        "data-alert-marker": alert.code,
        "aria-pressed": "false",
        "aria-label": `${alert.kind_label}, ${alert.place}, ${alert.rate_label}, ${alert.state_label}`,
        title: `${alert.kind_label}: ${alert.rate_label}`,
      },
      markOf(alert, marks[alert.kind]),
    );
    button.addEventListener("click", (event) => {
      event.stopPropagation();
      const { near } = all.get(alert.code);
      if (near.length && map.getZoom() < 14) zoomTo([feature, ...near]);
      else onSelect(feature);
    });
    const marker = new maplibre.Marker({ element: button }).setLngLat([alert.longitude, alert.latitude]).addTo(map);
    button.style.zIndex = data.features.length - place;
    all.set(alert.code, { feature, button, marker, wanted: true, near: [], name: button.getAttribute("aria-label") });
  }

  /** Shows the places of a mark that stands for several. */
  function zoomTo(features) {
    const box = new maplibre.LngLatBounds();
    const first = features[0].properties.longitude;
    for (const { properties } of features)
      box.extend([longitudeNear(properties.longitude, first), properties.latitude]);
    map.fitBounds(box, { padding: 90, maxZoom: 15, duration: 600 });
  }

  /** One mark for those that would cover each other; one outside the window must not take the keyboard's focus. */
  const arrange = () => {
    const bounds = map.getBounds();
    const shown = [];
    for (const [code, one] of all) {
      one.near = [];
      const at = map.project(one.marker.getLngLat());
      const visible = one.wanted && bounds.contains(one.marker.getLngLat());
      const over = visible && code !== chosen && shown.find((other) => apart(other.at, at) < APART);
      if (over) over.one.near.push(one.feature);
      else if (visible) shown.push({ one, at });
      one.button.hidden = !visible || Boolean(over);
    }
    for (const { one } of shown) {
      const n = one.near.length;
      const more = n ? interpolate(ngettext("%(n)s more here", "%(n)s more here", n), { n: formatNumber(n) }) : "";
      one.button.toggleAttribute("data-count", n > 0);
      if (n) one.button.dataset.count = `+${n}`;
      one.button.setAttribute("aria-label", more ? `${one.name}; ${more}` : one.name);
    }
  };
  const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
  map.on("moveend", arrange);
  arrange();

  /** The outlines of what is chosen and of what is pointed at in the list. */
  function outline() {
    map.setFilter("alert-chosen", ["in", ["get", "code"], ["literal", [chosen, lit].filter(Boolean)]]);
    for (const [code, one] of all) {
      const codes = [code, ...one.near.map(({ properties }) => properties.code)];
      one.button.toggleAttribute("data-lit", lit !== null && codes.includes(lit));
    }
  }

  return {
    properties: () => data.features.map((feature) => feature.properties),
    find: (code) => all.get(code)?.feature ?? null,
    choose(code) {
      chosen = code;
      arrange();
      outline();
      for (const [key, one] of all) one.button.setAttribute("aria-pressed", String(key === code));
    },
    /** Lights the place of a card that somebody points at; null: of none. */
    light(code) {
      lit = code;
      outline();
    },
    /** Shows those whose properties fit; says how many. */
    filter(fits) {
      for (const one of all.values()) one.wanted = fits(one.feature.properties);
      const codes = [...all.keys()].filter((code) => all.get(code).wanted);
      const filter = ["in", ["get", "code"], ["literal", codes]];
      ["alert-fill", "alert-casing", "alert-line"].forEach((layer) => map.setFilter(layer, filter));
      arrange();
      return codes.length;
    },
  };
}
