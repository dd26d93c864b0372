// The page of an extract: while its file is being made, what the server writes now replaces what the page shows.
const LOOK_AGAIN_MS = 3000;

async function refresh() {
  const shown = document.getElementById("extract");
  if (shown.dataset.busy !== "yes") return;
  try {
    const response = await fetch(location.pathname);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("extract");
    if (fresh && !shown.contains(document.activeElement)) shown.replaceWith(document.importNode(fresh, true));
  } catch (error) {
    console.warn(error);
  }
  setTimeout(refresh, LOOK_AGAIN_MS);
}

setTimeout(refresh, LOOK_AGAIN_MS);
