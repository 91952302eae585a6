"""Render a posed person with Blender's Cycles, in front of a paper background and under lamps."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import bpy
import numpy as np
from mathutils import Vector
from PIL import Image

from . import materials
from .dressing import Part
from .framing import HEIGHT, SCALE, WIDTH, Camera
from .geometry import Array

SAMPLES = 6  # denoised; 8 and 12 samples take longer and show no visible difference at the final size
WORLD_LIGHT = 0.30
CLOTH_THICKNESS = 0.0025
PREFIX = "person_"


@dataclass(frozen=True)
class Lamp:
    place: tuple[float, float, float]
    target: tuple[float, float, float]
    watts: float
    size: float
    spread: float = 180.0  # degrees


LAMPS = (
    Lamp((1.9, -3.0, 2.7), (0, 0, 1.2), 62, 1.6),
    Lamp((-2.4, -2.8, 1.7), (0, 0, 1.1), 30, 2.2),
    # from behind: narrow, to avoid a bright corner on the wall; weak, to avoid white edges on bald heads
    Lamp((-1.2, 1.6, 2.8), (0, 0, 1.4), 18, 1.2, 80.0),
    # from above: its cone does not reach the floor in front of the person, which would be brighter than the wall
    Lamp((0.0, -0.6, 3.6), (0, 1.9, 1.2), 14, 2.5, 110.0),
    # on the wall, so that no edge is visible between wall and floor
    Lamp((0.0, 0.2, 3.4), (0, 2.6, 1.5), 20, 3.0, 90.0),
)
PAPER_HALF_WIDTH = 9.0
PAPER_FRONT, PAPER_BEND, PAPER_RADIUS, PAPER_TOP = -6.0, 1.6, 0.9, 7.0


class Photographer:
    def __init__(self) -> None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._scene = bpy.context.scene
        self._set_up_renderer()
        self._camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        self._camera.data.sensor_fit = "VERTICAL"
        self._scene.collection.objects.link(self._camera)
        self._scene.camera = self._camera
        for lamp in LAMPS:
            self._add_lamp(lamp)
        self._paper = self._add_paper()
        self._scene.world = bpy.data.worlds.new("world")
        self._scene.world.use_nodes = True
        sky = self._scene.world.node_tree.nodes["Background"].inputs
        sky["Color"].default_value, sky["Strength"].default_value = (1, 1, 1, 1), WORLD_LIGHT

    def shoot(self, parts: list[Part], camera: Camera, paper: Array, enlarge: int) -> Image.Image:
        """Render an image of 176 x 256 pixels times `enlarge`; `paper` is the background's linear colour."""
        self._clear()
        for part in parts:
            self._place(part)
        self._camera.location = camera.eye
        self._camera.rotation_euler = _rotation_towards(camera.eye, camera.target)
        self._camera.data.angle_y = camera.field_of_view
        self._paper.inputs["Base Color"].default_value = (*paper, 1)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "photograph.png"
            self._scene.render.filepath = str(path)
            with _silent_stdout():
                bpy.ops.render.render(write_still=True)
            large = Image.open(path).convert("RGB")
        return large.resize((WIDTH * enlarge, HEIGHT * enlarge), Image.Resampling.BICUBIC)

    def _set_up_renderer(self) -> None:
        render, cycles, view = self._scene.render, self._scene.cycles, self._scene.view_settings
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH * SCALE, HEIGHT * SCALE, 100
        render.filter_size = 1.2
        render.image_settings.file_format = "PNG"
        # no persistent data: it saves little time and confuses the textures of successive people
        cycles.device, cycles.samples, cycles.seed = "CPU", SAMPLES, 1
        cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.03
        cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
        cycles.denoising_input_passes, cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "FAST"
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 1, 1
        cycles.use_light_tree = False  # not needed for five lamps
        cycles.transparent_max_bounces, cycles.transmission_bounces = 8, 0
        cycles.caustics_reflective = cycles.caustics_refractive = False
        # Filmic and AgX make the colours of the fabrics pale
        view.view_transform, view.look = "Standard", "None"

    def _add_lamp(self, lamp: Lamp) -> None:
        light = bpy.data.lights.new("lamp", "AREA")
        light.energy, light.size, light.spread = lamp.watts, lamp.size, np.radians(lamp.spread)
        thing = bpy.data.objects.new("lamp", light)
        thing.location, thing.rotation_euler = lamp.place, _rotation_towards(lamp.place, lamp.target)
        self._scene.collection.objects.link(thing)

    def _add_paper(self) -> bpy.types.Node:
        """Add a floor that curves up into a wall; returns its shader."""
        bend = [
            (PAPER_BEND + PAPER_RADIUS * np.sin(angle), PAPER_RADIUS * (1 - np.cos(angle)))
            for angle in np.linspace(0, np.pi / 2, 14)
        ]
        profile = [(PAPER_FRONT, 0.0), *bend, (PAPER_BEND + PAPER_RADIUS, PAPER_TOP)]
        vertices = [(side * PAPER_HALF_WIDTH, y, z) for y, z in profile for side in (-1, 1)]
        faces = [(2 * row, 2 * row + 1, 2 * row + 3, 2 * row + 2) for row in range(len(profile) - 1)]
        mesh = bpy.data.meshes.new("paper")
        mesh.from_pydata(vertices, [], faces)
        mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
        self._scene.collection.objects.link(bpy.data.objects.new("paper", mesh))
        material = bpy.data.materials.new("paper")
        material.use_nodes = True
        mesh.materials.append(material)
        shader = material.node_tree.nodes["Principled BSDF"]
        shader.inputs["Roughness"].default_value = 0.9
        shader.inputs["Specular IOR Level"].default_value = 0.1
        return shader

    def _place(self, part: Part) -> None:
        mesh = bpy.data.meshes.new(PREFIX + part.name)
        faces = len(part.triangles)
        mesh.vertices.add(len(part.vertices))
        mesh.vertices.foreach_set("co", part.vertices.astype(np.float32).ravel())
        mesh.loops.add(3 * faces)
        mesh.loops.foreach_set("vertex_index", part.triangles.astype(np.int32).ravel())
        mesh.polygons.add(faces)
        mesh.polygons.foreach_set("loop_start", 3 * np.arange(faces, dtype=np.int32))
        mesh.update(calc_edges=True)
        for layer, coordinates in (("UV", part.uv), ("print", part.print_uv)):
            if coordinates is not None:
                data = mesh.uv_layers.new(name=layer).data
                data.foreach_set("uv", coordinates.astype(np.float32).ravel())
        rest = mesh.attributes.new("rest", "FLOAT_VECTOR", "POINT")
        rest.data.foreach_set("vector", part.rest.astype(np.float32).ravel())
        mesh.polygons.foreach_set("use_smooth", [True] * faces)
        mesh.update()
        mesh.materials.append(materials.make(part.material))
        thing = bpy.data.objects.new(PREFIX + part.name, mesh)
        self._scene.collection.objects.link(thing)
        if part.material["kind"] == "cloth":
            thickness = thing.modifiers.new("thickness", "SOLIDIFY")
            thickness.thickness, thickness.offset = CLOTH_THICKNESS, 1

    def _clear(self) -> None:
        for thing in [thing for thing in bpy.data.objects if thing.name.startswith(PREFIX)]:
            bpy.data.objects.remove(thing)
        for collection in (bpy.data.meshes, bpy.data.materials):
            for block in [block for block in collection if block.users == 0]:
                collection.remove(block)
        for image in list(bpy.data.images):
            bpy.data.images.remove(image)


@contextmanager
def _silent_stdout() -> Iterator[None]:
    """Discard the standard output of the process, to which Blender writes one line per sample."""
    sys.stdout.flush()
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


def _rotation_towards(place: Array, target: Array) -> object:
    return (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
