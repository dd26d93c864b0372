// The controls of the workbench: what is chosen stands in the address, and Dash, which watches it, draws it.
const form = document.getElementById("desk-form");
document.querySelector(".desk-tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

/** The address of what is chosen; empty fields are left out. */
function address() {
  const said = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) said.set(name, String(value));
  return `?${said}`;
}

form?.addEventListener("change", (event) => {
  if (/** @type {PageElement} */ (event.target).matches("[data-reload]")) return form.requestSubmit();
  history.pushState(null, "", address());
  dispatchEvent(new PopStateEvent("popstate")); // by which Dash watches the address
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(address());
});
// the choices of the form belong to an address, too
window.addEventListener("popstate", ({ isTrusted }) => isTrusted && location.reload());
