"""Tables of a line's corners, as spreadsheets and registers write them."""

import pytest
from shapely.geometry import LineString

from ground_motion.readers.given.lines import read


@pytest.mark.parametrize(
    "table",
    [
        "\ufeffStandort;Breitengrad;Längengrad\r\nDam;47,0°;-12,0°\r\nMill;46,5;−11,25\r\n",
        'X,Y,Site Name\n"-12,0",47,Dam\n"-11,25","46,5",Mill\n\n',
        "name;lat;lon\nDam;47;-12\nMill;46.5;-11.25".encode("utf-16"),
        "Register;;;\n;;;\nStand: 1.2.;;;\nObjekt;Breitengrad;Längengrad\nDam;47;-12\nMill;46,5;-11,25",
        "Estrazione del 1.2.2026\nNome|Latitudine|Longitudine\nDam|47|-12\nMill|46,5|-11,25|\n",
        'name;"latitude\n(WGS 84)";"longitude\n(WGS 84)"\nDam;47;-12\nMill;46.5;-11.25',
        "stop_name\tstop_lat\tstop_lon\n1\t47\t-12\n\t\t\n2\t46.5\t-11.25\n",
        "X;Y;WGS84_LAT;WGS84_LON\n4321;987;47;-12\n4330;990;46,5;-11,25\n",
        "# lat, lon in degrees\nname,lat,lon\nDam,47,-12\nMill,46.5,-11.25,\n",
        'nom;geo_point_2d\nDam;47, -12\nMill;"46.5,-11.25"\n',
        "Bezeichnung;Breite;Länge\nDam;47;348\nMill;46.5;-11.25".encode("cp1252"),
    ],
)
def test_tables_as_spreadsheets_write_them_give_the_same_line(table, tmp_path):
    path = tmp_path / "given"
    path.write_bytes(table if isinstance(table, bytes) else table.encode())
    assert f'"{LineString([(-12, 47), (-11.25, 46.5)]).wkb_hex}"' in read(path).decode()
