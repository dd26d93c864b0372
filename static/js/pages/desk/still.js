// A still of a chart: drawn on a canvas like Plotly's chart, and shown until a reader reaches for it.
import { formatNumber } from "gmm/words";

const BAR_ROOM = 76; // pixels for the bar of colours
const LEAST_WIDTH = 64; // pixels that long names leave to the marks beside them
const DASHES = { dash: [9, 9], dot: [3, 3], dashdot: [9, 3, 3, 3], longdash: [15, 15], longdashdot: [15, 3, 3, 3] };
const DAY_MS = 86_400_000;
const isDate = (value) => typeof value === "string" && /^\d{4}-\d\d/.test(value);
const known = (values) => values.filter((value) => value !== null && value !== undefined);

/** Draws one of the figures of `drawings.py` into a box; replaces an earlier still. */
export function drawStill(box, { data, layout }) {
  const canvas = box.querySelector("canvas") ?? box.appendChild(document.createElement("canvas"));
  const [width, height, scale] = [box.clientWidth, box.clientHeight, devicePixelRatio || 1];
  if (!width || !height) return;
  canvas.ariaHidden = "true";
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const shared = layout.template.layout;
  pen.font = `${shared.font.size}px ${shared.font.family}`;
  const traces = data.filter((trace) => trace.yaxis !== "y2" && known(trace.x).length);
  const heat = traces.find((trace) => trace.type === "heatmap");
  const { l, r, t, b } = layout.margin;
  const frame = { left: l, right: width - (heat ? BAR_ROOM : r), top: t, bottom: height - b };
  const y = axisOf(traces, "y", layout.yaxis, frame.bottom, frame.top);
  if (y.names) {
    const longest = Math.max(...y.names.map((name) => pen.measureText(name).width));
    frame.left = Math.max(l, Math.min(16 + longest, frame.right - LEAST_WIDTH));
  }
  const shapes = layout.shapes ?? []; // upright lines, which the axis includes
  const x = axisOf([...traces, { x: shapes.map(({ x0 }) => x0) }], "x", layout.xaxis, frame.left, frame.right);
  drawAxes(pen, frame, x, y, shared);
  pen.save();
  pen.beginPath();
  pen.rect(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top);
  pen.clip();
  for (const trace of traces) DRAWN[trace.type](pen, trace, x.at, y.at);
  for (const { x0, line } of shapes) {
    stroke(pen, line, [
      [x.at(x0), frame.top],
      [x.at(x0), frame.bottom],
    ]);
  }
  pen.restore();
  pen.globalAlpha = 1;
  if (layout.showlegend) drawLegend(pen, traces, frame, shared);
  if (heat) drawBar(pen, heat, frame, shared);
}

// ---- axes ----
/** Returns an axis: at(value) in pixels, ticks [[pixels, text]], and the names of its categories, if it has any. */
function axisOf(traces, name, layout, from, to) {
  const { range, title, type, autorange } = layout ?? {};
  const values = traces.flatMap((trace) => known(trace[name]));
  const axis = { from, to, title: title?.text ?? "" };
  if (type === "category") {
    const places = new Map([...new Set(values)].map((value, i) => [value, i]));
    const ends = autorange === "reversed" ? [places.size - 0.5, -0.5] : [-0.5, places.size - 0.5];
    place(axis, ends, (value) => places.get(value));
    axis.names = [...places.keys()].map(text);
    return Object.assign(axis, { ticks: [...places.keys()].map((value) => [axis.at(value), text(value)]) });
  }
  const dated = isDate(values[0]);
  const number = dated ? (value) => Date.parse(value) : (value) => value;
  const [low, high] = range ? range.map(number) : endsOf(traces, name, values.map(number));
  place(axis, [low, high], number);
  const most = Math.max(2, Math.abs(to - from) / (name === "x" ? 90 : 32));
  const ticks = dated ? datesBetween(low, high, most) : numbersBetween(low, high, most);
  return Object.assign(axis, { ticks: ticks.map(([value, said]) => [axis.at(value), said]) });
}

function place(axis, ends, number) {
  const [low, high] = ends;
  axis.at = (value) => axis.from + ((number(value) - low) / (high - low)) * (axis.to - axis.from);
}

/** Returns the plain text of a name that is escaped for Plotly. */
const text = (escaped) => new DOMParser().parseFromString(escaped, "text/html").body.textContent;

