// Clock times by the reader's clock and in the language of the page; without this they are UTC. No module: every page
// has it, and needs no other.
{
  const { lang } = document.documentElement;
  const day = { day: "numeric", month: "short", year: "numeric" };
  const format = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
    ...day,
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  });
  for (const time of document.querySelectorAll("time.clock")) {
    time.title = time.textContent.trim();
    time.textContent = format.format(new Date(time.dateTime));
  }

  const { timeZone } = format.resolvedOptions();
  for (const field of document.querySelectorAll("input[name=time_zone]")) field.value = timeZone;

  // a choice of language keeps what the map writes behind the # of its address
  for (const form of document.querySelectorAll("form.languages")) {
    form.addEventListener("submit", () => {
      form.elements.next.value += location.hash;
    });
  }
}
