// Sending files one after the other with their progress, and a list that keeps up while something runs.
import { element } from "gmm/dom";
import { formatNumber, gettext, interpolate } from "gmm/words";

const form = document.getElementById("upload");
const chooser = form.elements.files;
const drop = document.getElementById("drop");
const sending = document.getElementById("sending");
const faults = document.getElementById("faults");
const button = form.querySelector("button[type=submit]");
const LOOK_AGAIN_MS = 1500;
const MISSING = gettext("The service could not be reached. Nothing was kept; please send it again.");

let underWay = false;

const threeDigits = (value) => formatNumber(value, { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

const inWords = (bytes) =>
  bytes >= 1e9
    ? interpolate(gettext("%(size)s GB"), { size: threeDigits(bytes / 1e9) })
    : bytes >= 1e6
      ? interpolate(gettext("%(size)s MB"), { size: threeDigits(bytes / 1e6) })
      : interpolate(gettext("%(size)s kB"), { size: formatNumber(Math.ceil(bytes / 1e3)) });

function say(lines) {
  faults.querySelector("ul").replaceChildren(...lines.map((line) => element("li", {}, line)));
  faults.hidden = lines.length === 0;
}

/** The form's fields with one file, in the order of the page: `whole` comes last and shows that nothing is missing. */
function bodyWith(file) {
  const body = new FormData();
  for (const [name, value] of new FormData(form)) {
    if (name !== "files") body.append(name, value);
    else if (!body.has("files")) body.append("files", file, file.name);
  }
  return body;
}

function send(file) {
  const label = interpolate(gettext("Sending %(file)s"), { file: file.name });
  const bar = element("progress", { max: 1, value: 0, "aria-label": label });
  const progress = element("span", {}, "0 %");
  sending.append(element("li", {}, element("span", {}, file.name), bar, progress));
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = loaded / total;
      const figures = { part: `${Math.floor((100 * loaded) / total)} %`, total: inWords(total) };
      progress.textContent =
        loaded < total ? interpolate(gettext("%(part)s of %(total)s"), figures) : gettext("checking");
    });
    request.addEventListener("loadend", () => {
      let answer = { queued: [], faults: [MISSING] };
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        if (request.status === 403)
          answer.faults = [gettext("You are no longer signed in. Load this page again and sign in.")];
      }
      progress.textContent = answer.queued.length ? gettext("sent") : gettext("not taken");
      done(answer.faults);
    });
    request.send(bodyWith(file));
  });
}

async function sendAll(files) {
  const most = Number(form.dataset.maxBytes);
  const refused = files
    .filter((file) => file.size > most)
    .map((file) =>
      interpolate(gettext("%(file)s is too large: %(size)s; at most %(most)s can be sent at a time."), {
        file: file.name,
        size: inWords(file.size),
        most: form.dataset.maxWords,
      }),
    );
  say(refused);
  sending.replaceChildren();
  sending.hidden = false;
  underWay = true;
  button.disabled = true;
  for (const file of files) {
    if (file.size > most) continue;
    refused.push(...(await send(file)));
    say(refused);
    await refresh();
  }
  underWay = false;
  button.disabled = false;
  chooser.value = "";
}

/** Take the list from the page as the server writes it now; what is typed or open in it stays as it is. */
async function refreshList() {
  const list = document.getElementById("jobs");
  if (list.contains(document.activeElement) || list.querySelector("details[open]")) return;
  const response = await fetch(location.pathname);
  if (!response.ok || response.redirected) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById("jobs");
  if (fresh) list.replaceWith(document.importNode(fresh, true));
}

function show(job) {
  const row = document.querySelector(`[data-job="${job.id}"]`);
  if (!row || row.dataset.state !== job.state) return false;
  row.querySelector("[data-part=state]").textContent = job.words;
  const reason = row.querySelector("[data-part=reason]");
  reason.textContent = job.reason;
  reason.hidden = !job.reason;
  return true;
}

let timer = 0;

async function refresh() {
  clearTimeout(timer);
  let busy = true;
  try {
    const response = await fetch(form.dataset.jobsUrl, { headers: { Accept: "application/json" } });
    if (response.redirected) return;
    const answer = await response.json();
    const known = answer.jobs.map(show).every(Boolean);
    if (!known) await refreshList();
    busy = answer.busy || !known;
  } catch (error) {
    console.warn(error);
  }
  if (busy) timer = setTimeout(refresh, LOOK_AGAIN_MS);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!underWay) sendAll([...chooser.files]);
});
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("drop--over");
  });
}
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("drop--over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = event.dataTransfer?.files;
    if (!underWay && files?.length) chooser.files = files;
});
addEventListener("beforeunload", (event) => underWay && event.preventDefault());
if (document.getElementById("jobs").dataset.busy === "yes") refresh();
