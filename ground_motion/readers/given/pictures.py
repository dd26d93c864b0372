"""Re-encoding of photos: upright, without metadata or other hidden content."""

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps

from ground_motion.core.errors import InputError, gettext_noop

MAX_PIXELS = 25_000_000  # Re-encoding this many takes at most 512 MB and five seconds.
MAX_JPEG_PIXELS = 4 * MAX_PIXELS  # A large JPEG is decoded at half its width and height.
JPEG_QUALITY = 90


def read(path: Path, longest_px: float = 0) -> bytes:
    """Return a JPEG or PNG as a new file of the same format; a large JPEG becomes half as wide. Raises InputError.

    longest_px: if given, the new file is a JPEG at most this wide and high.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=["JPEG", "PNG"])
            return _drawn_anew(path, image, int(longest_px))
    except InputError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as fault:
        # Only errors of a disk have a number, Pillow's have none.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        problem = gettext_noop("it is not a readable picture")
        raise InputError(path, problem, gettext_noop("Save it as JPEG or PNG")) from fault


def _drawn_anew(path: Path, image: Image.Image, longest_px: int) -> bytes:
    n_pixels = image.width * image.height
    if n_pixels > (MAX_JPEG_PIXELS if image.format == "JPEG" else MAX_PIXELS):
        problem = gettext_noop("it has %(found)s megapixels; the limit is %(most)s for JPEG and %(png)s for PNG")
        limits = {"most": MAX_JPEG_PIXELS // 1_000_000, "png": MAX_PIXELS // 1_000_000}
        raise InputError(path, problem, gettext_noop("Make it smaller"), found=n_pixels // 1_000_000, **limits)
    form, out = "JPEG" if longest_px else image.format, io.BytesIO()
    if longest_px:
        image.draft(None, (longest_px, longest_px))  # Choose the coarsest decoding that is still this large.
    elif n_pixels > MAX_PIXELS:
        image.draft(None, (image.width // 2, image.height // 2))
    ImageOps.exif_transpose(image, in_place=True)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    mode = "RGBA" if form == "PNG" and has_alpha else "RGB"
    plain = image if image.mode == mode else image.convert(mode)
    plain.info.clear()
    if longest_px:
        plain.thumbnail((longest_px, longest_px))
    if form == "JPEG":
        plain.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        plain.save(out, "PNG", compress_level=3)
    return out.getvalue()
