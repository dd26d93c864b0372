"""Environment of the process that reads an uploaded file: a GDAL that opens one file, and no secrets.

GDAL reads its options when it starts, so only the environment of a process works, not `rasterio.Env`.
"""

import os
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

# Drivers that read other files or other hosts by what a file says, as far as rasterio's build has them.
FOREIGN_DRIVERS = (
    "VRT",
    "GTI",
    "DERIVED",
    "WMS",
    "WMTS",
    "WCS",
    "HTTP",
    "STACIT",
    "STACTA",
    "PLMOSAIC",
    "DAAS",
    "EEDA",
    "EEDAI",
    "Zarr",
    "MBTiles",
    "MRF",
)

HARDENED = {
    "GDAL_SKIP": ",".join(FOREIGN_DRIVERS),
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .aux.xml, .tfw beside the file
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_CACHEMAX": "128",
    "GDAL_HTTP_TIMEOUT": "1",
    "GDAL_HTTP_MAX_RETRY": "0",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "CPL_VSIL_CURL_USE_HEAD": "NO",
    "PROJ_NETWORK": "OFF",
    "HDF5_PLUGIN_PATH": "/nonexistent",  # no filter is loaded as code
    "HDF5_VDS_PREFIX": "/nonexistent",
    "HDF5_EXT_PREFIX": "/nonexistent",
    "OMP_NUM_THREADS": "2",
    "MALLOC_ARENA_MAX": "2",  # each arena reserves address space, which is limited
}
SECRETS = (
    "BROKER_URL",
    "DATABASE_REPLICA_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_READER_URL",
    "EARTHDATA_PASSWORD",  # of a version before 0.5.0, perhaps still set
    "EARTHDATA_TOKEN",
    "STAC_TOKEN",
    "RASTER_STORAGE_URL",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
)
LEFT_OUT = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")


def job_environment(around: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of `manage.py ingestjob`: database as the reader, hardened GDAL, no proxy, no secret."""
    around = os.environ if around is None else around
    kept = {name: value for name, value in around.items() if name.lower() not in LEFT_OUT}
    nothing = {"EMAIL_URL": "", "REDIS_URL": "redis://nobody.invalid:1/0", "SECRET_KEY": secrets.token_urlsafe(50)}
    nothing |= dict.fromkeys(SECRETS, "")  # set and empty: a .env file does not fill them again
    return kept | HARDENED | nothing | {"DATABASE_URL": _database_url(settings.DATABASE_READER_URL)}


def _database_url(url: str) -> str:
    """Return the address in the settings with the present name of the database (a test's is another)."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{settings.DATABASES['default']['NAME']}"))
