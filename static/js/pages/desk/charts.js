// Charts of the workbench: drawn at once as a still, and by Plotly as soon as a reader reaches for one.
import { drawStill } from "gmm/desk-still";
import { element, jsonOf, loadScript } from "gmm/dom";

const charts = new WeakMap(); // by box: {figure, config, live: promise of Plotly's chart, or null}
const { charts: address } = jsonOf("desk-scripts");
let library = /** @type {Promise<LibraryObject> | null} */ (null);

/**
 * Loads Plotly, which is as large as all other files of the page; resolves when it can draw.
 * @returns {Promise<LibraryObject>}
 */
function plotly() {
  library ??= loadScript(address).then(
    () => window.Plotly,
    (error) => {
      library = null; // the next attempt may succeed
      throw error;
    },
  );
  return library;
}

/** Shows a figure in a box, in place of an earlier one: as a still, unless Plotly draws there already. */
export function showChart(box, figure, config) {
  const chart = charts.get(box);
  if (chart) {
    Object.assign(chart, { figure, config });
    if (chart.live) liven(box, () => plot(box));
    else drawStill(box, figure);
    return;
  }
  const first = { figure, config, live: null };
  charts.set(box, first);
  new ResizeObserver(() => first.live || drawStill(box, first.figure)).observe(box); // also draws it now
}

/** Frees the chart of a box that leaves the page. */
export function endChart(box) {
  if (charts.get(box)?.live) window.Plotly?.purge(box); // it listens to the window
}

async function plot(box) {
  const { figure, config } = charts.get(box);
  const { data, layout } = structuredClone(figure); // Plotly writes into both
  return (await plotly()).react(box, { data, layout: { ...layout, height: undefined, autosize: true }, config });
}

/** Replaces the still in a box by Plotly's chart, and calls `use` with it. The box reports "desk-live" once. */
export function liven(box, use = (_plot) => {}) {
  const chart = charts.get(box);
  chart.live ??= plot(box).then(
    () => {
      box.querySelector("canvas")?.remove();
      box.dispatchEvent(new CustomEvent("desk-live", { bubbles: true }));
      return box;
    },
    (error) => {
      chart.live = null; // the still stays, and the next attempt may succeed
      throw error;
    },
  );
  chart.live.then(use).catch((error) => console.warn(error));
}

/** Livens those of the named charts that the sheet has. */
export function livenAll(...names) {
  for (const name of names) {
    const box = document.querySelector(`#${name} .desk-figure`);
    if (box) liven(box);
  }
}

/** Livens the chart that the mouse is over, or that a key or a tap has chosen; a swipe over it scrolls the page. */
function reachFor(event) {
  const { target, pointerType } = /** @type {LibraryObject} */ (event);
  if (pointerType === "touch") return;
  const box = target.closest?.(".desk-chart")?.querySelector(".desk-figure");
  if (box && charts.has(box)) liven(box);
}
for (const name of ["pointerover", "focusin"]) document.addEventListener(name, reachFor);

// Fetches Plotly as soon as a mouse moves over the sheet, because it may reach for a chart next.
document.querySelector(".desk-sheet").addEventListener(
  "pointermove",
  ({ pointerType }) => {
    if (pointerType !== "mouse" || library) return;
    document.head.append(element("link", { rel: "preload", as: "script", href: address }));
  },
  { once: true },
);
