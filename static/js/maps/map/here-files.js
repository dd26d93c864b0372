// A house or street without the service: the nearest point on the map with its series, and the cards of alerts around.
import { ask } from "gmm/ask";
import { drawChart } from "gmm/chart";
import { element as h } from "gmm/dom";
import { gettext } from "gmm/words";

const AROUND_DEG = 0.05;
const REACH_PX = 90;

/** Shows what files have about a place, degrees, once the map has drawn it. `points`: of the map; `box`: where to. */
export async function showFiles({ map, points, urls, box, here: [x, y] }) {
  const service = document.querySelector(".published a").href + location.search;
  box.replaceChildren(
    h("p", {}, gettext("Here are measurements and alerts. What they mean for this place, the service says:")),
    h("p", {}, h("a", { class: "button button--main", href: service }, gettext("How the ground moves around here"))),
  );
  const drawn = new Promise((resolve) => map.once("idle", resolve));
  map.triggerRepaint();
  const address = `${urls.list}?bbox=${[x - AROUND_DEG, y - AROUND_DEG, x + AROUND_DEG, y + AROUND_DEG]}`;
  const list = new DOMParser().parseFromString(await (await ask(address)).text(), "text/html");
  const { features } = await (await ask(urls.alerts)).json();
  const near = features.filter(
    ({ properties: one }) => Math.abs(one.longitude - x) <= AROUND_DEG && Math.abs(one.latitude - y) <= AROUND_DEG,
  );
  await drawn;
  const nearest = points?.at(map.project([x, y]), REACH_PX);
  const none = gettext("No measurement point here: that does not mean that the ground is still.");
  if (nearest?.properties.pid === undefined) box.append(h("p", { class: "empty" }, none));
  else {
    const { product, pid } = nearest.properties;
    const path = urls.series.replace("{product}", product).replace("{pid}", encodeURIComponent(pid));
    const point = await (await ask(`${path}#${nearest.geometry.coordinates}`)).json();
    const chart = h("div", { class: "chart" });
    box.append(h("h2", {}, gettext("Measurement point")), chart);
    points.choose(nearest.geometry.coordinates);
    drawChart(chart, {
      dates: point.dates,
      values: point.displacement_mm,
      zero: point.zero_mm,
      provisional: point.provisional,
      positiveWord: point.positive_word,
      negativeWord: point.negative_word,
      names: { values: gettext("measured") },
    });
  }
  const cards = near.map(({ properties }) => list.querySelector(`[data-alert-code="${properties.code}"]`));
  if (cards.length)
    box.append(
      h("h2", {}, gettext("The nearest alerts")),
      h("ul", { class: "cards" }, ...cards.map((card) => h("li", {}, document.adoptNode(card)))),
    );
}
