// The map page: list, map and panel show the same, and the address bar holds the view.
import { createMap, fillBasemap, followDrawing, maplibre } from "gmm/basemap";
import { setUpContext } from "gmm/context";
import { css, element, jsonOf } from "gmm/dom";
import { position, signed } from "gmm/format";
import { setUpImages } from "gmm/images";
import { addAlerts, boundsOf } from "gmm/marks";
import * as panel from "gmm/panel";
import { addPoints } from "gmm/points";
import { setUpSearch } from "gmm/search";
import { setUpTools } from "gmm/tools";
import { formatNumber, gettext, interpolate, ngettext } from "gmm/words";

const config = jsonOf("map-config");
const pane = document.getElementById("map-pane");
const legend = document.getElementById("legend");
const message = document.getElementById("map-message");
const notice = document.getElementById("map-notice");
const cards = [...document.querySelectorAll("[data-alert-code]")];
const narrow = matchMedia("(max-width: 720px)");
const AGGREGATED_BELOW = 10;

// ---- the address bar ----
const query = new URLSearchParams(location.search);
const startedWithHash = location.hash.length > 1;
const stretches = [5, 10, 20, 50, 100, 300];
const view = {
  layer: config.layers.some((one) => one.name === query.get("layer")) ? query.get("layer") : config.default_layer,
  stretch: stretches.includes(Number(query.get("stretch"))) ? Number(query.get("stretch")) : 10,
};

function remember(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name);
    for (const one of Array.isArray(value) ? value : value ? [value] : []) url.searchParams.append(name, one);
  }
  history.replaceState(history.state, "", url);
}

// ---- the map ----
let map;
try {
  const bbox = query.get("bbox")?.split(",").map(Number);
  const bounds = bbox?.length === 4 && bbox.every(Number.isFinite) ? bbox : config.bounds;
  map = createMap("map", { hash: true, ...(bounds ? { bounds, fitBoundsOptions: { padding: 48, maxZoom: 14 } } : {}) });
} catch (error) {
  console.warn(error);
  message.firstElementChild.textContent = gettext("This browser cannot draw the map. The list has every place.");
  legend.hidden = true;
}

let points = null;
let alerts = null;
let images = null;
let popup = null;
let pin = null;
let known = null;
let tools = null;
let pointsWanted = true; // beside an image

function say(text) {
  document.getElementById("announcement").textContent = text;
}

function warn(text, retry) {
  const [line, button] = notice.children;
  line.textContent = text;
  button.onclick = () => {
    notice.hidden = true;
    retry();
  };
  notice.hidden = false;
}

/** Keeps what is chosen out from under the panel. */
function padding() {
  const [map_, panel_] = [pane.getBoundingClientRect(), document.getElementById("panel").getBoundingClientRect()];
  const edge = 48;
  if (!panel.isOpen()) return { top: edge, bottom: edge, left: edge, right: edge };
  if (narrow.matches)
    return {
      top: 24,
      left: 24,
      right: 24,
      bottom: Math.min(Math.max(24, map_.bottom - panel_.top + 24), map_.height * 0.7),
    };
  const covered = panel_.left > map_.left ? map_.right - panel_.left : 0;
  return { top: edge, bottom: edge, left: edge, right: covered + edge };
}

function mapIntoView() {
  if (narrow.matches) window.scrollTo({ top: pane.parentElement.offsetTop });
}

// ---- choosing ----
function choose({ alert = null, point = null }) {
  remember({ alert, point });
  alerts?.choose(alert);
  if (!point) points?.choose(null);
  for (const card of cards) card.toggleAttribute("data-selected", card.dataset.alertCode === alert);
}

