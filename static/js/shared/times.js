// Clock times by the reader's clock and in the language of the page; without this they are UTC. No module: every page
// has it, and needs no other.
{
  const times = document.querySelectorAll("time.clock");
  const zones = document.querySelectorAll("input[name=time_zone]");
  if (times.length || zones.length) { // the first format of a page is dear
    const { lang } = document.documentElement;
    const format = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
      day: "numeric",
      month: "short",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "short",
    });
    for (const time of times) {
      time.title = time.textContent.trim();
      time.textContent = format.format(new Date(time.dateTime));
    }
    for (const field of zones) field.value = format.resolvedOptions().timeZone;
  }

  // a choice of language keeps what the map writes behind the # of its address
  for (const form of document.querySelectorAll("form.languages")) {
    form.addEventListener("submit", () => {
      form.elements.next.value += location.hash;
    });
  }
}
