// The legend of the points: which layer, how strong the colours are, which period, and what the figures mean.
import { date, signed } from "gmm/format";
import { gettext, interpolate } from "gmm/words";

const STRETCHES = [5, 10, 20, 50, 100, 150, 200, 300];
const USUAL_STRETCH = 10;

/**
 * config: of the page; onChange(): another layer or stretch was chosen.
 * Returns { layer(), follow(component), drawn(), speed(value), setPeriod(period), describePoints(points, zoom) }.
 */
export function setUpLegend({ legend, config, query, remember, onChange }) {
  const known = config.layers.some((one) => one.name === query.get("layer"));
  const asked = Number(query.get("stretch"));
  const view = {
    layer: known ? query.get("layer") : config.default_layer,
    stretch: STRETCHES.includes(asked) ? asked : USUAL_STRETCH,
    period: null,
  };
  const layer = () => config.layers.find((one) => one.name === view.layer);
  const part = (name) => legend.querySelector(`[data-legend="${name}"]`);

  function describe() {
    const put = (name, text) => (part(name).textContent = text);
    const unit = layer()?.fast ? gettext("metres per year") : gettext("mm per year");
    put("negative", layer()?.negative_word ?? gettext("sinking"));
    put("positive", layer()?.positive_word ?? gettext("rising"));
    put("description", layer()?.description ?? "");
    put("unit", unit);
    put("stretch-unit", unit);
    put("low", signed(-view.stretch, 0));
    put("high", signed(view.stretch, 0));
  }

  function change(changes) {
    Object.assign(view, changes);
    remember({
      layer: view.layer === config.default_layer ? null : view.layer,
      stretch: view.stretch === USUAL_STRETCH ? null : view.stretch,
    });
    describe();
    onChange();
  }

  const select = legend.querySelector("#layer");
  select.value = view.layer;
  select.addEventListener("change", () => change({ layer: select.value }));
  for (const radio of legend.querySelectorAll("[name=stretch]")) {
    radio.checked = Number(radio.value) === view.stretch;
    radio.addEventListener("change", () => change({ stretch: Number(radio.value) }));
  }
  describe();

  return {
    layer,
    /** Shows a layer whose points move along a component, as those of an alert do, where another one is shown. */
    follow(component) {
      if (layer()?.component === component) return;
      const other = config.layers.find((one) => one.component === component);
      if (!other) return;
      select.value = other.name;
      change({ layer: other.name });
    },
    /** What the points are drawn with: ice is coloured in metres a year, with the same steps. */
    drawn: () => ({ ...view, stretch: view.stretch * (layer()?.fast ? 1000 : 1) }),
    speed: (value) =>
      layer()?.fast
        ? interpolate(gettext("%(figure)s m/year"), { figure: signed(value / 1000) })
        : interpolate(gettext("%(figure)s mm/year"), { figure: signed(value) }),
    /** period: {from, until}, days or null, that a chart fits its rates to; null: none is chosen. */
    setPeriod(period) {
      view.period = period;
    },
    /** What is drawn of the points that there are, and of which period. */
    describePoints(points, zoom) {
      part("sample").hidden = !points?.isSample();
      const text = view.period && points ? periodText(view.period, zoom >= config.period_from_zoom) : "";
      const left = text && points.isIncomplete() ? gettext("Points with too few dates in it are not drawn.") : "";
      part("period").textContent = [text, left].filter(Boolean).join(" ");
      part("period").hidden = !text;
    },
  };
}

function periodText({ from, until }, isNear) {
  if (!isNear) return gettext("Colours show the rates of all dates. Zoom in to see those of the period chosen.");
  if (from && until)
    return interpolate(gettext("Colours show the rates from %(from)s to %(until)s."), {
      from: date(from),
      until: date(until),
    });
  if (from) return interpolate(gettext("Colours show the rates since %(from)s."), { from: date(from) });
  return interpolate(gettext("Colours show the rates until %(until)s."), { until: date(until) });
}
