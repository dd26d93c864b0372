// A chart of several lines: dots, fit and usual scatter of each, against time or against distance along a line.
import uPlot from "uplot";
import { timeLabels, tint } from "gmm/chart";
import { css, element as h, onTheme } from "gmm/dom";
import { signed } from "gmm/format";
import { gettext } from "gmm/words";

const HEIGHT = 260;
const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [14, 4], [4, 2, 4, 6]];
const HINT = gettext("Point at the chart to read a value.");

/** Name of the colour of a line in variables.css; number: from 1. */
export const colourName = (number) => `trace-${((number - 1) % 10) + 1}`;
export const dashOf = (number) => DASHES[(number - 1) % DASHES.length];

/** Every x of all lines in order, and each column of every line on it. */
export function joined(lines) {
  const x = [...new Set(lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const place = new Map(x.map((value, i) => [value, i]));
  const spread = (line, values) => {
    const column = new Array(x.length).fill(null);
    if (values) line.x.forEach((value, i) => (column[/** @type {number} */ (place.get(value))] = values[i]));
    return column;
  };
  return {
    x,
    columns: lines.flatMap((line) => ["low", "high", "line", "dots"].map((name) => spread(line, line[name]))),
  };
}

/**
 * Fills `box` (a .chart). lines: { label, colour, dash, x, dots, line, low, high, marks, name, knots }, x in seconds or
 * metres, the others of the same length or missing; marks: places on x of upright lines; label: at the end of the line;
 * name: beside a value, where it is not the label; knots: each value of the line is marked.
 * unit: of y; direction: what up and down mean; isTime; xText(x): x in words;
 * onRange(from, to): a part of x was chosen with the pointer. Returns a function that removes the chart.
 * @param {HTMLElement} box
 * @param {{lines: any[], unit: string, direction: string, isTime?: boolean, xText: (x: number) => string,
 *   onRange?: (from: number, to: number) => void}} chart
 */
export function drawLines(box, { lines, unit, direction, isTime = true, xText, onRange }) {
  const { x, columns } = joined(lines);
  const readout = h("p", { class: "readout" }, HINT);
  const plot = h("div", { class: "plot plot--tall" });
  box.replaceChildren(h("p", { class: "direction" }, direction), readout, plot);
  box.setAttribute("aria-hidden", "true"); // the sentence and the tables say the same

  function read(chart) {
    const i = chart.cursor.idx;
    if (i === null || i === undefined) return void (readout.textContent = HINT);
    const values = lines.flatMap((line, n) => {
      const value = columns[4 * n + 3][i] ?? columns[4 * n + 2][i];
      return value === null ? [] : [`${lines.length > 1 ? `${line.name ?? line.label}: ` : ""}${signed(value)}`];
    });
    readout.textContent = `${xText(x[i])}: ${values.length ? `${values.join(" · ")} ${unit}` : gettext("no value")}`;
  }

  function drawOver({ ctx, bbox, valToPos }) {
    ctx.save();
    ctx.font = `600 ${12 * devicePixelRatio}px system-ui, sans-serif`;
    [ctx.textBaseline, ctx.textAlign] = ["middle", "left"];
    const taken = [];
    lines.forEach((line, n) => {
      ctx.strokeStyle = ctx.fillStyle = css(line.colour);
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      for (const mark of line.marks ?? []) {
        const at = valToPos(mark, "x", true);
        ctx.beginPath();
        ctx.moveTo(at, bbox.top);
        ctx.lineTo(at, bbox.top + bbox.height);
        ctx.stroke();
      }
      const drawn = columns[4 * n + 2].some((value) => value !== null) ? columns[4 * n + 2] : columns[4 * n + 3];
      const last = drawn.findLastIndex((value) => value !== null);
      if (last < 0 || lines.length < 2) return;
      let y = valToPos(drawn[last], "y", true);
      while (taken.some((other) => Math.abs(other - y) < 13 * devicePixelRatio)) y += 13 * devicePixelRatio;
      taken.push(y);
      ctx.fillText(line.label, bbox.left + bbox.width + 5 * devicePixelRatio, y);
    });
    ctx.restore();
  }

  function chosen(chart) {
    const { left, width } = chart.select;
    if (width > 8) onRange?.(chart.posToVal(left, "x"), chart.posToVal(left + width, "x"));
    chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  const seriesOf = (line) => {
    const colour = css(line.colour);
    const hidden = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
    const dots = { show: true, size: line.dot ?? 3.5, width: 0, fill: tint(colour, 0.55), stroke: "transparent" };
    return [
      hidden,
      hidden,
      { stroke: colour, width: 2, dash: line.dash, points: { show: Boolean(line.knots), size: 6 }, spanGaps: true },
      { paths: () => null, points: dots },
    ];
  };

  const room = lines.length > 1 ? 20 + 8 * Math.max(...lines.map((line) => line.label.length)) : 20;
  let chart = /** @type {LibraryObject} */ (null);
  function draw() {
    chart?.destroy();
    const [soft, rule] = [css("text-soft"), css("line")];
    const axis = {
      stroke: soft,
      font: "12px system-ui, sans-serif",
      grid: { stroke: rule, width: 1 },
      ticks: { stroke: rule, width: 1, size: 4 },
    };
    const yText = (_, splits, _axis, _space, step) => splits.map((value) => signed(value, step < 1 ? 1 : 0));
    const options = {
      width: plot.clientWidth || 360,
      height: HEIGHT,
      padding: [8, room, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: Boolean(onRange), y: false, setScale: false }, points: { show: false } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { time: isTime } },
      axes: [
        { ...axis, size: 30, space: 80, values: isTime ? timeLabels : (_, splits) => splits.map(xText) },
        { ...axis, size: 46, values: yText },
      ],
      series: [{}, ...lines.flatMap(seriesOf)],
      bands: lines.flatMap((line, n) =>
        line.low ? [{ series: [4 * n + 2, 4 * n + 1], fill: tint(css(line.colour), 0.14) }] : [],
      ),
      hooks: { setCursor: [read], draw: [drawOver], setSelect: [chosen] },
    };
    chart = new uPlot(options, [x, ...columns], plot);
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
