// A resident's report: the map and the reader's position write into the field of the place, which moves the pin.
import { createMap, fillBasemap, followDrawing, maplibre } from "gmm/basemap";
import { css, jsonOf } from "gmm/dom";
import { locate } from "gmm/position";

const field = document.getElementById("place");
const note = document.getElementById("position-note");
const box = document.getElementById("report-map");
const WRITTEN = /^\s*(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)\s*$/; // latitude, longitude
let map = /** @type {LibraryObject} */ (null);
let pin = /** @type {LibraryObject} */ (null);

function written() {
  const [, latitude, longitude] = WRITTEN.exec(field.value)?.map(Number) ?? [];
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? [longitude, latitude] : null;
}

function show(move) {
  const place = written();
  pin?.remove();
  pin = place && map ? new maplibre.Marker({ color: css("accent") }).setLngLat(place).addTo(map) : null;
  if (place && move) map?.jumpTo({ center: place, zoom: Math.max(map.getZoom(), 14) });
}

function choose({ latitude, longitude }, move) {
  field.value = `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
  show(move);
}

try {
  const [place, bounds] = [written(), jsonOf("report-bounds")];
  const view = place ? { center: place, zoom: 14 } : bounds ? { bounds } : {};
  map = createMap(box, { cooperativeGestures: true, ...view });
  map.on("error", ({ error }) => console.warn(error?.message));
  map.on("click", ({ lngLat }) => {
    const { lng, lat } = lngLat.wrap();
    choose({ latitude: lat, longitude: lng }, false);
  });
  map.once("load", () => followDrawing(map, fillBasemap(map)));
  show(false);
} catch (error) {
  console.warn(error);
  box.hidden = true;
}
field.addEventListener("change", () => show(true));
document.getElementById("my-position").addEventListener("click", () =>
  locate(
    (coords) => choose(coords, true),
    (text) => (note.textContent = text),
  ),
);
document.getElementById("form-errors")?.focus();
