// Numbers and dates as people read them, in the language of the page: a real minus sign, units by the caller.
import { formatDate, formatNumber, gettext, interpolate } from "gmm/words";

const MINUS = "\u2212";

/** 12.34 → "12.3": so many digits after the point. */
export const fixed = (value, digits = 1) =>
  formatNumber(value, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false });

/** 12.34 → "+12.3", -4 → "−4.0", anything that rounds to nought → "0.0". */
export function signed(value, digits = 1) {
  const text = fixed(Math.abs(value), digits);
  if (isNought(value, digits)) return text;
  return (value > 0 ? "+" : MINUS) + text;
}

const isNought = (value, digits) => Number(Math.abs(value).toFixed(digits)) === 0;

/** Standard deviation → the margin that is stated with a value, two of them, never "0.0". */
export const margin = (sigma, digits = 1) => fixed(Math.max(10 ** -digits, 2 * sigma), digits);

const HEMISPHERES = {
  lat: [gettext("%(degrees)s° N"), gettext("%(degrees)s° S")],
  lon: [gettext("%(degrees)s° E"), gettext("%(degrees)s° W")],
};

/** Degrees with hemisphere: (19.4123, "lat") → "19.412° N". */
export function degrees(value, axis, digits = 3) {
  const text = fixed(Math.abs(value), digits);
  if (isNought(value, digits)) return `${text}°`;
  return interpolate(HEMISPHERES[axis][value < 0 ? 1 : 0], { degrees: text });
}

export const position = (longitude, latitude, digits = 3) =>
  `${degrees(latitude, "lat", digits)}, ${degrees(longitude, "lon", digits)}`;

/** "2020-01-03" → "3 Jan 2020". Dates of passes are UTC days. */
export const date = (iso) => formatDate(new Date(`${iso}T00:00:00Z`));
export const seconds = (iso) => Date.parse(`${iso}T00:00:00Z`) / 1000;
