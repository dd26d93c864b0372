// A light chart of millimetres, or another unit, against time: points, a line (fit or mean) and a band around it.
import uPlot from "uplot";
import { css, element, onTheme } from "gmm/dom";
import { date, seconds, signed } from "gmm/format";
import { formatDate, gettext, interpolate } from "gmm/words";

const HEIGHT = 220;
const YEAR = 365 * 86400;
const HINT = gettext("Point at the chart to read a value.");

/** The dates of an axis; its first one with the year. */
export function timeLabels(_, splits, _axis, _space, step) {
  return splits.map((at, i) => {
    const when = new Date(at * 1000);
    if (step >= YEAR * 0.9 || (step > 27 * 86400 && when.getUTCMonth() === 0)) return String(when.getUTCFullYear());
    const [day, year] = [step > 27 * 86400 ? undefined : "numeric", i === 0 ? "numeric" : undefined];
    return formatDate(when, /** @type {Intl.DateTimeFormatOptions} */ ({ day, month: "short", year }));
  });
}

/** A colour of variables.css (#rrggbb) with an opacity, as every canvas understands it. */
export const tint = (colour, opacity) =>
  colour +
  Math.round(opacity * 255)
    .toString(16)
    .padStart(2, "0");

/** What the two directions of millimetres mean: their words come from the server. */
export const upAndDown = (up, down) => 
  interpolate(gettext("Millimetres since the first date. Up: %(up)s, down: %(down)s."), { up, down });

/**
 * Fills `box` (a .chart). `series`: dates (ISO), values, line, low, high (mm or null for each date;
 * each may be missing), marks (ISO dates of upright lines), positiveWord, negativeWord,
 * names {values, line, short, band, marks}, `zero`, the value that is drawn as zero, `dot`, the size of a value,
 * `provisional` {dates, displacement_mm}: values that new passes added after the last date.
 * For another unit: `unit`, `direction` (what up and down mean) and `text`, how a figure is written.
 * Returns a function that removes the chart.
 */
export function drawChart(box, series) {
  const { provisional = null, zero = 0 } = series;
  const above = (part) => part?.map((value) => (value === null ? null : value - zero)) ?? null;
  const [line, values, low, high] = [series.line, series.values, series.low, series.high].map(above);
  const dates = provisional ? [...series.dates, ...provisional.dates] : series.dates;
  const { marks = [], names, unit = "mm", text = signed } = series;
  const direction = series.direction ?? upAndDown(series.positiveWord, series.negativeWord);
  const x = dates.map(seconds);
  const added = provisional ? [...series.dates.map(() => null), ...above(provisional.displacement_mm)] : null;
  const whole = (part) => x.map((_, i) => part?.[i] ?? null);
  const data = [x, whole(low), whole(high), whole(line), whole(values), whole(added)];
  const readout = element("p", { class: "readout" }, HINT);
  const plot = element("div", { class: "plot" });
  const key = element(
    "ul",
    { class: "key" },
    values && element("li", {}, element("i", { class: "key-dot" }), names.values),
    line && element("li", {}, element("i"), names.line),
    added &&
      element("li", {}, element("i", { class: "key-dot key-dot--provisional" }), gettext("new passes, provisional")),
    low && element("li", {}, element("i", { class: "key-band" }), names.band),
    marks.length > 0 && element("li", {}, element("i", { class: "key-mark" }), names.marks),
  );
  box.replaceChildren(element("p", { class: "direction" }, direction), readout, plot, key);
  box.setAttribute("aria-hidden", "true"); // the sentence and the table say the same

  function read(chart) {
    const i = chart.cursor.idx;
    if (i === null || i === undefined) {
      readout.textContent = HINT;
      return;
    }
    const parts = [];
    if (typeof added?.[i] === "number") parts.push(`${text(added[i])} ${unit}`, gettext("provisional"));
    if (typeof values?.[i] === "number") parts.push(`${text(values[i])} ${unit}`);
    if (typeof line?.[i] === "number") parts.push(`${names.short} ${text(line[i])} ${unit}`);
    if (!values && typeof low?.[i] === "number") {
      const edges = { low: text(low[i]), high: text(high[i]), unit };
      parts.push(interpolate(gettext("%(low)s to %(high)s %(unit)s"), edges));
    }
    readout.textContent = `${date(dates[i])}: ${parts.join(" · ") || gettext("no value")}`;
  }

  function drawMarks({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.strokeStyle = css("text-soft");
    ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const day of marks) {
      const at = valToPos(seconds(day), "x", true);
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  let chart = /** @type {LibraryObject} */ (null);
  function draw() {
    chart?.destroy();
    const [accent, soft, rule] = [css("accent"), css("text-soft"), css("line")];
    const axis = {
      stroke: soft,
      font: "12px system-ui, sans-serif",
      grid: { stroke: rule, width: 1 },
      ticks: { stroke: rule, width: 1, size: 4 },
    };
    const hidden = { stroke: "transparent", width: 0, points: { show: false } };
    chart = new uPlot(
      {
        width: plot.clientWidth || 360,
        height: HEIGHT,
        padding: [8, 20, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
        axes: [
          { ...axis, size: 30, space: 80, values: timeLabels },
          {
            ...axis,
            size: 46,
            values: (_, splits, _axis, _space, step) => splits.map((value) => text(value, step < 1 ? 1 : 0)),
          },
        ],
        series: [
          {},
          { ...hidden },
          { ...hidden },
          { stroke: accent, width: 2, points: { show: false }, spanGaps: true },
          {
            paths: () => null,
            points: { show: true, size: series.dot ?? 4, width: 0, fill: tint(soft, 0.75), stroke: "transparent" },
          },
          { paths: () => null, points: { show: true, size: 6, width: 1.5, fill: "transparent", stroke: accent } },
        ],
        bands: [{ series: [2, 1], fill: tint(accent, 0.2) }],
        hooks: { setCursor: [read], draw: [drawMarks] },
      },
      data,
      plot,
    );
  }

  const endTheme = onTheme(draw);
  const sizes = new ResizeObserver(() => chart.setSize({ width: plot.clientWidth, height: HEIGHT }));
  sizes.observe(plot);
  return () => {
    endTheme();
    sizes.disconnect();
    chart.destroy();
  };
}
