"""the300w_lp and aflw2k3d of TFDS's catalogue, on examples of the catalogue's own feature specification."""

import io
import pickle

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from fhr_jax.data.datasets import catalogue
from fhr_jax.data.datasets.silence_tfds import silence_tfds
from fhr_jax.data.open_dataset import open_dataset
from fhr_jax.data.records import Identity, identity
from fhr_jax.errors import InputError
from tests import trees

NAMES = list(catalogue.ADAPTERS)
SIZE = (450, 450)


def prepared(name, root, number=3, file_format="array_record"):
    """Examples written with the catalogue's features, as its own builder would; landmarks count from 1 there."""
    with silence_tfds():
        builder = tfds.builder(name, data_dir=root, file_format=file_format)
    folder = builder.data_path
    folder.mkdir(parents=True)
    features = builder.info.features

    def example(i):
        image, points = trees.face(i, SIZE)
        values = {key: np.zeros(feature.shape, np.float32) for key, feature in features.items() if key != "image"}
        values[catalogue.ADAPTERS[name].points] = ((points + 1) / 450).astype(np.float32)
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=95)
        return i, features.serialize_example(features.encode_example(values | {"image": stream.getvalue()}))

    template = tfds.core.ShardedFileTemplate(
        dataset_name=name, data_dir=folder, split="train", filetype_suffix="array_record"
    )
    path = template.sharded_filepath(shard_index=0, num_shards=1)
    tfds.core.ExampleWriter(builder.info.file_format).write(path, map(example, range(number)))
    split = tfds.core.SplitInfo(name="train", shard_lengths=[number], num_bytes=1, filename_template=template)
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features, split_infos=[split], check_data=False)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_records(tmp_path, name):
    folder = prepared(name, tmp_path)
    source = open_dataset(name, directory=tmp_path)
    assert len(source) == 3
    for i in range(3):
        trees.check(source[i])
        np.testing.assert_allclose(source[i]["points"], trees.face(i, SIZE)[1], atol=1e-3)
        assert source[i]["image"].shape == (450, 450, 3)
    assert identity(source[2]) == Identity(name, "train/000002", 0)
    for again in (pickle.loads(pickle.dumps(source)), open_dataset(folder), open_dataset(folder, split="train")):
        assert repr(again) == repr(source)
        np.testing.assert_array_equal(again[1]["points"], source[1]["points"])
    assert len(open_dataset(name, directory=tmp_path, split="train[1:]")) == 2
    with pytest.raises(InputError, match="no split 'test', it has train"):
        open_dataset(name, directory=tmp_path, split="test")


@pytest.mark.parametrize("name", NAMES)
def test_mocked_by_tfds(tmp_path, name):
    with silence_tfds(), tfds.testing.mock_data(num_examples=2):
        builder = tfds.builder(name, data_dir=tmp_path, file_format="array_record")
        source = catalogue.adapt(builder, "train")
        assert len(source) == 2
        assert source[1]["image"].shape == (450, 450, 3)
        assert source[1]["points"].shape == (68, 2)
        assert source[1]["points"].max() > 400


@pytest.mark.parametrize("name", NAMES)
def test_features_are_those_of_the_catalogue(tmp_path, name):
    with silence_tfds():
        features = tfds.builder(name, data_dir=tmp_path).info.features
    assert features[catalogue.ADAPTERS[name].points].shape == (68, 2)
    assert features["image"].shape == (450, 450, 3)


def test_what_was_not_prepared(tmp_path, capsys):
    with pytest.raises(InputError, match=r"not found; prepare it with TFDS: tfds.builder\('the300w_lp'"):
        open_dataset("the300w_lp", directory=tmp_path)
    assert capsys.readouterr().err == ""


def test_other_features_and_other_datasets_are_refused(tmp_path):
    folder = prepared("aflw2k3d", tmp_path)
    features = (folder / "features.json").read_text()
    (folder / "features.json").write_text(features.replace("landmarks_68_3d_xy_normalized", "landmarks"))
    with pytest.raises(InputError, match="expected the features image, landmarks_68_3d_xy_normalized"):
        open_dataset(folder)
    info = (folder / "dataset_info.json").read_text()
    (folder / "dataset_info.json").write_text(info.replace("aflw2k3d", "other"))
    with pytest.raises(InputError, match="no dataset of faces with landmarks"):
        open_dataset(folder, split="train")
