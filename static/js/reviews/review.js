// The review queue: keys for everything that the forms do, the standard sentence of a reason, and a map of all cases.
import { jsonOf } from "gmm/dom";

const page = document.getElementById("content");
const keysOn = document.getElementById("keys-on");
const STORED = "review-keys";

function remembered() {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

function setUpKeys() {
  keysOn.checked = remembered();
  keysOn.addEventListener("change", () => {
    try {
      localStorage.setItem(STORED, keysOn.checked ? "on" : "off");
    } catch {
      // a browser that keeps nothing: the choice holds for this page
    }
  });
  document.addEventListener("keydown", pressed);
}

const writing = (node) => node.matches("textarea, select, input:not([type=radio]):not([type=checkbox])");
const openForm = () => document.querySelector("details[name=verdict][open] form");

function pressed(event) {
  if (!keysOn.checked) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    openForm()?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const act = actionOf(event.key);
  if (!act) return;
  event.preventDefault();
  act();
}

function actionOf(key) {
  const { next, previous } = page.dataset;
  if (key === "j" && next) return () => location.assign(next);
  if (key === "k" && previous) return () => location.assign(previous);
  if (key === "u")
    return document.querySelector("button[data-key=u]") && (() => document.querySelector("button[data-key=u]").click());
  if (/^[1-9]$/.test(key)) {
    const radio = openForm()?.querySelectorAll("[name=reason_code][type=radio]")[Number(key) - 1];
    return (
      radio &&
      (() => {
        radio.checked = true;
        radio.dispatchEvent(new Event("change", { bubbles: true }));
        radio.form.elements.public_note.focus();
      })
    );
  }
  const verdict = [...document.querySelectorAll("details[name=verdict]")].find((one) => one.dataset.key === key);
  return verdict && (() => open(verdict));
}

function open(verdict) {
  for (const other of document.querySelectorAll("details[name=verdict]")) other.open = other === verdict;
  verdict.scrollIntoView({ block: "nearest" });
  (verdict.querySelector("[type=radio]:checked, [type=radio]") ?? verdict.querySelector("textarea")).focus();
}

/** An empty public note shows the sentence that will stand in its place. */
function setUpNotes() {
  for (const form of document.querySelectorAll("details[name=verdict] form")) {
    const show = () => {
      const chosen = form.querySelector("[name=reason_code]:checked, [name=reason_code][type=hidden]");
      form.elements.public_note.placeholder = chosen?.dataset.sentence ?? "";
    };
    form.addEventListener("change", show);
    show();
  }
}

async function drawOverview(box) {
  const config = jsonOf("map-config");
  const [{ createMap, fillBasemap, followDrawing }, { addAlerts }, { addPoints }] = await Promise.all([
    import("gmm/basemap"),
    import("gmm/marks"),
    import("gmm/points"),
  ]);
  let map;
  try {
    map = createMap(
      box,
      config.bounds ? { bounds: config.bounds, fitBoundsOptions: { padding: 48, maxZoom: 14 } } : {},
    );
  } catch (error) {
    console.warn(error);
    box.hidden = true;
    return;
  }
  map.once("load", async () => {
    const ground = fillBasemap(map);
    if (config.default_layer) addPoints(map, { urls: config.urls, layer: config.default_layer, stretch: 20 });
    await addAlerts(map, config.urls.alerts, ({ properties }) =>
      location.assign(`${location.pathname}${properties.code}/`),
    ).catch((error) => console.warn(error));
    followDrawing(map, ground);
  });
}

if (keysOn) setUpKeys();
setUpNotes();
document.getElementById("fault")?.focus();
if (matchMedia("(min-width: 721px)").matches)
  document.querySelector(".queue [data-selected]")?.scrollIntoView({ block: "nearest" });
const overview = document.getElementById("review-map");
if (overview && overview.offsetParent) drawOverview(overview);
