// The page of one alert: the map of its outline, which plays its motion, and a chart for each data set once unfolded.
import { published } from "gmm/ask";
import { createMap, fillBasemap, followDrawing, loaded } from "gmm/basemap";
import { element as h, jsonOf, pause } from "gmm/dom";
import { addLevels, addOutlines, boundsOf } from "gmm/marks";
import { addPoints } from "gmm/points";
import { addArrows, addRaster } from "gmm/rasters";
import { gettext } from "gmm/words";

const config = jsonOf("map-config");
const area = jsonOf("alert-area");

async function drawMap() {
  const box = document.getElementById("small-map");
  let map;
  try {
    map = createMap(box, {
      bounds: boundsOf(area.geometry),
      fitBoundsOptions: { padding: Math.min(56, box.clientHeight / 8), maxZoom: 15 },
      cooperativeGestures: true,
    });
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  await loaded(map);
  const ground = fillBasemap(map);
  await pause();
  const image = config.evidence_raster;
  if (image && published) document.querySelector("[data-of-image]")?.remove();
  else if (image) {
    addRaster(map, { ...image, tilesUrl: config.urls.raster_tiles });
    if (image.arrows) addArrows(map, { ...image, arrowsUrl: config.urls.arrows });
  } else if (config.default_layer) {
    addPoints(map, { urls: config.urls, layer: config.default_layer, ...config.colours });
  }
  await pause();
  addOutlines(map, area);
  const others = ["first-outline", "place-outlines"].filter((id) => document.getElementById(id)).map(jsonOf);
  const levels = { type: "FeatureCollection", features: others.flatMap((one) => one.features ?? [one]) };
  addLevels(map, levels, [...document.querySelectorAll("[data-level]")]);
  followDrawing(map, ground);
  setUpPlay(map);
}

/** The slider through the dates: the points take the colour of each date, and a line runs along the curve. */
function setUpPlay(map) {
  const button = document.getElementById("play");
  const layer = config.layers.find((one) => one.name === config.default_layer);
  const showPoints = (shown) => map.setLayoutProperty("points", "visibility", shown ? "visible" : "none");
  button?.addEventListener("click", async () => {
    const { openPlay } = await import("gmm/play");
    button.hidden = true;
    button.setAttribute("aria-expanded", "true");
    showPoints(false);
    openPlay({
      map,
      bar: document.getElementById("playbar"),
      url: config.urls.frames,
      layer: () => layer,
      startAt: null,
      remember: ({ time }) => followCurve(time),
      onClose() {
        button.hidden = false;
        button.setAttribute("aria-expanded", "false");
        button.focus();
        showPoints(true);
      },
    });
  });
}

/** Draws an upright line at a day of the curve; none where the slider is closed. */
function followCurve(day) {
  const chart = document.querySelector(".glance-curve .drawn-chart--series");
  chart?.querySelector(".now")?.remove();
  if (!chart || !day) return;
  const grid = chart.querySelector(".grid").getAttribute("d");
  const [, left, right] = (grid?.match(/^M(\d+) [\d.]+H(\d+)/) ?? []).map(Number);
  const [first, last] = [chart.dataset.first, chart.dataset.last].map(Date.parse);
  const share = Math.min(1, Math.max(0, (Date.parse(day) - first) / (last - first)));
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("class", "now");
  line.setAttribute("d", `M${left + share * (right - left)} 10V${chart.viewBox.baseVal.height - 24}`);
  chart.append(line);
}

/** The series against the ground around it, with its curve and a line at each change. */
async function drawMotion() {
  const box = document.querySelector("#motion .chart");
  const motion = jsonOf("motion-chart");
  try {
    const { drawChart } = await import("gmm/chart");
    drawChart(box, {
      dates: motion.dates,
      values: motion.displacement_mm,
      line: motion.fit_mm,
      zero: motion.zero_mm,
      marks: motion.changes.filter((one) => one.kind !== "curve").map((one) => one.day),
      positiveWord: motion.positive_word,
      negativeWord: motion.negative_word,
      names: {
        values: gettext("measured"),
        line: gettext("trend and seasons"),
        short: gettext("trend"),
        marks: gettext("a change"),
      },
    });
  } catch (error) {
    console.warn(error);
    box.replaceChildren(h("p", { class: "empty", role: "alert" }, gettext("The chart could not be loaded.")));
  }
}

drawMap();
document.getElementById("moved")?.addEventListener(
  "toggle",
  async () => {
    if (document.getElementById("motion")) drawMotion();
    const series = document.getElementById("series");
    if (series) (await import("gmm/alert-series")).drawSeries(series);
  },
  { once: true },
);
if (location.hash === "#moved") document.getElementById("moved").open = true;
