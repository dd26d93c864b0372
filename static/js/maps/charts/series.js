// The panel of several lines: sentence, chart, period, table of rates, reference, more points, downloads.
import { element as h } from "gmm/dom";
import { upAndDown } from "gmm/chart";
import { date, fixed, seconds } from "gmm/format";
import { colourName, dashOf, drawLines } from "gmm/lines";
import * as panel from "gmm/panel";
import { rateText, saved, valuesTable } from "gmm/figures";
import { moreOf } from "gmm/more";
import { formatNumber, gettext, interpolate, ngettext, pgettext } from "gmm/words";

const NAME = "ground-motion-series";
const BANDS_UP_TO = 2; // lines: with more, their bands hide each other
const UNCERTAINTY = gettext("The rates are fitted to the period chosen, ± two standard deviations.");
const [RATE, SCATTER] = [gettext("Rate, mm a year"), gettext("Scatter")];
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

/** A line from zero at its first date, as all charts draw displacements. */
function fromZero(trace) {
  const above = (part) => part?.map((value) => (value === null ? null : value - trace.zero_mm)) ?? null;
  const parts = ["values_mm", "fit_mm", "low_mm", "high_mm"].map((name) => [name, above(trace[name])]);
  return { ...trace, ...Object.fromEntries(parts) };
}

const directionOf = (traces) => {
  const words = new Set(traces.map((one) => upAndDown(one.positive_word, one.negative_word)));
  const [word] = words;
  return words.size === 1 ? word : gettext("Millimetres since the first date, each in its direction.");
};

function placeOf(trace) {
  const point = trace.key.slice(trace.key.indexOf("/") + 1);
  if (!trace.is_area) return interpolate(gettext("point %(point)s"), { point });
  const mean = ngettext("mean of %(n)s point", "mean of %(n)s points", trace.n_points);
  return interpolate(mean, { n: formatNumber(trace.n_points) });
}

/** Opens the panel; returns { update(body), fail(text), busy(on), empty() }. */
export function openSeries(actions) {
  const status = h("p", { class: "fault", role: "alert", hidden: true });
  const sentence = h("p", { class: "verdict" }, gettext("Loading the measurements…"));
  const box = h("div", { class: "chart chart--tall" });
  const bands = h("input", { type: "checkbox" });
  const from = h("input", { type: "date" });
  const until = h("input", { type: "date" });
  const whole = h("button", { type: "button", class: "button" }, gettext("Whole period"));
  const table = h("div", { class: "table-scroll" });
  const [changes, downloads, values] = ["div", "p", "div"].map((tag) => h(tag));
  const parts = h("div", { class: "chart-parts", hidden: true });
  const more = moreOf(actions, (text) => fail(text));
  let removeChart = /** @type {(() => void) | null} */ (null);
  let last = /** @type {LibraryObject} */ (null); // what the server answered
  let chosenBands = false;

  const period = h(
    "div",
    { class: "period", role: "group", "aria-label": gettext("Period that the rates are fitted to") },
    h("label", { class: "field" }, pgettext("date", "From"), from),
    h("label", { class: "field" }, pgettext("date", "Until"), until),
    whole,
    h("label", { class: "check" }, bands, ` ${gettext("Usual scatter")}`),
  );
  parts.append(box, period, table, changes, downloads, values);
  panel.openWide(pgettext("tool", "Compare"), status, sentence, parts, ...more.nodes);
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
      direction: `${directionOf(last.traces)} ${gettext("Drag across the chart to choose a period.")}`,
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
    if (!last) sentence.textContent = gettext("There is no chart to show.");
  }

  function update(answer) {
    const body = { ...answer, traces: answer.traces.map(fromZero) };
    last = body;
    status.hidden = true;
    if (body.missing.length)
      fail(gettext("Some of these points are not in the data any more: a newer release replaced them."));
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
    const focused = table.contains(document.activeElement) ? document.activeElement?.getAttribute("aria-label") : null;
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
      sentence.textContent = gettext("Press points on the map to compare them: up to six.");
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
      cell(RATE, rateText(trace.rate_mm_yr, trace.sigma_mm_yr), !trace.fitted && ` ${gettext("(as stated)")}`),
      cell(SCATTER, scatter(trace)),
      h(
        "td",
        { class: "row-actions" },
        !trace.is_area &&
          h(
            "button",
            {
              type: "button",
              class: "button",
              title: gettext("Show everything relative to the ground here"),
              "aria-label": interpolate(gettext("Make line %(number)s the reference"), { number: i + 1 }),
              onclick: () => actions.reference(trace.longitude, trace.latitude, 100),
            },
            gettext("Reference"),
          ),
        h(
          "button",
          {
            type: "button",
            class: "button",
            "aria-label": interpolate(gettext("Remove line %(number)s"), { number: i + 1 }),
            onclick: () => actions.remove(trace.is_area ? "area" : trace.key),
          },
          "×",
        ),
      ),
    );
  const heads = [gettext("Line"), RATE, SCATTER, ""];
  const against =
    reference && interpolate(gettext("Relative to %(reference)s."), { reference: reference.label });
  return h(
    "table",
    { class: "stacks rates" },
    h("caption", {}, [against, UNCERTAINTY].filter(Boolean).join(" ")),
    h("thead", {}, h("tr", {}, ...heads.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, ...traces.map(row)),
  );
}

const ON_TRACK = {
  ascending: gettext("track %(track)s ascending"),
  descending: gettext("track %(track)s descending"),
};
const where = ({ product: { track, direction, component_label: component } }) =>
  track === null ? component : interpolate(ON_TRACK[direction] ?? gettext("track %(track)s"), { track });

function scatter({ is_area: isArea, scatter_mm_yr: ofArea, band_mm: band }) {
  if (isArea) return interpolate(gettext("±%(scatter)s mm a year"), { scatter: formatNumber(ofArea) });
  return band === null ? "–" : `±${fixed(band)} mm`;
}

function changesOf({ traces }) {
  const items = traces.flatMap((trace, i) =>
    trace.changes.map((one) =>
      h(
        "li",
        {},
        interpolate(gettext("Line %(number)s, %(change)s"), { number: i + 1, change: panel.changeText(one) }),
      ),
    ),
  );
  return items.length ? [h("ul", { class: "changes" }, ...items)] : [];
}
