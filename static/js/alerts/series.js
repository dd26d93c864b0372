// The series of an alert, one chart for each data set.
import { element as h } from "gmm/dom";
import { formatNumber, gettext, interpolate, ngettext } from "gmm/words";

function headingOf({ product, n_points: n }) {
  const heading = ngettext("%(product)s: %(component)s, %(n)s point", "%(product)s: %(component)s, %(n)s points", n);
  return interpolate(heading, { product: product.name, component: product.component_label, n: formatNumber(n) });
}

/** Draws the series of an alert into a box that names their address in data-series-url. */
export async function drawSeries(box) {
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
      h(
        "p",
        {},
        h("button", { type: "button", class: "button", onclick: () => drawSeries(box) }, gettext("Try again")),
      ),
    );
  }
}
