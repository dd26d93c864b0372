// The panel beside the map: what is known about one point or one alert. Each has a loading, an empty and an error form.
import { element as h } from "gmm/dom";
import { date, position, seconds, signed } from "gmm/format";

const panel = document.getElementById("panel");
let removeChart = null;
let running = null;
let before = null;
let closed = () => {};

export const isOpen = () => !panel.hidden;

export function onClose(callback) {
  closed = callback;
}

export function close() {
  running?.abort();
  removeChart?.();
  removeChart = null;
  if (panel.hidden) return;
  panel.hidden = true;
  panel.parentElement.classList.remove("has-panel", "has-wide-panel");
  panel.replaceChildren();
  if (before?.isConnected && !before.closest("[hidden]")) before.focus({ preventScroll: true });
  closed();
}

panel.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});

/** Shows content of any kind. */
export function open(title, ...content) {
  running?.abort();
  removeChart?.();
  removeChart = null;
  panel.parentElement.classList.remove("has-wide-panel");
  if (panel.hidden) before = document.activeElement;
  panel.replaceChildren(
    h(
      "div",
      { class: "panel-bar" },
      h("h2", { id: "panel-title" }, title),
      h("button", { type: "button", class: "button button--icon", "aria-label": "Close", onclick: close }, "×"),
    ),
    ...content.filter(Boolean),
  );
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.parentElement.classList.add("has-panel");
  panel.focus({ preventScroll: true });
}

/** The same with room for a large chart. */
export function openWide(title, ...content) {
  open(title, ...content);
  panel.parentElement.classList.add("has-wide-panel");
}

/** remove() is called when something else is shown, or nothing. */
export function keep(remove) {
  removeChart = remove;
}

const waiting = () => [
  h("p", { class: "visually-hidden", role: "status" }, "Loading the measurements…"),
  h("span", { class: "waiting waiting--line" }),
  h("span", { class: "waiting waiting--line" }),
  h("span", { class: "waiting waiting--chart" }),
];

function copyLink(event) {
  const button = event.currentTarget;
  navigator.clipboard.writeText(location.href).then(
    () => (button.textContent = "Link copied"),
    () => (button.textContent = "Copy it from the address bar"),
  );
}

/** Shows the point whose series is at `url`; actions(point): buttons for it. */
export async function showPoint(url, actions = () => []) {
  open("Measurement point", ...waiting());
  const request = (running = new AbortController());
  try {
    const response = await fetch(url, { signal: request.signal, headers: { Accept: "application/json" } });
    if (response.status === 404) throw new Error("gone");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const [point, { drawChart }] = await Promise.all([response.json(), import("gmm/chart")]);
    if (request.signal.aborted) return null;
    renderPoint(point, drawChart, actions(point));
    return point;
  } catch (error) {
    if (error.name === "AbortError" || request.signal.aborted) return null;
    const gone = error.message === "gone";
    open(
      "Measurement point",
      h(
        "p",
        { class: "verdict", role: "alert" },
        gone ? "This point is no longer part of the data." : "The measurements of this point could not be loaded.",
      ),
      h(
        "p",
        {},
        gone
          ? "A newer release may have replaced it. Points near it may still be there."
          : "The connection may have been interrupted.",
      ),
      !gone &&
        h(
          "button",
          { type: "button", class: "button button--main", onclick: () => showPoint(url, actions) },
          "Try again",
        ),
    );
    return null;
  }
}

function renderPoint(point, drawChart, buttons) {
  const { product, dates, displacement_mm: values, fit_mm: fit, band_mm: band } = point;
  const measured = values.filter((value) => value !== null);
  const head = [h("p", { class: "verdict" }, point.sentence), figures(point, measured)];
  const tail = [
    h(
      "p",
      { class: "buttons" },
      ...buttons,
      point.csv_url && h("a", { class: "button", href: point.csv_url, download: true }, "Download (CSV)"),
      h("button", { type: "button", class: "button", onclick: copyLink }, "Copy link"),
    ),
    changesList(point),
    measured.length > 0 && valuesTable(point),
    howSure(point, measured.length),
  ];
  if (measured.length === 0) {
    open(
      "Measurement point",
      ...head,
      h("p", { class: "empty" }, "Only the speed is known here; this data set holds no series over time."),
      ...tail,
    );
    return;
  }
  const box = h("div", { class: "chart" });
  open("Measurement point", ...head, box, ...tail);
  const around = (sign) => fit.map((value) => (value === null ? null : value + sign * band));
  removeChart = drawChart(box, {
    dates,
    values,
    line: fit,
    marks: point.changes.map((one) => one.day),
    ...(fit && band !== null ? { low: around(-1), high: around(1) } : {}),
    positiveWord: point.positive_word,
    negativeWord: point.negative_word,
    names: {
      values: "measured",
      line: "trend and seasons",
      short: "trend",
      band: `usual scatter (±${band?.toFixed(1)} mm)`,
      marks: "a change",
    },
  });
}

