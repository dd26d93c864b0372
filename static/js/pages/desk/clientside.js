// Functions that Dash calls in the browser (monitor/pages/desk/views.py): a classic script, so that it runs first.
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let isAsked = false; // before that Dash has no layout to change
  const theme = () => {
    isAsked = true;
    return (dark.matches ? "dark" : "light") + (matchMedia("(pointer: coarse)").matches ? "-touch" : "");
  };
  const linked = (name) => async (value) => {
    const module = await import("gmm/desk-linked");
    module[name](value);
    return window.dash_clientside.no_update;
  };
  window.dash_clientside = { desk: { theme, show: linked("show"), list: linked("list"), focus: linked("focus") } };
  dark.addEventListener("change", () => isAsked && window.dash_clientside.set_props("theme", { data: theme() }));
}
