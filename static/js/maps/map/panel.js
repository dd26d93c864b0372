// The panel beside the map: what is known about one point or one alert. Each has a loading, an empty and an error form.
import { ask } from "gmm/ask";
import { element as h, jsonOf } from "gmm/dom";
import { date, fixed, margin, position, seconds, signed } from "gmm/format";
import { formatNumber, gettext, interpolate, ngettext } from "gmm/words";

const AROUND_DEG = 0.001; // around the middle of an alert, in a list of its surroundings
const panel = document.getElementById("panel");
let removeChart = /** @type {(() => void) | null} */ (null);
let running = /** @type {AbortController | null} */ (null);
let before = /** @type {HTMLElement | null} */ (null);
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
  panel.parentElement?.classList.remove("has-panel", "has-wide-panel");
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
  panel.parentElement?.classList.remove("has-wide-panel");
  if (panel.hidden) before = /** @type {HTMLElement} */ (document.activeElement);
  panel.replaceChildren(
    h(
      "div",
      { class: "panel-bar" },
      h("h2", { id: "panel-title" }, title),
      h(
        "button",
        { type: "button", class: "button button--icon", "aria-label": gettext("Close"), onclick: close },
        "×",
      ),
    ),
    ...content.filter(Boolean),
  );
  panel.hidden = false;
  panel.scrollTop = 0;
  panel.parentElement?.classList.add("has-panel");
  panel.focus({ preventScroll: true });
}

/** The same with room for a large chart. */
export function openWide(title, ...content) {
  open(title, ...content);
  panel.parentElement?.classList.add("has-wide-panel");
}

/** remove() is called when something else is shown, or nothing. */
export function keep(remove) {
  removeChart = remove;
}

const POINT = gettext("Measurement point");

const waiting = () => [
  h("p", { class: "visually-hidden", role: "status" }, gettext("Loading the measurements…")),
  h("span", { class: "waiting waiting--line" }),
  h("span", { class: "waiting waiting--line" }),
  h("div", { class: "chart" }, h("span", { class: "waiting" })),
];

/** A button that copies the address of the page; it says whether that worked. */
export function copyButton() {
  const copy = () =>
    navigator.clipboard.writeText(location.href).then(
      () => (button.textContent = gettext("Link copied")),
      () => (button.textContent = gettext("Copy it from the address bar")),
    );
  const button = h("button", { type: "button", class: "button", onclick: copy }, gettext("Copy link"));
  return button;
}

/** Shows the point whose series is at `url`; actions(point): buttons for it. */
export async function showPoint(url, actions) {
  open(POINT, ...waiting());
  const request = (running = new AbortController());
  try {
    const response = await ask(url, { signal: request.signal, headers: { Accept: "application/json" } });
    if (response.status === 404) throw new Error("gone");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const [point, { drawChart }] = await Promise.all([response.json(), import("gmm/chart")]);
    if (request.signal.aborted) return null;
    renderPoint(point, drawChart, actions?.(point) ?? []);
    return point;
  } catch (error) {
    if (error.name === "AbortError" || request.signal.aborted) return null;
    const gone = error.message === "gone";
    open(
      POINT,
      h(
        "p",
        { class: "verdict", role: "alert" },
        gone
          ? gettext("This point is no longer part of the data.")
          : gettext("The measurements of this point could not be loaded."),
      ),
      h(
        "p",
        {},
        gone
          ? gettext("A newer release may have replaced it. Points near it may still be there.")
          : gettext("The connection may have been interrupted."),
      ),
      !gone &&
        h(
          "button",
          { type: "button", class: "button button--main", onclick: () => showPoint(url, actions) },
          gettext("Try again"),
        ),
    );
    return null;
  }
}

