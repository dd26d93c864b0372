"""What two wheels consist of: the library under one name, all that the service needs, the version of the code."""

import shutil
import zipfile
from gettext import GNUTranslations
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from ground_motion.core import plugins
from ground_motion.runtime import code_version as code_version_module

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"library": ".", "service": "service"}  # and the folder of its pyproject.toml
FOLDERS = {"library": {"ground_motion"}, "service": {"detection", "ingest", "ml", "monitor"}}
PLACES = {"static": "monitor/_site/static", "templates": "monitor/_site/templates"}


@pytest.fixture(scope="module")
def wheel_files() -> dict[str, set[str]]:
    return {
        part: {file.distribution_path for file in WheelBuilder(str(ROOT / folder)).recurse_included_files()}
        for part, folder in PARTS.items()
    }


def checkout_files(folder: str) -> set[str]:
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in paths}


def test_packages_are_whole_with_weights_and_migrations_and_nothing_else_lies_beside_them(wheel_files):
    for part, folders in FOLDERS.items():
        assert {file.split("/")[0] for file in wheel_files[part]} == folders
        for folder in folders:
            whole = checkout_files(folder)
            assert whole - wheel_files[part] == set()
            assert {f"{folder}/migrations/0001_tables_of_0_4_0.py", f"{folder}/weights/deformation.safetensors"} & whole


def test_templates_and_static_files_lie_inside_the_package(wheel_files):
    for folder, place in PLACES.items():
        expected = {file.replace(folder, place, 1) for file in checkout_files(folder)}
        assert expected
        assert expected - wheel_files["service"] == set()


@pytest.fixture
def small_project(tmp_path) -> Path:
    """This project's builds with empty packages, and without .git, as in the build of an image."""
    for name in ("pyproject.toml", "service/pyproject.toml", "README.md", "LICENSE", "scripts/build_hook.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for folder in (*FOLDERS["library"], *FOLDERS["service"], *PLACES, "docs/figures"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").touch()
    return tmp_path


def built(project: Path, part: str) -> zipfile.ZipFile:
    builder = WheelBuilder(str(project / PARTS[part]))
    (wheel,) = builder.build(directory=str(project / "dist"), versions=["standard"])
    return zipfile.ZipFile(wheel)


def built_version(project: Path) -> str:
    with built(project, "library") as archive:
        return archive.read("ground_motion/runtime/code_version.txt").decode().strip()


def test_a_wheel_built_without_git_knows_the_commit_it_was_given(small_project, monkeypatch):
    monkeypatch.setenv("GROUND_MOTION_COMMIT", "0123456789ab")
    assert built_version(small_project) == "0123456789ab"


def test_a_wheel_built_without_git_knows_its_version_at_least(small_project, monkeypatch):
    monkeypatch.delenv("GROUND_MOTION_COMMIT", raising=False)
    assert f'version = "{built_version(small_project)}"' in (ROOT / "pyproject.toml").read_text()


def test_a_wheel_carries_the_languages_compiled(small_project):
    catalogue = small_project / "locale" / "de" / "LC_MESSAGES" / "django.po"
    catalogue.parent.mkdir(parents=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    catalogue.write_text(f'{head}msgid "Map"\nmsgstr "Karte"\n')
    with built(small_project, "service").open("monitor/_site/locale/de/LC_MESSAGES/django.mo") as file:
        assert GNUTranslations(file).gettext("Map") == "Karte"


def test_the_wheels_register_what_a_checkout_does_and_all_of_it_is_loaded(small_project):
    written = ""
    for part in PARTS:
        with built(small_project, part) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
            written += archive.read(name).decode() + "\n\n"
        assert name.partition("-")[0].replace("_", "-") in plugins.DISTRIBUTIONS
    for group in (plugins.READERS, plugins.METHODS, plugins.CHANNELS, plugins.PROGRAMS, plugins.COMMANDS):
        listed = written.partition(f"[{group}]\n")[2].partition("\n\n")[0].split("\n")
        points = plugins.entry_points_of(group).values()
        assert {f"{point.name} = {point.value}" for point in points} == {*listed} - {""}
        assert all(point.load() for point in points)


def test_an_installed_copy_reports_what_it_was_built_from(tmp_path, monkeypatch):
    built_from = tmp_path / "code_version.txt"
    built_from.write_text("0123456789ab\n")
    monkeypatch.setattr(code_version_module, "BUILT_FROM", built_from)
    assert code_version_module.code_version.__wrapped__() == "0123456789ab"
