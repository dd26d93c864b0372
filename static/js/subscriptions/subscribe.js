// The page to subscribe on: the map writes into the form's fields, the fields draw on the map,
// and a preview counts the mails that would have come.
import { createMap, fillBasemap, followDrawing, maplibre } from "gmm/basemap";
import { css, element, jsonOf, onTheme } from "gmm/dom";
import { addOutlines, boundsOf, fetchAlerts } from "gmm/marks";
import { gettext, interpolate } from "gmm/words";

const config = jsonOf("subscribe-config");
const form = document.getElementById("subscribe");
const fields = form.elements;
const box = document.getElementById("region-map");
const preview = document.getElementById("preview");
const past = document.getElementById("past");
const drawAgain = document.getElementById("draw-again"); // usable as soon as corners are heard
const CHOOSE_A_PLACE = preview.textContent;
const EARTH_M = 6_371_000;
const NOTHING = { type: "FeatureCollection", features: [] };

const where = () => fields.where.value;
const number = (text) =>
  text.trim() === "" ? NaN : Number(text.trim().replace(/°$/, "").replace("−", "-").replace(",", "."));

function chosenCircle() {
  const [latitude, longitude] = [number(fields.latitude.value), number(fields.longitude.value)];
  const metres = fields.distance.value === "own" ? 1000 * number(fields.own_km.value) : Number(fields.distance.value);
  const right =
    Math.abs(latitude) <= 89 && Math.abs(longitude) <= 180 && metres > 0 && metres <= 1000 * config.farthest_km;
  return right ? { latitude, longitude, metres } : null;
}

function drawnArea() {
  try {
    return JSON.parse(fields.drawn.value);
  } catch {
    return null;
  }
}

/** What the map shows of the choice; of a region the outline that came with the page. */
function chosenArea() {
  if (where() === "circle") return chosenCircle() && outlineOf(chosenCircle());
  return where() === "region" ? config.region : drawnArea();
}

/** Whether nothing has been chosen yet. */
function nowhere() {
  if (where() === "circle") return !fields.latitude.value || !fields.longitude.value;
  return where() === "region" ? !fields.region.value.trim() : !fields.drawn.value;
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
let map = null;
let tool = null;
let pin = null;

function show({ move = false, duration = 600 } = {}) {
  const circle = where() === "circle" ? chosenCircle() : null;
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
  map.once("load", async () => {
    const ground = fillBasemap(map);
    await showAlerts().catch((error) => console.warn("alerts:", error.message));
    map.addSource("circle", { type: "geojson", data: NOTHING });
    map.addLayer({ id: "circle-fill", type: "fill", source: "circle", paint: { "fill-opacity": 0.15 } });
    map.addLayer({ id: "circle-line", type: "line", source: "circle", paint: { "line-width": 3 } });
    onTheme(() => {
      map.setPaintProperty("circle-fill", "fill-color", css("accent"));
      map.setPaintProperty("circle-line", "line-color", css("accent"));
    });
    map.on("click", pressed);
    show({ move: true, duration: 0 }); // the box may have grown since the map was made
    await showTool();
    followDrawing(map, ground);
  });
}

// ---- the words ----
function labelOf(name) {
  return form.querySelector(`[name=${name}]:checked`)?.nextElementSibling.textContent.split(/[:(]/)[0].trim() ?? "";
}

function describe() {
  const kinds = form.querySelectorAll("[name=kinds]:checked").length;
  const all = form.querySelectorAll("[name=kinds]").length;
  const what = [
    kinds === all ? gettext("Every kind") : interpolate(gettext("%(kinds)s of %(all)s kinds"), { kinds, all }),
    labelOf("lowest_severity"),
    fields.unreviewed.checked ? gettext("Also not reviewed") : gettext("Reviewed only"),
    fields.updates.checked ? gettext("With changes") : gettext("Without changes"),
  ];
  form.querySelector("[data-summary=what]").textContent = what.join(" · ");
  form.querySelector("[data-summary=often]").textContent = labelOf("frequency");
}

/** The steps behind the number of mails, each with a link. */
function listPast(items, more) {
  past.hidden = items.length === 0;
  past.querySelector("ul").replaceChildren(
    ...items.map(({ title, url, about }) =>
      element("li", {}, element("a", { href: url }, title), element("p", { class: "soft" }, about)),
    ),
  );
  document.getElementById("past-more").textContent = more;
}

let latest = 0;
let timer = 0;

async function ask() {
  const mine = ++latest;
  try {
    const response = await fetch(form.dataset.previewUrl, { method: "POST", body: new FormData(form) });
    const answer = await response.json();
    if (mine !== latest) return;
    form.querySelector("[data-summary=where]").textContent = answer.label ?? "";
    listPast(answer.items ?? [], answer.more ?? "");
    preview.textContent = response.ok
      ? `${answer.label[0].toUpperCase()}${answer.label.slice(1)}. ${answer.sentence} ${answer.unseen}`.trim()
      : (!nowhere() && Object.values(answer.errors)[0]?.[0]) || CHOOSE_A_PLACE;
  } catch (error) {
    console.warn(error);
    if (mine === latest) listPast([], "");
    if (mine === latest)
      preview.textContent = gettext(
        "How many mails this would bring could not be counted just now. You can subscribe all the same.",
      );
  }
}

function changed() {
  describe();
  clearTimeout(timer);
  if (nowhere()) {
    latest++;
    preview.textContent = CHOOSE_A_PLACE;
    listPast([], "");
    form.querySelector("[data-summary=where]").textContent = "";
    return;
  }
  timer = setTimeout(ask, 250);
}

form.addEventListener("input", ({ target }) => {
  if (target.name === "own_km") fields.distance.value = "own";
  if (target.name === "where") showTool();
  else if (["latitude", "longitude", "distance", "own_km"].includes(target.name)) show({ move: true });
  if (target.name !== "email") changed();
});
drawAgain.addEventListener("click", () => tool?.again());
document.getElementById("use-circle").addEventListener("click", () => {
  fields.where.value = "circle";
  showTool();
  changed();
  fields.latitude.focus();
});

setUpMap();
changed();
document.getElementById("form-errors")?.focus();
