// Starts Dash, which draws the sheet, once the page's words are on the screen (monitor/pages/desk/views.py).
import { jsonOf, loadScript } from "gmm/dom";

const dark = matchMedia("(prefers-color-scheme: dark)");
let isAsked = false; // whether Dash has asked for the theme; before, it has no layout to change
const theme = () => {
  isAsked = true;
  return (dark.matches ? "dark" : "light") + (matchMedia("(pointer: coarse)").matches ? "-touch" : "");
};
const linked = (name) => async (value) => {
  const module = await import("gmm/desk-linked");
  module[name](value);
  return window.dash_clientside.no_update;
};
window.dash_clientside = { desk: { theme, show: linked("show"), list: linked("list") } };
dark.addEventListener("change", () => isAsked && window.dash_clientside.set_props("theme", { data: theme() }));

await Promise.all(jsonOf("desk-scripts").map(loadScript));
new window.DashRenderer();
