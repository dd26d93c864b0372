// Overlays from other sources: glaciers, mines, landslides, stations, borders of regions; each has a checkbox.
import { date } from "gmm/format";
import { themed } from "gmm/ground";
import { formatNumber, gettext, interpolate } from "gmm/words";

const WIDE = ["interpolate", ["linear"], ["zoom"], 3, 0.8, 10, 1.6];
const LAYERS = {
  regions: [
    { id: "line", type: "line", paint: { "line-width": WIDE, "line-dasharray": [3, 2] }, colour: "line-color" },
  ],
  glaciers: [
    {
      id: "fill",
      type: "fill",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-opacity": 0.25 },
      colour: "fill-color",
    },
    {
      id: "line",
      type: "line",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "line-width": ["case", ["in", ["get", "surge"], ["literal", ["observed", "probable"]]], 2.2, 1] },
      colour: "line-color",
    },
    {
      id: "dot",
      type: "circle",
      filter: ["==", ["geometry-type"], "Point"],
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 2, 1.5, 8, 4, 12, 6],
        "circle-opacity": ["case", ["in", ["get", "surge"], ["literal", ["observed", "probable"]]], 0.9, 0.35],
        "circle-stroke-width": 1,
      },
      colour: "circle-color",
      edge: "circle-stroke-color",
    },
  ],
  mines: [
    {
      id: "fill",
      type: "fill",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-opacity": 0.2 },
      colour: "fill-color",
    },
    {
      id: "line",
      type: "line",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "line-width": 1.5, "line-dasharray": [2, 1] },
      colour: "line-color",
    },
    {
      id: "dot",
      type: "circle",
      filter: ["==", ["geometry-type"], "Point"],
      paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 2, 1.5, 8, 4] },
      colour: "circle-color",
    },
  ],
  landslides: [
    {
      id: "dot",
      type: "circle",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 2, 2, 8, 4.5, 12, 6],
        "circle-opacity": 0.85,
        "circle-stroke-width": 1,
      },
      colour: "circle-color",
      edge: "circle-stroke-color",
    },
  ],
  stations: [
    {
      id: "dot",
      type: "circle",
      paint: {
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 2, 2, 8, 5, 12, 7],
        "circle-stroke-width": 2,
      },
      colour: "circle-color",
      edge: "circle-stroke-color",
    },
  ],
  truth: [
    { id: "fill", type: "fill", paint: { "fill-opacity": 0.06 }, colour: "fill-color" },
    {
      id: "casing",
      type: "line",
      paint: { "line-width": 4.5, "line-opacity": 0.7 },
      colour: "line-color",
      colourOf: "map-halo",
    },
    {
      id: "line",
      type: "line",
      paint: { "line-width": 2.2, "line-dasharray": [0.6, 1.4] },
      layout: { "line-cap": "round" },
      colour: "line-color",
    },
    {
      id: "name",
      type: "symbol",
      minzoom: 8.5,
      colour: "text-color",
      edge: "text-halo-color",
      layout: {
        "text-field": [
          "step",
          ["zoom"],
          ["get", "title"],
          11,
          ["format", ["get", "title"], {}, "\n", {}, ["get", "description"], { "font-scale": 0.85 }],
        ],
        "text-font": ["sans-serif"],
        "text-size": 13,
        "text-max-width": 15,
        "text-variable-anchor": ["top", "bottom", "left", "right"],
        "text-radial-offset": 1.8,
        "text-justify": "auto",
      },
      paint: { "text-halo-width": 1.6 },
    },
  ],
};

