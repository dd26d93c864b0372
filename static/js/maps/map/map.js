// The map page: list, map and panel show the same, and the address bar holds the view.
import { published } from "gmm/ask";
import { createMap, fillBasemap, followDrawing, loaded, maplibre, unroll } from "gmm/basemap";
import { setUpContext } from "gmm/context";
import { css, element, jsonOf, pause } from "gmm/dom";
import { position } from "gmm/format";
import { linkHere } from "gmm/here";
import { setUpImages } from "gmm/images";
import { setUpLegend } from "gmm/legend";
import { setUpList, setUpViewLinks } from "gmm/list";
import { addAlerts, boundsOf } from "gmm/marks";
import * as panel from "gmm/panel";
import { addPoints } from "gmm/points";
import { setUpSearch } from "gmm/search";
import { setUpTools } from "gmm/tools";
import { gettext, interpolate } from "gmm/words";

const config = jsonOf("map-config");
const pane = document.getElementById("map-pane");
const legendBox = document.getElementById("legend");
const message = document.getElementById("map-message");
const notice = document.getElementById("map-notice");
const narrow = matchMedia("(max-width: 720px)");
const AGGREGATED_BELOW = 10;

// ---- the address bar ----
const query = new URLSearchParams(location.search);
const startedWithHash = location.hash.length > 1;

function remember(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    url.searchParams.delete(name);
    for (const one of Array.isArray(value) ? value : value ? [value] : []) url.searchParams.append(name, one);
  }
  history.replaceState(history.state, "", url);
}

// ---- the legend and the list ----
let map;
let points = /** @type {ReturnType<typeof addPoints> | null} */ (null);
let alerts = /** @type {Awaited<ReturnType<typeof addAlerts>> | null} */ (null);
let images = /** @type {Awaited<ReturnType<typeof setUpImages>> | null} */ (null);
let popup = /** @type {LibraryObject} */ (null);
let pin = /** @type {LibraryObject} */ (null);
let known = /** @type {ReturnType<typeof setUpContext> | null} */ (null);
let tools = /** @type {ReturnType<typeof setUpTools> | null} */ (null);
let pointsWanted = true; // beside an image

const legend = setUpLegend({
  legend: legendBox,
  config,
  query,
  remember,
  onChange() {
    points?.show(legend.drawn());
    tools?.layerChanged();
  },
});
const list = setUpList({
  query,
  remember,
  find: (code) => alerts?.find(code),
  onPick: (feature) => selectAlert(feature, { scroll: false }),
});

// ---- the map ----
await pause();
try {
  const bbox = query.get("bbox")?.split(",").map(Number);
  const bounds = bbox?.length === 4 && bbox.every(Number.isFinite) ? bbox : config.bounds;
  map = createMap("map", { hash: true, ...(bounds ? { bounds, fitBoundsOptions: { padding: 48, maxZoom: 14 } } : {}) });
} catch (error) {
  console.warn(error);
  message.querySelector("p").textContent = gettext("This browser cannot draw the map. The list has every place.");
  legendBox.hidden = true;
}

function say(text) {
  document.getElementById("announcement").textContent = text;
}

function warn(text, retry) {
  const [line, button] = notice.querySelectorAll(":scope > *");
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
  if (narrow.matches) window.scrollTo({ top: pane.parentElement?.offsetTop });
}

// on the phone the list lies over the map, which stays where it is: who comes to the map by Tab wants to see it
pane.addEventListener("focusin", () => {
  if (pane.querySelector(":focus-visible") && getComputedStyle(pane).position === "sticky") mapIntoView();
});

// ---- choosing ----
/** @param {{alert?: string | null, point?: string | null, at?: string | null, scroll?: boolean}} chosen */
function choose({ alert = null, point = null, at = null, scroll = false }) {
  remember({ alert, point, at });
  alerts?.choose(alert);
  if (!point) points?.choose(null);
  list.select(alert, scroll && !narrow.matches);
}

function selectAlert(feature, { move = true, scroll = true, link = null } = {}) {
  const { code } = feature.properties;
  popup?.remove();
  tools?.leave();
  panel.showAlert(feature.properties, { link, hasPoints: config.kinds_of_points.includes(feature.properties.kind) });
  choose({ alert: code, scroll });
  legend.follow(feature.properties.component);
  if (!move) return;
  mapIntoView();
  map.fitBounds(boundsOf(feature.geometry), { padding: padding(), maxZoom: 14.5, duration: 900 });
}

