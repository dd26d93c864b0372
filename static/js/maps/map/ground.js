// What the site has loaded of the ground, under everything else: relief, waters, roads, railways, buildings, names.
import { css, onTheme } from "gmm/dom";

/** A width that grows with the zoom: zoom, pixels, zoom, pixels … */
export const width = (...stops) => ["interpolate", ["exponential", 1.4], ["zoom"], ...stops];
const class_ = (name) => ["==", ["get", "line_class"], name];
// id, layer of the tiles, kind, filter, paint, colours by property
/** @type {[string, string, string, any, object, object][]} */
const LAYERS = [
  ["made-land", "land", "fill", true, {}, { "fill-color": "map-land" }],
  ["lakes", "lakes", "fill", true, {}, { "fill-color": "map-lake", "fill-outline-color": "map-river" }],
  ["rivers", "rivers", "line", true, { "line-width": width(7, 0.8, 14, 4) }, { "line-color": "map-river" }],
  [
    "lanes",
    "roads",
    "line",
    class_("other"),
    { "line-width": width(12, 0.8, 17, 8) },
    { "line-color": "map-lane" },
  ],
  ["roads", "roads", "line", class_("main"), { "line-width": width(8, 1.2, 17, 11) }, { "line-color": "map-road" }],
  [
    "railways",
    "railways",
    "line",
    true,
    { "line-width": width(9, 0.8, 17, 4), "line-dasharray": [4, 2] },
    { "line-color": "map-rail" },
  ],
  [
    "buildings",
    "buildings",
    "circle",
    true,
    { "circle-radius": width(14, 1.2, 18, 6) },
    { "circle-color": "map-building" },
  ],
  ["made-coast", "land", "line", true, { "line-width": width(4, 0.6, 10, 1.4) }, { "line-color": "map-coast" }],
];
const MADE = ["made-land", "made-coast"]; // never in a base map of the real world
const NAMES = {
  layout: {
    "text-field": ["get", "name"],
    "text-font": ["sans-serif"], // drawn by the browser
    "text-size": ["interpolate", ["linear"], ["get", "population"], 0, 11, 10000, 13, 500000, 17],
    "symbol-sort-key": ["-", ["get", "population"]],
    "text-padding": 4,
    "text-anchor": "top",
    "text-offset": [0, 1], // below the mark of an alert in the middle of a town
    "text-max-width": 8,
  },
  paint: { "text-halo-width": 2 },
};

/** Paint one layer in the colours of the theme, until the map is removed. */
export function themed(map, id, colours) {
  const end = onTheme(() => {
    for (const [property, variable] of Object.entries(colours)) map.setPaintProperty(id, property, css(variable));
  });
  map.once("remove", end);
}

/** Adds what `/basemap.json` names below the borders and coasts of the offline world. */
export async function addGround(map, maplibre) {
  const response = await fetch(document.body.dataset.basemapUrl ?? "");
  if (!response.ok) throw new Error(`base map: HTTP ${response.status}`);
  const { ground, heights, archive } = await response.json();
  const archives = archive && (await import("gmm/archive"));
  const before = "borders";
  if (!map.style?.getLayer(before)) return; // The page was left meanwhile, and the map is empty.
  if (archives) await archives.addArchive(map, maplibre, archive, before);
  if (ground) addLoaded(map, ground, before, Boolean(archive));
  if (heights) addRelief(map, heights, map.getLayer("lakes") ? "lakes" : before);
}

function addLoaded(map, ground, before, madeAlone) {
  map.addSource("ground", { type: "vector", tiles: [location.origin + ground], maxzoom: 14 });
  for (const [id, layer, type, filter, paint, colours] of LAYERS) {
    if (madeAlone && !MADE.includes(id)) continue;
    map.addLayer({ id, type, source: "ground", "source-layer": layer, filter, paint }, before);
    themed(map, id, colours);
  }
  if (madeAlone) return;
  map.addLayer({ id: "place-names", type: "symbol", source: "ground", "source-layer": "places", ...NAMES });
  themed(map, "place-names", { "text-color": "map-name", "text-halo-color": "map-halo" });
}

function addRelief(map, { tiles, minzoom, maxzoom }, before) {
  // coarser than the screen: relief is soft, and its tiles would be the largest of all
  const source = { tiles: [location.origin + tiles], tileSize: 1024, encoding: "terrarium", minzoom, maxzoom };
  map.addSource("heights", { type: "raster-dem", ...source });
  const paint = { "hillshade-exaggeration": 0.35, "hillshade-illumination-anchor": "map" };
  map.addLayer({ id: "relief", type: "hillshade", source: "heights", paint }, before);
  themed(map, "relief", { "hillshade-shadow-color": "map-shade", "hillshade-highlight-color": "map-light" });
}
