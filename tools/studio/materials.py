"""Blender materials for the parts of a person."""

import bpy
import numpy as np

from .geometry import Array, to_linear


class Shader:
    """A Principled BSDF, with short methods for adding the nodes that feed it."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self._tree = self.material.node_tree
        self._principled = self._tree.nodes["Principled BSDF"]

    def set(self, **values: object) -> None:
        """Set inputs by name (underscores stand for spaces) to a number, a colour, or the output of another node."""
        for name, value in values.items():
            target = self._principled.inputs[name.replace("_", " ")]
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, target)
            else:
                target.default_value = value

    def link(self, source: object, target: object) -> None:
        self._tree.links.new(source, target)

    def node(self, kind: str, **values: object) -> bpy.types.Node:
        node = self._tree.nodes.new("ShaderNode" + kind)
        for name, value in values.items():
            node.inputs[name.replace("_", " ")].default_value = value
        return node

    def coordinates(self, layer: str) -> object:
        node = self.node("UVMap")
        node.uv_map = layer
        return node.outputs[0]

    def image(self, pixels: Array, layer: str = "UV", extension: str = "REPEAT") -> bpy.types.Node:
        node = self.node("TexImage")
        node.image = _image(pixels)
        node.extension = extension
        self.link(self.coordinates(layer), node.inputs[0])
        return node

    def noise(self, coordinates: object, scale: tuple[float, float, float], **values: float) -> object:
        mapping = self.node("Mapping", Scale=scale)
        self.link(coordinates, mapping.inputs["Vector"])
        noise = self.node("TexNoise", **values)
        self.link(mapping.outputs[0], noise.inputs["Vector"])
        return noise.outputs[0]

    def bump(self, height: object, strength: float, distance: float) -> object:
        node = self.node("Bump", Strength=strength, Distance=distance)
        self.link(height, node.inputs["Height"])
        return node.outputs["Normal"]

    def mix(self, factor: object, first: object, second: object) -> object:
        node = self._tree.nodes.new("ShaderNodeMix")
        node.data_type = "RGBA"
        for name, value in (("Factor", factor), ("A", first), ("B", second)):
            self.link(value, next(socket for socket in node.inputs if socket.name == name and socket.enabled))
        return next(socket for socket in node.outputs if socket.enabled)


def make(material: dict) -> bpy.types.Material:
    shader = Shader(material["kind"])
    MAKERS[material["kind"]](shader, material)
    return shader.material


def _skin(shader: Shader, material: dict) -> None:
    shader.set(
        Base_Color=shader.image(material["image"]).outputs[0],
        Roughness=0.48 - 0.12 * material["gloss"],
        Specular_IOR_Level=0.35 + 0.5 * material["gloss"],
        Subsurface_Weight=0.22,
        Subsurface_Radius=(1.0, 0.35, 0.2),
        Subsurface_Scale=0.006,
    )


def _cloth(shader: Shader, material: dict) -> None:
    """Cloth. Wrinkles are a bump map of noise in rest coordinates, so that they do not move on the garment."""
    colour = shader.image(material["image"]).outputs[0]
    if material["print"] is not None:
        ink = shader.image(material["print"], "print", "CLIP")
        colour = shader.mix(ink.outputs[1], colour, ink.outputs[0])
    rest = shader.node("Attribute")
    rest.attribute_name = "rest"
    wrinkles = shader.noise(rest.outputs["Vector"], (1.2, 1.2, 0.8), Scale=11, Detail=2, Distortion=1.2)
    shader.set(
        Base_Color=colour,
        Roughness=0.85,
        Specular_IOR_Level=0.2,
        Sheen_Weight=0.15,
        Normal=shader.bump(wrinkles, 0.55, 0.018),
    )


def _hair(shader: Shader, material: dict) -> None:
    """Hair with streaks by angle around the head. A stronger highlight would make black hair grey."""
    streaks = shader.noise(shader.coordinates("UV"), (150, 7, 1), Scale=1, Detail=3, Distortion=0.6)
    colour = to_linear(material["colour"])
    ramp = shader.node("ValToRGB")
    dark, light = ramp.color_ramp.elements
    dark.position, light.position = 0.3, 0.72
    dark.color = (*np.clip(colour * 0.45, 0, 1), 1)
    light.color = (*np.clip(colour * 1.5 + 0.004, 0, 1), 1)
    shader.link(streaks, ramp.inputs[0])
    shader.set(
        Base_Color=ramp.outputs[0],
        Roughness=0.52,
        Specular_IOR_Level=0.22,
        Normal=shader.bump(streaks, 0.6, 0.004),
    )


def _eye(shader: Shader, material: dict) -> None:
    shader.set(Base_Color=shader.image(material["image"], extension="EXTEND").outputs[0], Roughness=0.08)


def _lashes(shader: Shader, material: dict) -> None:
    shader.set(Base_Color=(0.01, 0.008, 0.008, 1), Alpha=0.55, Roughness=0.9)


def _leather(shader: Shader, material: dict) -> None:
    shader.set(Base_Color=(*to_linear(material["colour"]), 1), Roughness=0.4)


def _sock(shader: Shader, material: dict) -> None:
    shader.set(Base_Color=(*to_linear(material["colour"]), 1), Roughness=0.95, Specular_IOR_Level=0.1)


MAKERS = {
    "skin": _skin,
    "cloth": _cloth,
    "hair": _hair,
    "eye": _eye,
    "lashes": _lashes,
    "leather": _leather,
    "sock": _sock,
}


def _image(pixels: Array) -> bpy.types.Image:
    height, width, channels = pixels.shape
    image = bpy.data.images.new("painted", width, height, alpha=channels == 4)
    filled = np.ones((height, width, 4), np.float32)
    filled[..., :channels] = pixels
    image.pixels.foreach_set(np.ascontiguousarray(filled[::-1]).ravel())
    image.update()
    image.alpha_mode = "STRAIGHT" if channels == 4 else "NONE"
    return image