function selectAlert(feature, { move = true, scroll = true, link = null } = {}) {
  const { code } = feature.properties;
  popup?.remove();
  tools?.leave();
  panel.showAlert(feature.properties, { link, hasPoints: config.kinds_of_points.includes(feature.properties.kind) });
  choose({ alert: code });
  if (scroll && !narrow.matches)
    cards.find((card) => card.dataset.alertCode === code)?.scrollIntoView({ block: "nearest" });
  if (!move) return;
  mapIntoView();
  map.fitBounds(boundsOf(feature.geometry), { padding: padding(), maxZoom: 14.5, duration: 900 });
}

async function selectPoint(product, pid, coordinates) {
  popup?.remove();
  tools?.leave();
  choose({ point: `${product}/${pid}` });
  if (coordinates) points?.choose(coordinates);
  const url = config.urls.series
    .replace("{product}", encodeURIComponent(product))
    .replace("{pid}", encodeURIComponent(pid));
  const point = await panel.showPoint(url, (found) => tools?.buttonsFor(`${product}/${pid}`, found) ?? []);
  mapIntoView();
  if (!point) return;
  const at = [point.longitude, point.latitude];
  points?.choose(at);
  const { x, y } = map.project(at);
  const room = padding();
  const box = map.getContainer();
  if (x > box.clientWidth - room.right || y > box.clientHeight - room.bottom || x < 0 || y < 0)
    map.easeTo({ center: at, padding: room });
}

/** Words at a place, with a link to more about it where there is one. */
function explain(lngLat, text, link = null) {
  const content = element(
    "div",
    {},
    element("p", {}, text),
    link && element("p", {}, element("a", { href: link.href }, link.text)),
  );
  popup?.remove();
  popup = new maplibre.Popup({ closeOnMove: false, focusAfterOpen: false })
    .setLngLat(lngLat)
    .setDOMContent(content)
    .addTo(map);
  say("");
  requestAnimationFrame(() => say(text));
}

function pressed(event) {
  if (tools?.isBusy()) return;
  const reach = matchMedia("(pointer: coarse)").matches ? 14 : 7;
  const hit = points?.at(event.point, reach);
  if (hit?.properties.pid !== undefined) {
    if (tools?.takes(`${hit.properties.product}/${hit.properties.pid}`)) return;
    selectPoint(hit.properties.product, hit.properties.pid, hit.geometry.coordinates);
    return;
  }
  if (hit) {
    const zoom = map.getZoom();
    map.easeTo({
      center: hit.geometry.coordinates,
      zoom: Math.max(zoom + 2, Math.min(AGGREGATED_BELOW + 0.5, zoom + 5)),
    });
    return;
  }
  const area = alerts && map.queryRenderedFeatures(event.point, { layers: ["alert-fill"] })[0];
  const feature = area && alerts.find(area.properties.code);
  const arrow = images?.at(event.point, reach);
  const here = known?.at(event.point, reach);
  if (arrow) explain(event.lngLat, motionHere(arrow), here?.link);
  else if (feature) selectAlert(feature, { move: false, link: here?.link });
  else if (here) explain(event.lngLat, here.text, here.link);
  else explain(event.lngLat, gettext("No measurement point here: that does not mean that the ground is still."));
}

const motionHere = (motion) => interpolate(gettext("Motion of the surface here: %(motion)s."), { motion });

panel.onClose(() => {
  tools?.leave();
  choose({});
});

// ---- legend and layers ----
const isFast = () => config.layers.find((one) => one.name === view.layer)?.fast;
const speed = (value) =>
  isFast()
    ? interpolate(gettext("%(figure)s m/year"), { figure: signed(value / 1000) })
    : interpolate(gettext("%(figure)s mm/year"), { figure: signed(value) });

/** What the points are drawn with: ice is coloured in metres a year, with the same steps. */
function drawn() {
  return { ...view, stretch: view.stretch * (isFast() ? 1000 : 1) };
}

function describe() {
  const layer = config.layers.find((one) => one.name === view.layer);
  const put = (name, text) => (legend.querySelector(`[data-legend="${name}"]`).textContent = text);
  const unit = layer?.fast ? gettext("metres per year") : gettext("mm per year");
  put("negative", layer?.negative_word ?? gettext("sinking"));
  put("positive", layer?.positive_word ?? gettext("rising"));
  put("description", layer?.description ?? "");
  put("unit", unit);
  put("stretch-unit", unit);
  put("low", signed(-view.stretch, 0));
  put("high", signed(view.stretch, 0));
}