function renderPoint(point, drawChart, buttons) {
  const { dates, displacement_mm: values, fit_mm: fit, band_mm: band } = point;
  const measured = values.filter((value) => value !== null);
  const head = [point.sentence && h("p", { class: "verdict" }, point.sentence), figures(point, measured)];
  const tail = [
    h(
      "p",
      { class: "buttons" },
      ...buttons,
      point.csv_url && h("a", { class: "button", href: point.csv_url, download: true }, gettext("Download (CSV)")),
      copyButton(),
    ),
    point.provisional?.sentence && h("p", {}, point.provisional.sentence),
    changesList(point),
    measured.length > 0 && valuesTable(point),
    howSure(point, measured.length),
    h(
      "p",
      {},
      h("a", { href: jsonOf("map-config").urls.my_house }, gettext("A moving point is on my house: what now?")),
      " · ",
      h("a", { href: addressAround(point) }, gettext("How the ground moves around here")),
    ),
  ];
  if (measured.length === 0) {
    open(
      POINT,
      ...head,
      h("p", { class: "empty" }, gettext("Only the speed is known here; this data set holds no series over time.")),
      ...tail,
    );
    return;
  }
  const box = h("div", { class: "chart" });
  open(POINT, ...head, box, ...tail);
  const around = (sign) => fit.map((value) => (value === null ? null : value + sign * band));
  removeChart = drawChart(box, {
    dates,
    values,
    line: fit,
    zero: point.zero_mm,
    provisional: point.provisional,
    marks: point.changes.map((one) => one.day),
    ...(fit && band !== null ? { low: around(-1), high: around(1) } : {}),
    positiveWord: point.positive_word,
    negativeWord: point.negative_word,
    names: {
      values: gettext("measured"),
      line: gettext("trend and seasons"),
      short: gettext("trend"),
      band: interpolate(gettext("usual scatter (±%(mm)s mm)"), { mm: fixed(band ?? 0) }),
      marks: gettext("a change"),
    },
  });
}

function figures(point, measured) {
  // ice moves by metres, ground by millimetres
  const fast = Math.abs(point.velocity_mm_yr) >= 3000;
  const per = fast ? 1000 : 1;
  const std = point.velocity_std_mm_yr;
  const [alone, around] = fast
    ? [gettext("m per year, uncertainty not given"), gettext("± %(std)s m per year")]
    : [gettext("mm per year, uncertainty not given"), gettext("± %(std)s mm per year")];
  // the speed times the years: a difference of two single measurements would be mostly scatter
  const years = (seconds(point.dates.at(-1)) - seconds(point.dates[0])) / (365.25 * 86400);
  const change = measured.length > 1 ? point.velocity_mm_yr * years : null;
  const unit = h("small", {}, std === null ? alone : interpolate(around, { std: margin(std / per) }));
  const beside = std === null ? "" : ` ± ${margin(std * years, 0)}`;
  const sum = change !== null && `${signed(change, 0)}${beside}`;
  const since = () => interpolate(gettext("mm since %(date)s"), { date: date(point.dates[0]) });
  return h(
    "dl",
    { class: "figures" },
    h("div", {}, h("dt", {}, gettext("Speed")), h("dd", {}, `${signed(point.velocity_mm_yr / per)} `, unit)),
    sum && h("div", {}, h("dt", {}, gettext("Total change")), h("dd", {}, `${sum} `, h("small", {}, since()))),
  );
}

const addressAround = ({ latitude, longitude }) =>
  `${jsonOf("map-config").urls.here}?lat=${latitude.toFixed(4)}&lon=${longitude.toFixed(4)}`;

/** What changed and when, in words; only changes that chance hardly makes are here. */
function changesList({ changes }) {
  if (!changes.length) return null;
  return h("ul", { class: "changes" }, ...changes.map((one) => h("li", {}, changeText(one))));
}

/** When a change was, and what it was. */
export const changeText = ({ day, first, last, sentence }) =>
  interpolate(gettext("%(day)s (probably between %(first)s and %(last)s): %(sentence)s"), {
    day: date(day),
    first: date(first),
    last: date(last),
    sentence,
  });

