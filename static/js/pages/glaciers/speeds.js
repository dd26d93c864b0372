// How fast a glacier, or other moving ground, went pair by pair: a chart for each track.
import { drawChart } from "gmm/chart";
import { jsonOf } from "gmm/dom";
import { fixed } from "gmm/format";
import { gettext } from "gmm/words";

const middle = (start, end) => new Date((Date.parse(start) + Date.parse(end)) / 2).toISOString().slice(0, 10);
const metres = (value, digits = 2) => fixed(value, digits);

const series = jsonOf("speed-series");
for (const box of document.querySelectorAll("[data-series]")) {
  const view = series[Number(box.dataset.series)];
  const off = (sign) =>
    view.speed_m_day.map((speed, i) => (speed === null ? null : Math.max(0, speed + sign * 2 * view.sigma_m_day[i])));
  drawChart(box, {
    dates: view.start.map((start, i) => middle(start, view.end[i])),
    values: view.speed_m_day,
    line: view.usual_m_day.some((usual) => usual !== null) ? view.usual_m_day : null,
    low: off(-1),
    high: off(1),
    unit: gettext("m a day"),
    text: metres,
    dot: 7,
    direction: gettext("Metres a day, mean over the area. Up: faster."),
    names: {
      values: gettext("a pair of images"),
      line: gettext("usual at that time"),
      short: gettext("usual"),
      band: gettext("uncertainty (two standard deviations)"),
    },
  });
}
