// Messages on this device: asked for after a click only; what the browser answers is said in words.
import { gettext } from "gmm/words";

const section = document.getElementById("devices");
const form = document.getElementById("device-add");
const button = form.querySelector("button");
const answer = document.getElementById("device-answer");

const say = (text) => (answer.textContent = text);
const works = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

/** The address and keys under which this browser takes messages; one made for an older key of the site is replaced. */
async function subscribed(registration) {
  const wish = { userVisibleOnly: true, applicationServerKey: section.dataset.key };
  try {
    return await registration.pushManager.subscribe(wish);
  } catch (error) {
    const old = error.name === "InvalidStateError" && (await registration.pushManager.getSubscription());
    if (!old) throw error;
    await old.unsubscribe();
    return registration.pushManager.subscribe(wish);
  }
}

async function add() {
  button.disabled = true;
  say(gettext("Your browser asks whether this site may send you messages."));
  try {
    const permission = await Notification.requestPermission();
    if (permission === "granted") return await send();
    say(
      permission === "denied"
        ? gettext("Your browser does not allow it. Allow notifications of this site in its settings and try again.")
        : gettext("You have not allowed it. Nothing was changed."),
    );
  } catch (error) {
    console.warn(error);
    say(gettext("Your browser could not reach the service that carries its messages. Try again later."));
  }
  button.disabled = false;
}

async function send() {
  say(gettext("One moment …"));
  await navigator.serviceWorker.register(section.dataset.worker, { scope: "/" });
  const { endpoint, keys } = (await subscribed(await navigator.serviceWorker.ready)).toJSON();
  for (const [name, value] of Object.entries({ url: endpoint, ...keys })) form.elements[name].value = value;
  form.submit();
}

/** Says which row is this very device, which then needs no button. */
async function markOwn() {
  const registration = await navigator.serviceWorker.getRegistration("/");
  const own = await registration?.pushManager.getSubscription();
  for (const row of section.querySelectorAll("[data-device]")) {
    const isOwn = row.dataset.device === own?.endpoint;
    row.querySelector("[data-own]").hidden = !isOwn;
    if (isOwn) form.hidden = true;
  }
}

if (works) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add();
  });
  markOwn();
} else if (navigator.standalone === false) {
  // iPhones and iPads give messages to web apps on the home screen only; the app opens this page, as it has no other
  // start (manifest.webmanifest).
  button.disabled = true;
  say(
    gettext(
      "On an iPhone or iPad, first add this page to the home screen (Share, Add to Home Screen). Open it from there.",
    ),
  );
} else {
  button.disabled = true;
  say(gettext("This browser cannot take messages, or not in a private window. Mails come all the same."));
}
