// The panel of several lines: sentence, chart, period, table of rates, reference, more points, downloads.
import { element as h } from "gmm/dom";
import { date, seconds } from "gmm/format";
import { colourName, dashOf, drawLines } from "gmm/lines";
import * as panel from "gmm/panel";
import { rateText, saved, valuesTable } from "gmm/figures";
import { moreOf } from "gmm/more";

const NAME = "ground-motion-series";
const BANDS_UP_TO = 2; // lines: with more, their bands hide each other
const UNCERTAINTY = "The rates are fitted to the period chosen, ± two standard deviations.";
const isoOf = (at) => new Date(at * 1000).toISOString().slice(0, 10);

/** Lines as `drawLines` takes them. */
function linesOf(traces, withBands) {
  return traces.map((trace, i) => {
    const around = (sign) => trace.fit_mm.map((value) => (value === null ? null : value + sign * trace.band_mm));
    const fitted = trace.fitted && trace.band_mm !== null;
    return {
      label: String(i + 1),
      colour: colourName(i + 1),
      dash: dashOf(i + 1),
      x: trace.dates.map(seconds),
      dots: trace.values_mm,
      line: trace.fitted ? trace.fit_mm : null,
      low: withBands ? (trace.low_mm ?? (fitted ? around(-1) : null)) : null,
      high: withBands ? (trace.high_mm ?? (fitted ? around(1) : null)) : null,
      marks: trace.changes.map((one) => seconds(one.day)),
    };
  });
}

const directionOf = (traces) => {
  const words = new Set(traces.map((one) => `up: ${one.positive_word}, down: ${one.negative_word}`));
  const [word] = words;
  return words.size === 1 ? `Millimetres. ${word.replace("up", "Up")}.` : "Millimetres, each in its direction.";
};

const placeOf = (trace) =>
  trace.is_area
    ? `mean of ${trace.n_points.toLocaleString("en")} points`
    : `point ${trace.key.slice(trace.key.indexOf("/") + 1)}`;

/** Opens the panel; returns { update(body), fail(text), busy(on), empty() }. */
export function openSeries(actions) {
  const status = h("p", { class: "fault", role: "alert", hidden: true });
  const sentence = h("p", { class: "verdict" }, "Loading the measurements…");
  const box = h("div", { class: "chart chart--tall" });
  const bands = h("input", { type: "checkbox" });
  const from = h("input", { type: "date" });
  const until = h("input", { type: "date" });
  const whole = h("button", { type: "button", class: "button" }, "Whole period");
  const table = h("div", { class: "table-scroll" });
  const [changes, downloads, values] = ["div", "p", "div"].map((tag) => h(tag));
  const parts = h("div", { class: "chart-parts", hidden: true });
  const more = moreOf(actions, (text) => fail(text));
  let [removeChart, last, chosenBands] = [null, null, false];

  const period = h(
    "div",
    { class: "period", role: "group", "aria-label": "Period that the rates are fitted to" },
    h("label", { class: "field" }, "From", from),
    h("label", { class: "field" }, "Until", until),
    whole,
    h("label", { class: "check" }, bands, " Usual scatter"),
  );
  parts.append(box, period, table, changes, downloads, values);
  panel.openWide("Compare", status, sentence, parts, ...more.nodes);
  panel.keep(() => removeChart?.());
  from.addEventListener("change", () => actions.change({ from: from.value || null }));
  until.addEventListener("change", () => actions.change({ until: until.value || null }));
  whole.addEventListener("click", () => actions.change({ from: null, until: null }));
  bands.addEventListener("change", () => {
    chosenBands = true;
    draw();
  });

  function draw() {
    removeChart?.();
    removeChart = null;
    box.hidden = !last.traces.some((trace) => trace.dates.length);
    if (box.hidden) return;
    removeChart = drawLines(box, {
      lines: linesOf(last.traces, bands.checked),
      unit: "mm",
      direction: `${directionOf(last.traces)} Drag across the chart to choose a period.`,
      xText: (at) => date(isoOf(at)),
      onRange: (first, end) => actions.change({ from: isoOf(first), until: isoOf(end) }),
    });
  }

  const picture = () => ({
    lines: linesOf(last.traces, bands.checked),
    title: last.sentence,
    direction: directionOf(last.traces),
    isTime: true,
    xText: String,
    foot: [
      ...last.traces.slice(0, 3).map((one, i) => `${i + 1}: ${one.product.name}, ${placeOf(one)}`),
      [...new Set(last.traces.map((one) => one.product.attribution))].join(" · "),
      location.href,
    ],
  });

  function fail(text) {
    status.textContent = text;
    status.hidden = false;
    if (!last) sentence.textContent = "There is no chart to show.";
  }

  function update(body) {
    last = body;
    status.hidden = true;
    if (body.missing.length) fail("Some of these points are not in the data any more: a newer release replaced them.");
    if (!chosenBands) bands.checked = body.traces.length <= BANDS_UP_TO;
    sentence.textContent = body.sentence;
    const { from: first, until: end } = actions.state();
    for (const [input, value] of [
      [from, first ?? body.first],
      [until, end ?? body.last],
    ]) {
      [input.min, input.max] = [body.first, body.last];
      if (document.activeElement !== input) input.value = value;
    }
    whole.disabled = !first && !end;
    parts.hidden = false;
    const focused = table.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    table.replaceChildren(ratesTable(body, actions));
    if (focused) (table.querySelector(`[aria-label="${focused}"]`) ?? sentence.parentElement).focus();
    changes.replaceChildren(...changesOf(body));
    downloads.replaceChildren(...saved({ actions, picture, name: NAME }));
    values.replaceChildren(valuesTable(body.traces));
    more.update(body);
    draw();
  }

  return {
    update,
    fail,
    busy: (on) => sentence.parentElement?.setAttribute("aria-busy", String(on)),
    empty() {
      removeChart?.();
      removeChart = null;
      parts.hidden = true;
      status.hidden = true;
      sentence.textContent = "Press points on the map to compare them: up to six.";
      more.update(null);
    },
  };
}

