// The page of one alert: a small map of its outline and a chart for each data set.
import { createMap, fillBasemap, followDrawing } from "gmm/basemap";
import { element as h, jsonOf } from "gmm/dom";
import { addLevels, addOutlines, boundsOf } from "gmm/marks";
import { addPoints } from "gmm/points";
import { addArrows, addRaster } from "gmm/rasters";
import { formatNumber, gettext, interpolate, ngettext } from "gmm/words";

const config = jsonOf("map-config");
const area = jsonOf("alert-area");

function drawMap() {
  const box = document.getElementById("small-map");
  let map;
  try {
    map = createMap(box, {
      bounds: boundsOf(area.geometry),
      fitBoundsOptions: { padding: 56, maxZoom: 15 },
      cooperativeGestures: box.dataset.gestures !== "free",
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
      chooseLayer(addPoints(map, { urls: config.urls, layer: config.default_layer, stretch }), stretch);
    }
    addOutlines(map, area);
    if (document.getElementById("place-outlines")) addLevels(map, jsonOf("place-outlines"));
    followDrawing(map, ground);
  });
}

/** Where the page offers a choice of layers: other points, and what their colours mean. */
function chooseLayer(points, stretch) {
  document.getElementById("layer")?.addEventListener("change", ({ target }) => {
    const layer = config.layers.find((one) => one.name === target.value);
    points.show({ layer: layer.name, stretch });
    const caption = gettext(
      "Brown: %(down)s. Grey: still. Blue: %(up)s. Full colour at %(stretch)s mm a year.",
    );
    const words = { down: layer.negative_word, up: layer.positive_word, stretch: formatNumber(stretch) };
    document.getElementById("map-caption").textContent = interpolate(caption, words);
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

function headingOf({ product, n_points: n }) {
  const heading = ngettext("%(product)s: %(component)s, %(n)s point", "%(product)s: %(component)s, %(n)s points", n);
  return interpolate(heading, { product: product.name, component: product.component_label, n: formatNumber(n) });
}

async function drawSeries() {
  const box = document.getElementById("series");
  try {
    const [response, { drawChart }] = await Promise.all([fetch(box.dataset.seriesUrl), import("gmm/chart")]);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const { series, positive_word: positiveWord, negative_word: negativeWord } = await response.json();
    const blocks = series.map((one) => ({ one, chart: h("div", { class: "chart" }) }));
    box.replaceChildren(
      ...blocks.map(({ one, chart }) =>
        h(
          "div",
          { class: "series-block" },
          h("h3", {}, headingOf(one)),
          chart,
        ),
      ),
    );
    for (const { one, chart } of blocks) {
      drawChart(chart, {
        dates: one.dates,
        line: one.mean_mm,
        low: one.low_mm,
        high: one.high_mm,
        positiveWord: one.positive_word ?? positiveWord,
        negativeWord: one.negative_word ?? negativeWord,
        names: {
          line: gettext("mean"),
          short: gettext("mean"),
          band: gettext("the middle two thirds of the points"),
        },
      });
    }
  } catch (error) {
    console.warn(error);
    box.replaceChildren(
      h(
        "p",
        { class: "empty", role: "alert" },
        gettext("The chart could not be loaded. The table below holds the figures."),
      ),
      h("p", {}, h("button", { type: "button", class: "button", onclick: drawSeries }, gettext("Try again"))),
    );
  }
}

drawMap();
if (document.getElementById("motion")) drawMotion();
if (document.getElementById("series")) drawSeries();