function figures(point, measured) {
  // ice moves by metres, ground by millimetres
  const [per, name] = Math.abs(point.velocity_mm_yr) >= 3000 ? [1000, "m"] : [1, "mm"];
  const std = point.velocity_std_mm_yr;
  const unit =
    std === null ? `${name} per year, uncertainty not given` : `± ${(std / per).toFixed(1)} ${name} per year`;
  // the speed times the years: a difference of two single measurements would be mostly scatter
  const years = (seconds(point.dates.at(-1)) - seconds(point.dates[0])) / (365.25 * 86400);
  const change = measured.length > 1 ? point.velocity_mm_yr * years : null;
  return h(
    "dl",
    { class: "figures" },
    h("div", {}, h("dt", {}, "Speed"), h("dd", {}, `${signed(point.velocity_mm_yr / per)} `, h("small", {}, unit))),
    change !== null &&
      h(
        "div",
        {},
        h("dt", {}, "Total change"),
        h("dd", {}, `${signed(change, 0)} `, h("small", {}, `mm since ${date(point.dates[0])}`)),
      ),
  );
}

/** What changed and when, in words; only changes that chance hardly makes are here. */
function changesList({ changes }) {
  if (!changes.length) return null;
  const when = ({ day, first, last }) => `${date(day)} (probably between ${date(first)} and ${date(last)})`;
  return h("ul", { class: "changes" }, ...changes.map((one) => h("li", {}, `${when(one)}: ${one.sentence}`)));
}

function valuesTable({ dates, displacement_mm: values, fit_mm: fit }) {
  const cell = (value) => h("td", { class: "number" }, value === null ? "–" : signed(value));
  const body = h("tbody");
  const details = h(
    "details",
    {},
    h("summary", {}, "The figures as a table"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Displacement by date" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Date"),
            h("th", { scope: "col", class: "number" }, "Measured, mm"),
            fit && h("th", { scope: "col", class: "number" }, "Trend and seasons, mm"),
          ),
        ),
        body,
      ),
    ),
  );
  details.addEventListener(
    "toggle",
    () => {
      body.replaceChildren(
        ...dates.map((day, i) =>
          h("tr", {}, h("th", { scope: "row" }, date(day)), cell(values[i]), fit && cell(fit[i])),
        ),
      );
    },
    { once: true },
  );
  return details;
}

function howSure(point, count) {
  const { product } = point;
  const fact = (name, value) => value !== null && [h("dt", {}, name), h("dd", {}, value)];
  const mm = (value) => (value === null ? null : `${value.toFixed(1)} mm`);
  const uncertainty =
    point.velocity_std_mm_yr === null
      ? "The data set gives no uncertainty for it."
      : `It is likely (2 out of 3) within ±${point.velocity_std_mm_yr.toFixed(1)} mm per year of the value shown.`;
  return h(
    "details",
    {},
    h("summary", {}, "How sure are we?"),
    h(
      "p",
      {},
      `The speed comes from ${count} passes of the satellite. ${uncertainty} ` +
        "It is relative to a reference area that is taken to be still.",
    ),
    h(
      "dl",
      { class: "facts" },
      fact("Direction", product.component_label),
      fact("Track", product.track ? String(product.track) : null),
      fact(
        "Temporal coherence",
        point.temporal_coherence === null ? null : `${point.temporal_coherence.toFixed(2)} (0: useless, 1: perfect)`,
      ),
      fact("Scatter (RMSE)", mm(point.rmse_mm)),
      fact("Position", position(point.longitude, point.latitude, 5)),
      fact("Height", point.height_m === null || point.height_m === undefined ? null : `${point.height_m.toFixed(0)} m`),
      fact("Point", point.pid),
      fact("Data set", product.url ? h("a", { href: product.url }, product.name) : product.name),
      fact("Credit", product.attribution || null),
    ),
    h(
      "p",
      { class: "soft" },
      "The point stands for a spot of some metres, and its position is uncertain by as much: " +
        "it is not one particular house.",
    ),
  );
}

/**
 * Shows an alert in short, with the way to its own page.
 * link: to more about the place that was pressed; hasPoints: whether points show its motion.
 */
export function showAlert(alert, { link = null, hasPoints = true } = {}) {
  open(
    `Alert ${alert.code}`,
    h("p", { class: "verdict" }, alert.sentence),
    ...alert.sentences.slice(1).map((sentence) => h("p", {}, sentence)),
    h(
      "p",
      { class: "badges" },
      h("span", { class: `badge badge--${alert.state}` }, alert.state_label),
      h("span", { class: "badge" }, alert.severity_label),
    ),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "Kind"),
      h("dd", {}, alert.kind_label),
      h("dt", {}, "Place"),
      h("dd", {}, alert.place),
      h("dt", {}, "Rate"),
      h("dd", {}, alert.rate_label),
      h("dt", {}, "Area"),
      h("dd", {}, alert.area_label),
    ),
    h(
      "p",
      { class: "buttons" },
      h("a", { class: "button button--main", href: alert.url }, "What you can do, and all details"),
      link && h("a", { class: "button", href: link.href }, link.text),
      h("button", { type: "button", class: "button", onclick: copyLink }, "Copy link"),
    ),
    hasPoints && h("p", { class: "soft" }, "Press a point inside the outline to see how it moved over time."),
  );
}
