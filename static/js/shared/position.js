// Where the reader is: the browser asks its owner first, and nothing is asked before a button is pressed.
import { gettext } from "gmm/words";

/** `found({latitude, longitude})` gets the position; `say(text)` what is going on, or why there is none. */
export function locate(found, say) {
  if (!navigator.geolocation || !window.isSecureContext) {
    say(gettext("Your browser does not tell this page where you are. Search for the place instead."));
    return;
  }
  say(gettext("Looking for your position…"));
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      say("");
      found(coords);
    },
    ({ code }) =>
      say(
        code === 1
          ? gettext("You did not allow your position to be used. Search for the place instead.")
          : gettext("Your position could not be found. Search for the place instead."),
      ),
    { timeout: 15_000, maximumAge: 60_000 },
  );
}
