"""Run the notebooks as strict nbval tests, and import nbval only where a notebook is collected."""

# nbval's command-line options, by their `dest`: strict comparison, in the Python that runs pytest.
_OPTIONS = {
    "nbdime": False,
    "nbval": True,
    "nbval_cell_timeout": 60,
    "nbval_current_env": True,
    "nbval_kernel_name": None,
    "nbval_kernel_startup_timeout": 60,
    "nbval_lax": False,
    "nbval_sanitize_with": None,
}


def pytest_collect_file(file_path, parent):
    """Collect a notebook's cells, unless somebody loaded nbval itself with options of their own."""
    if file_path.suffix != ".ipynb" or parent.config.pluginmanager.has_plugin("nbval"):
        return None
    from nbval.plugin import IPyNbFile

    vars(parent.config.option).update(_OPTIONS)
    return IPyNbFile.from_parent(parent, path=file_path)
