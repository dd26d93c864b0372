// Words in the language of the page: the catalogue (`_modules.html` loads it before the first module), else English.
const { documentElement } = document;
const LOCALE = documentElement.lang === "en" ? "en-GB" : documentElement.lang;
const catalogue = globalThis.django ?? {};

export const gettext = (text) => catalogue.gettext?.(text) ?? text;

export const pgettext = (context, text) => catalogue.pgettext?.(context, text) ?? text;

export const ngettext = (one, many, n) => catalogue.ngettext?.(one, many, n) ?? (n === 1 ? one : many);

/** "%(n)s points", {n: 3} → "3 points". */
export const interpolate = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);

const kept = new Map();

/** One formatter for each set of options: making one takes longer than a thousand figures. */
function formatter(Format, options) {
  const key = `${Format.name} ${JSON.stringify(options)}`;
  if (!kept.has(key)) kept.set(key, new Format(LOCALE, options));
  return kept.get(key);
}

/** 1234.5 → "1,234.5", in German "1.234,5". options: of Intl.NumberFormat. */
export const formatNumber = (value, options = {}) => formatter(Intl.NumberFormat, options).format(value);

/**
 * A Date → "3 Jan 2020", in UTC.
 * @param {Date} date
 * @param {Intl.DateTimeFormatOptions} options
 */
export const formatDate = (date, options = { day: "numeric", month: "short", year: "numeric" }) =>
  formatter(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(date);