async function selectPoint(product, pid, coordinates) {
  popup?.remove();
  tools?.leave();
  // Files know a point by its place.
  const where = published && (coordinates?.map((degrees) => degrees.toFixed(6)).join(",") ?? query.get("at"));
  choose({ point: `${product}/${pid}`, at: where });
  if (coordinates) points?.choose(coordinates);
  const url = config.urls.series
    .replace("{product}", encodeURIComponent(product))
    .replace("{pid}", encodeURIComponent(pid));
  const buttons = (found) => (published ? [] : (tools?.buttonsFor(`${product}/${pid}`, found) ?? []));
  const point = await panel.showPoint(where ? `${url}#${where}` : url, buttons);
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
function explain(lngLat, text, link) {
  const content = element(
    "div",
    {},
    element("p", {}, text),
    link && element("p", {}, element("a", { href: link.href, onclick: link.onclick }, link.text)),
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
  const station = known?.at(event.point, reach, ["stations"]); // they lie above the points
  if (station) {
    explain(event.lngLat, station.text, station.link);
    return;
  }
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
  const feature = area && alerts?.find(area.properties.code);
  const arrow = images?.at(event.point, reach);
  const here = known?.at(event.point, reach);
  if (arrow) explain(event.lngLat, motionHere(arrow), here?.link);
  else if (feature) selectAlert(feature, { move: false, link: here?.link });
  else if (here) explain(event.lngLat, here.text, here.link);
  else {
    const none = gettext("No measurement point here: that does not mean that the ground is still.");
    explain(event.lngLat, none, linkHere(config.urls, event.lngLat.wrap()));
  }
}

const motionHere = (motion) => interpolate(gettext("Motion of the surface here: %(motion)s."), { motion });

panel.onClose(() => {
  tools?.leave();
  choose({});
});

// ---- the readout ----
/** What stands under the pointer, beside the scale. */
class Readout {
  node = document.createElement("div");

  onAdd(on) {
    this.node.className = "maplibregl-ctrl readout-here";
    const centre = () => this.put(on.getCenter());
    on.on("mousemove", ({ lngLat, point }) => {
      const value = points && on.loaded() ? points.at(point, 4)?.properties.v : undefined;
      const words = value === undefined ? images?.at(point, 4) : legend.speed(value);
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

// ---- searching ----
/** Moves the map to a place that was searched for; a pin marks it where it is no whole region. */
function goTo({ name, bounds, at }) {
  const [west, south, east, north] = unroll(bounds);
  pin?.remove();
  pin = null;
  if (east - west < 1) {
    pin = new maplibre.Marker({ color: css("accent") }).setLngLat([(west + east) / 2, (south + north) / 2]).addTo(map);
    pin.getElement().setAttribute("aria-label", name);
  }
  if (at) explain(at, name, linkHere(config.urls, { lng: at[0], lat: at[1] }));
  mapIntoView();
  map.fitBounds([west, south, east, north], { padding: padding(), maxZoom: 14, duration: 900 });
}

// ---- putting it together ----
async function loadAlerts() {
  try {
    alerts = await addAlerts(map, config.urls.alerts, (feature) =>
      selectAlert(feature, { move: map.getZoom() < AGGREGATED_BELOW }),
    );
    list.update(alerts);
    const feature = alerts.find(query.get("alert"));
    if (feature) selectAlert(feature, { move: !startedWithHash });
  } catch (error) {
    console.warn(error);
    warn(gettext("The outlines of the alerts could not be loaded. The list is complete."), loadAlerts);
  }
}

/** Points lie under an image only where they are wanted, and never under their own displacement. */
function showPoints() {
  legendBox.toggleAttribute("data-playing", Boolean(tools?.isPlaying()));
  points?.setVisible(pointsWanted && !tools?.isPlaying());
}

async function loadImages() {
  try {
    images = await setUpImages({
      map,
      urls: config.urls,
      query,
      remember,
      hasPoints: Boolean(legend.layer()),
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
  const ground = fillBasemap(map);
  await pause();
  map.on("idle", () => legend.describePoints(points, map.getZoom()));
  if (legend.layer()) points = addPoints(map, { urls: config.urls, ...legend.drawn() });
  known = setUpContext({ map, urls: config.urls, query, remember, before: legend.layer() ? "points" : undefined });
  map.on("click", pressed);
  setUpViewLinks(map, () => legend.layer()?.name);
  tools = setUpTools({
    map,
    urls: config.urls,
    layer: legend.layer,
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
    onPeriod(period) {
      legend.setPeriod(period);
      points?.show(legend.drawn());
    },
  });
  const point = query.get("point") ?? "";
  const slash = point.indexOf("/");
  if (slash > 0) selectPoint(point.slice(0, slash), point.slice(slash + 1));
  await Promise.all([loadAlerts(), loadImages()]);
  followDrawing(map, ground);
}

if (query.has("bbox")) remember({ bbox: null });
if (map) {
  setUpSearch(goTo);
  loaded(map).then(start);
  map.on("error", ({ error, sourceId }) => {
    if (sourceId === "points") warn(gettext("Some measurement points could not be loaded."), () => points?.retry());
    else if (sourceId === "raster") warn(gettext("Some images could not be loaded."), () => images?.retry());
    else console.warn(error?.message);
  });
}
