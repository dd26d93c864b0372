// What can be taken away from a chart, and its figures as a table.
import { element as h } from "gmm/dom";
import { date, margin, signed } from "gmm/format";
import { copyButton } from "gmm/panel";
import { gettext, interpolate } from "gmm/words";

const FILES = [
  ["csv", "CSV"],
  ["geojson", "GeoJSON"],
];

/** Links and buttons. picture(): the chart as `gmm/picture` draws it; name: of the files. */
export function saved({ actions, picture, name }) {
  const draw = (save) => async () => (await import("gmm/picture"))[save](picture(), name);
  return [
    h(
      "span",
      { class: "buttons", role: "group", "aria-label": gettext("Download") },
      h("span", { class: "soft" }, gettext("Download:")),
      ...FILES.map(([form, label]) => h("a", { class: "button", href: actions.address(form), download: true }, label)),
      h("button", { type: "button", class: "button", onclick: draw("saveSvg") }, "SVG"),
      h("button", { type: "button", class: "button", onclick: draw("savePng") }, "PNG"),
      copyButton(),
      actions.desk() && h("a", { class: "button", href: actions.desk() }, gettext("Open in the workbench")),
    ),
  ];
}

/** A fold-out with columns of numbers; rows(): [[text, number or null, …]], made when it is opened. */
export function foldedTable(summary, label, heads, rows) {
  const body = h("tbody");
  const details = h(
    "details",
    {},
    h("summary", {}, summary),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h("tr", {}, ...heads.map((text, i) => h("th", { scope: "col", class: i ? "number" : null }, text))),
        ),
        body,
      ),
    ),
  );
  const cell = (value) => h("td", { class: "number" }, value === null ? "–" : signed(value));
  details.addEventListener(
    "toggle",
    () =>
      body.replaceChildren(
        ...rows().map(([text, ...values]) => h("tr", {}, h("th", { scope: "row" }, text), ...values.map(cell))),
      ),
    { once: true },
  );
  return details;
}

/** Every date of every line. */
export function valuesTable(traces) {
  const rows = () => {
    const columns = traces.map((trace) => new Map(trace.dates.map((day, i) => [day, trace.values_mm[i]])));
    const days = [...new Set(traces.flatMap((trace) => trace.dates))].sort();
    return days.map((day) => [date(day), ...columns.map((column) => column.get(day) ?? null)]);
  };
  const head = (_, i) => interpolate(gettext("Line %(number)s, mm"), { number: i + 1 });
  const heads = [gettext("Date"), ...traces.map(head)];
  return foldedTable(gettext("The figures as a table"), gettext("Displacement by date and line"), heads, rows);
}

/** "+3.2 ± 0.4" */
export const rateText = (rate, sigma) => (sigma === null ? signed(rate) : `${signed(rate)} ± ${margin(sigma)}`);
