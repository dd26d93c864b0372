// The maps of a sheet, beside the charts that Dash draws; points chosen in one of them are marked in all others.
import { drawGround } from "gmm/desk-ground";
import { signed } from "gmm/format";
import { formatNumber, gettext, interpolate, ngettext } from "gmm/words";

const MOST_DOTS = 1500; // chosen points drawn on the cross-plot
const MOST_SERIES = 200; // at most so many the server accepts (MOST_PIDS)
const SERIES_AFTER_MS = 250;
const FINGER_PX = 12; // a tap chooses points within this distance; bars are narrower
const ACROSS = 20; // bands of the cross-plot that the keys choose; a click chooses points within one of either axis
const UNKNOWN = 2 ** 16 - 1; // code of a value that is not known
let maps = /** @type {{remove: () => void}[]} */ ([]);
let sheet = /** @type {LibraryObject} */ (null); // state of the sheet with linked charts, if it is open

/** The values of `parts.packed`. */
function unpack({ low, step, codes }) {
  const bytes = Uint8Array.from(atob(codes), (letter) => letter.charCodeAt(0));
  return Float32Array.from(new Uint16Array(bytes.buffer), (code) => (code === UNKNOWN ? NaN : low + step * code));
}
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const between = (values, [a, b]) => [...values.keys()].filter((row) => values[row] >= a && values[row] <= b);
const LINKED = ["histogram", "cross"];
/** Returns the chart with this name if Plotly has drawn it, else null. */
function plotOf(id) {
  const plot = document.querySelector(`#${id} .js-plotly-plot`);
  return plot?.data && plot.on ? plot : null;
}

/** Draws the maps of a sheet, and links its charts. ground: the data of `parts.map_data`. */
export function show(ground) {
  for (const map of maps) map.remove();
  [maps, sheet] = [[], null];
  for (const [id, packed] of Object.entries(ground?.maps ?? {})) {
    const data = { ...packed };
    for (const name of ["longitude", "latitude", "value"]) data[name] = unpack(packed[name]);
    if (id === "points") link(data, ground.linked);
    const map = drawGround(document.getElementById(id), data, toolsOf(id, data, ground.linked));
    if (map) maps.push(map);
    if (id === "points") sheet.map = map;
  }
}

/** @returns {Record<string, Function>} */
function toolsOf(id, data, linked) {
  if (id !== "points") return {};
  return {
    onChoose: (rows, outline, more) => choose(more ? [...new Set([...sheet.rows, ...rows])] : rows, "points", outline),
    onView: (area) => location.assign(`${linked.address}&area=${area}`),
    describe: (row) => `${linked.pids[row]}: ${signed(data.value[row])} ${data.unit}`,
  };
}

/** Links the charts. The sheet holds the values of every point, clamped to the axes of the charts. */
function link({ value, unit }, { pids, bars: [low, high, bars], x, y, edges }) {
  const held = (packed, from, to) => (packed ? unpack(packed) : value).map((one) => clamp(one, from, to));
  sheet = { pids, value, unit, bars, low, high, rows: [], bands: {}, edges, places: new Map() };
  pids.forEach((pid, row) => sheet.places.set(pid, row));
  sheet.speed = value.map((one) => clamp(one, low, high));
  if (edges) Object.assign(sheet, { x: held(x, edges[0], edges[1]), y: held(y, edges[2], edges[3]) });
}

/** Listens to the chart that the mouse is over. */
document.addEventListener("pointerover", ({ target }) => {
  const plot = /** @type {LibraryObject} */ (target).closest?.(".js-plotly-plot");
  if (!plot?.on || plot.isHeard) return;
  plot.isHeard = true; // a chart stays when its sheet is drawn again, as in another theme
  const { id } = plot.parentElement;
  if (id === "series") plot.on("plotly_hover", focus);
  if (LINKED.includes(id)) listen(id, plot);
});

