"""A program for Blender: blur a picture with the compositor's Defocus node, fed the radii themselves.

``blender --background --factory-startup --python blender_defocus.py -- PHOTO MASK OUT RADIUS THREADS``; a radius of 0
leaves the node out, so that everything but the blur can be timed alone. MASK is grey, 1.0 = RADIUS px. Knows the
compositor of Blender 5 (node group of the scene) and of those before (node tree of the scene); tried with 5.0.1.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(photo: Path, mask: Path, out: Path, radius_px: float, threads: int) -> None:
    """Build the tree and render it into ``out``, a PNG of 8 bits."""
    import bpy

    scene = bpy.context.scene
    picture = bpy.data.images.load(str(photo))
    radii = bpy.data.images.load(str(mask))
    radii.colorspace_settings.name = "Non-Color"

    render = scene.render
    render.resolution_x, render.resolution_y = picture.size
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", threads
    render.use_compositing, render.use_sequencer = True, False
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
    render.image_settings.compression = 0
    render.dither_intensity = 0.0
    render.filepath = str(out)
    scene.view_settings.view_transform = "Standard"

    is_group = hasattr(scene, "compositing_node_group")
    if is_group:
        tree = bpy.data.node_groups.new("blur", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket(name="Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()

    def image_node(image: bpy.types.Image) -> bpy.types.Node:
        node = tree.nodes.new("CompositorNodeImage")
        node.image = image
        return node

    source = image_node(picture).outputs["Image"]
    if radius_px > 0:
        defocus = tree.nodes.new("CompositorNodeDefocus")
        defocus.use_zbuffer = False  # the Z input is the radius
        defocus.z_scale = defocus.blur_max = radius_px
        defocus.bokeh = "CIRCLE"
        tree.links.new(source, defocus.inputs["Image"])
        tree.links.new(image_node(radii).outputs["Image"], defocus.inputs["Z"])
        source = defocus.outputs["Image"]
    last = tree.nodes.new("NodeGroupOutput" if is_group else "CompositorNodeComposite")
    tree.links.new(source, last.inputs["Image"])
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :]
    main(Path(given[0]), Path(given[1]), Path(given[2]), float(given[3]), int(given[4]))