/** Returns the ends of an axis without a stated range: exact for bars and cells, with a margin for points. */
function endsOf(traces, name, values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  for (const { error_x: error, x } of name === "x" ? traces : []) {
    error?.array.forEach((more, i) => (high = Math.max(high, x[i] + more)));
    error?.arrayminus.forEach((less, i) => (low = Math.min(low, x[i] - less)));
  }
  const [{ type, mode, width } = {}] = traces;
  if (type === "bar") return name === "x" ? [low - width / 2, high + width / 2] : [0, high * 1.05];
  if (type === "heatmap") {
    const edges = edgesOf(values);
    return [edges[0], edges.at(-1)];
  }
  const room = (high - low || 1) * (name === "x" && mode === "lines" ? 0 : 0.06);
  return [low - room, high + room];
}

function numbersBetween(low, high, most) {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((one) => one * power >= raw) ?? 10);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) {
    const said = formatNumber(i * step || 0, { maximumFractionDigits: digits, minimumFractionDigits: digits });
    ticks.push([i * step, said.replace("-", "−")]);
  }
  return ticks.length > 1 || !(high > low) ? ticks : numbersBetween(low, high, 2 * most); // one tick shows no scale
}

function datesBetween(low, high, most) {
  const months = (high - low) / (30.44 * DAY_MS);
  const step = [1, 2, 3, 6, 12, 24, 60, 120].find((one) => months / one <= most) ?? 240;
  const year = new Date(low).getUTCFullYear();
  const ticks = [];
  for (let month = step >= 12 ? -12 * (year % (step / 12)) : 0; ; month += step) {
    const day = new Date(Date.UTC(year, month));
    if (day > high) return ticks;
    if (day >= low) ticks.push([isoOf(day), isoOf(day).slice(0, step < 12 ? 7 : 4)]);
  }
}
const isoOf = (time) => new Date(time).toISOString();