function setUpLegend() {
  const select = legend.querySelector("#layer");
  select.value = view.layer;
  select.addEventListener("change", () => changeView({ layer: select.value }));
  for (const radio of legend.querySelectorAll("[name=stretch]")) {
    radio.checked = Number(radio.value) === view.stretch;
    radio.addEventListener("change", () => changeView({ stretch: Number(radio.value) }));
  }
  describe();
}

function changeView(change) {
  Object.assign(view, change);
  remember({
    layer: view.layer === config.default_layer ? null : view.layer,
    stretch: view.stretch === 10 ? null : view.stretch,
  });
  describe();
  points?.show(drawn());
  tools?.layerChanged();
}

/** What stands under the pointer, beside the scale. */
class Readout {
  onAdd(on) {
    this.node = document.createElement("div");
    this.node.className = "maplibregl-ctrl readout-here";
    const centre = () => this.put(on.getCenter());
    on.on("mousemove", ({ lngLat, point }) => {
      const value = points && on.loaded() ? points.at(point, 4)?.properties.v : undefined;
      const words = value === undefined ? images?.at(point, 4) : speed(value);
      on.getCanvas().style.cursor = words ? "pointer" : "";
      this.put(lngLat, words);
    });
    on.on("moveend", centre);
    centre();
    return this.node;
  }

  put({ lng, lat }, words) {
    this.node.textContent = position(lng, lat) + (words ? ` · ${words}` : "");
  }

  onRemove() {
    this.node.remove();
  }
}

// ---- the list ----
/** Adds the values there are to a choice; all: [value, label] of every place. */
function fillChoices(select, name, all) {
  const known = new Set([...select.options].map((option) => option.value));
  const choices = new Map(all.filter(([value]) => !known.has(value)));
  select.append(...[...choices].map(([value, label]) => new Option(label, value)));
  if (choices.has(query.get(name))) select.value = query.get(name);
}

function fillFilters(choicesOf) {
  const { kind, state } = document.getElementById("filters").elements;
  fillChoices(kind, "kind", choicesOf("kind"));
  fillChoices(state, "state", choicesOf("state"));
}

