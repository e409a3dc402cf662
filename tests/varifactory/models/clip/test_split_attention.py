import open_clip
import pytest
import torch
from torch import nn

from varifactory.errors import ModelError
from varifactory.models.clip.open_clip import find_checkpoint
from varifactory.models.clip.split_attention import (
    split_attention,
    split_attention_class,
    stock_state,
)


@pytest.fixture
def model() -> nn.Module:
    return find_checkpoint("small-clip").build()


def _inputs(model, count=2):
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(count, 3, *model.visual.image_size, generator=generator)
    texts = torch.randint(1, 49000, (count, model.context_length), generator=generator)
    texts[:, 5] = 49407
    return images, texts


@torch.inference_mode()
def _embedded(model, images, texts):
    return torch.cat([model.encode_image(images, True), model.encode_text(texts, True)])


def test_a_split_model_embeds_as_the_stock_one(model):
    inputs = _inputs(model)
    before = _embedded(model, *inputs)
    blocks = len(model.visual.transformer.resblocks) + len(model.transformer.resblocks)
    assert split_attention(model) == blocks
    assert not any(isinstance(part, nn.MultiheadAttention) for part in model.modules())
    torch.testing.assert_close(_embedded(model, *inputs), before, atol=2e-6, rtol=0)


def test_the_joined_state_is_the_stock_state_to_the_bit(model):
    before = {name: each.clone() for name, each in model.state_dict().items()}
    split_attention(model)
    after = stock_state(model.state_dict())
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_the_paper_s_architecture_splits_too():
    model = open_clip.create_model("ViT-B-16", pretrained=None, load_weights=False).eval()
    names = set(model.state_dict())
    inputs = _inputs(model, count=1)
    before = _embedded(model, *inputs)
    assert split_attention(model) == 24
    torch.testing.assert_close(_embedded(model, *inputs), before, atol=2e-6, rtol=0)
    assert set(stock_state(model.state_dict())) == names


@pytest.mark.parametrize("batch_first", [True, False])
def test_gradients_and_masks_agree_with_stock_attention(batch_first):
    torch.manual_seed(0)
    stock = nn.MultiheadAttention(16, 4, batch_first=batch_first)
    nn.init.normal_(stock.in_proj_bias)
    split = split_attention_class()(stock)
    x = torch.randn(5, 5, 16, requires_grad=True)
    mask = torch.full((5, 5), float("-inf")).triu(1)
    found, _ = split(x, x, x, need_weights=False, attn_mask=mask)
    wanted, _ = stock(x, x, x, need_weights=False, attn_mask=mask)
    torch.testing.assert_close(found, wanted)
    gradients = [torch.autograd.grad(each.square().sum(), x)[0] for each in (found, wanted)]
    torch.testing.assert_close(*gradients)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(ModelError, match=r"no nn\.MultiheadAttention"):
        split_attention(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ModelError, match="'0' is not plain self-attention"):
        split_attention(nn.Sequential(nn.MultiheadAttention(8, 2, kdim=4, vdim=4)))


def test_attention_weights_are_refused_rather_than_left_out():
    split = split_attention_class()(nn.MultiheadAttention(8, 2))
    x = torch.zeros(1, 1, 8)
    with pytest.raises(ModelError, match="need_weights=True"):
        split(x, x, x, need_weights=True)
