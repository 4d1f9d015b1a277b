"""Becomes a Sallyport plugin server on stdio: ContextForge 0.9 starts Python scripts only, and without arguments."""

import os

node = os.environ["INTEROP_NODE"]
os.execv(node, [node, os.environ["INTEROP_SALLYPORT"], "serve"])
