// The series of an alert, one chart for each data set.
import { element as h } from "gmm/dom";
import { gettext } from "gmm/words";

/** Draws the series of an alert into the places of a box that names their address in data-series-url. */
export async function drawSeries(box) {
  try {
    const [response, { drawChart }] = await Promise.all([fetch(box.dataset.seriesUrl), import("gmm/chart")]);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const { series, positive_word: positiveWord, negative_word: negativeWord } = await response.json();
    for (const place of box.querySelectorAll("[data-product]")) {
      const one = series.find(({ product }) => product.id === Number(place.dataset.product));
      if (!one) throw new Error(`no series of data set ${place.dataset.product}`);
      drawChart(place, {
        dates: one.dates,
        line: one.mean_mm,
        low: one.low_mm,
        high: one.high_mm,
        zero: one.zero_mm,
        provisional: one.provisional,
        positiveWord,
        negativeWord,
        names: {
          line: gettext("mean"),
          short: gettext("mean"),
          band: gettext("two thirds of the points lie in this band"),
        },
      });
    }
  } catch (error) {
    console.warn(error);
    const places = [...box.children];
    const again = () => {
      box.replaceChildren(...places);
      drawSeries(box);
    };
    box.replaceChildren(
      h(
        "p",
        { class: "empty", role: "alert" },
        gettext("The chart could not be loaded. The table below holds the figures."),
      ),
      h("p", {}, h("button", { type: "button", class: "button", onclick: again }, gettext("Try again"))),
    );
  }
}
