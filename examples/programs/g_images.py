"""Photos -> thumbnails -> embeddings -> one index file. One GPU. A new photo redoes 1/64 of the embedding."""
import zlib

import numpy as np
from PIL import Image

from plait import Dir, File, Scratch, auto, each, pipeline, step

@step
def photos(folder: Dir) -> dict[str, File]:
    return folder.files("**/*.jpg")                          # {"2024/a.jpg": File, ...}; kept by reference

@step
def thumbnail(photo: File, scratch: Scratch = auto, size: int = 224) -> File:
    path = scratch / "thumbnail.png"                         # an empty folder of this node; moved into the store
    with Image.open(photo) as image:
        image.convert("RGB").resize((size, size)).save(path)
    return File(path)

@step
def shards(thumbnails: dict[str, File], n: int = 64) -> dict[str, dict[str, File]]:
    out: dict[str, dict[str, File]] = {}
    for name, file in thumbnails.items():                    # by name, never by position
        out.setdefault(f"{zlib.crc32(name.encode()) % n:02}", {})[name] = file
    return dict(sorted(out.items()))

@step(resources={"gpu": 1}, timeout="20m")
def embed(shard: dict[str, File], weights: File) -> dict[str, np.ndarray]:
    import clip_model                                        # a project module: its code counts too
    return clip_model.load(weights).embed(shard)

@step
def index(parts: dict[str, dict[str, np.ndarray]], scratch: Scratch = auto) -> File:
    names, vectors = zip(*((n, v) for part in parts.values() for n, v in part.items()), strict=True)
    np.savez(scratch / "index.npz", names=np.array(names), vectors=np.stack(vectors))
    return File(scratch / "index.npz")

@pipeline
def search(folder: Dir, weights: File) -> File:
    small = thumbnail.map_values(each(photos(folder)))
    return index(embed.map_values(each(shards(small)), weights))

if __name__ == "__main__":
    run = search.run(folder="photos/", weights="clip.pt", executor="processes", workers=8, limits={"gpu": 1})
    run.result.copy_to("photos.npz")
