// The page of one alert: a small map of its outline and a chart for each data set.
import { drawSeries } from "gmm/alert-series";
import { createMap, fillBasemap, followDrawing } from "gmm/basemap";
import { element as h, jsonOf } from "gmm/dom";
import { addLevels, addOutlines, boundsOf } from "gmm/marks";
import { addPoints } from "gmm/points";
import { addArrows, addRaster } from "gmm/rasters";
import { gettext } from "gmm/words";

const config = jsonOf("map-config");
const area = jsonOf("alert-area");

function drawMap() {
  const box = document.getElementById("small-map");
  let map;
  try {
    map = createMap(box, {
      bounds: boundsOf(area.geometry),
      fitBoundsOptions: { padding: 56, maxZoom: 15 },
      cooperativeGestures: true,
    });
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  map.once("load", () => {
    const ground = fillBasemap(map);
    const stretch = config.stretch_mm_yr ?? 10;
    const image = config.evidence_raster;
    if (image) {
      addRaster(map, { ...image, tilesUrl: config.urls.raster_tiles });
      if (image.arrows) addArrows(map, { ...image, arrowsUrl: config.urls.arrows });
    } else if (config.default_layer) {
      addPoints(map, { urls: config.urls, layer: config.default_layer, stretch });
    }
    addOutlines(map, area);
    if (document.getElementById("place-outlines")) addLevels(map, jsonOf("place-outlines"));
    followDrawing(map, ground);
  });
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
if (document.getElementById("motion")) drawMotion();
if (document.getElementById("series")) drawSeries(document.getElementById("series"));