function setUpList() {
  const form = document.getElementById("filters");
  if (!form) return;
  fillFilters((name) => cards.map((card) => [card.dataset[name], card.dataset[`${name}Label`]]));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", filterList);
  for (const card of cards) {
    card.querySelector("a").addEventListener("click", (event) => {
      const feature = alerts?.find(card.dataset.alertCode);
      if (!feature || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      selectAlert(feature, { scroll: false });
    });
  }
  filterList();
}

function filterList() {
  const { kind, state } = document.getElementById("filters").elements;
  const fits = (one) => (!kind.value || one.kind === kind.value) && (!state.value || one.state === state.value);
  for (const card of cards) card.closest("li").hidden = !fits(card.dataset);
  const listed = cards.filter((card) => fits(card.dataset)).length;
  document.getElementById("no-match").hidden = listed > 0;
  if (alerts) {
    const count = alerts.filter(fits);
    const places = ngettext("%(n)s place", "%(n)s places", count);
    document.getElementById("count").textContent = interpolate(places, { n: formatNumber(count) });
  }
  remember({ kind: kind.value, state: state.value });
}

/** The links that subscribe to what the map shows, and that list it. */
function setUpViewLinks() {
  const mail = document.getElementById("mail-view");
  const list = document.getElementById("list-view");
  const desk = document.getElementById("desk-view");
  if (!mail) return;
  const within = (degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;
  const address = (box) => new URLSearchParams({ bbox: box.map((degrees) => degrees.toFixed(4)).join(",") });
  const follow = () => {
    const [west, south, east, north] = map.getBounds().toArray().flat();
    mail.search = address([west, south, east, north]);
    const shown = address(east - west < 360 ? [within(west), south, within(east), north] : [-180, south, 180, north]);
    list.search = shown;
    if (!desk) return;
    shown.set("layer", view.layer);
    desk.search = shown;
  };
  map.on("moveend", follow);
  desk?.addEventListener("click", follow); // the layer may have changed since
  follow();
}

/** Moves the map to a place that was searched for; a pin marks it where it is no whole region. */
function goTo({ name, bounds }) {
  const [west, south, east, north] = bounds;
  pin?.remove();
  pin = null;
  if (east - west < 1) {
    pin = new maplibre.Marker({ color: css("accent") }).setLngLat([(west + east) / 2, (south + north) / 2]).addTo(map);
    pin.getElement().setAttribute("aria-label", name);
  }
  mapIntoView();
  map.fitBounds(bounds, { padding: padding(), maxZoom: 14, duration: 900 });
}

// ---- putting it together ----
async function loadAlerts() {
  try {
    alerts = await addAlerts(map, config.urls.alerts, (feature) =>
      selectAlert(feature, { move: map.getZoom() < AGGREGATED_BELOW }),
    );
    if (document.getElementById("filters")) {
      fillFilters((name) => alerts.properties().map((one) => [one[name], one[`${name}_label`]]));
      filterList();
    }
    const feature = alerts.find(query.get("alert"));
    if (feature) selectAlert(feature, { move: !startedWithHash });
  } catch (error) {
    console.warn(error);
    warn(gettext("The outlines of the alerts could not be loaded. The list is complete."), loadAlerts);
  }
}

/** Points lie under an image only where they are wanted, and never under their own displacement. */
function showPoints() {
  legend.toggleAttribute("data-playing", Boolean(tools?.isPlaying()));
  points?.setVisible(pointsWanted && !tools?.isPlaying());
}

async function loadImages() {
  try {
    images = await setUpImages({
      map,
      urls: config.urls,
      query,
      remember,
      hasPoints: Boolean(view.layer),
      onPoints(visible) {
        pointsWanted = visible;
        showPoints();
      },
    });
  } catch (error) {
    console.warn(error);
    warn(gettext("The images could not be loaded."), loadImages);
  }
}

async function start() {
  message.hidden = true;
  map.addControl(new Readout(), "bottom-left");
  fillBasemap(map).catch((error) => console.warn("base map:", error.message));
  map.on("idle", () => {
    legend.querySelector("[data-legend=sample]").hidden = !points?.isSample();
  });
  if (view.layer) points = addPoints(map, { tilesUrl: config.urls.tiles, ...drawn() });
  known = setUpContext({ map, urls: config.urls, query, remember, before: view.layer ? "points" : undefined });
  map.on("click", pressed);
  setUpViewLinks();
  tools = setUpTools({
    map,
    urls: config.urls,
    layer: () => config.layers.find((one) => one.name === view.layer),
    query,
    remember,
    say,
    warn,
    padding,
    onUse() {
      popup?.remove();
      choose({});
      mapIntoView();
    },
    onPlay: showPoints,
  });
  const slash = query.get("point")?.indexOf("/") ?? -1;
  if (slash > 0) selectPoint(query.get("point").slice(0, slash), query.get("point").slice(slash + 1));
  await Promise.all([loadAlerts(), loadImages()]);
  followDrawing(map);
}

setUpLegend();
setUpList();
if (query.has("bbox")) remember({ bbox: null });
if (map) {
  setUpSearch(goTo);
  map.once("load", start);
  map.on("error", ({ error, sourceId }) => {
    if (sourceId === "points") warn(gettext("Some measurement points could not be loaded."), () => points.retry());
    else if (sourceId === "raster") warn(gettext("Some images could not be loaded."), () => images?.retry());
    else console.warn(error?.message);
  });
}
