"""Late interaction: pictures and texts as sets of vectors, compared by their best matches.

Shapes: Q queries of M vectors, K documents of N vectors, D wide.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from vlkit.losses.gather import gather, rank


def max_sim(
    queries: Tensor,
    query_mask: Tensor,
    documents: Tensor,
    document_mask: Tensor,
    *,
    chunk: int | None = None,
) -> Tensor:
    """Each vector of a query finds its nearest in the document; the score is their sum.

    ``s(q, d) = Σ_i max_j q_i · d_j``, in fp32 whatever the autocast.

    Source: Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via
    Contextualized Late Interaction over BERT", arXiv 2004.12832, section 3.3.

    Args:
        queries: ``[Q, M, D]``, vectors of length 1 where cosine is meant.
        query_mask: ``[Q, M]`` bool, True where a vector counts.
        documents: ``[K, N, D]``.
        document_mask: ``[K, N]`` bool, with at least one True in a row.
        chunk: Queries whose products exist at one time, ``chunk · M · K · N`` floats. They are
            computed again in the backward pass. None: all at once.

    Returns:
        ``[Q, K]``.
    """
    with torch.autocast(queries.device.type, enabled=False):
        queries, documents = queries.float(), documents.float()
        if chunk is None or chunk >= len(queries):
            return _max_sim(queries, query_mask, documents, document_mask)
        rows = [
            checkpoint(
                _max_sim,
                queries[start : start + chunk],
                query_mask[start : start + chunk],
                documents,
                document_mask,
                use_reentrant=False,
                preserve_rng_state=False,
            )
            for start in range(0, len(queries), chunk)
        ]
        return torch.cat(rows)


def _max_sim(
    queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor
) -> Tensor:
    products = queries.flatten(0, 1) @ documents.flatten(0, 1).T  # [Q·M, K·N]
    products = products.masked_fill(~document_mask.flatten(), -torch.inf)
    nearest = products.reshape(-1, *document_mask.shape).amax(dim=2)  # [Q·M, K]
    return (nearest.reshape(*query_mask.shape, -1) * query_mask[..., None]).sum(dim=1)


def late_interaction(
    image: Tensor,
    image_mask: Tensor,
    text: Tensor,
    text_mask: Tensor,
    scale: Tensor,
    *,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    """FILIP's loss: CLIP's, with the mean of best matches where CLIP has the cosine.

    ``½ · mean_i CE(s · S(x_i, Y), i) + ½ · mean_i CE(s · S(y_i, X), i)`` where ``S`` is `max_sim`
    divided by the number of the query's vectors: patches look for tokens in the one half, tokens
    for patches in the other. Vectors are gathered over processes with their gradients; each
    process computes its own rows alone.

    Source: Yao et al., "FILIP: Fine-grained Interactive Language-Image Pre-Training",
    arXiv 2111.07783, section 3.1.

    Args:
        image: ``[b, N, D]``, vectors of length 1 where cosine is meant.
        image_mask: ``[b, N]`` bool, True where a vector counts; at least one in a row.
        text: ``[b, L, D]``; row i belongs to image i. L is the same in every process.
        text_mask: ``[b, L]`` bool.
        scale: The inverse temperature, ``[]`` or one a row ``[b]``.
        chunk: As in `max_sim`.

    Returns:
        The mean over this process's rows, and the share of its images whose own text scores
        highest, both scalars.
    """
    images, image_masks, texts, text_masks = map(gather, (image, image_mask, text, text_mask))
    own = rank() * len(image) + torch.arange(len(image), device=image.device)
    scale = scale.float().expand(len(image))[:, None]
    losses, right = [], []
    for queries, mask, documents, document_mask in (
        (image, image_mask, texts, text_masks),
        (text, text_mask, images, image_masks),
    ):
        scores = max_sim(queries, mask, documents, document_mask, chunk=chunk)
        means = scores / mask.sum(dim=1, keepdim=True)
        losses.append(functional.cross_entropy(scale * means, own))
        right.append((means.argmax(dim=1) == own).float().mean())
    return (losses[0] + losses[1]) / 2, right[0]
