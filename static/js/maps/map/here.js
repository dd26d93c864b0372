// Panel on the ground around a place that was pressed or searched for; the page of the place says more.
import { published } from "gmm/ask";
import { element as h } from "gmm/dom";
import { fixed } from "gmm/format";
import { keep, open } from "gmm/panel";
import { gettext, interpolate } from "gmm/words";

const TITLE = gettext("My house or street");
let running = /** @type {AbortController | null} */ (null);

/** The query of a place, rounded to about ten metres. */
const query = ({ lng, lat }) => `lat=${lat.toFixed(4)}&lon=${lng.toFixed(4)}`;

/** A link to the page about a place; a press opens the panel instead. */
export function linkHere(urls, lngLat) {
  return {
    href: `${urls.here}?${query(lngLat)}`,
    text: gettext("How the ground moves around here"),
    onclick(event) {
      if (published) return;
      event.preventDefault();
      showHere(urls, lngLat);
    },
  };
}

async function showHere(urls, lngLat) {
  open(TITLE, h("p", { role: "status" }, gettext("Loading the measurements…")));
  running?.abort();
  const request = (running = new AbortController());
  try {
    const address = `${urls.here_data}${urls.here_data.includes("?") ? "&" : "?"}${query(lngLat)}`;
    const response = await fetch(address, { signal: request.signal, headers: { Accept: "application/json" } });
    const [body, { drawChart }] = await Promise.all([response.json(), import("gmm/chart")]);
    if (request.signal.aborted) return;
    if (!response.ok) throw new Error([body.error, body.remedy].filter(Boolean).join(". "));
    render(body, drawChart);
  } catch (error) {
    if (error.name === "AbortError") return;
    open(TITLE, h("p", { class: "verdict", role: "alert" }, error.message));
  }
}

const list = (title, lines) =>
  lines.length > 0 && h("details", {}, h("summary", {}, title), h("ul", {}, ...lines.map((line) => h("li", {}, line))));

function render(here, drawChart) {
  const track = here.tracks.find((one) => one.dates.length);
  const box = track && h("div", { class: "chart" });
  const alerts = here.alerts.map((one) => [h("a", { href: one.url }, one.kind_label), `, ${one.where}`]);
  open(
    TITLE,
    h("p", { class: "verdict" }, here.sentence),
    box,
    h(
      "p",
      { class: "buttons" },
      h("a", { class: "button button--main", href: here.url }, gettext("All of it, to print")),
    ),
    list(gettext("How sure are we?"), here.how_sure),
    list(gettext("What this cannot say"), here.limits),
    alerts.length > 0 && h("h3", {}, gettext("The nearest alerts")),
    alerts.length > 0 && h("ul", {}, ...alerts.map((parts) => h("li", {}, ...parts))),
  );
  if (!track) return;
  keep(
    drawChart(box, {
      dates: track.dates,
      values: track.values_mm,
      line: track.fit_mm,
      zero: track.zero_mm,
      low: track.low_mm,
      high: track.high_mm,
      marks: track.changes.map((one) => one.day),
      positiveWord: track.positive_word,
      negativeWord: track.negative_word,
      names: {
        values: interpolate(gettext("mean within %(radius)s m"), { radius: fixed(here.radius_m, 0) }),
        line: gettext("trend and seasons"),
        short: gettext("trend"),
        band: gettext("two thirds of the points lie in this band"),
        marks: gettext("a change"),
      },
    }),
  );
}
