// The page of a pair: its two images by swipe, flicker or difference, and results of models over the first one.
import { jsonOf } from "gmm/dom";
import { createWindows } from "gmm/windows";
import { formatNumber, gettext, interpolate, pgettext } from "gmm/words";

const config = jsonOf("pair-viewer");
const part = (id) => document.getElementById(id);
const [viewer, canvas, flicker, divide, speed] = ["viewer", "picture", "flicker", "divide", "speed"].map(part);
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
let [second, timer] = [false, 0];

const windows = createWindows(canvas, {
  grid: config,
  urls: config.urls,
  onChange: describe,
  onFault: (failed) => (part("failed").hidden = !failed),
  onDivide: divideAt,
});
const percent = (value) => interpolate(gettext("%(value)s percent"), { value });
const mode = () => document.querySelector("[name=mode]:checked").value;

/** What each mode draws, and what stands in the corners. */
const MODES = {
  swipe() {
    const share = divide.value / 100;
    const shares = { share: divide.value, first: config.days.reference, second: config.days.secondary };
    const words = interpolate(gettext("%(share)s percent %(first)s, the rest %(second)s"), shares);
    divide.setAttribute("aria-valuetext", words);
    return [
      [
        { name: "reference", to: share },
        { name: "secondary", from: share },
      ],
      config.days.reference,
      config.days.secondary,
    ];
  },
  flicker: () => [
    [
      { name: "reference", alpha: second ? 0 : 1 },
      { name: "secondary", alpha: second ? 1 : 0 },
    ], // both are kept ready
    second ? "" : config.days.reference,
    second ? config.days.secondary : "",
  ],
  difference: () => [
    [{ name: "ratio" }],
    interpolate(gettext("%(second)s against %(first)s"), {
      first: config.days.reference,
      second: config.days.secondary,
    }),
    "",
  ],
  results() {
    const chosen = part("result").value;
    for (const legend of document.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== chosen;
    part("strength").setAttribute("aria-valuetext", percent(part("strength").value));
    return [
      [{ name: "reference" }, { name: chosen, alpha: part("strength").value / 100 }],
      config.days.reference,
      part("result").selectedOptions[0].dataset.label,
    ];
  },
  side: () => [[], "", ""],
};

function show() {
  const [layers, left, right] = MODES[mode()]();
  windows.show(layers);
  part("left-day").textContent = left;
  part("right-day").textContent = right;
}

function divideAt(share) {
  divide.value = Math.round(share * 100);
  show();
}

function choose() {
  stop();
  viewer.dataset.mode = mode();
  for (const controls of viewer.querySelectorAll("[data-for]")) controls.hidden = controls.dataset.for !== mode();
  show();
}

function swap() {
  second = !second;
  show();
}

function start() {
  timer = setInterval(swap, 1000 / Number(speed.value));
  say();
}

function stop() {
  clearInterval(timer);
  timer = 0;
  say();
}

function say() {
  flicker.setAttribute("aria-pressed", String(timer !== 0));
  const words = /** @type {Node} */ (flicker.firstChild);
  words.textContent = `${timer ? pgettext("flicker", "Stop") : pgettext("flicker", "Start")} `;
}

/** Only a hand starts it: neither the page nor the choice of the mode does. */
function toggleFlicker() {
  if (timer) return stop();
  if (mode() !== "flicker") {
    document.querySelector("[name=mode][value=flicker]").checked = true;
    choose();
  }
  start();
}

function describe({ metresPerPixel, whole, closest, bar }) {
  const metres = (value) => (value >= 1000 ? `${formatNumber(value / 1000)} km` : `${formatNumber(value)} m`);
  const digits =
    metresPerPixel >= 10
      ? { maximumFractionDigits: 0 }
      : { minimumSignificantDigits: 2, maximumSignificantDigits: 2 };
  const extent = whole ? gettext("The whole image is in view.") : gettext("A part of the image is in view.");
  const grain =
    metresPerPixel > config.posting_m * 1.05
      ? interpolate(gettext("One pixel on the screen is %(metres)s m."), {
          metres: formatNumber(metresPerPixel, digits),
        })
      : interpolate(gettext("Every pixel of %(metres)s m is shown."), { metres: formatNumber(config.posting_m) });
  part("picture-status").textContent = `${extent} ${grain}`;
  part("scale").querySelector("*").style.width = `${bar.pixels}px`;
  part("scale").querySelector("*").textContent = metres(bar.metres);
  viewer.querySelector("[data-zoom=in]").disabled = closest;
  for (const name of ["out", "whole"]) viewer.querySelector(`[data-zoom=${name}]`).disabled = whole;
}

const ACTS = {
  "+": () => windows.zoom(true),
  "=": () => windows.zoom(true),
  "-": () => windows.zoom(false),
  0: () => windows.whole(),
  f: toggleFlicker,
};
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Keys count while something of the comparison has the focus; those that a field needs itself stay with it. */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const act = event.target === canvas && MOVES[key] ? () => windows.move(...MOVES[key]) : ACTS[key];
  if (!act || event.target.matches("select")) return;
  event.preventDefault();
  act();
}

viewer.addEventListener("keydown", pressed);
for (const radio of document.querySelectorAll("[name=mode]")) radio.addEventListener("change", choose);
for (const id of ["divide", "result", "strength"]) part(id)?.addEventListener("input", show);
flicker.addEventListener("click", toggleFlicker);
part("other").addEventListener("click", () => {
  stop();
  swap();
});
speed.addEventListener("change", () => {
  if (!timer) return;
  stop();
  start();
});
for (const button of viewer.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () =>
    button.dataset.zoom === "whole" ? windows.whole() : windows.zoom(button.dataset.zoom === "in"),
  );
}
part("failed").querySelector("button").addEventListener("click", windows.retry);
stillness.addEventListener("change", stop);
document.addEventListener("visibilitychange", () => document.hidden && stop());
choose();
viewer.dataset.ready = "yes";
