"""Static files, compressed when they are collected."""

from typing import Any

from whitenoise.compress import Compressor
from whitenoise.storage import CompressedStaticFilesStorage


class StaticFiles(CompressedStaticFilesStorage):
    """WhiteNoise's storage by gzip alone, on every machine alike: where brotli happens to be installed, a first start
    would wait a minute for files that are a tenth smaller.
    """

    def create_compressor(self, **kwargs: Any) -> Compressor:
        return Compressor(use_brotli=False, **kwargs)