const SURGES = {
  observed: gettext("It is known to surge."),
  probable: gettext("It probably surges."),
  possible: gettext("It may surge."),
};
const WORDS = {
  truth: (properties) => interpolate(gettext("Simulated here: %(title)s (%(description)s)."), properties),
  glaciers({ name, surge }) {
    const glacier = name ? interpolate(gettext("A glacier: %(name)s."), { name }) : gettext("A glacier.");
    return SURGES[surge] ? `${glacier} ${SURGES[surge]}` : glacier;
  },
  stations: ({ name, technique }) =>
    interpolate(technique === "gnss" ? gettext("GNSS station %(name)s.") : gettext("Benchmark %(name)s."), { name }),
  mines: ({ name }) => (name ? interpolate(gettext("A mine: %(name)s."), { name }) : gettext("A mine.")),
  landslides({ name, day, accuracy_m: metres }) {
    const reported = day
      ? interpolate(gettext("A landslide was reported here on %(date)s."), { date: date(day) })
      : gettext("A landslide was reported here.");
    const called = name && name !== "landslide" ? `${name}.` : "";
    return [reported, called, sureness(metres)].filter(Boolean).join(" ");
  },
};

const ABOVE = new Set(["stations", "truth"]); // drawn above the points
// kind: name of the page's address and of its parameter, and the text of the link
const PAGES = {
  glaciers: ["glacier", gettext("How it moves, pair by pair")],
  stations: ["station", gettext("Its series beside the points")],
};

function sureness(metres) {
  if (metres === undefined) return gettext("The exact place is not known.");
  if (metres < 1000) return gettext("The exact place is known.");
  const km = formatNumber(metres / 1000);
  return interpolate(gettext("Its place is known to about %(km)s km."), { km });
}

/**
 * Wires the checkboxes of the legend; `before` is the layer that stays above what they show.
 * urls: of the tiles (context) and of the pages of glaciers and stations.
 */
export function setUpContext({ map, urls, query, remember, before }) {
  const boxes = [...document.querySelectorAll("[data-context]")];
  // shown at first, unless the address says otherwise
  const shown = boxes.filter((box) => box.hasAttribute("data-context-shown")).map((box) => box.dataset.context);
  const wanted = new Set(query.get("context")?.split(",") ?? shown);

  function add(kind) {
    const source = `context-${kind}`;
    const tiles = [location.origin + urls.context.replace("{kind}", encodeURIComponent(kind))];
    map.addSource(source, { type: "vector", tiles, minzoom: 0, maxzoom: 13 });
    for (const { id, colour, edge, colourOf = source, ...layer } of LAYERS[kind]) {
      const name = `${source}-${id}`;
      map.addLayer(
        { ...layer, id: name, source, "source-layer": "context" },
        !ABOVE.has(kind) && map.getLayer(before) ? before : undefined,
      );
      themed(map, name, { [colour]: colourOf, ...(edge && { [edge]: "map-halo" }) });
    }
  }

  function show(kind, visible) {
    if (visible && !map.getSource(`context-${kind}`)) add(kind);
    else if (map.getSource(`context-${kind}`)) {
      for (const { id } of LAYERS[kind])
        map.setLayoutProperty(`context-${kind}-${id}`, "visibility", visible ? "visible" : "none");
    }
  }

  /** What is known at a place on the screen: { text, link }, the link (or null) as { href, text }; or null. */
  function at({ x, y }, reach, among = Object.keys(WORDS)) {
    const kinds = among.filter((kind) => map.getSource(`context-${kind}`));
    const layers = kinds
      .flatMap((kind) => LAYERS[kind].map(({ id }) => `context-${kind}-${id}`))
      .filter((id) => map.getLayer(id));
    const [hit] = layers.length
      ? map.queryRenderedFeatures(
          [
            [x - reach, y - reach],
            [x + reach, y + reach],
          ],
          { layers },
        )
      : [];
    if (!hit) return null;
    const kind = hit.source.replace("context-", "");
    const { page } = hit.properties;
    const [name, text] = PAGES[kind] ?? [];
    const href = page === undefined ? null : urls[name].replace(`{${name}}`, encodeURIComponent(page));
    return { text: WORDS[kind](hit.properties), link: href && { href, text } };
  }

  for (const box of boxes) {
    box.checked = wanted.has(box.dataset.context);
    if (box.checked) show(box.dataset.context, true);
    box.addEventListener("change", () => {
      show(box.dataset.context, box.checked);
      remember({
        context: boxes
          .filter((one) => one.checked)
          .map((one) => one.dataset.context)
          .join(","),
      });
    });
  }
  return { at };
}