function listen(id, plot) {
  plot.on("plotly_selected", (event) => {
    if (!event?.range) return;
    const { range } = event;
    const high = id === "histogram" ? () => true : (row) => sheet.y[row] >= range.y[0] && sheet.y[row] <= range.y[1];
    choose(between(id === "histogram" ? sheet.speed : sheet.x, range.x).filter(high), id);
  });
  plot.on("plotly_deselect", () => choose([], id));
  plot.on("plotly_click", ({ points: [at] }) => {
    if (isTouch) return;
    if (id === "histogram") return choose(between(sheet.speed, edgesOf(at.pointNumber)), "");
    const [left, right, low, high] = sheet.edges;
    chooseAround(id, at.x, at.y, (right - left) / ACROSS / 2, (high - low) / ACROSS / 2);
  });
}

/** Chooses the points within a width, and on the cross-plot a height, of a place on a chart, in the chart's units. */
function chooseAround(id, x, y, width, height) {
  const across = between(id === "histogram" ? sheet.speed : sheet.x, [x - width, x + width]);
  choose(id === "histogram" ? across : across.filter((row) => Math.abs(sheet.y[row] - y) <= height), "");
}

// ---- taps. Plotly ends a touch with a click, on the point that it showed before ----
let from = /** @type {Touch | null} */ (null);
let isTouch = false;
const heard = { capture: true, passive: true };
document.addEventListener("pointerdown", ({ pointerType }) => (isTouch = pointerType !== "mouse"), heard);
document.addEventListener("touchstart", ({ changedTouches: [at] }) => (from = at), heard);
document.addEventListener(
  "touchend",
  ({ target, changedTouches: [at] }) => {
    const plot = /** @type {PageElement} */ (target).closest(".js-plotly-plot");
    const isTap = from && Math.hypot(at.clientX - from.clientX, at.clientY - from.clientY) <= 8;
    if (isTap && sheet && LINKED.includes(plot?.parentElement?.id ?? "")) tap(plot, at);
  },
  heard,
);

function tap(plot, at) {
  const box = plot.querySelector(".nsewdrag").getBoundingClientRect();
  const [across, up] = [(at.clientX - box.left) / box.width, (box.bottom - at.clientY) / box.height];
  if (Math.min(across, up) < 0 || Math.max(across, up) > 1) return;
  const [[left, right], [low, high]] = [plot.layout.xaxis.range, plot.layout.yaxis.range];
  const [width, height] = [(FINGER_PX / box.width) * (right - left), (FINGER_PX / box.height) * (high - low)];
  chooseAround(plot.parentElement.id, left + across * (right - left), low + up * (high - low), width, height);
}

/** @returns {[number, number]} */
const edgesOf = (bar, last = bar) => {
  const step = (sheet.high - sheet.low) / sheet.bars;
  return [sheet.low + bar * step, last === sheet.bars - 1 ? sheet.high : sheet.low + (last + 1) * step];
};

let waiting = 0;

/** Marks chosen points in the map and all charts. source: where they were chosen; outline: around them, for links. */
function choose(rows, source, outline = "") {
  sheet.rows = rows;
  sheet.map?.mark(rows);
  markHistogram(rows);
  markCross(rows);
  for (const id of LINKED)
    if (id !== source && plotOf(id)?.layout.selections?.length) Plotly.relayout(plotOf(id), { selections: [] });
  say(rows);
  clearTimeout(waiting);
  const pids = rows.slice(0, MOST_SERIES).map((row) => sheet.pids[row]); // the sample's order is random
  const data = rows.length ? { pids, n: rows.length, area: outline } : null;
  waiting = setTimeout(() => window.dash_clientside.set_props("choice", { data }), SERIES_AFTER_MS);
}

function markHistogram(rows) {
  const counts = Array(sheet.bars).fill(0);
  const step = (sheet.high - sheet.low) / sheet.bars;
  for (const row of rows) counts[clamp(Math.floor((sheet.speed[row] - sheet.low) / step), 0, sheet.bars - 1)] += 1;
  const plot = plotOf("histogram");
  if (plot) Plotly.restyle(plot, { y: [counts.map((n) => n || null)], customdata: [counts] }, [1]);
}

function markCross(rows) {
  const plot = plotOf("cross");
  if (!plot) return;
  const step = Math.ceil(rows.length / MOST_DOTS) || 1;
  const shown = rows.filter((_, i) => i % step === 0);
  const [x, y] = [shown.map((row) => sheet.x[row]), shown.map((row) => sheet.y[row])];
  Plotly.restyle(plot, { x: [x.length ? x : [null]], y: [y.length ? y : [null]] }, [plot.data.length - 1]);
}

