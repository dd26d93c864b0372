"""The days as plots: what is taken, and what is kept."""

from pathlib import Path
from typing import Any

PLOTS = {
    "processes": {
        "MB in memory": ("web_memory_mb", "worker_memory_mb"),
        "open files": ("web_open_files", "worker_open_files"),
    },
    "disk": {"MB": ("database_mb", "rasters_mb", "evidence_mb"), "rows": ("images", "results", "products", "alerts")},
}


def draw(report: dict[str, Any], folder: Path) -> None:
    """Write days-processes.svg and days-disk.svg."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "days", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot

    for name, panels in PLOTS.items():
        figure, axes = pyplot.subplots(1, len(panels), figsize=(9, 3), layout="constrained")
        for axis, (unit, columns) in zip(axes, panels.items(), strict=True):
            for column in columns:
                label = column.removesuffix("_mb").replace("_", " ")
                axis.plot(report["days"][column], label=label, linewidth=1.2)
            axis.set(xlabel="day", ylabel=unit, ylim=(0, None))
            axis.legend(frameon=False)
            axis.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / f"days-{name}.svg", metadata={"Date": None})
        pyplot.close(figure)
