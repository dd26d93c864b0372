// The tools on the map: compare, area, profile, time. What they need is loaded when somebody presses one.
import { longitudeNear, maplibre } from "gmm/basemap";
import { element } from "gmm/dom";
import { gettext, pgettext } from "gmm/words";

/**
 * layer(): the layer of points shown; padding(): room that the panel takes; onUse(): a tool is about to show something;
 * onPeriod({from, until}): what a chart is fitted to, or null; onPlay(): the slider of displacement was opened
 * or closed. Returns what the page asks of the tools.
 */
export function setUpTools({ map, urls, layer, query, remember, say, warn, padding, onUse, onPlay, onPeriod }) {
  let inspect = /** @type {ReturnType<typeof import("gmm/inspect").setUpInspect> | null} */ (null);
  let play = /** @type {ReturnType<typeof import("gmm/play").openPlay> | null} */ (null);
  const playButton = document.querySelector("[data-tool=play]");
  const actions = {
    compare: (tools) => tools.compare([]),
    area: (tools) => tools.area(),
    profile: (tools) => tools.profile(),
  };

  async function use(action) {
    try {
      const { setUpInspect } = await import("gmm/inspect");
      inspect ??= setUpInspect({ map, urls, layer: () => layer()?.name, remember, say, show: intoView, onPeriod });
      onUse();
      await action(inspect);
    } catch (error) {
      if (error.name !== "AbortError") warn(error.message, () => use(action));
    }
  }

  /** Moves the map where a position is out of view or under the panel. */
  function intoView(positions) {
    const room = padding();
    const { clientWidth: width, clientHeight: height } = map.getContainer();
    const hidden = ({ x, y }) =>
      x < room.left / 2 || y < room.top / 2 || x > width - room.right || y > height - room.bottom;
    if (!positions.map((at) => map.project(at)).some(hidden)) return;
    const near = positions.map(([longitude, latitude]) => [longitudeNear(longitude, positions[0][0]), latitude]);
    const bounds = near.reduce((box, at) => box.extend(at), new maplibre.LngLatBounds(near[0], near[0]));
    map.fitBounds(bounds, { padding: room, maxZoom: Math.max(map.getZoom(), 12), duration: 600 });
  }

  async function togglePlay() {
    if (play) return play.close();
    const { openPlay } = await import("gmm/play");
    play ??= openPlay({
      map,
      bar: document.getElementById("playbar"),
      url: urls.frames,
      layer,
      startAt: query.get("time"),
      remember,
      onClose() {
        play = null;
        playButton.setAttribute("aria-expanded", "false");
        playButton.focus();
        onPlay();
      },
    });
    playButton.setAttribute("aria-expanded", "true");
    onPlay();
  }

  for (const button of document.querySelectorAll("[data-tool]"))
    button.addEventListener("click", () => {
      if (button === playButton) return togglePlay();
      button.closest("details").open = false;
      return use(actions[button.dataset.tool]);
    });
  if (playButton && query.has("time")) togglePlay();
  if (["compare", "area", "line"].some((name) => query.has(name))) use((tools) => tools.restore(query));

  const toolButton = (text, action) =>
    element("button", { type: "button", class: "button", onclick: () => use(action) }, text);
  return {
    buttonsFor: (key, { longitude, latitude }) => [
      toolButton(pgettext("tool", "Compare"), (tools) => tools.compare([key])),
      toolButton(gettext("Other directions"), (tools) => tools.everyDirection(longitude, latitude)),
    ],
    /** Whether a press on the map is no question about what is there. */
    isBusy: () => Boolean(inspect?.isDrawing() || play),
    isPlaying: () => play !== null,
    /** Puts a pressed point onto the chart, where one is open. */
    takes(key) {
      if (!inspect?.isComparing()) return false;
      inspect.toggle(key);
      return true;
    },
    leave: () => inspect?.leave(),
    layerChanged() {
      inspect?.layerChanged();
      play?.layerChanged();
    },
  };
}