/** States in one sentence, also for screen readers, what is chosen. */
function say(rows) {
  const box = document.getElementById("choice-words");
  const speeds = Float32Array.from(rows, (row) => sheet.value[row]).sort();
  const text = ngettext(
    "%(n)s point chosen: %(median)s %(unit)s.",
    "%(n)s points chosen: median %(median)s, from %(low)s to %(high)s %(unit)s.",
    rows.length,
  );
  const at = (share) => signed(speeds[Math.round(share * (speeds.length - 1))]);
  const figures = { n: formatNumber(rows.length), median: at(0.5), low: at(0), high: at(1), unit: sheet.unit };
  box.textContent = rows.length ? interpolate(text, figures) : gettext("Nothing chosen.");
}

/** Chooses the points that are ticked in the list. */
export function list(pids) {
  if (sheet) choose((pids ?? []).map((pid) => sheet.places.get(pid)), "listed");
}

/** Marks the point whose series is read with a ring on the map. */
function focus({ points: [at] }) {
  const name = plotOf("series")?.data[at?.curveNumber]?.name;
  sheet?.map?.focus(sheet.places.get(name) ?? null);
}

// ---- keys ----
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Moves the band that is chosen in a chart; with Shift, its upper end. */
function moveBand(id, key, widen) {
  const n = id === "histogram" ? sheet.bars : ACROSS;
  let [first, last] = sheet.bands[id] ?? [Math.floor(n / 2), Math.floor(n / 2)];
  if (widen) last = clamp(last + STEPS[key], first, n - 1);
  else {
    const step = clamp(STEPS[key] * (last - first + 1), -first, n - 1 - last);
    [first, last] = [first + step, last + step];
  }
  sheet.bands[id] = [first, last];
  const [values, low, high] =
    id === "histogram" ? [sheet.speed, sheet.low, sheet.high] : [sheet.x, sheet.edges[0], sheet.edges[1]];
  const step = (high - low) / n;
  const rows = [...values.keys()].filter((row) => {
    const bar = clamp(Math.floor((values[row] - low) / step), 0, n - 1);
    return bar >= first && bar <= last;
  });
  choose(rows, "keys");
}

/** Reads a chart aloud value by value: left and right along a line, up and down to the next line. */
function readOn(plot, key) {
  const lines = plot.data.map((one, i) => [one, i]).filter(([one]) => one.x?.length > 1 && one.hoverinfo !== "skip");
  if (!lines.length || lines[0][0].type === "heatmap") return;
  plot.reading ??= { line: 0, at: -1 };
  const { reading } = plot;
  if (key === "ArrowUp" || key === "ArrowDown")
    reading.line = (reading.line + (key === "ArrowUp" ? lines.length - 1 : 1)) % lines.length;
  const [line, curveNumber] = lines[reading.line];
  reading.at = clamp(reading.at + (STEPS[key] ?? 0), 0, line.x.length - 1);
  const value = line.y[reading.at];
  const across = String(line.x[reading.at]).slice(0, 10);
  const text = typeof value === "number" ? signed(value) : (value ?? gettext("no value"));
  document.getElementById("desk-read").textContent = `${line.name ?? ""} ${across}: ${text}`;
  Plotly.Fx.hover(plot, [{ curveNumber, pointNumber: reading.at }]);
}

document.addEventListener("keydown", (event) => {
  const plot = /** @type {PageElement} */ (event.target).closest?.(".desk-chart")?.querySelector(".js-plotly-plot");
  if (!plot || event.altKey || event.ctrlKey || event.metaKey) return;
  const id = plot.parentElement?.id ?? "";
  const { key, shiftKey } = event;
  const isLinked = sheet && LINKED.includes(id);
  if (key === "Escape" && sheet) choose([], "keys");
  else if (isLinked && key in STEPS) moveBand(id, key, shiftKey);
  else if (!isLinked && key.startsWith("Arrow")) readOn(plot, key);
  else return;
  event.preventDefault();
});
