"""What the tests of the deployed programs share: samples as picture files, and a server for a browser."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cnnref.runtimes import Bundle, open_artifact, read_samples

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "scripts" / "deploy" / "web"


def pictures(bundle: Bundle, folder: Path, count: int = 4) -> list[Path]:
    """The first samples of a bundle as PNG files."""
    paths = []
    for index, image in enumerate(read_samples(bundle).images[:count]):
        paths.append(folder / f"{bundle.name}-{index}.png")
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(paths[-1])
    return paths


def expected(bundle: Bundle, index: int) -> dict[str, float]:
    """What the network gives each class for a sample."""
    return dict(zip(bundle.labels, np.float64(read_samples(bundle).probabilities[index]), strict=True))


def computed(bundle: Bundle, file: str, count: int = 4) -> np.ndarray:
    """What a file gives for the first samples in its native runtime, float32 [count, classes]."""
    return open_artifact(bundle, file).run(read_samples(bundle).images[:count])


class Site:
    """A web server for some folders, by the first part of the address."""

    def __init__(self, folders: dict[str, Path]) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            extensions_map = {  # noqa: RUF012  as the base class has it
                **http.server.SimpleHTTPRequestHandler.extensions_map,
                ".mjs": "text/javascript",
                ".js": "text/javascript",
                ".wasm": "application/wasm",
            }

            def translate_path(self, path: str) -> str:
                plain = path.partition("?")[0]
                prefix = max((one for one in folders if plain.startswith(one)), key=len)
                return str(folders[prefix] / plain.removeprefix(prefix))

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def is_here(url: str, site: Site) -> bool:
    return url.startswith((site.address, "data:", "blob:"))
