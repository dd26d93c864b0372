// A house or street: buttons that use the reader's position and copy the address of the answer.
import { locate } from "gmm/position";
import { gettext } from "gmm/words";

const note = document.getElementById("position-note");
document.getElementById("my-position").addEventListener("click", () =>
  locate(
    ({ latitude, longitude }) => location.assign(`/here/?lat=${latitude.toFixed(4)}&lon=${longitude.toFixed(4)}`),
    (text) => (note.textContent = text),
  ),
);
const copy = document.getElementById("copy-link");
copy?.addEventListener("click", () =>
  navigator.clipboard.writeText(copy.dataset.link).then(
    () => (copy.textContent = gettext("Link copied")),
    () => (copy.textContent = gettext("Copy it from the address bar")),
  ),
);
