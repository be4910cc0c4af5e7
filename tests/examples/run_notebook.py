"""`python run_notebook.py NOTEBOOK` runs a notebook in its folder, by this interpreter, and writes its outputs into it."""

import sys
from pathlib import Path


def main(path: Path) -> None:
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import KernelManager
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    about = dict(notebook.metadata)
    kernel = KernelManager()
    # no kernel need be installed under the name that the notebook asks for
    kernel._kernel_spec = KernelSpec(argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, km=kernel, timeout=1500, record_timing=False, resources=resources).execute()
    notebook.metadata = about
    nbformat.write(notebook, path)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
