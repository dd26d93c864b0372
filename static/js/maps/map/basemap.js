// A calm map that needs no network: land, coasts and borders of the world, or the style that the settings name.
import * as maplibre from "maplibre-gl";
import { published } from "gmm/ask";
import { pause } from "gmm/dom";
import { addGraticule } from "gmm/graticule";
import { addGround, themed } from "gmm/ground";
import { gettext, pgettext } from "gmm/words";

await pause(); // after the library was read, before a map is made

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
    world: published?.world ?? {
      type: "vector",
      tiles: [`${location.origin}/tiles/world/{z}/{x}/{y}.mvt`],
      maxzoom: 8,
    },
  },
  layers: [
    { id: "water", type: "background" },
    { id: "land", type: "fill", source: "world", "source-layer": "land", paint: { "fill-antialias": false } },
    {
      id: "borders",
      type: "line",
      source: "world",
      "source-layer": "borders",
      paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.6, 8, 1.5], "line-dasharray": [4, 2] },
    },
    {
      id: "coast",
      type: "line",
      source: "world",
      "source-layer": "coast",
      paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.6, 8, 1.4] },
    },
    {
      id: "countries",
      type: "symbol",
      source: "world",
      "source-layer": "countries",
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

/** A box of west, south, east, north with an east that counts on beyond 180 where the box crosses 180 degrees. */
export const unroll = ([west, south, east, north]) => [west, south, east < west ? east + 360 : east, north];

/** A longitude turned by whole circles so that it lies within 180 degrees of another one. */
export const longitudeNear = (longitude, other) => longitude + 360 * Math.round((other - longitude) / 360);

/** West, south, east, north of what a map shows; west > east where it shows both sides of 180 degrees. */
export function boxInView(map) {
  const [west, south, east, north] = map.getBounds().toArray().flat();
  const edges = east - west < 360 ? [west, east].map((edge) => longitudeNear(edge, 0)) : [-180, 180];
  return [edges[0], Math.max(south, -90), edges[1], Math.min(north, 90)];
}

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
    validateStyle: typeof style === "string",
    fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300,
    localIdeographFontFamily: "sans-serif",
    locale: WORDS_OF_MAPLIBRE,
    ...options,
    ...(Array.isArray(options.bounds) ? { bounds: unroll(options.bounds) } : {}),
  });
  map.getContainer().setAttribute("aria-busy", "true");
  map.once("style.load", () => {
    if (!map.getLayer("land")) return;
    for (const [layer, property, variable] of PAINT) themed(map, layer, { [property]: variable });
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-left");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110 }), "bottom-left");
  if (typeof style === "string") map.addControl(new maplibre.AttributionControl({ compact: true }), "bottom-left");
  return map;
}

/** Resolves when layers may be added: in a task after the map's load event, because the frame before it is long. */
export function loaded(map) {
  let waits;
  map.once("remove", () => clearTimeout(waits));
  return new Promise((resolve) => map.once("load", () => (waits = setTimeout(resolve))));
}

/** Called when a page has added its layers: once `ground` is there too, aria-busy says whether the map still draws. */
export async function followDrawing(map, ground) {
  await ground;
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
 * The graticule and what the site has loaded of the ground; resolves when they are on the map, or could not be read.
 * Where the site has a base map style of its own, only the graticule is added.
 */
export async function fillBasemap(map) {
  addGraticule(map, map.getLayer("coast") ? "coast" : undefined);
  if (!map.getLayer("land")) return;
  await addGround(map, maplibre).catch((error) => console.warn("base map:", error.message));
}

export { maplibre };
