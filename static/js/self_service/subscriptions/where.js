// Where a subscription looks: a search, the map and the fields write into each other.
import { createMap, fillBasemap, followDrawing, loaded, maplibre } from "gmm/basemap";
import { css, element, jsonOf } from "gmm/dom";
import { themed } from "gmm/ground";
import { addOutlines, boundsOf, fetchAlerts } from "gmm/marks";
import { locate } from "gmm/position";
import { gettext, interpolate, ngettext } from "gmm/words";

const config = jsonOf("where-config");
const form = document.getElementById("subscribe");
const fields = form.elements;
const box = document.getElementById("region-map");
const hits = document.getElementById("place-hits");
const note = document.getElementById("place-note");
const searchButton = document.getElementById("place-search");
const drawAgain = document.getElementById("draw-again"); // usable as soon as corners are heard
const EARTH_M = 6_371_000;
const NOTHING = { type: "FeatureCollection", features: [] };
const REGION = "region:";
let changed = () => {};
let answered = null; // the outline that the preview came with: of what only the server can draw

export const where = () => fields.where.value;
const hit = () => hits.querySelector(":checked")?.value ?? "";
const number = (text) =>
  text.trim() === "" ? NaN : Number(text.trim().replace(/°$/, "").replace("−", "-").replace(",", "."));

function chosenCircle() {
  const [latitude, longitude] = [number(fields.latitude.value), number(fields.longitude.value)];
  const metres = fields.distance.value === "own" ? 1000 * number(fields.own_km.value) : Number(fields.distance.value);
  const right =
    Math.abs(latitude) <= 89 && Math.abs(longitude) <= 180 && metres > 0 && metres <= 1000 * config.farthest_km;
  return right && where() === "circle" && !hit().startsWith(REGION) ? { latitude, longitude, metres } : null;
}

function drawnArea() {
  try {
    return JSON.parse(fields.drawn.value);
  } catch {
    return null;
  }
}

/** What the map shows of the choice; of regions and files the outline that came from the server. */
function chosenArea() {
  if (where() === "keep") return config.kept;
  if (where() === "drawn") return drawnArea();
  const circle = chosenCircle();
  return circle ? outlineOf(circle) : (answered ?? (where() === "region" ? config.region : null));
}

/** Whether nothing has been chosen yet. */
export function nowhere() {
  if (where() === "circle") return !hit() && (!fields.latitude.value || !fields.longitude.value);
  if (where() === "region") return !hit().startsWith(REGION) && !fields.region.value.trim();
  if (where() === "drawn") return !fields.drawn.value;
  return where() === "keep" || !fields[where()].files.length;
}

/** Show the outline that the preview answered with; null before it has answered. */
export function showAnswer(outline) {
  const isNew = !answered && outline;
  answered = outline;
  if (!chosenCircle() && where() !== "drawn") show({ move: Boolean(isNew) });
}

/** A circle on the globe as a polygon, good enough to look at. */
function outlineOf({ latitude, longitude, metres }) {
  const ring = [];
  for (let step = 0; step <= 64; step++) {
    const [angle, reach, up] = [(step / 32) * Math.PI, metres / EARTH_M, (latitude * Math.PI) / 180];
    const y = Math.asin(Math.sin(up) * Math.cos(reach) + Math.cos(up) * Math.sin(reach) * Math.cos(angle));
    const x = Math.atan2(
      Math.sin(angle) * Math.sin(reach) * Math.cos(up),
      Math.cos(reach) - Math.sin(up) * Math.sin(y),
    );
    ring.push([longitude + (x * 180) / Math.PI, (y * 180) / Math.PI]);
  }
  return { type: "Polygon", coordinates: [ring] };
}

// ---- the map ----
let map = /** @type {LibraryObject} */ (null);
let tool = /** @type {ReturnType<typeof import("gmm/draw").drawArea> | null} */ (null);
let pin = /** @type {LibraryObject} */ (null);

function show({ move = false, duration = 600 } = {}) {
  const circle = chosenCircle();
  const area = chosenArea();
  map?.getSource("circle")?.setData((where() !== "drawn" && area) || NOTHING);
  pin?.remove();
  pin =
    circle && map
      ? new maplibre.Marker({ color: css("accent") }).setLngLat([circle.longitude, circle.latitude]).addTo(map)
      : null;
  if (map && move && area) map.fitBounds(boundsOf(area), { padding: 40, maxZoom: 15, duration });
}

async function showTool() {
  if (where() !== "drawn") tool?.stop();
  show();
  if (where() !== "drawn" || !map) return;
  const { drawArea } = await import("gmm/draw");
  tool ??= drawArea(map, (geometry) => {
    fields.drawn.value = geometry ? JSON.stringify(geometry) : "";
    changed();
  });
  if (where() !== "drawn") return;
  tool.start(drawnArea());
  drawAgain.disabled = false;
}

