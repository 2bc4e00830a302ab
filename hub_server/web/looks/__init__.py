"""What stands in a file, as values that pages show: trees, tables, cells. Bytes in, views out.

Engines: they know no HTTP, no repository and no limits of the database; all they make is bounded.
"""

from hub_server.web.looks.json_trees import json_tree
from hub_server.web.looks.notebooks import read_notebook
from hub_server.web.looks.sheets import read_sheet
from hub_server.web.looks.tensors import tensor_view

__all__ = ["json_tree", "read_notebook", "read_sheet", "tensor_view"]
