// The evidence of one case: a map with everything that speaks for or against it, its series, both images by swipe.
// One map serves case after case.
import { drawSeries } from "gmm/alert-series";
import { createMap, fillBasemap, followDrawing } from "gmm/basemap";
import { setUpContext } from "gmm/context";
import { jsonOf } from "gmm/dom";
import { themed } from "gmm/ground";
import { addOutlines, boundsOf, cutSeam } from "gmm/marks";
import { addPoints } from "gmm/points";
import { addArrows, addRaster } from "gmm/rasters";
import { formatNumber, gettext, interpolate } from "gmm/words";

const VIEW = { padding: 56, maxZoom: 15 };
const OUTLINES = { detection: [1.5, [1, 1.5]], neighbour: [1.5, [4, 2]], proposed: [3, [2, 1]] }; // width, dashes
let map = /** @type {LibraryObject} */ (null);
let points = /** @type {ReturnType<typeof addPoints> | null} */ (null);
let image = /** @type {ReturnType<typeof addRaster> | null} */ (null);
let arrows = /** @type {ReturnType<typeof addArrows> | null} */ (null);
let context = "";

/** Draws what the page of a case holds; page: its main element. */
export function openCase(page) {
  for (const box of page.querySelectorAll(".swipe")) setUpSwipe(box);
  const series = page.querySelector("#series");
  if (series) drawSeries(series);
  const facts = {
    config: jsonOf("map-config"),
    area: jsonOf("alert-area"),
    rasters: jsonOf("case-rasters"),
    outlines: jsonOf("case-outlines"),
  };
  if (map) return drawCase(page, facts);
  begin(page.querySelector("#small-map"), facts, () => drawCase(document.getElementById("content"), facts));
}

function begin(box, { area, outlines }, then) {
  try {
    map = createMap(box, { bounds: boundsOf(area.geometry), fitBoundsOptions: VIEW });
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  map.once("load", () => {
    const ground = fillBasemap(map);
    addOutlines(map, area);
    addOtherOutlines(outlines);
    then();
    followDrawing(map, ground);
  });
}

function addOtherOutlines(data) {
  map.addSource("others", { type: "geojson", data });
  for (const [role, [width, dashes]] of Object.entries(OUTLINES)) {
    const paint = { "line-width": width, "line-dasharray": dashes };
    const filter = ["==", ["get", "role"], role];
    map.addLayer({ id: `others-${role}`, type: "line", source: "others", filter, paint });
    themed(map, `others-${role}`, { "line-color": "alert-line" });
  }
}

function drawCase(page, { config, area, rasters, outlines }) {
  if (!map.getSource("alerts")) return; // not loaded yet: what loads it draws this
  map.getSource("alerts").setData(cutSeam(area));
  map.getSource("others").setData(outlines);
  map.resize();
  map.fitBounds(boundsOf(area.geometry), { ...VIEW, animate: false });
  const [layer, caption] = [page.querySelector("#layer"), page.querySelector("#map-caption")];
  const choose = () => (caption.textContent = showLayer(layer.value, config, rasters));
  layer.addEventListener("change", choose);
  choose();
  for (const box of page.querySelectorAll("[data-outlines]")) {
    const show = () =>
      map.setLayoutProperty(`others-${box.dataset.outlines}`, "visibility", box.checked ? "visible" : "none");
    box.addEventListener("change", show);
    show();
  }
  const query = new URLSearchParams(context ? { context } : {});
  setUpContext({ map, urls: config.urls, query, remember: (next) => ({ context } = next), before: "alert-fill" });
}

/** One layer under the outlines: points, or a result; returns what its colours mean. */
function showLayer(value, { layers, urls, colours }, rasters) {
  const [kind, name] = value.split(":");
  image?.remove();
  arrows?.remove();
  image = arrows = null;
  points?.setVisible(kind === "points");
  if (kind === "raster") {
    const raster = { ...rasters[Number(name)], tilesUrl: urls.raster_tiles, arrowsUrl: urls.arrows };
    image = addRaster(map, { ...raster, before: "alert-fill" });
    if (raster.arrows) arrows = addArrows(map, raster);
    return raster.caption;
  }
  if (kind !== "points") return "";
  const shown = { layer: name, stretch: colours.stretch };
  if (points) points.show(shown);
  else points = addPoints(map, { urls, ...shown, before: "alert-fill" });
  const layer = layers.find((one) => one.name === name);
  const words = gettext("Brown: %(down)s. Grey: still. Blue: %(up)s. Full colour at %(stretch)s mm a year.");
  const figures = { down: layer.negative_word, up: layer.positive_word, stretch: formatNumber(colours.stretch) };
  return interpolate(words, figures);
}

/** The line between two images: a slider for keys, and the images themselves for a hand. */
function setUpSwipe(box) {
  const [slider, images] = [box.querySelector("input"), box.querySelector(".swipe-images")];
  const [before, after] = box.querySelectorAll(".caption span");
  const show = () => {
    images.style.setProperty("--split", `${slider.value}%`);
    const words = gettext("%(share)s percent %(first)s, the rest %(second)s");
    const shares = { share: slider.value, first: before.textContent, second: after.textContent };
    slider.setAttribute("aria-valuetext", interpolate(words, shares));
  };
  const drag = (event) => {
    if (!event.buttons) return;
    const { left, width } = images.getBoundingClientRect();
    slider.value = (100 * (event.clientX - left)) / width;
    show();
  };
  slider.addEventListener("input", show);
  images.addEventListener("pointerdown", drag);
  images.addEventListener("pointermove", drag);
  show();
}