function drawAxes(pen, { left, right, top, bottom }, x, y, { font, xaxis, yaxis }) {
  pen.fillStyle = font.color;
  pen.textAlign = "center";
  for (const [at, said] of x.ticks) {
    if (at < left - 1 || at > right + 1) continue;
    stroke(pen, { color: xaxis.tickcolor, width: 1 }, [
      [at, bottom],
      [at, bottom + 5],
    ]);
    pen.fillText(said, at, bottom + 17);
  }
  pen.fillText(x.title, (left + right) / 2, bottom + 33);
  pen.textAlign = "right";
  for (const [at, said] of y.ticks) {
    stroke(pen, { color: yaxis.gridcolor, width: 1 }, [
      [left, at],
      [right, at],
    ]);
    pen.fillText(said, left - 4, at + 4);
  }
  pen.textAlign = "center";
  pen.save();
  pen.translate(left - 42, (top + bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(y.title, 0, 0);
  pen.restore();
}

// ---- marks ----
function stroke(pen, line, corners) {
  const { color, width = 2, dash } = line;
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.setLineDash(DASHES[dash] ?? []);
  pen.beginPath();
  let isOn = false; // a gap in the data is a gap in the line
  for (const [x, y] of corners) {
    if (y === null) isOn = false;
    else if (isOn) pen.lineTo(x, y);
    else pen.moveTo(x, y);
    if (y !== null) isOn = true;
  }
  pen.stroke();
}

const DRAWN = {
  bar(pen, { x, y, width, marker }, atX, atY) {
    x.forEach((middle, i) => {
      const [left, right] = [middle - width / 2, middle + width / 2].map((end) => Math.round(atX(end))); // no seams
      pen.fillStyle = Array.isArray(marker.color) ? marker.color[i] : marker.color;
      pen.fillRect(left, atY(y[i]), right - left, atY(0) - atY(y[i]));
    });
  },

  scatter(pen, { x, y, mode, line, marker, fill, fillcolor, opacity = 1, error_x: error }, atX, atY) {
    const corners = x.map((value, i) => [atX(value), y[i] === null ? null : atY(y[i])]);
    pen.globalAlpha = opacity;
    if (fill) {
      pen.fillStyle = fillcolor;
      pen.beginPath();
      for (const corner of corners) pen.lineTo(...corner);
      pen.fill();
    } else if (mode.includes("lines")) stroke(pen, line, corners);
    x.forEach((value, i) => {
      if (!error) return;
      const at = corners[i][1];
      stroke(pen, error, [
        [atX(value - error.arrayminus[i]), at],
        [atX(value + error.array[i]), at],
      ]);
    });
    if (mode.includes("markers")) {
      pen.globalAlpha = opacity * (marker.opacity ?? 1);
      pen.fillStyle = marker.color ?? line.color;
      for (const [left, top] of corners) {
        if (top === null) continue;
        pen.beginPath();
        pen.arc(left, top, marker.size / 2, 0, 2 * Math.PI);
        pen.fill();
      }
    }
    pen.globalAlpha = 1;
  },

  heatmap(pen, { x, y, z, zmin, zmax, colorscale }, atX, atY) {
    const [low, high] = heatEnds({ z, zmin, zmax });
    const lefts = cellsOf(x, z[0].length).map(atX);
    const bottoms = cellsOf(y, z.length).map(atY);
    z.forEach((row, i) =>
      row.forEach((value, j) => {
        if (value === null) return;
        pen.fillStyle = colourAt(colorscale, (value - low) / (high - low));
        const [left, top] = [Math.floor(lefts[j]), Math.floor(bottoms[i + 1])];
        pen.fillRect(left, top, Math.ceil(lefts[j + 1]) - left, Math.ceil(bottoms[i]) - top);
      }),
    );
  },
};

/** Returns the edges of n cells: the values, or half-way between them if they are the middles of the cells. */
function cellsOf(values, n) {
  if (values.length > n) return values;
  return isDate(values[0]) ? edgesOf(values.map((one) => Date.parse(one))).map(isoOf) : edgesOf(values);
}

function edgesOf(middles) {
  const between = middles.slice(1).map((value, i) => (value + middles[i]) / 2);
  const half = middles.length > 1 ? [middles[1] - middles[0], middles.at(-1) - middles.at(-2)] : [1, 1];
  return [middles[0] - half[0] / 2, ...between, middles.at(-1) + half[1] / 2];
}

function heatEnds({ z, zmin, zmax }) {
  if (zmax !== undefined) return [zmin, zmax];
  return [zmin, Math.max(...z.flat())];
}

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** Returns the colour at a share of a scale, [[share, colour]]; transparent where the scale has no colour. */
function colourAt(scale, share) {
  const above = scale.findIndex(([at]) => at >= Math.min(1, Math.max(0, share)));
  const [[low, from], [high, to]] = [scale[Math.max(0, above - 1)], scale[above]];
  if (!to.startsWith("#") || !from.startsWith("#")) return share > low && to.startsWith("#") ? to : "transparent";
  const part = high === low ? 1 : (share - low) / (high - low);
  const [first, second] = [channels(from), channels(to)];
  return `rgb(${first.map((one, i) => Math.round(one + Math.min(1, Math.max(0, part)) * (second[i] - one))).join()})`;
}

// ---- legend and bar of colours ----
function drawLegend(pen, traces, { left, top }, { font }) {
  pen.textAlign = "left";
  let at = left;
  for (const { name, line, showlegend } of traces) {
    if (!showlegend) continue;
    stroke(pen, line, [
      [at + 5, top - 14],
      [at + 35, top - 14],
    ]);
    pen.fillStyle = font.color;
    pen.fillText(text(name), at + 40, top - 10);
    at += 48 + pen.measureText(text(name)).width;
  }
}

function drawBar(pen, heat, { right, top, bottom }, { font }) {
  const [low, high] = heatEnds(heat);
  const { tickvals, ticktext, title, thickness } = heat.colorbar;
  const ticks = tickvals ? tickvals.map((value, i) => [value, ticktext[i]]) : numbersBetween(low, high, 6);
  const [left, length] = [right + 8, bottom - top - 20];
  for (let i = 0; i < length; i++) {
    pen.fillStyle = colourAt(heat.colorscale, 1 - i / length);
    pen.fillRect(left, top + 10 + i, thickness, 1);
  }
  pen.fillStyle = font.color;
  pen.textAlign = "left";
  for (const [value, said] of ticks) {
    pen.fillText(said, left + thickness + 4, bottom - 10 - ((value - low) / (high - low)) * length + 4);
  }
  pen.textAlign = "center";
  pen.save();
  pen.translate(right + BAR_ROOM - 8, (top + bottom) / 2);
  pen.rotate(Math.PI / 2);
  pen.fillText(title.text, 0, 0);
  pen.restore();
}
