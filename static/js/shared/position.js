// The reader's position: requested only when a button is pressed, and the browser then asks for permission.
import { gettext } from "gmm/words";

/** Calls `found({latitude, longitude})` with the position, and `say(text)` with progress or the reason of a failure. */
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
