// Playing frames one after the other: a button, a slider, and the arrow keys of the slider.
import { gettext, pgettext } from "gmm/words";

const PAUSE_MS = 600;

/**
 * button: says "Play" or "Pause"; show(i): shows a frame and resolves when it is drawn; count(): of frames;
 * at(): the one shown. It starts only when the button is pressed, stops at the end, when the page is hidden, and where
 * less motion is asked for: there the button moves one frame on. Returns { pause() }.
 */
export function makePlayer({ button, show, count, at }) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let playing = 0; // each run has its number: an older one ends by itself

  function label() {
    const [text, name] =
      playing > 0
        ? [pgettext("player", "Pause"), gettext("Pause through the dates")]
        : still.matches
          ? [pgettext("player", "Next"), gettext("Next date")]
          : [pgettext("player", "Play"), gettext("Play through the dates")];
    button.textContent = text;
    button.setAttribute("aria-label", name);
  }

  function pause() {
    playing = -Math.abs(playing);
    label();
  }

  async function play() {
    const run = (playing = Math.abs(playing) + 1);
    label();
    if (at() >= count() - 1) await show(0);
    while (playing === run && at() < count() - 1) {
      await new Promise((done) => setTimeout(done, PAUSE_MS));
      if (playing === run) await show(at() + 1);
    }
    if (playing === run) pause();
  }

  button.addEventListener("click", () => {
    if (still.matches) show((at() + 1) % count());
    else if (playing > 0) pause();
    else play();
  });
  still.addEventListener("change", pause);
  document.addEventListener("visibilitychange", () => document.hidden && pause());
  label();
  return { pause };
}