function ratesTable({ traces, reference }, actions) {
  const cell = (label, ...content) => h("td", { "data-label": label }, h("span", {}, ...content));
  const row = (trace, i) =>
    h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("span", { class: `trace-mark trace-mark--${colourName(i + 1)}` }, String(i + 1)),
        h("span", { class: "soft" }, ` ${where(trace)}, ${placeOf(trace)}`),
      ),
      cell("Rate, mm a year", rateText(trace.rate_mm_yr, trace.sigma_mm_yr), !trace.fitted && " (as stated)"),
      cell("Scatter", trace.is_area ? `±${trace.scatter_mm_yr} mm a year` : scatter(trace)),
      h(
        "td",
        { class: "row-actions" },
        !trace.is_area &&
          h(
            "button",
            {
              type: "button",
              class: "button",
              title: "Show everything relative to the ground here",
              "aria-label": `Make line ${i + 1} the reference`,
              onclick: () => actions.reference(trace.longitude, trace.latitude, 100),
            },
            "Reference",
          ),
        h(
          "button",
          {
            type: "button",
            class: "button",
            "aria-label": `Remove line ${i + 1}`,
            onclick: () => actions.remove(trace.is_area ? "area" : trace.key),
          },
          "×",
        ),
      ),
    );
  const heads = ["Line", "Rate, mm a year", "Scatter", ""];
  return h(
    "table",
    { class: "stacks rates" },
    h("caption", {}, reference ? `Relative to ${reference.label}. ${UNCERTAINTY}` : UNCERTAINTY),
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...traces.map(row)),
  );
}

const where = ({ product }) =>
  product.track === null ? product.component_label : `track ${product.track} ${product.direction}`.trim();
const scatter = (trace) => (trace.band_mm === null ? "–" : `±${trace.band_mm.toFixed(1)} mm`);

function changesOf({ traces }) {
  const items = traces.flatMap((trace, i) =>
    trace.changes.map((one) =>
      h(
        "li",
        {},
        `Line ${i + 1}, ${date(one.day)} (probably between ${date(one.first)} and ${date(one.last)}): ${one.sentence}`,
      ),
    ),
  );
  return items.length ? [h("ul", { class: "changes" }, ...items)] : [];
}
