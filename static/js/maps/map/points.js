// Measurement points: vector tiles coloured by velocity (mm per year, positive = toward the satellite, up or east).
import { published } from "gmm/ask";
import { css, onTheme } from "gmm/dom";

const RAMP = ["ramp-n4", "ramp-n3", "ramp-n2", "ramp-n1", "ramp-0", "ramp-p1", "ramp-p2", "ramp-p3", "ramp-p4"];

const RADII = [[2, 2.5], [9, 3.5], [12, 3.5], [15, 6], [19, 10]]; // zoom, pixels
const DEEPEST = 19;
const WORLD_M = 40075016.7; // along the equator; 512 pixels at zoom 0
const AROUND = Math.SQRT2; // A circle of this many half sides covers a square cell.
const DRAWN_APART = 5; // pixels of half a cell: larger cells leave a gap, so that the ground can be seen
const LARGEST = 14; // pixels

/** By zoom: the radius of a point. A small cell of a grid covers its ground, a large one is a dot in its middle. */
function radiusOfPoint() {
  const stops = Array.from({ length: DEEPEST + 1 }, (_, zoom) => {
    const pixels = ["interpolate", ["linear"], zoom, ...RADII.flat()];
    const covering = ["max", pixels, ["*", AROUND, halfCell(zoom)]];
    return [zoom, ["case", isApart(zoom), ["min", LARGEST, ["*", 0.8, halfCell(zoom)]], covering]];
  });
  return ["interpolate", ["linear"], ["zoom"], ...stops.flat()];
}

/** Half of the side of a cell, whose tiles name it in metres of the map; 0 of a point. */
const halfCell = (zoom) => ["*", ["coalesce", ["get", "side"], 0], (256 * 2 ** zoom) / WORLD_M];
const isApart = (zoom) => [">", halfCell(zoom), DRAWN_APART];
const edge = (zoom, pixels) => [zoom, ["case", ["!", ["has", "side"]], pixels, isApart(zoom), pixels, 0]];

/** The colour of a velocity: nine stops within stretch of zero, the ends hold beyond. */
export function velocityColour(stretch) {
  const stops = RAMP.flatMap((name, i) => [((i - 4) / 4) * stretch, css(name)]);
  return ["interpolate", ["linear"], ["get", "v"], ...stops];
}

/**
 * Adds the points; period: {from, until} of their rates, or null; `before` is the layer that stays above them.
 * @param {LibraryObject} map
 * @param {{urls: any, layer: string, stretch: number, period?: object | null, before?: string}} look
 */
export function addPoints(map, { urls, layer, stretch, period = null, before }) {
  let now = { layer, stretch, period };
  const tiles = () => {
    const url = now.period ? urls.period_tiles : urls.tiles;
    const days = Object.entries(now.period ?? {}).filter(([, day]) => day);
    const asked = days.length ? `?${new URLSearchParams(days)}` : "";
    return [location.origin + url.replace("{layer}", encodeURIComponent(now.layer)) + asked];
  };

  const load = () => {
    if (published) map.getSource("points").setUrl(published.points(now.layer).url);
    else map.getSource("points").setTiles(tiles());
  };
  map.addSource(
    "points",
    published?.points(now.layer) ?? { type: "vector", tiles: tiles(), minzoom: 0, maxzoom: 17 },
  );
  map.addLayer(
    {
      id: "points",
      type: "circle",
      source: "points",
      "source-layer": "points",
      paint: {
        "circle-radius": radiusOfPoint(),
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 12, 0, ...edge(14, 0.4), ...edge(16, 0.8)],
      },
    },
    before,
  );
  map.addSource("chosen", { type: "geojson", data: { type: "FeatureCollection", features: [] } });
  for (const [id, width] of [
    ["chosen-casing", 7],
    ["chosen", 3],
  ]) {
    map.addLayer({
      id,
      type: "circle",
      source: "chosen",
      paint: { "circle-radius": 10, "circle-opacity": 0, "circle-stroke-width": width },
    });
  }

  const colour = () => {
    map.setPaintProperty("points", "circle-color", velocityColour(now.stretch));
    map.setPaintProperty("points", "circle-stroke-color", css("point-edge"));
    map.setPaintProperty("chosen-casing", "circle-stroke-color", css("alert-casing"));
    map.setPaintProperty("chosen", "circle-stroke-color", css("accent"));
  };
  onTheme(colour);

  return {
    show(next) {
      const [drawn] = tiles();
      now = next;
      if (tiles()[0] !== drawn) load();
      colour();
    },
    setVisible(visible) {
      for (const id of ["points", "chosen-casing", "chosen"])
        map.setLayoutProperty(id, "visibility", visible ? "visible" : "none");
    },
    retry: load,
    /** The point nearest to a place on the screen, within reach of a finger; or null. */
    at({ x, y }, reach = 7) {
      const features = map.queryRenderedFeatures(
        [
          [x - reach, y - reach],
          [x + reach, y + reach],
        ],
        { layers: ["points"] },
      );
      const distance = (one) => {
        const at = map.project(one.geometry.coordinates);
        return Math.hypot(at.x - x, at.y - y);
      };
      return features.map((one) => [distance(one), one]).sort((a, b) => a[0] - b[0])[0]?.[1] ?? null;
    },
    /** Whether some of the tiles on the screen show a sample, as they do where points are dense. */
    isSample: () => map.querySourceFeatures("points", { sourceLayer: "sample" }).length > 0,
    /** Whether some of the tiles leave out points whose dates do not suffice for a rate of the period. */
    isIncomplete: () => map.querySourceFeatures("points", { sourceLayer: "unfitted" }).length > 0,
    choose(coordinates) {
      map.getSource("chosen").setData({
        type: "FeatureCollection",
        features: coordinates ? [{ type: "Feature", properties: {}, geometry: { type: "Point", coordinates } }] : [],
      });
    },
  };
}
