"""Forms and receipts drawn here, laid out as FUNSD and SROIE."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

WORDS = ("Total", "Date:", "AMOUNT", "12.50", "Name", "of", "Brand", "7/99")
COMPANIES = ("ALPHA SDN BHD", "Beta", "GAMMA", "DELTA", "EPSILON", "ALPHA SDN. BHD.", "ZETA")


def write_scans(folder: Path, forms: int = 6) -> Path:
    """Forms of two segments, one of them of two lines; a receipt of each of ``COMPANIES``."""
    for name in ("funsd/images", "funsd/annotations", "sroie/img", "sroie/box", "sroie/key"):
        (folder / name).mkdir(parents=True)
    for number in range(forms):
        _write_form(folder / "funsd", f"form{number}", number)
    for number, company in enumerate(COMPANIES):
        _write_receipt(folder / "sroie", f"receipt{number}", company)
    return folder


def _write_form(folder: Path, name: str, number: int) -> None:
    picture = np.full((160, 300), 255, np.uint8)

    def segment(*places: tuple[int, int]) -> dict[str, object]:
        words = []
        for index, (x, y) in enumerate(places):
            text = WORDS[(number + index) % len(WORDS)]
            words.append({"text": text, "box": _write(picture, text, x, y)})
        return {"words": words}

    form = [segment((10, 30), (150, 30), (10, 60)), segment((20, 120))]
    (folder / "annotations" / f"{name}.json").write_text(json.dumps({"form": form}))
    cv2.imwrite(str(folder / "images" / f"{name}.png"), picture)


def _write_receipt(folder: Path, name: str, company: str) -> None:
    picture = np.full((120, 340), 230, np.uint8)
    with (folder / "box" / f"{name}.csv").open("w", newline="") as file:
        for place, text in enumerate((company, "Total 12.50", "Cash")):
            x0, y0, x1, y1 = _write(picture, text, 10, 30 + 36 * place)
            quad = [x0, y0, x1, y0, x1, y1, x0, y1]
            csv.writer(file, quoting=csv.QUOTE_NONE).writerow([*quad, text.upper()])
    (folder / "key" / f"{name}.json").write_text(json.dumps({"company": company}))
    cv2.imwrite(str(folder / "img" / f"{name}.jpg"), picture)


def _write(picture: np.ndarray, text: str, x: int, y: int) -> list[int]:
    """Draw a text on a base line; gives its box."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 1)
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 1, cv2.LINE_AA)
    return [x, y - height, x + width, y + below // 2]
