// A calm map that needs no network: land, coasts and borders of the world, or the style that the settings name.
import * as maplibre from "maplibre-gl";
import feature from "topojson-client/feature.js";
import mesh from "topojson-client/mesh.js";
import { css, onTheme } from "gmm/dom";
import { addGraticule } from "gmm/graticule";
import { addGround } from "gmm/ground";
import { gettext, pgettext } from "gmm/words";

const EMPTY = { type: "FeatureCollection", features: [] };
const PAINT = [
  ["water", "background-color", "map-water"],
  ["land", "fill-color", "map-land"],
  ["borders", "line-color", "map-border"],
  ["coast", "line-color", "map-coast"],
  ["countries", "text-color", "map-text"],
  ["countries", "text-halo-color", "map-halo"],
];

const OFFLINE = {
  version: 8,
  sources: {
    land: { type: "geojson", data: EMPTY },
    coast: { type: "geojson", data: EMPTY },
    borders: { type: "geojson", data: EMPTY },
    countries: { type: "geojson", data: EMPTY },
  },
  layers: [
    { id: "water", type: "background" },
    { id: "land", type: "fill", source: "land", paint: { "fill-antialias": false } },
    {
      id: "borders",
      type: "line",
      source: "borders",
      paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.6, 8, 1.5], "line-dasharray": [4, 2] },
    },
    {
      id: "coast",
      type: "line",
      source: "coast",
      paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.6, 8, 1.4] },
    },
    {
      id: "countries",
      type: "symbol",
      source: "countries",
      maxzoom: 8, // the letters are drawn by the browser: no glyph server
      filter: ["any", [">", ["get", "size"], 4], [">", ["zoom"], 4]],
      layout: {
        "text-field": ["get", "name"],
        "text-font": ["sans-serif"],
        "text-size": ["interpolate", ["linear"], ["zoom"], 2, 11, 6, 15],
        "text-max-width": 7,
        "symbol-sort-key": ["-", ["get", "size"]],
        "text-padding": 6,
      },
      paint: { "text-halo-width": 1.5 },
    },
  ],
};

/** What MapLibre writes and says itself, as far as our maps show it. */
const WORDS_OF_MAPLIBRE = {
  "AttributionControl.ToggleAttribution": gettext("Toggle attribution"),
  "AttributionControl.MapFeedback": gettext("Map feedback"),
  "Map.Title": pgettext("title", "Map"),
  "Marker.Title": gettext("Map marker"),
  "NavigationControl.ZoomIn": gettext("Zoom in"),
  "NavigationControl.ZoomOut": gettext("Zoom out"),
  "Popup.Close": gettext("Close popup"),
  "CooperativeGesturesHandler.WindowsHelpText": gettext("Use Ctrl + scroll to zoom the map"),
  "CooperativeGesturesHandler.MacHelpText": gettext("Use ⌘ + scroll to zoom the map"),
  "CooperativeGesturesHandler.MobileHelpText": gettext("Use two fingers to move the map"),
};

/** A map in the container with zoom buttons and a scale, busy until `followDrawing`; throws where WebGL is missing. */
export function createMap(container, options = {}) {
  const style = document.body.dataset.basemapStyleUrl || structuredClone(OFFLINE);
  const map = new maplibre.Map({
    container,
    style,
    center: [10, 25],
    zoom: 1.4,
    minZoom: 0.8,
    maxZoom: 19,
    maxPitch: 0,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    attributionControl: false,
    localIdeographFontFamily: "sans-serif",
    locale: WORDS_OF_MAPLIBRE,
    ...options,
  });
  map.getContainer().setAttribute("aria-busy", "true");
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  if (typeof style === "string") map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-left");
  return map;
}

/** Called when a page has added its layers: from now on aria-busy says whether the map is still moving or loading. */
export function followDrawing(map) {
  const box = map.getContainer();
  const begin = () => {
    box.setAttribute("aria-busy", "true");
    map.triggerRepaint(); // "idle" follows a frame
  };
  map.on("movestart", begin);
  map.on("sourcedataloading", begin);
  map.on("idle", () => box.setAttribute("aria-busy", "false"));
  begin();
}

/**
 * Land, borders, graticule and what the site has loaded of the ground; resolves when they are on the map.
 * Where the site has a base map style of its own, only the graticule is added.
 */
export async function fillBasemap(map) {
  addGraticule(map, map.getLayer("coast") ? "coast" : undefined);
  if (!map.getLayer("land")) return;
  onTheme(() => PAINT.forEach(([layer, property, variable]) => map.setPaintProperty(layer, property, css(variable))));
  addGround(map, maplibre).catch((error) => console.warn("ground:", error.message));
  const response = await fetch(document.body.dataset.landUrl);
  if (!response.ok) throw new Error(`countries: HTTP ${response.status}`);
  const world = await response.json();
  const { countries, land } = world.objects;
  map.getSource("land").setData(flatLand(feature(world, land)));
  map.getSource("borders").setData(flatLines(mesh(world, countries, (a, b) => a !== b)));
  map.getSource("coast").setData(flatLines(mesh(world, countries, (a, b) => a === b)));
  map.getSource("countries").setData({
    type: "FeatureCollection",
    features: feature(world, countries)
      .features.filter(({ id }) => id)
      .map(nameOf),
  });
}

/** The same line with longitudes that run on past 180° instead of jumping back: the atlas is made for a globe. */
function unwrap(line) {
  let turn = 0;
  return line.map(([x, y], i) => {
    if (i > 0 && Math.abs(x - line[i - 1][0]) > 180) turn += x < line[i - 1][0] ? 360 : -360;
    return [x + turn, y];
  });
}

/** A ring around the pole (Antarctica) does not close on a flat map: lead it along the edge. */
function closed(ring) {
  const [first, last] = [ring[0], ring.at(-1)];
  return first[0] === last[0] ? ring : [...ring, [last[0], -89], [first[0], -89], first];
}

const flatLines = ({ coordinates }) => ({ type: "MultiLineString", coordinates: coordinates.map(unwrap) });

function flatLand({ features }) {
  const polygons = features.flatMap(({ geometry }) =>
    geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates,
  );
  return { type: "MultiPolygon", coordinates: polygons.map((rings) => rings.map((ring) => closed(unwrap(ring)))) };
}

/** A country as a point in its largest part, with its name and a rough size for the order of the labels. */
function nameOf(country) {
  const { geometry } = country;
  const rings =
    geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map((polygon) => polygon[0]);
  const parts = rings.map((ring) => centroid(unwrap(ring))).sort((a, b) => b.size - a.size);
  return {
    type: "Feature",
    properties: { name: country.properties.name, size: parts[0].size },
    geometry: { type: "Point", coordinates: parts[0].at },
  };
}

function centroid(ring) {
  let [area, x, y] = [0, 0, 0];
  for (let i = 1; i < ring.length; i++) {
    const cross = ring[i - 1][0] * ring[i][1] - ring[i][0] * ring[i - 1][1];
    area += cross;
    x += (ring[i - 1][0] + ring[i][0]) * cross;
    y += (ring[i - 1][1] + ring[i][1]) * cross;
  }
  if (area === 0) return { at: ring[0], size: 0 };
  const at = [x / (3 * area), y / (3 * area)];
  return { at, size: (Math.abs(area) / 2) * Math.cos((at[1] * Math.PI) / 180) };
}

export { maplibre };
