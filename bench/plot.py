"""Draws the plot of a run: `plot.py RUN.json PLOT.png`, in the environment of the peers."""

import json
import statistics
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

run = json.loads(Path(sys.argv[1]).read_text())
names = list({name: None for one in run["rounds"] for name in one})
figures = (
    ("cpu_s_per_1000", "CPU seconds per 1,000 mails (less is better)"),
    ("delivered_per_s", "mails delivered a second (more is better)"),
)
plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10})
picture, panels = plt.subplots(1, 2, figsize=(12, 0.42 * len(names) + 1.4), sharey=True)
for panel, (figure, title) in zip(panels, figures, strict=True):
    values = [
        statistics.median(one[name][figure] for one in run["rounds"] if name in one)
        for name in names
    ]
    colours = ["#1864ab" if name == "Mail Sender" else "#adb5bd" for name in names]
    bars = panel.barh(names, values, color=colours, height=0.7)
    panel.bar_label(bars, [f"{v:,.0f}" if v >= 100 else f"{v:.2g}" for v in values], padding=4)
    panel.set_title(title, loc="left", fontsize=11)
    panel.set_xscale("log")
    panel.set_xlim(right=max(values) * 3)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(left=False)
panels[0].invert_yaxis()
picture.text(0.01, 0.01, f"{run['machine']}; log scales; medians", fontsize=8, color="#868e96")
picture.tight_layout(rect=(0, 0.03, 1, 1))
picture.savefig(sys.argv[2], dpi=110)
