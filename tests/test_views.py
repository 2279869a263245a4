"""Views against torchvision's own operations, and drawn from the generator alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vlkit.data import views
from vlkit.data.views import Views, make_views

torch = pytest.importorskip("torch")


def picture(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[:height, :width]
    shade = np.stack([rows * 5, columns * 4, (rows + columns) * 2], -1)
    noise = np.random.default_rng(0).integers(0, 30, shade.shape)
    return (shade + noise).clip(0, 255).astype(np.uint8)


def test_colours_change_as_torchvisions() -> None:
    functional = pytest.importorskip("torchvision.transforms.v2.functional")
    view = picture().astype(np.float32) / 255
    tensor = torch.from_numpy(view).permute(2, 0, 1)

    def same(mine: NDArray[np.float32], theirs: object, limit: float) -> None:
        assert np.abs(mine - theirs.permute(1, 2, 0).numpy()).max() < limit  # type: ignore[attr-defined]

    same(views.brightened(view, 1.3), functional.adjust_brightness(tensor, 1.3), 1e-5)
    # Its grey rounds the weights to four digits.
    same(views.contrasted(view, 0.6), functional.adjust_contrast(tensor, 0.6), 2e-4)
    same(views.saturated(view, 1.2), functional.adjust_saturation(tensor, 1.2), 2e-4)
    same(views.saturated(view, 0.0), functional.rgb_to_grayscale(tensor, 3), 2e-4)
    same(views.turned(view, 0.08), functional.adjust_hue(tensor, 0.08), 1e-3)
    same(views.solarized(view), functional.solarize(tensor, 0.5), 1e-5)
    blurred = functional.gaussian_blur(tensor, [9, 9], [1.0, 1.0])
    same(views.blurred(view, 1.0), blurred, 2e-3)


def test_middle_is_torchvisions_resize_and_crop() -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    from PIL import Image

    theirs = transforms.Compose([transforms.Resize(20, 3), transforms.CenterCrop(20)])(
        Image.fromarray(picture())
    )
    mine = views.middle(picture(), 20) * 255
    assert np.abs(mine - np.asarray(theirs, np.float32)).mean() < 1.0


def test_random_crops_lie_within_and_cover_what_was_asked() -> None:
    # A picture whose colours are its coordinates tells where a crop lies.
    rows, columns = np.mgrid[:200, :240].astype(np.uint8)
    where = np.stack([rows, columns, rows], -1)
    draw = np.random.default_rng(1)
    areas, aspects = [], []
    for _ in range(300):
        crop = views.random_crop(where, 32, (0.2, 0.6), draw) * 255
        high, wide = (
            (crop[-1, :, 0].mean() - crop[0, :, 0].mean()),
            (crop[:, -1, 1].mean() - crop[:, 0, 1].mean()),
        )
        areas.append(high * wide * (32 / 31) ** 2 / (200 * 240))
        aspects.append(wide / high)
    assert 0.18 < min(areas) < 0.23
    assert 0.55 < max(areas) < 0.63
    assert 0.7 < min(aspects) < 0.8
    assert 1.25 < max(aspects) < 1.4


def test_a_sliver_still_gives_a_crop() -> None:
    assert views.random_crop(picture(3, 200), 16, (0.9, 1.0), np.random.default_rng(0)).shape == (
        16,
        16,
        3,
    )


@pytest.mark.parametrize(
    ("kind", "shape"), [("whole", (3, 24, 24)), ("crop", (3, 24, 24)), ("detail", (2, 3, 24, 24))]
)
def test_views_are_a_function_of_the_generator(kind: str, shape: tuple[int, ...]) -> None:
    config = Views(24, kind, scale=(0.14, 1.0))  # type: ignore[arg-type]
    one, same, other = (
        make_views(picture(), config, np.random.default_rng((7, seed))) for seed in (1, 1, 2)
    )
    assert one.shape == shape
    assert one.dtype == np.float32
    assert np.array_equal(one, same)
    assert np.array_equal(one, other) == (kind == "whole")
    if kind == "detail":
        assert not np.array_equal(one[0], one[1])


def test_normalisation_is_undone_by_mean_and_std() -> None:
    config = Views(20, "whole", mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    back = make_views(picture(), config, np.random.default_rng(0)).transpose(1, 2, 0)
    back = back * np.array(config.std) + np.array(config.mean)
    assert np.abs(back - views.middle(picture(), 20)).max() < 1e-6
