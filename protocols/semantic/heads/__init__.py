"""Trained heads: those that ship with the package, trained on studio 1.0, and the one that users train."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped, to_train

RETRIEVAL_VGG16 = shipped(
    "protocols/semantic/heads/retrieval-vgg16.safetensors",
    "head that distinguishes items on VGG16, trained on studio 1.0",
    378_144,
    "97a9918c4d16ccfb4935c3ef39e53bc30d2492f64a3a812928cb5160fe286c0d",
    "f656ac06eca75c4e7559acebf7935fe796cdfd0f55b8e5a38d50e06498fb2797",
)
RETRIEVAL_EFFICIENTNET = shipped(
    "protocols/semantic/heads/retrieval-efficientnet.safetensors",
    "head that distinguishes items on EfficientNet-lite0, trained on studio 1.0",
    329_032,
    "cf83333238b0d71549b71ecd889ec1def8cfa933a3c0deb71e7c5afc5cbb9555",
    "83bc238ae174a8f980ca8f9f52fda8affb18fc3a1479616bf800308de39fd1bc",
)
GENDER_VGG16 = shipped(
    "protocols/semantic/heads/gender-vgg16.safetensors",
    "head that distinguishes women and men on VGG16, trained on studio 1.0",
    7_028,
    "d6f899c255dcfa4d51612ad4de84350343a70462eb6b9cda8e4d415ac3427377",
    "4163538a65fd1f4a48391307ff97fe3f7c7a3160e44c181aa6b8fb94eea27420",
)
RETRIEVAL_RESNET50 = to_train("retrieval-resnet50", "head that distinguishes items on ResNet50")
