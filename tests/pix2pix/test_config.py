"""Configurations: stored and read back, checked, and made of a few wishes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from dofsim.depth.depth_map import DepthKind
from dofsim.errors import DepthError, ModelError, ParameterError
from dofsim.pix2pix.config import ObjectiveName, RunConfig
from dofsim.pix2pix.encoding import Encoding
from dofsim.pix2pix.settings import PLACES, configure, override, published
from dofsim.pix2pix.stored import FREE, differences, parse, read_config


def test_a_configuration_comes_back_as_it_was_stored():
    wishes = {"classes": ("kitchen", "büro"), "widths": (8, 8, 8, 8, 8), "rate": 1, "confidence": 0.5}
    config = override(published("acgan", "timm"), wishes)
    assert parse(config.to_json()) == replace(config, optimiser=replace(config.optimiser, rate=1.0))
    assert json.loads(config.to_json())["format"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "no configuration of a training run"),
        ("[]", "no configuration of a training run"),
        ('{"format": 1, "colour": 3}', "unknown setting 'colour'"),
        ('{"format": 1, "steps": "many"}', "steps is 'many', not a int"),
        ('{"format": 1, "steps": true}', "steps is True"),
        ('{"format": 1, "data": {"split": 3}}', "split is 3"),
        ('{"format": 1, "data": {"confidence": "high"}}', "confidence is 'high', not a float"),
        ('{"format": 1, "steps": 0}', "steps is 0"),
        ('{"format": 99}', "format 99, by a newer dofsim, .* up to 1; update dofsim"),
        ("{}", "no configuration of a training run"),
    ],
)
def test_what_is_no_configuration_is_said(text, message):
    with pytest.raises((ModelError, ParameterError), match=message):
        parse(text)


def test_a_folder_without_a_run_is_said(tmp_path):
    with pytest.raises(ModelError, match=r"no readable config\.json"):
        read_config(tmp_path)


def test_defaults_are_as_published():
    config = published()
    assert (config.generator.name, config.generator.levels, config.generator.filters) == ("unet", 8, 64)
    assert (config.generator.dropout, config.generator.upsample, config.generator.head) == (0.5, "transposed", "tanh")
    assert (config.objective.name, config.objective.l1, config.objective.filters) == ("pix2pix", 100.0, 64)
    assert (config.optimiser.rate, config.optimiser.discriminator_rate) == (2e-4, 2e-4)
    assert (config.optimiser.beta1, config.optimiser.beta2, config.optimiser.decay) == (0.5, 0.999, 0.0)
    assert (config.size, config.batch) == (256, 1)
    assert published("cyclegan").objective.cycle == 10.0
    assert published("pacgan").batch == 2
    assert published("ssi").generator.head == "linear"
    assert published(size=128).generator.levels == 7
    assert published(size=384).generator.levels == 8
    assert published("ssi", "timm").generator.start == "imagenet"
    assert published("l1", "timm").generator.backbone == "tf_efficientnet_lite0"


@pytest.mark.parametrize("objective", get_args(ObjectiveName))
@pytest.mark.parametrize("generator", ["unet", "encoder-decoder", "timm"])
def test_every_published_configuration_can_work(objective, generator):
    published(objective, generator).check()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"filters": 0}, "filters is 0"),
        ({"ema": 1.0}, "ema is 1.0"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"cool_down": 1.5}, "cool_down is 1.5"),
        ({"rate": 0.0}, "above 0"),
        ({"warm_up": -1}, "warm_up is -1; it is at least 0"),
        ({"size": 250}, "multiples of 256"),
        ({"size": 16, "levels": 4}, "at least --size 32"),
        ({"generator": "timm", "size": 32}, "at least --size 64"),
        ({"seed": -1}, "seed is -1"),
        ({"levels": 12}, "3 to 10 levels"),
        ({"start": "imagenet"}, "only a timm generator"),
        ({"objective": "ssi", "head": "tanh"}, "--head linear"),
        ({"objective": "ssi", "head": "linear", "target": "metric"}, "--target relative"),
        ({"objective": "pacgan", "batch": 3}, "PacGAN packs 2 pairs of a batch of 3"),
        ({"objective": "volumetric", "voxels": 20}, "16, 32, 64 or 128"),
        ({"objective": "dream"}, "no objective 'dream'"),
        ({"generator": "dream"}, "no generator 'dream'"),
        ({"augment": "dream"}, "no augmentation 'dream'"),
        ({"dataset": "mixture"}, "--levels 5"),
        ({"dataset": "mixture", "levels": 5, "objective": "acgan"}, "a mixture names none"),
        ({"nearest": 5.0, "farthest": 2.0}, "5.0 to 2.0 m are no range"),
        ({"target": "guess"}, "target is one of"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(ParameterError, match=message):
        override(published(), wrong).check()


def test_every_setting_has_one_flat_name():
    config = RunConfig()
    for place in PLACES.values():
        section, key = place.split(".")
        assert hasattr(getattr(config, section), key), place
    assert len(set(PLACES.values())) == len(PLACES)
    assert set(PLACES.values()) | set(vars(config)) >= FREE
    changed = override(config, {"rate": 0.5, "seed": 3, "discriminator_filters": 7})
    assert differences(config, changed) == ["objective.filters", "optimiser.rate", "seed"]
    with pytest.raises(ParameterError, match="no setting 'colour'"):
        override(config, {"colour": 1})


def test_a_run_that_is_there_says_what_is_not_asked_for(tmp_path):
    (tmp_path / "config.json").write_text(override(published("l1"), {"rate": 0.125, "data": "X"}).to_json())
    assert configure(tmp_path, {"steps": 7}).optimiser.rate == 0.125
    assert configure(tmp_path, {"steps": 7}).steps == 7
    with pytest.raises(ParameterError, match="say what to train on"):
        configure(tmp_path / "none", {"steps": 7})


@pytest.mark.parametrize("scale", ["log", "inverse", "linear"])
def test_metres_come_back_from_their_code(scale):
    encoding = Encoding("metric", scale, nearest=0.5, farthest=8.0)
    depth = np.array([[0.5, 0.7, 3.0], [8.0, np.nan, 8.1]], np.float32)
    code = encoding.encode(depth, DepthKind.METRIC)
    assert code.dtype == np.float32
    assert code[0, 0] == pytest.approx(1.0)
    assert code[1, 0] == pytest.approx(-1.0)
    assert np.isnan(code[1, 1:]).all()
    assert 1.0 > code[0, 1] > code[0, 2] > -1.0
    known = np.isfinite(code)
    np.testing.assert_allclose(encoding.decode(code)[known], depth[known], rtol=1e-5)
    inverse = encoding.encode((1 / depth).astype(np.float32), DepthKind.INVERSE)
    np.testing.assert_allclose(inverse[known], code[known], atol=1e-5)
    assert encoding.output is DepthKind.METRIC
    with pytest.raises(DepthError, match="relative depth cannot teach metres"):
        encoding.encode(depth, DepthKind.RELATIVE)


def test_relative_codes_are_blind_to_scale_and_shift_and_to_outliers():
    rng = np.random.default_rng(0)
    inverse = rng.random((40, 50)).astype(np.float32)
    inverse[3, 4] = np.nan
    inverse[5, 6] = 1e4
    encoding = Encoding()
    code = encoding.encode(inverse, DepthKind.RELATIVE)
    assert np.isnan(code[3, 4])
    assert code[5, 6] == 1.0
    assert np.nanmin(code) == -1.0
    rest = np.isfinite(code) & (inverse < 2)
    assert np.corrcoef(code[rest], inverse[rest])[0, 1] > 0.99
    np.testing.assert_allclose(encoding.encode(inverse * 3 + 2, DepthKind.RELATIVE)[rest], code[rest], atol=1e-3)
    metres = encoding.encode((1 / (inverse + 0.1)).astype(np.float32), DepthKind.METRIC)
    np.testing.assert_allclose(metres[rest], code[rest], atol=1e-3)
    assert np.isnan(encoding.encode(np.full((4, 4), 2.0, np.float32), DepthKind.METRIC)).all()
    assert np.isnan(encoding.encode(np.full((4, 4), np.nan, np.float32), DepthKind.METRIC)).all()


def test_the_record_says_how_to_feed_the_generator(tmp_path):
    record = published().model_record(tmp_path / "m.onnx")
    assert (record.input_size, record.square, record.multiple) == (None, 256, 256)
    assert record.output is DepthKind.RELATIVE
    metric = override(published("l1", "timm", 224), {"target": "metric"}).model_record(tmp_path / "m.onnx", "mine")
    assert (metric.name, metric.square, metric.multiple, metric.output) == ("mine", 224, 32, DepthKind.METRIC)
    kept = override(published("ssi", "timm"), {"dataset": "mixture"}).model_record(tmp_path / "m.onnx")
    assert kept.input_size == 256
