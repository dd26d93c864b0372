// The pages to subscribe on, to change a place and to take an area's points: a preview counts mails or points.
import { element } from "gmm/dom";
import { gettext, interpolate } from "gmm/words";
import { nowhere, setUpWhere, showAnswer } from "gmm/where";

const form = document.getElementById("subscribe");
const fields = form.elements;
const preview = document.getElementById("preview");
const past = document.getElementById("past");
const CHOOSE_A_PLACE = preview.textContent;

function labelOf(name) {
  return form.querySelector(`[name=${name}]:checked`)?.nextElementSibling?.textContent.split(/[:(]/)[0].trim() ?? "";
}

function describe() {
  if (!form.querySelector("[data-summary]")) return; // the page that changes the place only
  const kinds = form.querySelectorAll("[name=kinds]:checked").length;
  const all = form.querySelectorAll("[name=kinds]").length;
  const what = [
    kinds === all ? gettext("Every kind") : interpolate(gettext("%(kinds)s of %(all)s kinds"), { kinds, all }),
    labelOf("lowest_severity"),
    fields.unreviewed.checked ? gettext("Also not reviewed") : gettext("Reviewed only"),
    fields.updates.checked ? gettext("With changes") : gettext("Without changes"),
  ];
  summary("what", what.join(" · "));
  summary("often", labelOf("frequency"));
}

function summary(step, text) {
  const line = form.querySelector(`[data-summary=${step}]`);
  if (line) line.textContent = text;
}

/** The steps behind the number of mails, each with a link. */
function listPast(items, more) {
  if (!past) return; // the page of an extract
  past.hidden = items.length === 0;
  past.querySelector("ul").replaceChildren(
    ...items.map(({ title, url, about }) =>
      element("li", {}, element("a", { href: url }, title), element("p", { class: "soft" }, about)),
    ),
  );
  document.getElementById("past-more").textContent = more;
}

let latest = 0;
let timer = 0;

async function ask() {
  const mine = ++latest;
  try {
    const response = await fetch(form.dataset.previewUrl, { method: "POST", body: new FormData(form) });
    const answer = await response.json();
    if (mine !== latest) return;
    summary("where", answer.label ?? "");
    showAnswer(answer.outline ?? null);
    listPast(answer.items ?? [], answer.more ?? "");
    preview.textContent = response.ok
      ? `${answer.label[0].toUpperCase()}${answer.label.slice(1)}. ${answer.sentence} ${answer.unseen}`.trim()
      : (!nowhere() && Object.values(answer.errors)[0]?.[0]) || CHOOSE_A_PLACE;
  } catch (error) {
    console.warn(error);
    if (mine === latest) listPast([], "");
    if (mine === latest)
      preview.textContent = gettext(
        "This could not be counted just now. You can go on all the same.",
      );
  }
}

function changed() {
  describe();
  clearTimeout(timer);
  if (nowhere()) {
    latest++;
    preview.textContent = CHOOSE_A_PLACE;
    listPast([], "");
    summary("where", "");
    return;
  }
  timer = setTimeout(ask, 250);
}

setUpWhere(changed);
form.addEventListener("input", ({ target }) => {
  if (!["email", "place", "name"].includes(/** @type {PageElement} */ (target).name)) changed();
});

changed();
document.getElementById("form-errors")?.focus();
