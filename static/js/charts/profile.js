// The panel of a profile: speed along a line, and how the displacement grew there, with time as colour.
import { element as h } from "gmm/dom";
import { date } from "gmm/format";
import { foldedTable, saved } from "gmm/figures";
import { drawLines } from "gmm/lines";
import * as panel from "gmm/panel";

const NAME = "ground-motion-profile";
const WIDTHS_M = [50, 100, 200, 500, 1000, 2000];
const metres = (at) => (at >= 1000 ? `${(at / 1000).toFixed(at % 1000 ? 1 : 0)} km` : `${Math.round(at)} m`);

/** Speed of the points, and the median of every piece of the line with the middle two thirds. */
const speedLines = ({ distance_m: x, velocity_mm_yr: dots, bins }) => [
  { label: "", name: "point", colour: "text-soft", dash: [], x, dots, dot: 3 },
  {
    label: "",
    name: "median",
    knots: true,
    colour: "accent",
    dash: [],
    x: bins.distance_m,
    line: bins.median_mm_yr,
    low: bins.low_mm_yr,
    high: bins.high_mm_yr,
  },
];

/** One line for every date, from light to dark. */
const timeLines = ({ epochs, bins }) =>
  epochs.map((one, i) => ({
    label: date(one.date).slice(-8),
    colour: `time-${i + 1}`,
    dash: [],
    x: bins.distance_m,
    line: one.displacement_mm,
  }));

/** Opens the panel; returns { update(body), fail(text), busy(on) }. */
export function openProfile(actions) {
  const status = h("p", { class: "fault", role: "alert", hidden: true });
  const sentence = h("p", { class: "verdict" }, "Loading the measurements…");
  const [speed, time] = [0, 1].map(() => h("div", { class: "chart chart--tall" }));
  const [downloads, values] = ["p", "div"].map((tag) => h(tag));
  const width = h("select", {}, ...WIDTHS_M.map((one) => h("option", { value: one }, `${metres(one)} wide`)));
  const drop = h(
    "button",
    { type: "button", class: "button", onclick: () => actions.change({ reference: null }) },
    "No reference of its own",
  );
  const facts = h("p", { class: "soft" });
  const grown = h("h3", {}, "How it grew");
  const parts = h(
    "div",
    { hidden: true },
    speed,
    facts,
    grown,
    time,
    downloads,
    values,
  );
  const controls = h(
    "p",
    { class: "buttons" },
    h("label", { class: "field" }, "Points from a strip", width),
    h("button", { type: "button", class: "button", onclick: actions.profile }, "Another line"),
    drop,
  );
  const removes = [];
  const clear = () => removes.splice(0).forEach((remove) => remove());
  panel.openWide("Profile along a line", status, sentence, controls, parts);
  panel.keep(clear);
  width.addEventListener("change", () => actions.change({ width: Number(width.value) }));

  const shared = (body) => ({
    direction: `Millimetres per year. Up: ${body.positive_word}, down: ${body.negative_word}. A is on the left.`,
    unit: "mm/year",
    isTime: false,
    xText: metres,
  });

  function update(body) {
    status.hidden = true;
    parts.hidden = false;
    sentence.textContent = body.sentence;
    if (!WIDTHS_M.includes(body.width_m)) width.append(new Option(`${metres(body.width_m)} wide`, body.width_m));
    width.value = String(body.width_m);
    drop.hidden = !body.reference;
    facts.textContent = factsOf(body);
    clear();
    removes.push(drawLines(speed, { lines: speedLines(body), ...shared(body) }));
    grown.hidden = time.hidden = body.epochs.length === 0;
    if (body.epochs.length) {
      const direction = `Millimetres since the beginning; faint: early, strong: late. Up: ${body.positive_word}.`;
      removes.push(drawLines(time, { lines: timeLines(body), ...shared(body), direction, unit: "mm" }));
    }
    const picture = () => ({
      lines: speedLines(body),
      title: body.sentence,
      ...shared(body),
      foot: [
        body.products.join(" · ").slice(0, 150),
        body.attribution,
        location.href,
      ],
    });
    downloads.replaceChildren(...saved({ actions, picture, name: NAME }));
    values.replaceChildren(tableOf(body));
  }

  return {
    update,
    fail(text) {
      status.textContent = text;
      status.hidden = false;
      const { width: metresWide, reference } = actions.state();
      width.value = String(metresWide);
      drop.hidden = !reference;
      if (parts.hidden) sentence.textContent = "There is no profile to show.";
    },
    busy: (on) => sentence.parentElement?.setAttribute("aria-busy", String(on)),
  };
}

function factsOf(body) {
  const shown =
    body.n_shown < body.n_points ? ` An even sample of ${body.n_shown.toLocaleString("en")} points is drawn.` : "";
  const against = body.reference ? ` Relative to ${body.reference.label}.` : "";
  const seen = body.direction ? `, ${body.direction}` : "";
  return `${body.layer}${seen}. Band: the middle two thirds of the points.${shown}${against}`;
}

function tableOf({ bins, epochs }) {
  const heads = ["From A", "Median, mm a year", ...epochs.map((one) => `${date(one.date)}, mm`)];
  const rows = () =>
    bins.distance_m.map((at, i) => [metres(at), bins.median_mm_yr[i], ...epochs.map((one) => one.displacement_mm[i])]);
  return foldedTable("The figures as a table", "Median speed and displacement along the line", heads, rows);
}