function pressed({ lngLat }) {
  if (where() !== "circle") return;
  const { lng, lat } = lngLat.wrap();
  fields.latitude.value = lat.toFixed(5);
  fields.longitude.value = lng.toFixed(5);
  offer([]);
  show();
  changed();
}

async function showAlerts() {
  addOutlines(map, await fetchAlerts(config.alerts_url));
}

function setUpMap() {
  try {
    const area = chosenArea();
    const bounds = area ? boundsOf(area) : config.bounds;
    map = createMap(box, {
      cooperativeGestures: true,
      ...(bounds ? { bounds, fitBoundsOptions: { padding: 40, maxZoom: 15 } } : {}),
    });
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    showTool();
    return;
  }
  map.on("error", ({ error }) => console.warn(error?.message));
  loaded(map).then(async () => {
    const ground = fillBasemap(map);
    await showAlerts().catch((error) => console.warn("alerts:", error.message));
    map.addSource("circle", { type: "geojson", data: NOTHING });
    map.addLayer({ id: "circle-fill", type: "fill", source: "circle", paint: { "fill-opacity": 0.15 } });
    map.addLayer({ id: "circle-line", type: "line", source: "circle", paint: { "line-width": 3 } });
    themed(map, "circle-fill", { "fill-color": "accent" });
    themed(map, "circle-line", { "line-color": "accent" });
    map.on("click", pressed);
    show({ move: true, duration: 0 }); // the box may have grown since the map was made
    await showTool();
    followDrawing(map, ground);
  });
}

// ---- the search, and one's own position ----
/** hits: as /places.json has them. Countries of which no outline is loaded cannot be chosen. */
function offer(found, text = "") {
  const rows = found.filter((one) => one.at || one.page);
  const legend = hits.querySelector("legend");
  hits.replaceChildren(
    legend,
    ...rows.map((one) => {
      const value = one.at
        ? `${one.at[1].toFixed(5)},${one.at[0].toFixed(5)}`
        : REGION + one.page.split("/").filter(Boolean).pop();
      return element(
        "label",
        { class: "choice" },
        element("input", { type: "radio", name: "hit", value }),
        element("span", {}, `${one.name} `, element("span", { class: "soft" }, one.detail)),
      );
    }),
  );
  hits.hidden = !rows.length;
  note.textContent = text;
  if (rows.length === 1) {
    hits.querySelector("input").checked = true;
    take();
  }
}

/** The hit that is checked becomes the choice. */
function take() {
  if (!hit()) return;
  answered = null;
  if (!hit().startsWith(REGION)) [fields.latitude.value, fields.longitude.value] = hit().split(",");
  show({ move: true });
  changed();
}

async function search() {
  const text = fields.place.value.trim();
  if (text.length < 2) return;
  note.textContent = gettext("Searching…");
  try {
    const response = await fetch(`${searchButton.dataset.url}?${new URLSearchParams({ q: text, addresses: "1" })}`);
    if (!response.ok) throw new Error(`places: HTTP ${response.status}`);
    const answer = await response.json();
    const n = answer.hits.length;
    const counted = interpolate(ngettext("%(n)s place found.", "%(n)s places found.", n), { n });
    offer(answer.hits, answer.note || (n ? counted : ""));
  } catch (error) {
    console.warn(error);
    note.textContent = gettext("The search does not answer just now. Click the place on the map instead.");
  }
}

function useMyPosition() {
  locate(
    (coords) => {
      fields.latitude.value = coords.latitude.toFixed(5);
      fields.longitude.value = coords.longitude.toFixed(5);
      fields.place.value = "";
      offer([]);
      show({ move: true });
      changed();
    },
    (text) => (note.textContent = text),
  );
}

/** `whenChanged()` is called after every change of the place. */
export function setUpWhere(whenChanged) {
  changed = whenChanged;
  form.addEventListener("input", ({ target }) => {
    const { name } = /** @type {PageElement} */ (target);
    if (name === "own_km") fields.distance.value = "own";
    if (name === "hit") take();
    if (["latitude", "longitude", "region"].includes(name)) offer([]);
    if (["where", "region", "boundary"].includes(name)) answered = null;
    if (name === "where") showTool();
    else if (["latitude", "longitude", "distance", "own_km"].includes(name)) show({ move: true });
  });
  drawAgain.addEventListener("click", () => tool?.again());
  document.getElementById("use-circle").addEventListener("click", () => {
    fields.where.value = "circle";
    showTool();
    changed();
    fields.place.focus();
  });
  searchButton.type = "button";
  searchButton.addEventListener("click", search);
  fields.place.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    search();
  });
  document.getElementById("my-position").addEventListener("click", useMyPosition);
  setUpMap();
}
