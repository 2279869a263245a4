"""Image trunks from weights as timm publishes them."""

import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from vlkit.errors import CheckpointError  # noqa: E402
from vlkit.models.trunks import ImageTrunk  # noqa: E402


def published(architecture):
    """With random weights; none of them is as it was made, so that none can be mistaken."""
    torch.manual_seed(0)
    made = timm.create_model(architecture).eval()
    for parameter in made.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return made


# The classifier is called head, head after fc_norm, fc, classifier and head.fc.
@pytest.mark.parametrize(
    "architecture",
    ["test_vit", "test_vit2", "test_resnet", "test_efficientnet", "test_convnext"],
)
@torch.no_grad()
def test_a_tower_loses_its_classifier_and_nothing_else(architecture):
    theirs = published(architecture)
    ours = ImageTrunk.from_original(theirs.state_dict(), {"architecture": architecture})
    side = ours.image.image_size
    pixels = torch.randn(2, 3, side, side)
    expected = theirs.forward_head(theirs.forward_features(pixels), pre_logits=True)
    torch.testing.assert_close(ours(pixels).pooled, expected)


def test_weights_without_a_classifier_and_those_of_another_tower():
    weights = published("test_resnet").state_dict()
    bare = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    ImageTrunk.from_original(bare, {"architecture": "test_resnet"})
    with pytest.raises(CheckpointError, match="not of this ImageTrunk"):
        ImageTrunk.from_original(weights, {"architecture": "test_vit"})
