// Rasters on a map: tiles of one layer and one date, and arrows of fast motion.
import { boxInView } from "gmm/basemap";
import { css, onTheme } from "gmm/dom";
import { fixed, margin } from "gmm/format";
import { gettext, interpolate } from "gmm/words";

const EMPTY = { type: "FeatureCollection", features: [] };
const DEEPEST = 14; // beyond, the browser enlarges the cells
const TOWARD = [
  gettext("%(speed)s ± %(margin)s m a day toward the north"),
  gettext("%(speed)s ± %(margin)s m a day toward the north-east"),
  gettext("%(speed)s ± %(margin)s m a day toward the east"),
  gettext("%(speed)s ± %(margin)s m a day toward the south-east"),
  gettext("%(speed)s ± %(margin)s m a day toward the south"),
  gettext("%(speed)s ± %(margin)s m a day toward the south-west"),
  gettext("%(speed)s ± %(margin)s m a day toward the west"),
  gettext("%(speed)s ± %(margin)s m a day toward the north-west"),
];

/**
 * Shows a raster below `before` (by default below points and outlines). tilesUrl holds {layer} and {group};
 * bounds: west, south, east, north. Returns { show({layer, group, opacity}), retry(), remove() }.
 */
export function addRaster(map, { tilesUrl, layer, group, opacity = 0.8, bounds, minzoom = 5, before = lowest(map) }) {
  const tiles = (one) => [
    location.origin +
      tilesUrl.replace("{layer}", encodeURIComponent(one.layer)).replace("{group}", encodeURIComponent(one.group)),
  ];
  let now = { layer, group, opacity };
  map.addSource("raster", {
    type: "raster",
    tiles: tiles(now),
    tileSize: 256,
    minzoom,
    maxzoom: DEEPEST,
    ...(bounds ? { bounds } : {}),
  });
  map.addLayer(
    {
      id: "raster",
      type: "raster",
      source: "raster",
      paint: { "raster-opacity": opacity, "raster-resampling": "nearest", "raster-fade-duration": 100 },
    },
    before,
  );
  const endTheme = onTheme(() =>
    map.setPaintProperty("raster", "raster-brightness-max", Number(css("picture-light"))),
  );
  return {
    show(next) {
      const before_ = now;
      now = { ...now, ...next };
      if (now.layer !== before_.layer || now.group !== before_.group) map.getSource("raster").setTiles(tiles(now));
      map.setPaintProperty("raster", "raster-opacity", now.opacity);
    },
    retry: () => map.getSource("raster").setTiles(tiles(now)),
    /** Loads the tiles in view of another date into the browser's cache. */
    prefetch(next) {
      const [template] = tiles({ ...now, ...next });
      for (const url of tilesInView(map, template, minzoom)) new Image().src = url;
    },
    remove() {
      endTheme();
      map.removeLayer("raster");
      map.removeSource("raster");
    },
  };
}

const MOST_PREFETCHED = 64;

/** Addresses of the tiles of 256 pixels that cover the view. */
function tilesInView(map, template, minzoom) {
  const z = Math.min(DEEPEST, Math.max(minzoom, Math.round(map.getZoom() + 1)));
  const n = 2 ** z;
  const bounds = map.getBounds();
  const column = (degrees) => Math.floor(((degrees + 180) / 360) * n);
  const row = (degrees) => Math.floor(((1 - Math.asinh(Math.tan((degrees * Math.PI) / 180)) / Math.PI) / 2) * n);
  const urls = [];
  for (let x = column(bounds.getWest()); x <= column(bounds.getEast()); x++)
    for (let y = Math.max(0, row(bounds.getNorth())); y <= Math.min(n - 1, row(bounds.getSouth())); y++)
      urls.push(template.replace("{z}", z).replace("{x}", ((x % n) + n) % n).replace("{y}", y));
  return urls.slice(0, MOST_PREFETCHED);
}

function lowest(map) {
  return ["points", "alert-fill"].find((id) => map.getLayer(id));
}

/** Arrows toward which the ground moves, fetched for what is in view. arrowsUrl holds {group}; fastest in m a day. */
export function addArrows(
  map,
  { arrowsUrl, group, fastest = 2, minzoom = 5, before = map.getLayer("alert-fill") ? "alert-fill" : undefined },
) {
  let running = /** @type {AbortController | null} */ (null);
  let shown = group;
  map.addSource("arrows", { type: "geojson", data: EMPTY });
  if (!map.hasImage("arrow")) map.addImage("arrow", drawArrow(), { pixelRatio: 2 });
  const size = ["interpolate", ["linear"], ["get", "speed_m_day"], 0, 0.45, fastest, 1];
  const layout = {
    "icon-image": "arrow",
    "icon-rotate": ["get", "bearing_deg"],
    "icon-rotation-alignment": "map",
    "icon-size": size,
    "icon-allow-overlap": true,
    "icon-ignore-placement": true,
  };
  map.addLayer({ id: "arrows", type: "symbol", source: "arrows", layout }, before);
  const endTheme = onTheme(() => map.updateImage("arrow", drawArrow()));

  async function load() {
    running?.abort();
    const bbox = boxInView(map).map((edge) => edge.toFixed(5)).join(",");
    if (map.getZoom() < minzoom) return map.getSource("arrows").setData(EMPTY);
    running = new AbortController();
    try {
      const response = await fetch(`${arrowsUrl.replace("{group}", encodeURIComponent(shown))}?bbox=${bbox}`, {
        signal: running.signal,
      });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      map.getSource("arrows")?.setData(await response.json());
    } catch (error) {
      if (error.name !== "AbortError") console.warn("arrows:", error.message);
    }
  }
  map.on("moveend", load);
  load();

  return {
    show(next) {
      shown = next.group;
      load();
    },
    /** The arrow under a place on the screen in words, or null. */
    at({ x, y }, reach = 10) {
      const feature = map.queryRenderedFeatures(
        [
          [x - reach, y - reach],
          [x + reach, y + reach],
        ],
        { layers: ["arrows"] },
      )[0];
      return feature ? inWords(feature.properties) : null;
    },
    remove() {
      running?.abort();
      endTheme();
      map.off("moveend", load);
      map.removeLayer("arrows");
      map.removeSource("arrows");
    },
  };
}

/** "2.4 ± 0.3 m a day toward the north-east" */
export function inWords({ speed_m_day: speed, sigma_m_day: sigma, bearing_deg: bearing }) {
  const digits = speed >= 10 ? 0 : speed >= 1 ? 1 : 2;
  const figures = { speed: fixed(speed, digits), margin: margin(sigma, digits) };
  return interpolate(TOWARD[Math.round(bearing / 45) % 8], figures);
}

/** An arrow to the north with a casing, drawn here: no image is fetched. */
function drawArrow() {
  const side = 64;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const middle = side / 2;
  for (const [colour, width] of [
    [css("alert-casing"), 12],
    [css("alert-line"), 5],
  ]) {
    Object.assign(pen, { strokeStyle: colour, lineWidth: width, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    pen.moveTo(middle, side - 9);
    pen.lineTo(middle, 10);
    pen.moveTo(middle - 13, 25);
    pen.lineTo(middle, 10);
    pen.lineTo(middle + 13, 25);
    pen.stroke();
  }
  return pen.getImageData(0, 0, side, side);
}
