"""Draw the pictures of the documentation from the demo band: ``make docs``."""

from __future__ import annotations

from pathlib import Path

from earmark.demo import demo_clip, demo_medley
from earmark.models import load_model
from earmark.plot import prediction_figure, save_figure, spectrogram_figure
from earmark.predict import classify

PICTURES = Path(__file__).parent / "pictures"
MODEL = "earmark-base"
DPI = 100


def main() -> None:
    """Write ``pictures/*.png``."""
    PICTURES.mkdir(exist_ok=True)
    figure = spectrogram_figure(demo_clip("rock", seconds=8), title="The demo band plays rock")
    save_figure(figure, PICTURES / "spectrogram.png", dpi=DPI)
    prediction = classify(demo_medley(), model=load_model(MODEL))
    figure = prediction_figure(prediction, title="One tune as rock, house and a ballad")
    save_figure(figure, PICTURES / "prediction.png", dpi=DPI)


if __name__ == "__main__":
    main()