function valuesTable({ dates, displacement_mm: values, fit_mm: fit, zero_mm: zero }) {
  const cell = (value) => h("td", { class: "number" }, value === null ? "–" : signed(value - zero));
  const body = h("tbody");
  const details = h(
    "details",
    {},
    h("summary", {}, gettext("The figures as a table")),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": gettext("Displacement by date") },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, gettext("Date")),
            h("th", { scope: "col", class: "number" }, gettext("Measured, mm")),
            fit && h("th", { scope: "col", class: "number" }, gettext("Trend and seasons, mm")),
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
  const mm = (value) => (value === null ? null : `${fixed(value)} mm`);
  const passes = ngettext(
    "The speed comes from %(n)s pass of the satellite.",
    "The speed comes from %(n)s passes of the satellite.",
    count,
  );
  const likely = gettext("The true speed is very likely (19 out of 20) within ±%(mm)s mm per year of the value shown.");
  const uncertainty =
    point.velocity_std_mm_yr === null
      ? gettext("The data set gives no uncertainty for it.")
      : interpolate(likely, { mm: margin(point.velocity_std_mm_yr) });
  const spot = gettext("The point stands for a spot of some metres, and its position is uncertain by as much.");
  const coherence = gettext("%(coherence)s (0: useless, 1: perfect)");
  return h(
    "details",
    {},
    h("summary", {}, gettext("How sure are we?")),
    h("p", {}, `${interpolate(passes, { n: formatNumber(count) })} ${uncertainty} ${product.datum.sentence}`),
    h(
      "dl",
      { class: "facts" },
      fact(gettext("Direction"), product.component_label),
      fact(gettext("Track"), product.track ? String(product.track) : null),
      fact(
        gettext("Temporal coherence"),
        point.temporal_coherence === null
          ? null
          : interpolate(coherence, { coherence: fixed(point.temporal_coherence, 2) }),
      ),
      fact(gettext("Scatter (RMSE)"), mm(point.rmse_mm)),
      fact(gettext("Position"), position(point.longitude, point.latitude, 5)),
      fact(
        gettext("Height"),
        point.height_m === null || point.height_m === undefined ? null : `${fixed(point.height_m, 0)} m`,
      ),
      fact(gettext("Point"), point.pid),
      fact(gettext("Data set"), product.url ? h("a", { href: product.url }, product.name) : product.name),
      fact(gettext("Credit"), product.attribution || null),
    ),
    h("p", { class: "soft" }, `${spot} ${gettext("It is not one particular house.")}`),
  );
}

/** The card of an alert as the list beside the map has it, or as the list of its surroundings does. */
async function cardOf({ code, longitude, latitude }) {
  const named = `[data-alert-code="${code}"]`;
  let card = document.querySelector(`#list ${named}`);
  if (!card) {
    const bbox = [longitude - AROUND_DEG, latitude - AROUND_DEG, longitude + AROUND_DEG, latitude + AROUND_DEG];
    const response = await ask(`${jsonOf("map-config").urls.list}?${new URLSearchParams({ bbox: bbox.join(",") })}`);
    if (!response.ok) throw new Error(`list: HTTP ${response.status}`);
    card = new DOMParser().parseFromString(await response.text(), "text/html").querySelector(named);
  }
  const copy = /** @type {HTMLElement} */ (card.cloneNode(true));
  copy.removeAttribute("data-alert-code"); // the list knows its cards by it
  copy.removeAttribute("data-selected");
  return copy;
}

/**
 * Shows the card of an alert, with the way to its own page.
 * link: to more about the place that was pressed; hasPoints: whether points show its motion.
 */
export function showAlert(alert, { link, hasPoints = true }) {
  const place = h("div", { class: "panel-card" });
  open(
    interpolate(gettext("Alert %(code)s"), { code: alert.code }),
    place,
    h("p", { class: "verdict" }, alert.sentence),
    h("p", { class: "soft" }, [alert.severity_label, alert.area_label].join(" · ")),
    h(
      "p",
      { class: "buttons" },
      h("a", { class: "button button--main", href: alert.url }, gettext("What you can do, and all details")),
      link && h("a", { class: "button", href: link.href }, link.text),
      copyButton(),
    ),
    hasPoints &&
      h("p", { class: "soft" }, gettext("Press a point inside the outline to see how it moved over time.")),
  );
  cardOf(alert).then((card) => place.append(card), (error) => console.warn(error));
}
