// The panel of a profile: speed along a line, and how the displacement grew there, with time as colour.
import { element as h } from "gmm/dom";
import { date, fixed } from "gmm/format";
import { foldedTable, saved } from "gmm/figures";
import { drawLines } from "gmm/lines";
import * as panel from "gmm/panel";
import { formatDate, formatNumber, gettext, interpolate, ngettext } from "gmm/words";

const NAME = "ground-motion-profile";
const WIDTHS_M = [50, 100, 200, 500, 1000, 2000];
const metres = (at) => (at >= 1000 ? `${fixed(at / 1000, at % 1000 ? 1 : 0)} km` : `${Math.round(at)} m`);
const wide = (at) => interpolate(gettext("%(width)s wide"), { width: metres(at) });
const month = (iso) => formatDate(new Date(`${iso}T00:00:00Z`), { month: "short", year: "numeric" });

/** Speed of the points, and the median of every piece of the line with the middle two thirds. */
const speedLines = ({ distance_m: x, velocity_mm_yr: dots, bins }) => [
  { label: "", name: gettext("point"), colour: "text-soft", dash: [], x, dots, dot: 3 },
  {
    label: "",
    name: gettext("median"),
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
    label: month(one.date),
    colour: `time-${i + 1}`,
    dash: [],
    x: bins.distance_m,
    line: one.displacement_mm,
  }));

/** Opens the panel; returns { update(body), fail(text), busy(on) }. */
export function openProfile(actions) {
  const status = h("p", { class: "fault", role: "alert", hidden: true });
  const sentence = h("p", { class: "verdict" }, gettext("Loading the measurements…"));
  const [speed, time] = [0, 1].map(() => h("div", { class: "chart chart--tall" }));
  const [downloads, values] = ["p", "div"].map((tag) => h(tag));
  const width = h("select", {}, ...WIDTHS_M.map((one) => h("option", { value: one }, wide(one))));
  const drop = h(
    "button",
    { type: "button", class: "button", onclick: () => actions.change({ reference: null }) },
    gettext("No reference of its own"),
  );
  const facts = h("p", { class: "soft" });
  const grown = h("h3", {}, gettext("How it grew"));
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
    h("label", { class: "field" }, gettext("Points from a strip"), width),
    h("button", { type: "button", class: "button", onclick: actions.profile }, gettext("Another line")),
    drop,
  );
  const removes = [];
  const clear = () => removes.splice(0).forEach((remove) => remove());
  panel.openWide(gettext("Profile along a line"), status, sentence, controls, parts);
  panel.keep(clear);
  width.addEventListener("change", () => actions.change({ width: Number(width.value) }));

  const shared = (body) => ({
    direction: interpolate(
      gettext("Millimetres per year. Up: %(up)s, down: %(down)s. A is on the left."),
      { up: body.positive_word, down: body.negative_word },
    ),
    unit: gettext("mm/year"),
    isTime: false,
    xText: metres,
  });

  function update(body) {
    status.hidden = true;
    parts.hidden = false;
    sentence.textContent = body.sentence;
    if (!WIDTHS_M.includes(body.width_m)) width.append(new Option(wide(body.width_m), body.width_m));
    width.value = String(body.width_m);
    drop.hidden = !body.reference;
    facts.textContent = factsOf(body);
    clear();
    removes.push(drawLines(speed, { lines: speedLines(body), ...shared(body) }));
    grown.hidden = time.hidden = body.epochs.length === 0;
    if (body.epochs.length) {
      const direction = interpolate(
        gettext("Millimetres since the beginning; faint: early, strong: late. Up: %(up)s."),
        { up: body.positive_word },
      );
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
      if (parts.hidden) sentence.textContent = gettext("There is no profile to show.");
    },
    busy: (on) => sentence.parentElement?.setAttribute("aria-busy", String(on)),
  };
}

function factsOf(body) {
  const sample = ngettext(
    "An even sample of %(n)s point is drawn.",
    "An even sample of %(n)s points is drawn.",
    body.n_shown,
  );
  const facts = [
    `${[body.layer, body.direction].filter(Boolean).join(", ")}.`,
    gettext("Band: the middle two thirds of the points."),
    body.n_shown < body.n_points && interpolate(sample, { n: formatNumber(body.n_shown) }),
    body.reference && interpolate(gettext("Relative to %(reference)s."), { reference: body.reference.label }),
  ];
  return facts.filter(Boolean).join(" ");
}

function tableOf({ bins, epochs }) {
  const heads = [gettext("From A"), gettext("Median, mm a year"), ...epochs.map((one) => `${date(one.date)}, mm`)];
  const rows = () =>
    bins.distance_m.map((at, i) => [metres(at), bins.median_mm_yr[i], ...epochs.map((one) => one.displacement_mm[i])]);
  const label = gettext("Median speed and displacement along the line");
  return foldedTable(gettext("The figures as a table"), label, heads, rows);
}
