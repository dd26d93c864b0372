// The images on the map: which one, of which date, how strong; and what their colours mean.
import { ask } from "gmm/ask";
import { longitudeNear, unroll } from "gmm/basemap";
import { element as h } from "gmm/dom";
import { signed } from "gmm/format";
import { makePlayer } from "gmm/player";
import { addArrows, addRaster } from "gmm/rasters";
import { formatNumber, gettext, interpolate } from "gmm/words";

const STRENGTH = 80;
const part = (name) => document.querySelector(`[data-image="${name}"]`);

/**
 * Fills the choice of images and shows the one that the address bar asks for.
 * Resolves to { at(point), retry() }, `at` giving the words under a place on the screen;
 * to null where there are no images.
 * onPoints(visible) receives whether points stay.
 */
export async function setUpImages({ map, urls, query, remember, hasPoints, onPoints }) {
  const response = await ask(urls.rasters);
  if (!response.ok) throw new Error(`images: HTTP ${response.status}`);
  const { layers, min_zoom: minzoom } = await response.json();
  if (layers.length === 0) return null;
  const [select, slider, strength, points] = ["choice", "date", "strength", "points"].map(part);
  let raster = /** @type {ReturnType<typeof addRaster> | null} */ (null);
  let arrows = /** @type {ReturnType<typeof addArrows> | null} */ (null);
  let key = query.get("date");

  const layer = () => layers.find((one) => one.name === select.value);
  const group = () => layer()?.groups[Number(slider.value)];

  function clear() {
    raster?.remove();
    arrows?.remove();
    raster = arrows = null;
  }

  /** Another layer: the date that was shown where it has it, else its newest. */
  function choose() {
    player.pause();
    clear();
    const groups = layer()?.groups ?? [];
    const wanted = groups.findIndex((one) => one.key === key);
    slider.max = Math.max(0, groups.length - 1);
    slider.value = wanted >= 0 ? wanted : slider.max;
    part("dates").hidden = groups.length < 2;
    show();
  }

  function show() {
    const [one, date] = [layer(), group()];
    key = date?.key ?? key;
    if (one && raster) raster.show({ group: date.key, opacity: strength.value / 100 });
    else if (one)
      raster = addRaster(map, {
        tilesUrl: urls.raster_tiles,
        layer: one.name,
        group: date.key,
        opacity: strength.value / 100,
        bounds: around(one.groups),
        minzoom,
      });
    if (one?.arrows && arrows) arrows.show({ group: date.key });
    else if (one?.arrows)
      arrows = addArrows(map, { arrowsUrl: urls.arrows, group: date.key, fastest: one.high, minzoom });
    onPoints(!one || points.checked);
    describe(one, date);
    remember({
      raster: one?.name,
      date: one && Number(slider.value) < Number(slider.max) ? date.key : null,
      opacity: one && Number(strength.value) !== STRENGTH ? strength.value : null,
      points: one && points.checked ? "on" : null,
    });
  }

  function describe(one, date) {
    part("legend").hidden = part("options").hidden = !one;
    for (const node of document.querySelectorAll("[data-legend-of=points]"))
      node.hidden = !hasPoints || (Boolean(one) && !points.checked);
    if (!one) return;
    for (const name of ["low_word", "middle_word", "high_word", "description", "details"])
      part(name).textContent = one[name];
    part("bar").style.background = `linear-gradient(to right, ${one.colours.join(", ")})`;
    for (const name of ["words", "bar", "ticks"]) part(name).hidden = one.classes.length > 0;
    part("classes").hidden = one.classes.length === 0;
    part("classes").replaceChildren(...one.classes.map((name, i) => named(one.colours[i], name)));
    const figure = (value) =>
      one.low < 0 && one.unit !== "dB" ? signed(value, 0) : formatNumber(value).replace("-", "\u2212");
    part("low").textContent = figure(one.low);
    part("unit").textContent = one.unit;
    part("high").textContent = figure(one.high);
    const text = date.simulated ? interpolate(gettext("%(date)s, simulated"), { date: date.label }) : date.label;
    part("label").textContent = `${one.label}, ${text}`;
    slider.setAttribute("aria-valuetext", text);
    strength.setAttribute("aria-valuetext", interpolate(gettext("%(value)s percent"), { value: strength.value }));
    part("earlier").disabled = Number(slider.value) <= 0;
    part("later").disabled = Number(slider.value) >= Number(slider.max);
    elsewhere();
  }

  /** A way to the images while none of them is in view. */
  function elsewhere() {
    const date = group();
    if (!date) return;
    const [west, south, east, north] = unroll(date.bounds);
    const view = map.getBounds();
    const away = Math.abs(longitudeNear((west + east) / 2, view.getCenter().lng) - view.getCenter().lng);
    const apart = away > (east - west + view.getEast() - view.getWest()) / 2;
    const outside = apart || view.getSouth() > north || view.getNorth() < south;
    part("elsewhere").hidden = !outside && map.getZoom() >= minzoom;
  }

  function step(by) {
    player.pause();
    slider.value = Number(slider.value) + by;
    show();
  }

  const player = makePlayer({
    button: part("play"),
    count: () => layer()?.groups.length ?? 0,
    at: () => Number(slider.value),
    show(i) {
      slider.value = i;
      show();
      const next = layer().groups[i + 1];
      if (next) raster?.prefetch({ group: next.key });
      return new Promise((drawn) => map.once("idle", drawn));
    },
  });

  select.append(...layers.map((one) => h("option", { value: one.name }, one.label)));
  if (layers.some((one) => one.name === query.get("raster"))) select.value = query.get("raster");
  strength.value =
    query.has("opacity") && Number.isFinite(Number(query.get("opacity"))) ? query.get("opacity") : STRENGTH;
  points.checked = query.get("points") === "on";
  select.addEventListener("change", choose);
  slider.addEventListener("input", () => {
    player.pause();
    show();
  });
  strength.addEventListener("input", show);
  points.addEventListener("change", show);
  part("earlier").addEventListener("click", () => step(-1));
  part("later").addEventListener("click", () => step(1));
  const whole = { padding: 24, maxZoom: 13 };
  part("elsewhere").addEventListener("click", () => map.fitBounds(unroll(group().bounds), whole));
  map.on("moveend", elsewhere);
  part("section").hidden = false;
  document.getElementById("legend").hidden = false;
  choose();
  return { at: (point, reach) => arrows?.at(point, reach) ?? null, retry: () => raster?.retry() };
}

/** Returns a line of the legend: the colour and the name of a class. */
function named(colour, name) {
  const swatch = h("span", { class: "swatch swatch--class", "aria-hidden": "true" });
  swatch.style.background = colour;
  return h("li", {}, swatch, name);
}

/** The box around all dates of a layer: outside it, no tile is requested. Boxes of tiles cannot cross 180 degrees. */
function around(groups) {
  const boxes = groups.map(({ bounds: [west, south, east, north] }) =>
    west > east ? [-180, south, 180, north] : [west, south, east, north],
  );
  const edge = (i, pick) => pick(...boxes.map((one) => one[i]));
  return [edge(0, Math.min), edge(1, Math.min), edge(2, Math.max), edge(3, Math.max)];
}
