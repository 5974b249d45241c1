"""The sample account: the same endpoint in this process, over simulated calls."""

import lazy_loader

# The stub beside this file lists the public names; each loads its module at first use.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
