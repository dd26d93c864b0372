// A chart as a file: SVG drawn from the same lines, and PNG from that; on white, whatever the theme, with its sources.
import { signed } from "gmm/format";

const NS = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [960, 630];
const LETTERS_OF_FOOT = 150;
const PLOT = { left: 70, top: 110, right: 900, bottom: 480 };
const COLOURS = ["#0072b2", "#c25500", "#00724f", "#9a3d74", "#8a6d00", "#1c2326", "#2b86c5", "#7a4a3a", "#54605f"];

/** Round steps of an axis: about six. */
export function ticks(low, high, most = 6) {
  const rough = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const marks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) marks.push(at);
  return marks;
}

function svg(name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Words in lines of so many letters. */
function wrapped(text, letters) {
  const rows = [""];
  for (const word of text.split(" ")) {
    if ((rows.at(-1) + word).length > letters) rows.push("");
    rows[rows.length - 1] += `${word} `;
  }
  return rows;
}

/** lines: as `drawLines` takes them; title: the sentence; foot: data sets, licences, address; xText: x in words. */
export function asSvg({ lines, title, direction, foot, isTime, xText }) {
  const values = lines.flatMap((one) => [...(one.dots ?? []), ...(one.line ?? []), ...(one.low ?? [])]);
  const known = values.concat(lines.flatMap((one) => one.high ?? [])).filter((value) => value !== null);
  const xs = lines.flatMap((one) => one.x);
  const [x0, x1] = [xs.reduce((a, b) => Math.min(a, b)), xs.reduce((a, b) => Math.max(a, b))];
  const [y0, y1] = [known.reduce((a, b) => Math.min(a, b), 0), known.reduce((a, b) => Math.max(a, b), 0)];
  const px = (x) => (PLOT.left + ((x - x0) / (x1 - x0 || 1)) * (PLOT.right - PLOT.left)).toFixed(1);
  const py = (y) => (PLOT.bottom - ((y - y0) / (y1 - y0 || 1)) * (PLOT.bottom - PLOT.top)).toFixed(1);
  const root = svg("svg", { xmlns: NS, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT });
  root.append(svg("title", {}, title), svg("rect", { width: WIDTH, height: HEIGHT, fill: "#fff" }));
  const write = (x, y, text, more = {}) =>
    root.append(svg("text", { x, y, "font-family": "sans-serif", "font-size": 13, fill: "#1c2326", ...more }, text));
  wrapped(title, 110).forEach((row, i) => write(20, 28 + 19 * i, row, { "font-size": 16 }));
  write(20, 96, direction, { fill: "#54605f" });

  for (const at of ticks(y0, y1)) {
    root.append(svg("path", { d: `M${PLOT.left} ${py(at)}H${PLOT.right}`, stroke: "#d9dedd" }));
    write(PLOT.left - 8, Number(py(at)) + 4, signed(at, Math.abs(y1 - y0) < 6 ? 1 : 0), { "text-anchor": "end" });
  }
  for (const at of isTime ? years(x0, x1) : ticks(x0, x1)) {
    root.append(svg("path", { d: `M${px(at)} ${PLOT.bottom}v5`, stroke: "#54605f" }));
    const label = isTime ? String(new Date(at * 1000).getUTCFullYear()) : xText(at);
    write(px(at), PLOT.bottom + 20, label, { "text-anchor": "middle" });
  }

  lines.forEach((one, n) => {
    const colour = COLOURS[n % COLOURS.length];
    const path = (column) =>
      one.x
        .map((x, i) => [x, column[i]])
        .filter(([, y]) => y !== null)
        .map(([x, y]) => `${px(x)} ${py(y)}`);
    if (one.low) {
      const ring = [...path(one.low), ...path(one.high).reverse()];
      root.append(svg("path", { d: `M${ring.join("L")}Z`, fill: colour, "fill-opacity": 0.14 }));
    }
    for (const at of one.marks ?? [])
      root.append(
        svg("path", { d: `M${px(at)} ${PLOT.top}V${PLOT.bottom}`, stroke: colour, "stroke-dasharray": "4 3" }),
      );
    one.x.forEach((x, i) => {
      const y = one.dots?.[i] ?? null;
      if (y !== null) root.append(svg("circle", { cx: px(x), cy: py(y), r: 2, fill: colour, "fill-opacity": 0.55 }));
    });
    const drawn = one.line ? path(one.line) : [];
    const stroke = { fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": one.dash?.join(" ") ?? "" };
    if (drawn.length) root.append(svg("path", { d: `M${drawn.join("L")}`, ...stroke }));
    const last = (drawn.length ? drawn : path(one.dots ?? [])).at(-1)?.split(" ");
    if (last && lines.length > 1)
      write(PLOT.right + 6, Number(last[1]) + 4 + (n % 2) * 2, one.label, { fill: colour, "font-weight": 600 });
  });
  const rows = foot.flatMap((text) => text.match(new RegExp(`.{1,${LETTERS_OF_FOOT}}`, "g")) ?? []);
  rows.slice(0, 7).forEach((row, i) => write(20, 522 + 15 * i, row, { "font-size": 11, fill: "#54605f" }));
  return new XMLSerializer().serializeToString(root);
}

/** The first of January of every year, thinned where there are many. */
function years(first, last) {
  const of = (at) => new Date(at * 1000).getUTCFullYear();
  const all = [];
  for (let year = of(first); year <= of(last) + 1; year++) all.push(Date.UTC(year, 0, 1) / 1000);
  const inside = all.filter((at) => at >= first && at <= last);
  return inside.filter((_, i) => i % Math.ceil(inside.length / 10) === 0);
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveSvg(chart, name) {
  save(new Blob([asSvg(chart)], { type: "image/svg+xml" }), `${name}.svg`);
}

export async function savePng(chart, name) {
  const image = new Image(WIDTH, HEIGHT);
  image.src = URL.createObjectURL(new Blob([asSvg(chart)], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * WIDTH, height: 2 * HEIGHT });
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
}
