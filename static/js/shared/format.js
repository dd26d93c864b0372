// Numbers and dates as people read them: a real minus sign, units by the caller.
const MINUS = "\u2212";

/** 12.34 → "+12.3", -4 → "−4.0", anything that rounds to nought → "0.0". */
export function signed(value, digits = 1) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value > 0 ? "+" : MINUS) + text;
}

/** Degrees with hemisphere: (19.4123, "lat") → "19.412° N". */
export function degrees(value, axis, digits = 3) {
  const letter = axis === "lat" ? (value < 0 ? "S" : "N") : value < 0 ? "W" : "E";
  const text = Math.abs(value).toFixed(digits);
  return Number(text) === 0 ? `${text}°` : `${text}° ${letter}`;
}

export const position = (longitude, latitude, digits = 3) =>
  `${degrees(latitude, "lat", digits)}, ${degrees(longitude, "lon", digits)}`;

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** "2020-01-03" → "3 Jan 2020". Dates of passes are UTC days. */
export const date = (iso) => day.format(new Date(`${iso}T00:00:00Z`));
export const seconds = (iso) => Date.parse(`${iso}T00:00:00Z`) / 1000;
